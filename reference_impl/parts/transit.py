"""What passes through a GSF: the link of every frame, and word to the sources when a queue grows."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial

from reference_impl import codec
from reference_impl.codec import Container, Header
from reference_impl.device import Device
from reference_impl.parts.paths import Path, PathTable, leads_to
from reference_impl.port import OutPort


class TransitPort(OutPort):
    """A port of a GSF."""

    __slots__ = ()


@dataclass(slots=True)
class Episode:
    """A queue over its threshold with traffic for one node: the level last told, and to whom.

    A source that was stopped adds nothing more, yet has to hear of the release.
    """

    level: int
    sources: list[int] = field(default_factory=list)


class TransitBackpressure:
    """Tells the sources of the traffic for one node that a queue towards it grows or is short again."""

    def __init__(self, device: Device, paths: PathTable) -> None:
        self.device = device
        self.paths = paths
        self.episodes: dict[tuple[int, int], Episode] = {}

    def congested(self, port: OutPort, source: int, destination: int, now: int) -> None:
        """Note that a source added to a queue that is over the threshold."""
        key = (port.index, destination)
        episode = self.episodes.get(key)
        if episode is None:
            episode = self.episodes[key] = Episode(self.level(port.queued))
            self.device.at(now + self.device.settings.bp_validity // 2, self.refresh, key)
        level = self.level(port.queued)
        if level > episode.level and (level == 255 or level >= episode.level + 64):
            episode.level = level
            for other in episode.sources:
                self.tell(other, destination, now)
        if source not in episode.sources and self.paths.live(source):
            episode.sources.append(source)
            self.tell(source, destination, now)

    def level(self, queued: int) -> int:
        """Return how much to withhold, in 255ths: half at the threshold, all at twice the threshold."""
        return min(255, 255 * queued // (2 * self.device.settings.bp_threshold))

    def over(self, queued: int) -> bool:
        """Return whether a queue that crossed the threshold is short enough again."""
        return queued <= self.device.settings.bp_threshold // 2

    def refresh(self, now: int, key: tuple[int, int]) -> None:
        """Repeat what holds at half of its validity, or release."""
        port, destination = key
        episode = self.episodes[key]
        self.device.ports[port].advance_to(now)
        queued = self.device.ports[port].queued
        if self.over(queued):
            del self.episodes[key]
        else:
            episode.level = self.level(queued)
            self.device.at(now + self.device.settings.bp_validity // 2, self.refresh, key)
        for source in episode.sources:
            self.tell(source, destination, now)

    def tell(self, source: int, about: int, now: int) -> None:
        """Tell a source the highest level of its queues to a node; 0 releases it."""
        told = (
            episode.level
            for (_, node), episode in self.episodes.items()
            if node == about and source in episode.sources
        )
        self.send(source, about, max(told, default=0), now)

    def send(self, source: int, about: int, level: int, now: int) -> None:
        """Send BACKPRESSURE to one source."""
        paths = self.paths.live(source)
        if paths and codec.BACKPRESSURE is not None:
            prefix, validity = paths[0].prefix, self.device.settings.bp_validity
            frame = codec.encode_backpressure(prefix, 0, self.device.node, source, 0, about, level, validity)
            self.device.count["backpressure_sent"] += 1
            self.device.ports[paths[0].port].send_control(frame, now)

    def state(self) -> list[dict[str, int]]:
        """Show the episodes, as JSON."""
        return [
            {"port": port, "about": about, "level": episode.level}
            for (port, about), episode in self.episodes.items()
        ]


Route = tuple[OutPort, bytes, tuple[Path, ...]]
"""The port and the octets up to the end of the header on the first path of several, and all the paths."""

REMEMBERED_ROUTES = 65_536


class TransitForwarder:
    """Chooses the link of every frame that passes through."""

    def __init__(self, device: Device, paths: PathTable, backpressure: TransitBackpressure) -> None:
        self.device = device
        self.paths = paths
        self.backpressure = backpressure
        self.ports = device.ports
        self.links: dict[Container, tuple[int, int]] = {}
        """Port of a container that has a choice, and when its last frame passed."""
        self.tallies: dict[tuple[int, int], int] = {}
        """Octets sent by (destination, port) since the weights last changed."""
        self.weighed = paths.known
        """The paths that the tallies are for."""
        self.routes: list[dict[bytes, Route]] = [{} for _ in self.ports]
        """What becomes of a header, by its octets, that came in on each port, as long as the paths stay."""
        self.version = -1

    def data(self, port: int, frame: bytes, header: Header, now: int) -> None:
        """Pass a frame of a container on."""
        route = self.route(port, frame, header)
        if route is None:
            return
        out, head, paths = route
        if len(paths) == 1:
            out.send(head + frame[codec.HEADER_END :], now)
        else:
            path = self.choose(paths, frame, header[4], now)
            if path.port == port:
                self.device.drop("hairpin")
                return
            out = self.ports[path.port]
            out.send(codec.forward(frame, path.prefix), now)
        if out.queued > self.device.settings.bp_threshold:
            self.backpressure.congested(out, header[3], header[4], now)

    def control(self, port: int, frame: bytes, header: Header, now: int) -> None:
        """Pass REQUEST, GRANT or BACKPRESSURE on by its destination, ahead of data and outside credit."""
        route = self.route(port, frame, header)
        if route is not None:
            out, head, _ = route
            out.send_control(head + frame[codec.HEADER_END :], now)

    def route(self, port: int, frame: bytes, header: Header) -> Route | None:
        """Return the route of a frame by its header; None when it was dropped, and counted."""
        routes = self.routes[port]
        if self.version == self.paths.version:
            route = routes.get(frame[codec.START : codec.HEADER_END])
            if route is not None:
                return route
        else:
            self.version = self.paths.version
            for each in self.routes:
                each.clear()
        *_, destination, _, hop_limit = header
        paths = self.paths.live(destination)
        if not self.may_pass(hop_limit):
            self.device.drop("hop_limit")
        elif not paths:
            self.device.drop(self.cause_of_no_path(destination))
        elif paths[0].port == port and (len(paths) == 1 or header[0] != codec.DATA):
            self.device.drop("hairpin")
        else:
            if len(routes) >= REMEMBERED_ROUTES:
                routes.clear()
            head = codec.forward(frame[: codec.HEADER_END], paths[0].prefix)
            routes[frame[codec.START : codec.HEADER_END]] = route = (self.ports[paths[0].port], head, paths)
            return route
        return None

    def may_pass(self, hop_limit: int) -> bool:
        """Return whether a frame with this hop limit may make another hop."""
        return hop_limit > 1

    def cause_of_no_path(self, destination: int) -> str:
        """Return the cause: a node that was never announced is unknown, one that was lost has no path."""
        return "no_path" if self.paths.seen(destination) else "unknown_node"

    def choose(self, paths: tuple[Path, ...], frame: bytes, destination: int, now: int) -> Path:
        """Keep a container on the link it began on, and begin a new one on the least used link."""
        if not self.links:
            self.device.at(now + self.memory() + 1, self.sweep)
        key = codec.container(frame)
        port, _ = self.links.get(key, (None, now))
        kept = (path for path in paths if path.port == port)
        path = next(kept, None) or self.least_used(paths, destination)
        self.links[key] = path.port, now
        self.tallies[destination, path.port] = self.tallies.get((destination, path.port), 0) + len(frame)
        return path

    def memory(self) -> int:
        """Return how long at least a container is remembered after its last frame."""
        return self.device.settings.flush_time + self.device.settings.path_delay_max

    def least_used(self, paths: tuple[Path, ...], destination: int) -> Path:
        """Take the path with the least octets by weight; the stopped ones only when all are."""
        open_paths = [path for path in paths if path.weight] or paths
        return min(
            open_paths, key=lambda path: self.tallies.get((destination, path.port), 0) / max(path.weight, 1)
        )

    def sweep(self, now: int) -> None:
        """Forget the containers whose last frame is too long ago, every so often while there are any."""
        oldest = now - self.memory()
        self.links = {key: entry for key, entry in self.links.items() if entry[1] >= oldest}
        if self.links:
            self.device.at(now + self.memory() + 1, self.sweep)

    def restart(self, now: int) -> None:  # noqa: ARG002 - a role may want the time
        """Start the tallies to those destinations anew whose paths or weights have changed."""
        before, self.weighed = self.weighed, self.paths.known
        self.tallies = {
            (node, port): tally
            for (node, port), tally in self.tallies.items()
            if before.get(node) == self.weighed.get(node)
        }

    def reroute(self, lost: AbstractSet[tuple[int, int]], now: int) -> None:
        """Move the frames that wait on a lost path to a live one, or drop them."""
        for port in sorted({port for port, _ in lost}):
            nodes = {node for lost_port, node in lost if lost_port == port}
            wanted = partial(leads_to, nodes)
            control, data = self.ports[port].withdraw(now, wanted)
            for frame in control:
                self.move(frame, control=True, now=now)
            for frame in data:
                self.move(frame, control=False, now=now)

    def move(self, frame: bytes, control: bool, now: int) -> None:
        """Send a frame that had a path already on another one, its hop limit as it is."""
        header = codec.peek(frame)
        if header[0] == codec.FAULT:
            return
        paths = self.paths.live(header[4])
        if not paths:
            self.device.drop("no_path")
        elif control:
            path = paths[0]
            self.ports[path.port].send_control(path.prefix + frame[codec.START :], now)
        else:
            path = paths[0] if len(paths) == 1 else self.choose(paths, frame, header[4], now)
            self.ports[path.port].send(path.prefix + frame[codec.START :], now)
