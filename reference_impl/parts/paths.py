"""Which nodes lie behind the links that are alive, and how much each path to a node may carry."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from reference_impl import codec
from reference_impl.device import Device
from reference_impl.parts.liveness import Link, Liveness
from reference_impl.parts.timers import EndTimers

RANKS = {1: 1, 2: 2, 3: 0, 4: 3}
"""How high each role of HELLO stands: NIC, GSP, GSF, GSF of the second tier."""

NODE_UNREACHABLE = 1
REMEMBERED_NODES = 65_536


@dataclass(frozen=True, slots=True)
class Path:
    """One link that leads to a node: the rate and the weight in Mbit/s, and the MAC header for it."""

    port: int
    neighbour: int
    rate: int
    weight: float
    prefix: bytes


def leads_to(nodes: AbstractSet[int], frame: bytes) -> bool:
    """Return whether a frame is for one of the nodes."""
    return codec.peek(frame)[4] in nodes


class PathTable:
    """The paths of one device, as HELLO, FAULT and back-pressure of GSFs leave them.

    When a path or a weight changes, so does `version`, and the device hears `paths_lost`, `paths_changed`.
    """

    def __init__(self, device: Device) -> None:
        self.device = device
        self.liveness = device.make(Liveness, device, self)
        self.links = self.liveness.links
        self.start = self.liveness.start
        self.hear = self.liveness.hear
        self.carrier = self.liveness.carrier
        self.level_ends = EndTimers(device.at, self.level_ended)
        self.version = 0
        self.heard_of: set[int] = set()
        self.fault_sequence = 0
        self.usable: dict[int, tuple[Path, ...]] = {}
        self.known: dict[int, tuple[Path, ...]] = {}

    def to(self, node: int) -> tuple[Path, ...]:
        """Live paths to a node that back-pressure has not stopped, in port order."""
        return self.usable.get(node, ())

    def live(self, node: int) -> tuple[Path, ...]:
        """Live paths to a node, the stopped ones (weight 0) included."""
        return self.known.get(node, ())

    def seen(self, node: int) -> bool:
        """Return whether a node was ever announced here."""
        return node in self.heard_of

    def nodes(self) -> Iterable[int]:
        """Nodes that can be reached now."""
        return self.known.keys()

    def announcement(self, link: Link) -> dict[int, int]:
        """Rate by node to announce on a link: a GSP itself alone, a GSF what may pass through it."""
        if not self.transit():
            return {self.device.node: self.device.ports[link.port].rate_mbps}
        upward = self.above(link)
        result = {}
        for node, paths in self.known.items():
            if node in link.reach:
                continue
            rate = sum(path.rate for path in paths if not upward or not self.above(self.links[path.port]))
            if rate:
                result[node] = rate
        return result

    def transit(self) -> bool:
        """Return whether the device carries traffic of others."""
        return RANKS[self.device.role] > 1

    def above(self, link: Link) -> bool:
        """Return whether the neighbour of a link stands higher in the fabric."""
        return RANKS.get(link.role, 0) > RANKS[self.device.role]

    def learn(self, entries: Iterable[tuple[int, int]]) -> dict[int, int]:
        """Take the announced nodes of a HELLO, which overrides every earlier FAULT of the link."""
        return {node: rate for node, rate in entries if node != self.device.node}

    def rate_changed(self, port: int, now: int) -> None:
        """Follow the rate of a port, and tell the neighbour."""
        self.rebuild(now)
        self.liveness.send_hello(self.links[port], now)

    def take_fault(self, port: int, frame: bytes, now: int) -> None:
        """Take a FAULT: the neighbour no longer reaches a node, until its next HELLO says otherwise."""
        self.device.count["faults_received"] += 1
        _, node, _, origin, sequence = codec.decode_fault(frame)
        if self.links[port].reach.pop(node, None) is not None:
            self.rebuild(now, (origin, sequence))

    def scale(self, reporter: int, about: int, level: int, validity: int, now: int) -> bool:
        """Apply BACKPRESSURE to the paths through an adjacent reporter; False when it is not adjacent.

        A repeat replaces what the same reporter said before. Validity in ns. About a node that is not
        reached on a link it says nothing; should that change, the reporter will have repeated it.
        """
        links = [link for link in self.links.values() if link.neighbour == reporter and link.up]
        for link in links:
            if level and about in link.reach:
                until = now + validity
                link.levels[about] = (level, until)
                self.level_ends.arm((link.port, about), until)
            else:
                link.levels.pop(about, None)
        if links:
            self.rebuild(now)
        return bool(links)

    def level_ended(self, now: int, about: tuple[int, int]) -> int | None:
        """End back-pressure on a link about a node, or return when that may be due."""
        link, node = self.links[about[0]], about[1]
        self.expire(now, link, node)
        return link.levels[node][1] if node in link.levels else None

    def expire(self, now: int, link: Link, about: int) -> None:
        """End back-pressure whose validity is over."""
        if about in link.levels and link.levels[about][1] <= now:
            del link.levels[about]
            self.rebuild(now)

    def weight(self, link: Link, node: int, rate: int) -> float:
        """Weigh a path: the least of both link ends and the announced rate, less back-pressure."""
        level, _ = link.levels.get(node, (0, 0))
        return self.path_rate(link, rate) * (255 - level) / 255

    def path_rate(self, link: Link, announced: int) -> int:
        """Rate of a path before back-pressure."""
        return min(self.device.ports[link.port].rate_mbps, link.rate_mbps, announced)

    def rebuild(self, now: int, cause: tuple[int, int] | None = None) -> None:
        """Work the paths out anew, and tell the device and the neighbours what has changed.

        `cause` is (origin, sequence) of the FAULT that is being passed on.
        """
        known: dict[int, list[Path]] = {}
        for link in self.links.values():
            if link.up:
                for node, rate in link.reach.items():
                    path = Path(
                        link.port,
                        link.neighbour,
                        self.path_rate(link, rate),
                        self.weight(link, node, rate),
                        link.prefix,
                    )
                    known.setdefault(node, []).append(path)
        before = self.known
        after = {node: tuple(paths) for node, paths in known.items()}
        if after == before:
            return
        self.known = after
        self.usable = {node: tuple(path for path in paths if path.weight) for node, paths in after.items()}
        self.version += 1
        self.heard_of.update(after)
        if len(self.heard_of) > REMEMBERED_NODES:
            self.heard_of = set(after)
        old = {(path.port, node) for node, paths in before.items() for path in paths}
        new = {(path.port, node) for node, paths in after.items() for path in paths}
        self.device.count["path_down"] += len(old - new)
        self.device.count["path_up"] += len(new - old)
        self.tell(before.keys() - after.keys(), cause, now)
        if old - new:
            self.device.paths_lost(old - new, now)
        self.device.paths_changed(now)

    def tell(self, lost: Iterable[int], cause: tuple[int, int] | None, now: int) -> None:
        """Send FAULT for the nodes that were lost, and HELLO where there is more or another rate to tell."""
        if not self.transit():
            return
        lost = sorted(lost)
        if lost and cause is None:
            self.fault_sequence = (self.fault_sequence + 1) & codec.FAULT_MASK
            cause = (self.device.node, self.fault_sequence)
        for link in self.links.values():
            if not link.up:
                continue
            for node in lost:
                if node in link.announced and cause is not None:
                    self.send_fault(now, link, node, cause, self.device.settings.fault_repeats)
            announcement = self.announcement(link)
            if any(link.announced.get(node) != rate for node, rate in announcement.items()):
                self.liveness.send_hello(link, now)

    def send_fault(self, now: int, link: Link, node: int, cause: tuple[int, int], copies: int) -> None:
        """Send FAULT on one link, and again a little later while the node stays unreachable."""
        if codec.FAULT is None or not link.up or node in self.announcement(link):
            return
        frame = codec.encode_fault(
            link.prefix,
            0,
            self.device.node,
            link.neighbour,
            0,
            NODE_UNREACHABLE,
            node,
            link.port,
            *cause,
        )
        link.announced.pop(node, None)
        self.device.count["faults_sent"] += 1
        self.device.ports[link.port].send_control(frame, now)
        if copies > 1:
            later = now + self.device.settings.hello_interval // 10
            self.device.at(later, self.send_fault, link, node, cause, copies - 1)

    def state(self) -> list[dict[str, Any]]:
        """Show every link and what it leads to, as JSON."""
        return [
            {
                "port": link.port,
                "up": link.up,
                "state": link.state.value,
                "neighbour": link.neighbour,
                "neighbour_port": link.neighbour_port,
                "reach": {str(node): rate for node, rate in sorted(link.reach.items())},
                "levels": {str(node): level for node, (level, _) in sorted(link.levels.items())},
            }
            for link in self.links.values()
        ]
