"""Which links are alive, and who is at their far end: HELLO on the fabric ports of one device."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from reference_impl import codec
from reference_impl.device import Device
from reference_impl.states import LINK_STEPS, LinkState

REMEMBERED_HELLOS = 16


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


class Reach(Protocol):
    """What HELLO says of the nodes behind a device, and learns of those behind its neighbours."""

    def announcement(self, link: Link) -> dict[int, int]:
        """Return the rate by node to announce on a link."""

    def learn(self, entries: Iterable[tuple[int, int]]) -> dict[int, int]:
        """Return the rate by node of what a neighbour announced."""

    def rebuild(self, now: int) -> None:
        """Work the paths out anew, since a link or what it leads to has changed."""


class Liveness:
    """Says hello on every fabric port, and takes a link for alive while its own HELLO comes back.

    1. HELLO goes out every `hello_interval` with what was last heard on the link, which proves to the
       neighbour that it is heard; what it announces is asked of the paths.
    2. A link is up while a HELLO of its own of late comes back so. One that was down before is held for
       `flap_hold` first.
    3. It goes down with its carrier, when another neighbour answers, when its own HELLO comes back no more,
       or when none is heard for `hello_misses` intervals and a half.
    """

    def __init__(self, device: Device, reach: Reach) -> None:
        self.device = device
        self.reach = reach
        self.links: dict[int, Link] = {
            port.index: Link(port.index, sequence=device.random.getrandbits(32))
            for port in device.ports
            if port.kind == "fabric"
        }

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
        link.announced = self.reach.announcement(link)
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
        link.reach = self.reach.learn(entries)
        if self.fresh(link, heard_node, heard_sequence, now):
            self.alive(link, now)
        else:
            self.down(link, "unheard", now)
        if not link.checking:
            link.checking = True
            self.device.at(now + self.lifetime(), self.check, link)
        if before != (link.up, link.rate_mbps, link.reach):
            self.reach.rebuild(now)
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
            self.reach.rebuild(now)

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
        self.reach.rebuild(now)
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
            self.reach.rebuild(now)
