"""Spraying: which of the live paths the next container takes."""

from reference_impl.device import Device
from reference_impl.parts.paths import Path, PathTable


class PathShare:
    """One path to one node, with the credit bytes it has carried since the weights last changed."""

    __slots__ = ("carried", "path", "weight")

    def __init__(self, path: Path, weight: float) -> None:
        self.path = path
        self.weight = weight
        self.carried = 0


class Sprayer:
    """Spreads the containers to a destination over its live paths by weight.

    1. Of each path to a node it keeps the credit bytes that it has carried there, since paths or weights of
       that node last changed; then all begin at nothing, in the order of the ports from a random one on.
    2. A container takes the path with the least bytes by weight, the first of several. So no path is ever
       ahead of its share by more than the longest container, not only on average.
    3. What its frames cost is added to the path as they leave; what is moved to another path, to that one.
    4. Back-pressure of a GSF lowers the weight of the paths through it; at 0 they are left out.
    5. Control messages take the live paths in turn.
    """

    def __init__(self, device: Device, paths: PathTable) -> None:
        self.device = device
        self.paths = paths
        self.versions: dict[int, int] = {}
        self.shares: dict[int, list[PathShare]] = {}
        self.starts: dict[int, int] = {}
        self.turns: dict[int, int] = {}

    def shares_to(self, node: int) -> list[PathShare]:
        """Return the shares of the paths to a node, anew when its paths or weights have changed."""
        if self.versions.get(node) != self.paths.version:
            self.versions[node] = self.paths.version
            shares = self.fresh_shares(node)
            old = self.shares.get(node, [])
            if self.have_changed(old, shares):
                self.shares[node] = shares
        return self.shares.get(node, [])

    def fresh_shares(self, node: int) -> list[PathShare]:
        """Return the shares of the usable paths to a node, with nothing carried, from a random one on."""
        shares = [PathShare(path, self.weight(path)) for path in self.paths.to(node)]
        if shares:
            if node not in self.starts:
                self.starts[node] = self.device.random.randrange(1 << 16)
            start = self.starts[node] % len(shares)
            shares = shares[start:] + shares[:start]
        return shares

    def weight(self, path: Path) -> float:
        """Authorised weight of a path."""
        return path.weight

    def have_changed(self, old: list[PathShare], new: list[PathShare]) -> bool:
        """Return whether paths or weights differ, so that the shares restart."""
        return [(share.path, share.weight) for share in old] != [(share.path, share.weight) for share in new]

    def choose(self, node: int) -> PathShare | None:
        """Choose the path with the least bytes/weight; None when no path may be used."""
        best: PathShare | None = None
        for share in self.shares_to(node):
            if best is None or share.carried * best.weight < best.carried * share.weight:
                best = share
        return best

    def control_path(self, node: int) -> Path | None:
        """Choose the path of a control message: the live ones in turn, so that one bad path loses few."""
        paths = self.paths.live(node)
        if not paths:
            return None
        turn = self.turns[node] = self.turns.get(node, 0) + 1
        return paths[turn % len(paths)]
