"""Which links are alive, which nodes lie behind them, and how much each path to a node may carry."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from reference_impl import codec
from reference_impl.device import Device
from reference_impl.parts.timers import EndTimers
from reference_impl.states import LINK_STEPS, LinkState

RANKS = {1: 1, 2: 2, 3: 0, 4: 3}
"""How high each role of HELLO stands: NIC, GSP, GSF, GSF of the second tier."""

NODE_UNREACHABLE = 1
FAULT_COPIES = 3
REMEMBERED_HELLOS = 16
REMEMBERED_NODES = 65_536


@dataclass(frozen=True, slots=True)
class Path:
    """One link that leads to a node: the rate and the weight in Mbit/s, and the MAC header for it."""

    port: int
    neighbour: int
    rate: int
    weight: float
    prefix: bytes


@dataclass(slots=True)
class Link:
    """What a device knows of the link on one of its fabric ports; times in ns."""

    port: int
    state: LinkState = LinkState.SILENT
    neighbour: int = 0
    neighbour_port: int = 0
    role: int = 0
    rate_mbps: int = 0
    prefix: bytes = b""
    reach: dict[int, int] = field(default_factory=dict)
    """Announced rate by node, less what FAULT took away."""
    announced: dict[int, int] = field(default_factory=dict)
    """What the last own HELLO announced."""
    sequence: int = 0
    sent_at: dict[int, int] = field(default_factory=dict)
    heard_sequence: int = 0
    heard_at: int = 0
    returned_at: int = 0
    """When the newest own HELLO that came back had left."""
    checking: bool = False
    fallen: bool = False
    """Whether it was up and went down, and so has to prove itself again."""
    held_until: int = 0
    levels: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Back-pressure by destination: (level, until when)."""

    def happen(self, event: str) -> None:
        """Follow an event of the table of states; KeyError for one that cannot happen now."""
        self.state = LINK_STEPS[self.state, event]

    @property
    def up(self) -> bool:
        """Return whether it carries traffic."""
        return self.state is LinkState.UP


def leads_to(nodes: AbstractSet[int], frame: bytes) -> bool:
    """Return whether a frame is for one of the nodes."""
    return codec.peek(frame)[4] in nodes


class PathTable:
    """Hello, fault and back-pressure on the fabric ports of one device.

    When a path or a weight changes, so does `version`, and the device hears `paths_lost`, `paths_changed`.
    """

    def __init__(self, device: Device) -> None:
        self.device = device
        self.links: dict[int, Link] = {
            port.index: Link(port.index, sequence=device.random.getrandbits(32))
            for port in device.ports
            if port.kind == "fabric"
        }
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

    def start(self, now: int) -> None:
        """Say hello on every fabric port, and go on doing so."""
        for link in self.links.values():
            self.send_hello(link, now)
        self.device.at(now + self.device.settings.hello_interval, self.tick)

    def tick(self, now: int) -> None:
        """Send the periodic HELLO on every link."""
        for link in self.links.values():
            self.send_hello(link, now)
        self.device.at(now + self.device.settings.hello_interval, self.tick)

    def lifetime(self) -> int:
        """Return how long one HELLO proves a neighbour alive: `hello_misses` intervals and a half."""
        settings = self.device.settings
        return settings.hello_misses * settings.hello_interval + settings.hello_interval // 2

    def send_hello(self, link: Link, now: int) -> None:
        """Send HELLO with what was last heard on the link, and with what can be reached from here."""
        if link.state is LinkState.DARK:
            return
        port = self.device.ports[link.port]
        link.sequence = (link.sequence + 1) & codec.HELLO_MASK
        link.sent_at[link.sequence] = now
        if len(link.sent_at) > REMEMBERED_HELLOS:
            del link.sent_at[next(iter(link.sent_at))]
        link.announced = self.announcement(link)
        heard = self.heard(link)
        frame = codec.encode_hello(
            codec.HELLO_ADDRESS + port.mac + codec.ETHERTYPE,
            0,
            self.device.node,
            0,
            0,
            self.role_code(),
            link.port,
            link.sequence,
            port.rate_mbps,
            *heard,
            sorted(link.announced.items()),
        )
        self.device.count["hellos_sent"] += 1
        port.send_control(frame, now)

    def role_code(self) -> int:
        """Return what stands for the own role in HELLO."""
        return codec.ROLE_CODES[self.device.role]

    def heard(self, link: Link) -> tuple[int, int]:
        """Node and sequence last heard on a link, zeros when the neighbour has fallen silent."""
        return link.neighbour, link.heard_sequence

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

    def hear(self, port: int, frame: bytes, now: int) -> None:
        """Take a HELLO: learn the neighbour, what it reaches, and whether it hears this device."""
        self.device.count["hellos_received"] += 1
        link = self.links[port]
        source = codec.peek(frame)[3]
        role, port_id, sequence, rate, heard_node, heard_sequence, entries = codec.decode_hello(frame)
        if link.state is LinkState.DARK:
            return
        if source == self.device.node:
            self.device.event(now, "duplicate_node", port=port, node=source)
            return
        if source == link.neighbour and port_id == link.neighbour_port:
            if (link.heard_sequence - sequence) & codec.HELLO_MASK < REMEMBERED_HELLOS:
                return
        else:
            self.meet(link, (source, port_id), role, frame[6:12], now)
        new = link.heard_at < 0
        before = link.up, link.rate_mbps, link.reach
        link.heard_sequence, link.heard_at, link.rate_mbps = sequence, now, rate
        link.reach = self.learn(entries)
        if self.fresh(link, heard_node, heard_sequence, now):
            self.alive(link, now)
        else:
            self.down(link, "unheard", now)
        if not link.checking:
            link.checking = True
            self.device.at(now + self.lifetime(), self.check, link)
        if before != (link.up, link.rate_mbps, link.reach):
            self.rebuild(now)
        if new:
            self.send_hello(link, now)

    def meet(self, link: Link, neighbour: tuple[int, int], role: int, mac: bytes, now: int) -> None:
        """Note a neighbour (node, port) that was not on this link before."""
        self.down(link, "another neighbour", now)
        if link.state is LinkState.SILENT:
            link.happen("heard")
        node, port_id = neighbour
        link.neighbour, link.neighbour_port, link.role = node, port_id, role
        link.prefix = mac + self.device.ports[link.port].mac + codec.ETHERTYPE
        link.heard_at = -1
        self.device.event(now, "neighbour", port=link.port, node=node, neighbour_port=port_id)

    def learn(self, entries: Iterable[tuple[int, int]]) -> dict[int, int]:
        """Take the announced nodes of a HELLO, which overrides every earlier FAULT of the link."""
        return {node: rate for node, rate in entries if node != self.device.node}

    def fresh(self, link: Link, heard_node: int, heard_sequence: int, now: int) -> bool:
        """Return whether an own HELLO of late came back in the neighbour's heard fields."""
        sent = link.sent_at.get(heard_sequence)
        if heard_node != self.device.node or sent is None:
            return False
        if now - sent > self.lifetime() + self.device.settings.hello_interval:
            return False
        link.returned_at = sent
        return True

    def alive(self, link: Link, now: int) -> None:
        """Bring a link up, or hold it first when it has been down."""
        if link.state is not LinkState.ONE_WAY:
            return
        if self.damped(link):
            link.happen("proven-again")
            link.held_until = now + self.device.settings.flap_hold
            self.device.at(link.held_until, self.release, link)
        else:
            self.bring_up(link, "proven", now)

    def damped(self, link: Link) -> bool:
        """Return whether a link went down before, and so has to prove itself for `flap_hold`."""
        return link.fallen

    def release(self, now: int, link: Link) -> None:
        """Use a link again that stayed alive for `flap_hold`."""
        if link.state is LinkState.HELD and link.held_until == now:
            self.bring_up(link, "hold-over", now)
            self.rebuild(now)

    def bring_up(self, link: Link, event: str, now: int) -> None:
        """Use a link from now on."""
        link.happen(event)
        self.device.event(now, "link_up", port=link.port, node=link.neighbour)

    def down(self, link: Link, reason: str, now: int) -> None:
        """Stop using a link and forget what was heard on it."""
        if link.up:
            link.fallen = True
            self.device.event(now, "link_down", port=link.port, node=link.neighbour, reason=reason)
        if link.state in {LinkState.HELD, LinkState.UP}:
            link.happen("unheard")
        link.levels.clear()

    def forget(self, link: Link) -> None:
        """Treat the next HELLO of a link as the first."""
        link.neighbour = link.neighbour_port = link.heard_sequence = 0
        link.sent_at.clear()
        if link.state is LinkState.ONE_WAY:
            link.happen("neighbour-lost")

    def check(self, now: int, link: Link) -> None:
        """Take a link down on which no HELLO came, or no own HELLO came back, for too long."""
        link.checking = False
        if link.neighbour == 0:
            return
        end = min(
            link.heard_at + self.lifetime(),
            link.returned_at + self.lifetime() + self.device.settings.hello_interval
            if link.up
            else link.heard_at + self.lifetime(),
        )
        if now < end:
            link.checking = True
            self.device.at(end, self.check, link)
            return
        self.down(link, "hello lost", now)
        self.forget(link)
        self.rebuild(now)
        self.send_hello(link, now)

    def carrier(self, port: int, up: bool, now: int) -> None:
        """Follow the carrier of a port."""
        link = self.links[port]
        if up:
            if link.state is LinkState.DARK:
                link.happen("carrier")
            self.send_hello(link, now)
        elif link.state is not LinkState.DARK:
            self.down(link, "carrier", now)
            self.forget(link)
            link.happen("carrier-lost")
            self.rebuild(now)

    def rate_changed(self, port: int, now: int) -> None:
        """Follow the rate of a port, and tell the neighbour."""
        self.rebuild(now)
        self.send_hello(self.links[port], now)

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
                    self.send_fault(now, link, node, cause, FAULT_COPIES)
            announcement = self.announcement(link)
            if any(link.announced.get(node) != rate for node, rate in announcement.items()):
                self.send_hello(link, now)

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
