"""GSP: a leaf that packs, queues and sprays at the ingress, and grants and orders at the egress."""

from collections.abc import Set as AbstractSet
from typing import Any

from reference_impl import codec
from reference_impl.codec import BadFrame, Header
from reference_impl.config import DeviceConfig
from reference_impl.device import Device, Handler, Resolve, Role, as_it_is
from reference_impl.parts.egress import Egress
from reference_impl.parts.gsp_ports import EgressPort, Uplink
from reference_impl.parts.ingress import Ingress
from reference_impl.parts.paths import PathTable
from reference_impl.parts.sprayer import Sprayer
from reference_impl.port import OutPort


class Gsp(Device):
    """A leaf node: host ports on one side, links to every GSF on the other.

    A frame of a host goes to the ingress half, which turns it into DATA; DATA from the fabric to the egress
    half, which turns it into a frame for a host. What the other messages say goes to the half that they are
    for: REQUEST to the egress, GRANT and BACKPRESSURE to the ingress, HELLO and FAULT to the paths.
    """

    role = Role.GSP
    host_port = EgressPort
    fabric_port = Uplink

    def __init__(self, config: DeviceConfig, resolve: Resolve = as_it_is) -> None:
        super().__init__(config, resolve)
        self.host_ports = {port.index: port for port in self.ports if isinstance(port, EgressPort)}
        self.held_bytes = dict.fromkeys(self.host_ports, 0)
        self.paths = self.make(PathTable, self)
        self.sprayer = self.make(Sprayer, self, self.paths)
        self.egress = self.make(Egress, self)
        self.ingress = self.make(Ingress, self, self.egress)
        self.dgsqs = self.ingress.dgsqs
        self.ingress_handlers = [self.ingress_handler(port) for port in self.ports]
        self.requested = self.egress.granter.request
        self.granted = self.ingress.granted
        self.pressed = self.ingress.pressed
        self.pump = self.ingress.pump

    def started(self, now: int) -> None:
        """Say hello."""
        self.paths.start(now)

    def ingress_handler(self, port: OutPort) -> Handler:
        """Return what takes the frames of a host, or those of the fabric."""
        return self.ingress.receive if isinstance(port, EgressPort) else self.handle

    def handle(self, port: int, frame: bytes, now: int) -> None:
        """Check a frame of the fabric and act on its type."""
        self.received += 1
        try:
            header = self.check(port, frame)
        except BadFrame as bad:
            self.drop(bad.cause)
            return
        kind = header[0]
        if kind == codec.DATA:
            self.egress.receive(header, frame, now)
        elif kind == codec.HELLO:
            self.paths.hear(port, frame, now)
        elif kind == codec.FAULT:
            self.paths.take_fault(port, frame, now)
        elif kind == codec.REQUEST:
            self.request(header, frame, now)
        elif kind == codec.GRANT:
            self.grant(header, frame, now)
        else:
            self.backpressure(header, frame, now)

    def check_concern(self, header: Header) -> None:
        """Find that a message is meant for this node; `BadFrame` for any other."""
        kind, _, _, source, destination, egress, _ = header
        if kind in (codec.HELLO, codec.FAULT):
            return
        if destination != self.node:
            raise BadFrame("not_for_this_node")
        if source in (0, self.node):
            raise BadFrame("unknown_node")
        if kind in (codec.DATA, codec.REQUEST) and egress not in self.host_ports:
            raise BadFrame("unknown_destination")

    def request(self, header: Header, frame: bytes, now: int) -> None:
        """Take a REQUEST."""
        _, cls, _, source, _, port, _ = header
        generation, demand, sent, forfeited = codec.decode_request(frame)
        if self.is_void(generation):
            self.drop("bad_message")
            return
        self.count["requests_received"] += 1
        self.requested(source, port, cls, generation, demand, sent, forfeited, now)

    def grant(self, header: Header, frame: bytes, now: int) -> None:
        """Take a GRANT."""
        _, cls, _, source, _, port, _ = header
        generation, granted, expired, validity = codec.decode_grant(frame)
        if self.is_void(generation):
            self.drop("bad_message")
            return
        self.count["grants_received"] += 1
        self.granted(now, (source, port, cls), generation, granted, expired, validity)

    def is_void(self, generation: int) -> bool:
        """Return whether a generation is 0, which stands for none."""
        return generation == 0

    def backpressure(self, header: Header, frame: bytes, now: int) -> None:
        """Take a BACKPRESSURE."""
        self.count["backpressure_received"] += 1
        self.pressed(header[3], *codec.decode_backpressure(frame), now)

    def ungoverned_mbps(self, port: int, now: int) -> float:
        """Return the measured rate of the DATA that comes to a host port outside credit."""
        return self.egress.granter.ports[port].ungoverned.rate_mbps(now)

    def paths_lost(self, lost: AbstractSet[tuple[int, int]], now: int) -> None:
        """Move what waits for a lost path."""
        self.ingress.reroute(lost, now)

    def paths_changed(self, now: int) -> None:
        """Use the paths as they are now."""
        self.ingress.paths_changed(now)

    def carrier_changed(self, port: int, up: bool, now: int) -> None:
        """Follow the carrier of an uplink."""
        if port not in self.host_ports:
            self.paths.carrier(port, up, now)

    def rate_changed(self, port: int, now: int) -> None:
        """Follow the rate of an uplink."""
        if port not in self.host_ports:
            self.paths.rate_changed(port, now)

    def manage_table_set(self, now: int, mac: str, node: int, port: int) -> None:
        """Enter a host: `mac` as hexadecimal digits, with or without colons; refused where none can be."""
        cause = self.config.misplaced((node, port))
        if cause is not None:
            self.event(now, "table_refused", mac=mac, node=node, port=port, cause=cause)
            return
        self.ingress.forwarder.set(bytes.fromhex(mac.replace(":", "")), (node, port))
        self.event(now, "table_set", mac=mac, node=node, port=port)

    def manage_table_withdraw(self, now: int, mac: str) -> None:
        """Remove a host; the queues to an egress without hosts are dropped whole."""
        self.ingress.withdraw(bytes.fromhex(mac.replace(":", "")))
        self.event(now, "table_withdraw", mac=mac)

    def counters(self) -> dict[str, int]:
        """Read every counter, those of the ports included."""
        result = super().counters()
        result["rx_frames"] += self.ingress.frames
        return result

    def manage_setting(self, now: int, name: str, value: int | str) -> None:
        """Change one setting in every part."""
        super().manage_setting(now, name, value)
        self.ingress.configure()
        self.egress.configure()

    def state(self) -> dict[str, Any]:
        """Show queues, sources, streams and paths, as JSON."""
        return super().state() | {
            "dgsqs": self.dgsqs.state(),
            "sources": self.egress.granter.state(),
            "streams": self.egress.reorderer.state(),
            "paths": self.paths.state(),
        }
