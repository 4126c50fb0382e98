"""The destination half of a leaf: the way of DATA to its host, and what that does to credit."""

from reference_impl import codec
from reference_impl.codec import Header
from reference_impl.parts.backpressure import BackpressureSender
from reference_impl.parts.granter import Granter
from reference_impl.parts.leaf import Leaf
from reference_impl.parts.reorder import Reorderer
from reference_impl.parts.window import RATIO_MEMORY, CreditWindow
from reference_impl.sizes import MIN_FRAME, OVERHEAD

PAUSE_QUANTUM_BITS = 512


class Egress:
    """Takes the DATA that has come to its egress port.

    1. `receive`: it is taken out of its DATA, and the reorderer delivers it, holds or drops it.
    2. `deliver`: in order, it goes to its host, or waits in the queue of its class.
    3. It is charged to the credit of its source, whose room the granter shares out anew, and the sender of
       back-pressure looks at the queue.
    """

    def __init__(self, leaf: Leaf) -> None:
        self.leaf = leaf
        self.ports = leaf.host_ports
        self.backpressure_sender = leaf.make(BackpressureSender, leaf)
        self.window = leaf.make(CreditWindow, leaf)
        self.granter = leaf.make(Granter, leaf, self.window)
        self.reorderer = leaf.make(Reorderer, leaf, self.deliver, self.granter.lost)
        for port in self.ports.values():
            port.departed = self.departed

    def configure(self) -> None:
        """Take the settings over."""
        for part in (self.window, self.granter, self.reorderer):
            part.configure()

    def receive(self, header: Header, frame: bytes, now: int) -> None:
        """Order a frame of DATA, and count it against the credit of its source."""
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
            if self.ports[port].queued:
                self.backpressure_sender.arrived(port, source, now)

    def deliver(self, port: int, cls: int, frame: bytes, _credit: int, now: int) -> None:
        """Send a frame to its host."""
        self.ports[port].send_class(frame, cls, now)

    def take_locally(  # noqa: PLR0917 - the data path
        self, port: int, cls: int, generation: int, frame: bytes, credit: int, governed: bool, now: int
    ) -> None:
        """Deliver a frame that another host of this leaf sent, in order as it is, and count it."""
        self.deliver(port, cls, frame, credit, now)
        self.granter.arrived(self.leaf.node, port, cls, generation, credit, governed, now)
        if self.ports[port].queued:
            self.backpressure_sender.arrived(port, self.leaf.node, now)

    def departed(self, port: int, now: int) -> None:
        """Act on a shorter queue of a host port."""
        self.granter.departed(port, now)
        self.backpressure_sender.departed(port, now)

    def pause(self, port: int, frame: bytes, now: int) -> None:
        """Obey a PFC frame (802.1Qbb): a time in 512 bit times for each class of its vector."""
        egress = self.ports[port]
        for cls in range(8):
            if frame[17] >> cls & 1:
                quanta = int.from_bytes(frame[18 + 2 * cls : 20 + 2 * cls], "big")
                until = now + quanta * PAUSE_QUANTUM_BITS * 1000 // egress.rate_mbps
                egress.pause(cls, until, now)
                self.leaf.at(until, self.granter.resumed, port)
