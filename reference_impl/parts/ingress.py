"""The source half of a leaf: the way of a host's frame to the uplink, and what lets it go or holds it."""

from collections.abc import Set as AbstractSet
from functools import partial
from typing import TYPE_CHECKING

from reference_impl import codec
from reference_impl.parts.backpressure import BackpressureReceiver
from reference_impl.parts.dgsq import GOVERNED, Dgsq, DgsqTable, Key
from reference_impl.parts.egress import Egress
from reference_impl.parts.forwarding import KNOWN_BY, Forwarder, Target
from reference_impl.parts.leaf import Leaf
from reference_impl.parts.packer import Packer
from reference_impl.parts.paths import leads_to
from reference_impl.parts.requester import Requester
from reference_impl.sizes import MIN_FRAME, OVERHEAD, credit_of

if TYPE_CHECKING:
    from reference_impl.parts.sprayer import PathShare

PFC_ADDRESS = bytes.fromhex("0180c2000001")
PFC_TYPE = bytes.fromhex("88080101")


class Ingress:
    """Takes the frames of hosts.

    1. `receive`: the forwarder finds every egress (node, port, class) that the frame has to reach.
    2. `enqueue`: it waits in the DGSQ of each, which the first frame creates; new demand is asked for.
    3. `pump`: it leaves its queue when credit, back-pressure and a path let it: at once, or when a GRANT, the
       end of a BACKPRESSURE or a path comes.
    4. The sprayer chooses the path of a container, and the packer puts the frame into it and the DATA on the
       uplink. A frame for a host of this leaf goes to the egress half as it is.
    """

    def __init__(self, leaf: Leaf, egress: Egress) -> None:
        self.leaf = leaf
        self.node = leaf.node
        self.egress = egress
        self.paths = leaf.paths
        self.sprayer = leaf.sprayer
        self.forwarder = leaf.make(Forwarder, leaf)
        self.packer = leaf.make(Packer, leaf)
        self.dgsqs = leaf.make(DgsqTable, leaf, leaf.paths, self.forget)
        self.requester = leaf.make(Requester, leaf)
        self.backpressure_receiver = leaf.make(BackpressureReceiver, leaf)
        self.frames = 0
        """Frames that hosts have sent."""

    def configure(self) -> None:
        """Take the settings over."""
        for part in (self.forwarder, self.packer, self.dgsqs, self.requester):
            part.configure()

    def receive(self, port: int, frame: bytes, now: int) -> None:
        """Queue a frame of a host for every egress it has to reach."""
        self.frames += 1
        forwarder = self.forwarder
        if len(frame) <= forwarder.longest:
            key = forwarder.known[port].get(frame[:KNOWN_BY])
            if key is not None:
                self.enqueue(key, frame, now)
                return
        if frame.startswith(PFC_ADDRESS) and self.leaf.settings.pfc and self.is_pause(frame):
            self.pause(port, frame, now)
            return
        cls = forwarder.class_of(frame)
        targets = forwarder.route(port, frame)
        for node, egress in targets:
            self.enqueue((node, egress, cls), frame, now)
        if len(targets) == 1:
            forwarder.remember(port, frame, (*targets[0], cls))

    def is_pause(self, frame: bytes) -> bool:
        """Return whether a host sent PFC (802.1Qbb)."""
        return frame.startswith(PFC_TYPE, 12)

    def pause(self, port: int, frame: bytes, now: int) -> None:
        """Let the egress half obey a PFC frame, which goes no further."""
        self.egress.pause(port, frame, now)

    def enqueue(self, key: Key, frame: bytes, now: int) -> None:
        """Put a host frame into its queue, send what may be sent, and ask for credit for the rest."""
        dgsqs = self.dgsqs
        dgsq = dgsqs.queues.get(key)
        if dgsq is None or dgsq.container is None:
            if key[0] != self.node and not self.paths.live(key[0]):
                self.leaf.drop("no_path")
                return
            if dgsq is None:
                dgsq = self.create(key, now)
                if dgsq is None:
                    self.leaf.drop("dgsq_exhausted")
                    return
        size = len(frame)
        credit = (size if size > MIN_FRAME else MIN_FRAME) + OVERHEAD  # noqa: FURB136 - the data path
        if dgsqs.queued + credit > dgsqs.buffer_bytes:
            self.leaf.drop("queue_full")
            return
        dgsq.active = now
        frames = dgsq.frames
        is_next = not frames
        frames.append((frame, credit))
        dgsq.queued += credit
        dgsqs.queued += credit
        if dgsq.state is GOVERNED:
            dgsq.demand += credit
            if is_next:
                self.pump(dgsq, now)
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
        """Give whether back-pressure about the destination of a queue is alive, on a path or from afar."""
        node = dgsq.node
        return self.backpressure_receiver.level(node) > 0 or any(
            path.weight < path.rate for path in self.paths.live(node)
        )

    def forget(self, dgsq: Dgsq) -> None:
        """Let the granter forget a queue to a host port of this leaf."""
        self.egress.granter.forget(dgsq.port, dgsq.cls)

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
        """Send a frame to another host port of this leaf, in order as it is."""
        self.egress.take_locally(dgsq.port, dgsq.cls, dgsq.generation, frame, credit, dgsq.governed, now)

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
        self.await_lapse(dgsq)

    def concerns(self, dgsq: Dgsq, generation: int) -> bool:
        """Return whether a grant is for the generation of a queue."""
        return dgsq.state is GOVERNED and generation == dgsq.generation

    def await_lapse(self, dgsq: Dgsq) -> None:
        """See that credit which is left is looked at when its validity is over."""
        if not dgsq.lapse_armed and dgsq.position < dgsq.grant:
            dgsq.lapse_armed = True
            self.leaf.at(dgsq.valid_until, self.lapse_due, dgsq)

    def lapse_due(self, now: int, dgsq: Dgsq) -> None:
        """Give up the credit whose validity is over."""
        dgsq.lapse_armed = False
        if dgsq.dead:
            return
        if now < dgsq.valid_until:
            self.await_lapse(dgsq)
        else:
            dgsq.lapse()
            self.forfeit(dgsq, now)

    def forfeit(self, dgsq: Dgsq, now: int) -> None:
        """Give up what has expired, and report it."""
        given_up = dgsq.forfeit()
        if given_up:
            self.requester.forfeited(dgsq, given_up, now)

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

    def reroute(self, lost: AbstractSet[tuple[int, int]], now: int) -> None:
        """Close the containers on lost paths (port, node), and move what has not left on to live ones."""
        for dgsq in tuple(self.dgsqs.queues.values()):
            container = dgsq.container
            if container is not None and (container.port.index, dgsq.node) in lost:
                self.packer.close(dgsq)
        ports = self.leaf.ports
        for index in sorted({port for port, _ in lost}):
            nodes = {node for port, node in lost if port == index}
            control, data = ports[index].withdraw(now, partial(leads_to, nodes))
            for frame in control:
                path = self.sprayer.control_path(codec.peek(frame)[4])
                if path is not None:
                    ports[path.port].send_control(path.prefix + frame[codec.START :], now)
            self.move(data, now)

    def move(self, frames: list[bytes], now: int) -> None:
        """Move the rest of each container together to one live path; sequence and index stay."""
        shares: dict[codec.Container, PathShare | None] = {}
        for frame in frames:
            container = codec.container(frame)
            if container not in shares:
                shares[container] = self.sprayer.choose(container[1])
                self.leaf.count["containers_moved"] += shares[container] is not None
            share = shares[container]
            if share is None:
                self.leaf.drop("no_path")
            else:
                share.carried += credit_of(len(frame) - codec.DATA_HEADER_OCTETS)
                path = share.path
                self.leaf.ports[path.port].send(path.prefix + frame[codec.START :], now)

    def paths_changed(self, now: int) -> None:
        """Leave the paths that are stopped, and send what waited for a path."""
        for dgsq in tuple(self.dgsqs.queues.values()):
            if dgsq.container is not None and not self.is_usable(dgsq):
                self.packer.close(dgsq)
            self.pump(dgsq, now)

    def is_usable(self, dgsq: Dgsq) -> bool:
        """Return whether the path of the open container may still be used."""
        container = dgsq.container
        assert container is not None
        return any(path.port == container.port.index for path in self.paths.to(dgsq.node))

    def withdraw(self, mac: bytes) -> None:
        """Remove a host; the queues to an egress without hosts are dropped whole."""
        target: Target | None = self.forwarder.withdraw(mac)
        if target is not None:
            for dgsq in self.dgsqs.of(target[0]):
                if dgsq.port == target[1]:
                    self.dgsqs.abort(dgsq, "table_withdrawn")
