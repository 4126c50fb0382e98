"""Spraying: which of the live paths the next container takes."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reference_impl.device import Device
    from reference_impl.paths import Path, PathTable


class Lane:
    """One path to one node, with the credit bytes it has carried since the weights last changed."""

    __slots__ = ("path", "tally", "weight")

    def __init__(self, path: "Path", weight: float) -> None:
        self.path = path
        self.weight = weight
        self.tally = 0


class Sprayer:
    """Spreads the containers to a destination over its live paths by weight."""

    def __init__(self, device: "Device", paths: "PathTable") -> None:
        self.device = device
        self.paths = paths
        self.versions: dict[int, int] = {}
        self.lanes: dict[int, list[Lane]] = {}
        self.starts: dict[int, int] = {}
        self.turns: dict[int, int] = {}

    def lanes_to(self, node: int) -> list[Lane]:
        """Lanes to a node; their tallies restart when its paths or weights have changed."""
        if self.versions.get(node) != self.paths.version:
            self.versions[node] = self.paths.version
            lanes = self.fresh_lanes(node)
            old = self.lanes.get(node, [])
            if self.have_changed(old, lanes):
                self.lanes[node] = lanes
        return self.lanes.get(node, [])

    def fresh_lanes(self, node: int) -> list[Lane]:
        """Lanes of the usable paths to a node, none of them charged, from a random one on."""
        lanes = [Lane(path, self.weight(path)) for path in self.paths.to(node)]
        if lanes:
            if node not in self.starts:
                self.starts[node] = self.device.random.randrange(1 << 16)
            start = self.starts[node] % len(lanes)
            lanes = lanes[start:] + lanes[:start]
        return lanes

    def weight(self, path: "Path") -> float:
        """Authorised weight of a path."""
        return path.weight

    def have_changed(self, old: list[Lane], new: list[Lane]) -> bool:
        """Say whether paths or weights differ, so that the tallies restart."""
        return [(lane.path, lane.weight) for lane in old] != [(lane.path, lane.weight) for lane in new]

    def choose(self, node: int) -> Lane | None:
        """Choose the lane with the least bytes/weight; None when no path may be used."""
        best: Lane | None = None
        for lane in self.lanes_to(node):
            if best is None or lane.tally * best.weight < best.tally * lane.weight:
                best = lane
        return best

    def control_path(self, node: int) -> "Path | None":
        """Choose the path of a control message: the live ones in turn, so that one bad path loses few."""
        paths = self.paths.live(node)
        if not paths:
            return None
        turn = self.turns[node] = self.turns.get(node, 0) + 1
        return paths[turn % len(paths)]
