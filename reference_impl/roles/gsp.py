"""GSP: a leaf that packs, queues and sprays at the ingress, and grants and orders at the egress."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any

from reference_impl import codec
from reference_impl.codec import BadFrame, Header
from reference_impl.config import DeviceConfig
from reference_impl.device import Device, Resolve, Role, as_it_is
from reference_impl.parts.backpressure import BackpressureReceiver, BackpressureSender
from reference_impl.parts.dgsq import Dgsq, DgsqTable, Key
from reference_impl.parts.forwarding import KNOWN_BY, Forwarder
from reference_impl.parts.granter import Granter
from reference_impl.parts.gsp_ports import EgressPort, Uplink
from reference_impl.parts.packer import Packer
from reference_impl.parts.paths import PathTable, leads_to
from reference_impl.parts.reorder import Reorderer
from reference_impl.parts.requester import Requester
from reference_impl.parts.sprayer import Sprayer
from reference_impl.parts.window import RATIO_MEMORY, CreditWindow
from reference_impl.port import OutPort
from reference_impl.sizes import MIN_FRAME, OVERHEAD, credit_of

PFC_ADDRESS = bytes.fromhex("0180c2000001")
PFC_TYPE = bytes.fromhex("88080101")
PFC_OCTETS = 34
PAUSE_QUANTUM_BITS = 512


class Gsp(Device):
    """A leaf node: host ports on one side, links to every GSF on the other."""

    role = Role.GSP
    host_port = EgressPort
    fabric_port = Uplink

    def __init__(self, config: DeviceConfig, resolve: Resolve = as_it_is) -> None:
        super().__init__(config, resolve)
        self.paths = self.make(PathTable, self)
        self.sprayer = self.make(Sprayer, self, self.paths)
        self.packer = self.make(Packer, self)
        self.dgsqs = self.make(DgsqTable, self, self.paths, self.forget)
        self.forwarder = self.make(Forwarder, self)
        self.requester = self.make(Requester, self)
        self.backpressure_receiver = self.make(BackpressureReceiver, self)
        self.backpressure_sender = self.make(BackpressureSender, self)
        self.window = self.make(CreditWindow, self)
        self.granter = self.make(Granter, self, self.window)
        self.reorderer = self.make(Reorderer, self, self.deliver, self.granter.lost)
        self.host_frames = 0
        self.egress: dict[int, EgressPort] = {}
        for port in self.ports:
            if isinstance(port, EgressPort):
                self.egress[port.index] = port
                port.departed = self.departed

    def started(self, now: int) -> None:
        """Say hello."""
        self.paths.start(now)

    def ingress_handler(self, port: OutPort) -> Callable[[int, bytes, int], None]:
        """Give what takes the frames of a host, or those of the fabric."""
        return self.ingress if isinstance(port, EgressPort) else self.from_fabric

    def ingress(self, port: int, frame: bytes, now: int) -> None:
        """Queue a host frame for every egress it has to reach."""
        self.host_frames += 1
        forwarder = self.forwarder
        if len(frame) <= forwarder.longest:
            key = forwarder.known[port].get(frame[:KNOWN_BY])
            if key is not None:
                self.enqueue(key, frame, now)
                return
        if frame.startswith(PFC_ADDRESS) and self.settings.pfc and self.is_pause(frame):
            self.pause(port, frame, now)
            return
        cls = forwarder.class_of(frame)
        targets = forwarder.route(port, frame)
        for node, egress in targets:
            self.enqueue((node, egress, cls), frame, now)
        if len(targets) == 1:
            forwarder.remember(port, frame, (*targets[0], cls))

    def is_pause(self, frame: bytes) -> bool:
        """Say whether a host sent PFC (802.1Qbb)."""
        return frame.startswith(PFC_TYPE, 12) and len(frame) >= PFC_OCTETS

    def enqueue(self, key: Key, frame: bytes, now: int) -> None:
        """Put a host frame into its queue, send what may be sent, and ask for credit for the rest."""
        dgsqs = self.dgsqs
        dgsq = dgsqs.queues.get(key)
        if dgsq is None or dgsq.container is None:
            if key[0] != self.node and not self.paths.live(key[0]):
                self.drop("no_path")
                return
            if dgsq is None:
                dgsq = self.create(key, now)
                if dgsq is None:
                    self.drop("dgsq_exhausted")
                    return
        size = len(frame)
        credit = (size if size > MIN_FRAME else MIN_FRAME) + OVERHEAD  # noqa: FURB136 - the data path
        if dgsqs.queued + credit > dgsqs.buffer_bytes:
            self.drop("queue_full")
            return
        dgsq.active = now
        frames = dgsq.frames
        is_next = not frames
        frames.append((frame, credit))
        dgsq.queued += credit
        dgsqs.queued += credit
        if dgsq.governed:
            dgsq.demand += credit
            if is_next:
                self.pump(dgsq, now)
            if not dgsq.report_queued:
                self.requester.demanded(dgsq, now)
        elif is_next:
            self.pump(dgsq, now)

    def create(self, key: Key, now: int) -> Dgsq | None:
        """Create a queue; None when there are too many."""
        dgsq = self.dgsqs.create(key, now)
        if dgsq is not None:
            if not dgsq.governed and self.is_pressed(dgsq):
                self.govern(dgsq, now)
            elif dgsq.governed:
                self.requester.start(dgsq, now)
            self.backpressure_receiver.join(dgsq, now)
        return dgsq

    def is_pressed(self, dgsq: Dgsq) -> bool:
        """Say whether back-pressure about the destination of a queue is alive, on a path or from afar."""
        node = dgsq.node
        return self.backpressure_receiver.level(node) > 0 or any(
            path.weight < path.rate for path in self.paths.live(node)
        )

    def forget(self, dgsq: Dgsq) -> None:
        """Let the granter forget a queue to a host port of this GSP."""
        self.granter.forget(dgsq.port, dgsq.cls)

    def pump(self, dgsq: Dgsq, now: int) -> None:
        """Send the frames of a queue as long as credit, back-pressure and paths let them go."""
        frames = dgsq.frames
        packer = self.packer
        is_local = dgsq.node == self.node
        octets = 0
        while frames:
            frame, credit = frames[0]
            if not dgsq.may_send(credit):
                break
            if dgsq.level and self.backpressure_receiver.holds(dgsq, now):
                break
            if is_local:
                frames.popleft()
                dgsq.account(credit)
                self.send_locally(dgsq, frame, credit, now)
            else:
                container = dgsq.container
                if container is not None and not octets and packer.is_full(container.fill, credit):
                    packer.close_full(dgsq)
                    container = None
                if container is None:
                    share = self.sprayer.choose(dgsq.node)
                    if share is None:
                        break
                    container = packer.open(dgsq, share, now)
                frames.popleft()
                dgsq.account(credit)
                packer.pack(dgsq, container, frame, credit, now)
            octets += credit
            if dgsq.level:
                self.backpressure_receiver.defer(dgsq, credit, now)
        if octets:
            dgsq.queued -= octets
            self.dgsqs.queued -= octets
            dgsq.active = now
            dgsq.meter.add(octets, now)

    def send_locally(self, dgsq: Dgsq, frame: bytes, credit: int, now: int) -> None:
        """Send a frame to another host port of this GSP, in order as it is."""
        self.deliver(dgsq.port, dgsq.cls, frame, credit, now)
        self.granter.arrived(self.node, dgsq.port, dgsq.cls, dgsq.generation, credit, dgsq.governed, now)
        if self.egress[dgsq.port].queued > self.backpressure_sender.least:
            self.backpressure_sender.arrived(dgsq.port, self.node, now)

    def from_fabric(self, port: int, frame: bytes, now: int) -> None:
        """Check a frame of the fabric and act on its type."""
        self.received += 1
        try:
            header = self.check(port, frame)
        except BadFrame as bad:
            self.drop(bad.cause)
            return
        kind = header[0]
        if kind == codec.DATA:
            self.data(header, frame, now)
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
        if kind in (codec.DATA, codec.REQUEST) and egress not in self.egress:
            raise BadFrame("unknown_destination")

    def data(self, header: Header, frame: bytes, now: int) -> None:
        """Order a frame that has come to its egress, and count it against the credit of its source."""
        _, cls, flags, source, _, port, _ = header
        sequence, generation, index, previous, fill, host_frame = codec.unwrap(frame)
        size = len(host_frame)
        credit = (size if size > MIN_FRAME else MIN_FRAME) + OVERHEAD  # noqa: FURB136 - the data path
        accepted = self.reorderer.receive(
            source,
            port,
            cls,
            generation,
            sequence,
            index,
            previous,
            fill,
            flags & codec.LAST != 0,
            host_frame,
            credit,
            now,
        )
        if accepted:
            window = self.window
            window.fabric_credit += credit
            window.fabric_octets += len(frame) + OVERHEAD
            if window.fabric_credit > RATIO_MEMORY:
                window.forget_half()
            self.granter.arrived(source, port, cls, generation, credit, not flags & codec.UNGOVERNED, now)
            if self.egress[port].queued > self.backpressure_sender.least:
                self.backpressure_sender.arrived(port, source, now)

    def deliver(self, port: int, cls: int, frame: bytes, _credit: int, now: int) -> None:
        """Send a frame to its host."""
        self.egress[port].send_class(frame, cls, now)

    def held_credit(self, port: int) -> int:
        """Return the credit bytes that are held for ordering on their way to a host port."""
        return self.reorderer.held_bytes[port]

    def ungoverned_mbps(self, port: int, now: int) -> float:
        """Return the measured rate of the DATA that comes to a host port outside credit."""
        return self.granter.ports[port].ungoverned.rate_mbps(now)

    def departed(self, port: int, credit: int, now: int) -> None:
        """Act on a shorter queue of a host port."""
        self.granter.departed(port, credit, now)
        self.backpressure_sender.departed(port, now)

    def request(self, header: Header, frame: bytes, now: int) -> None:
        """Take a REQUEST."""
        self.count["requests_received"] += 1
        _, cls, _, source, _, port, _ = header
        generation, demand, sent, forfeited = codec.decode_request(frame)
        self.requested(source, port, cls, generation, demand, sent, forfeited, now)

    def requested(  # noqa: PLR0917 - the fields of REQUEST
        self,
        source: int,
        port: int,
        cls: int,
        generation: int,
        demand: int,
        sent: int,
        forfeited: int,
        now: int,
    ) -> None:
        """Let the granter take the counters of a REQUEST."""
        self.granter.request(source, port, cls, generation, demand, sent, forfeited, now)

    def grant(self, header: Header, frame: bytes, now: int) -> None:
        """Take a GRANT."""
        self.count["grants_received"] += 1
        _, cls, _, source, _, port, _ = header
        generation, granted, expired, validity = codec.decode_grant(frame)
        self.granted(now, (source, port, cls), generation, granted, expired, validity)

    def granted(  # noqa: PLR0917 - the fields of GRANT
        self, now: int, key: Key, generation: int, granted: int, expired: int, validity: int
    ) -> None:
        """Merge a grant into its queue; one for another generation says nothing. Validity in ns."""
        dgsq = self.dgsqs.queues.get(key)
        if dgsq is None or not self.concerns(dgsq, generation):
            return
        dgsq.take_grant(granted, expired, validity, now)
        self.forfeit(dgsq, now)
        self.pump(dgsq, now)
        if not dgsq.lapse_armed and dgsq.position < dgsq.grant:
            dgsq.lapse_armed = True
            self.at(dgsq.valid_until, self.lapse_due, dgsq)

    def concerns(self, dgsq: Dgsq, generation: int) -> bool:
        """Say whether a grant is for the generation of a queue."""
        return dgsq.governed and generation == dgsq.generation

    def lapse_due(self, now: int, dgsq: Dgsq) -> None:
        """Give up the credit whose validity is over."""
        dgsq.lapse_armed = False
        if dgsq.dead or dgsq.position >= dgsq.grant:
            return
        if now < dgsq.valid_until:
            dgsq.lapse_armed = True
            self.at(dgsq.valid_until, self.lapse_due, dgsq)
            return
        dgsq.lapse(now)
        self.forfeit(dgsq, now)

    def forfeit(self, dgsq: Dgsq, now: int) -> None:
        """Give up what has expired, and report it."""
        given_up = dgsq.forfeit()
        if given_up:
            self.requester.forfeited(dgsq, given_up, now)

    def backpressure(self, header: Header, frame: bytes, now: int) -> None:
        """Take a BACKPRESSURE."""
        self.count["backpressure_received"] += 1
        about, level, validity = codec.decode_backpressure(frame)
        self.pressed(header[3], about, level, validity, now)

    def pressed(self, reporter: int, about: int, level: int, validity: int, now: int) -> None:
        """Withhold on the path through an adjacent reporter, or in the queues; validity in ns."""
        if level:
            for dgsq in self.dgsqs.of(about):
                if not dgsq.governed:
                    self.govern(dgsq, now)
        if not self.paths.scale(reporter, about, level, validity, now):
            self.backpressure_receiver.report(reporter, about, level, validity, now)

    def govern(self, dgsq: Dgsq, now: int) -> None:
        """Make a DGSQ of a queue that sent freely; generation and sequence go on."""
        self.packer.close(dgsq)
        dgsq.govern(now)
        self.dgsqs.created()
        if dgsq.demand:
            self.requester.send(dgsq, now)
        self.requester.start(dgsq, now)

    def pause(self, port: int, frame: bytes, now: int) -> None:
        """Obey a PFC frame (802.1Qbb): a time in 512 bit times for each class of its vector."""
        egress = self.egress[port]
        for cls in range(8):
            if frame[17] >> cls & 1:
                quanta = int.from_bytes(frame[18 + 2 * cls : 20 + 2 * cls], "big")
                until = now + quanta * PAUSE_QUANTUM_BITS * 1000 // egress.rate_mbps
                egress.pause(cls, until, now)
                self.at(until, self.granter.resumed, port)

    def paths_lost(self, lost: AbstractSet[tuple[int, int]], now: int) -> None:
        """Close the containers on lost paths, and move what has not left on to live ones."""
        for dgsq in tuple(self.dgsqs.queues.values()):
            container = dgsq.container
            if container is not None and (container.port.index, dgsq.node) in lost:
                self.packer.close(dgsq)
        for index in sorted({port for port, _ in lost}):
            nodes = {node for port, node in lost if port == index}
            control, data = self.ports[index].withdraw(now, partial(leads_to, nodes))
            for frame in control:
                path = self.sprayer.control_path(codec.peek(frame)[4])
                if path is not None:
                    self.ports[path.port].send_control(path.prefix + frame[codec.START :], now)
            self.move(data, now)

    def move(self, frames: list[bytes], now: int) -> None:
        """Move the rest of each container together to one live path; sequence and index stay."""
        paths: dict[codec.Container, Any] = {}
        for frame in frames:
            container = codec.container(frame)
            if container not in paths:
                paths[container] = self.sprayer.choose(container[1])
                self.count["containers_moved"] += paths[container] is not None
            share = paths[container]
            if share is None:
                self.drop("no_path")
            else:
                share.tally += credit_of(len(frame) - codec.DATA_HEADER_OCTETS)
                self.ports[share.path.port].send(share.path.prefix + frame[codec.START :], now)

    def paths_changed(self, now: int) -> None:
        """Leave the paths that are stopped, and send what waited for a path."""
        for dgsq in tuple(self.dgsqs.queues.values()):
            if dgsq.container is not None and not self.is_usable(dgsq):
                self.packer.close(dgsq)
            if dgsq.frames:
                self.pump(dgsq, now)

    def is_usable(self, dgsq: Dgsq) -> bool:
        """Say whether the path of the open container may still be used."""
        container = dgsq.container
        assert container is not None
        return any(path.port == container.port.index for path in self.paths.to(dgsq.node))

    def carrier_changed(self, port: int, up: bool, now: int) -> None:
        """Follow the carrier of an uplink."""
        if port not in self.egress:
            self.paths.carrier(port, up, now)

    def rate_changed(self, port: int, now: int) -> None:
        """Follow the rate of an uplink."""
        if port not in self.egress:
            self.paths.rate_changed(port, now)

    def manage_table_set(self, now: int, mac: str, node: int, port: int) -> None:
        """Enter a host: `mac` as hexadecimal digits, with or without colons; refused where none can be."""
        cause = self.config.misplaced((node, port))
        if cause is not None:
            self.event(now, "table_refused", mac=mac, node=node, port=port, cause=cause)
            return
        self.forwarder.set(bytes.fromhex(mac.replace(":", "")), (node, port))
        self.event(now, "table_set", mac=mac, node=node, port=port)

    def manage_table_withdraw(self, now: int, mac: str) -> None:
        """Remove a host; the queues to an egress without hosts are dropped whole."""
        target = self.forwarder.withdraw(bytes.fromhex(mac.replace(":", "")))
        self.event(now, "table_withdraw", mac=mac)
        if target is not None:
            for dgsq in self.dgsqs.of(target[0]):
                if dgsq.port == target[1]:
                    self.dgsqs.abort(dgsq, "table_withdrawn")

    def counters(self) -> dict[str, int]:
        """Read every counter, those of the ports included."""
        result = super().counters()
        result["rx_frames"] += self.host_frames
        return result

    def manage_setting(self, now: int, name: str, value: int | str) -> None:
        """Change one setting in every component."""
        super().manage_setting(now, name, value)
        for component in (
            self.forwarder,
            self.packer,
            self.dgsqs,
            self.requester,
            self.window,
            self.backpressure_sender,
            self.granter,
            self.reorderer,
        ):
            component.configure()

    def state(self) -> dict[str, Any]:
        """Show queues, sources, streams and paths, as JSON."""
        return super().state() | {
            "dgsqs": self.dgsqs.state(),
            "sources": self.granter.state(),
            "streams": self.reorderer.state(),
            "paths": self.paths.state(),
        }
