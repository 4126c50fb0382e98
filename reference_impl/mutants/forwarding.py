"""Flaws of forwarding: frames altered, lost, doubled, let through or sent where they do not belong."""

from collections.abc import Callable, Sequence

from reference_impl import codec
from reference_impl.codec import BadFrame, Header
from reference_impl.device import Handler
from reference_impl.mutants import mutant
from reference_impl.parts.dgsq import Dgsq
from reference_impl.parts.egress import Egress
from reference_impl.parts.forwarding import Forwarder, Target
from reference_impl.parts.ingress import Ingress
from reference_impl.parts.transit import TransitForwarder
from reference_impl.port import OutPort
from reference_impl.roles.gsf import Gsf
from reference_impl.roles.gsp import Gsp
from reference_impl.sizes import FCS

TYPE_OF_SERVICE = 15

SHORTEST = 60
"""Octets of the shortest frame on a wire, without FCS."""


def altered(frame: bytes, at: int, octet: int) -> bytes:
    """Return a frame with another octet in one place."""
    return frame[:at] + bytes([octet]) + frame[at + 1 :]


def forgiving(check: Callable[[int, bytes], Header], port: int, frame: bytes, cause: str) -> Header:
    """Check a frame, but take its header as it is when this is all that is wrong."""
    try:
        return check(port, frame)
    except BadFrame as bad:
        if bad.cause != cause or len(frame) < codec.HEADER_END:
            raise
        return codec.peek(frame)


@mutant("FWD-BYTE-EXACT")
class ClearsTheLastOctet(Egress):
    """Delivers frames with their last octet cleared."""

    def deliver(self, port: int, cls: int, frame: bytes, credit: int, now: int) -> None:
        """Clear it."""
        super().deliver(port, cls, altered(frame, len(frame) - 1, 0), credit, now)


@mutant("FWD-BYTE-EXACT")
class CutsShortFrames(Egress):
    """Takes the last octets of a shortest frame for padding, which the wire then fills with zeros."""

    def deliver(self, port: int, cls: int, frame: bytes, credit: int, now: int) -> None:
        """Cut it by the length of an FCS."""
        super().deliver(port, cls, frame[:-FCS] if len(frame) == SHORTEST else frame, credit, now)


@mutant("FWD-BYTE-EXACT")
class ShowsOldMemory(Egress):
    """Takes the padding off short IPv4 packets, and fills them up with octets of the frame before."""

    memory = bytes(SHORTEST)

    def deliver(self, port: int, cls: int, frame: bytes, credit: int, now: int) -> None:
        """Fill up what is behind the packet."""
        short = frame[12:14] == b"\x08\x00" and len(frame) == SHORTEST
        length = 14 + int.from_bytes(frame[16:18]) if short else len(frame)
        super().deliver(port, cls, frame[:length] + self.memory[length : len(frame)], credit, now)
        self.memory = frame


@mutant("FWD-NO-ENCAPSULATION-AT-HOST")
class ShowsGrantsToHosts(Gsp):
    """Sends a copy of each GRANT that it receives to a host."""

    def grant(self, header: Header, frame: bytes, now: int) -> None:
        """Copy it."""
        self.host_ports[min(self.host_ports)].send_class(frame, 0, now)
        super().grant(header, frame, now)


@mutant("FWD-VLAN-PRESERVED")
class StripsTags(Egress):
    """Delivers tagged frames without their outer tag."""

    def deliver(self, port: int, cls: int, frame: bytes, credit: int, now: int) -> None:
        """Cut the tag out."""
        tagged = frame[12:14] in (b"\x81\x00", b"\x88\xa8")
        super().deliver(port, cls, frame[:12] + frame[16:] if tagged else frame, credit, now)


@mutant("FWD-FRAME-SIZES")
class RefusesTheShortestFrames(Forwarder):
    """Drops frames that are as short as a frame on a wire can be."""

    def route(self, port: int, frame: bytes) -> Sequence[Target]:
        """Take them for fragments."""
        if len(frame) > SHORTEST:
            return super().route(port, frame)
        self.device.drop("bad_message")
        return ()


@mutant("FWD-FRAME-SIZES")
class RefusesJumboFrames(Forwarder):
    """Drops what is longer than an untagged frame of IEEE 802.3 may be."""

    def configure(self) -> None:
        """Take 1518 octets for the longest."""
        self.longest = 1518 - FCS


@mutant("FWD-LONG-FRAME-DROPPED")
class CarriesAnyLength(Forwarder):
    """Carries frames that are longer than max_frame."""

    def configure(self) -> None:
        """Know no longest frame."""
        self.longest = 1 << 16


@mutant("FWD-LINK-LOCAL")
class ForwardsLinkLocal(Forwarder):
    """Floods frames to the addresses that no bridge may forward."""

    def is_link_local(self, frame: bytes) -> bool:  # noqa: ARG002 - that is the flaw
        """Know no such address."""
        return False


@mutant("FWD-EGRESS-PORT")
class KnowsTheNodeAlone(Forwarder):
    """Sends every frame to port 0 of the node where its destination sits."""

    def configure(self) -> None:
        """Forget the ports of the table."""
        super().configure()
        self.table = {mac: (node, 0) for mac, (node, _) in self.table.items()}


@mutant("FWD-UNKNOWN-DROP")
class FloodsTheUnknown(Forwarder):
    """Floods unknown unicast although it is set to drop it."""

    def floods_unknown(self) -> bool:
        """Flood always."""
        return True


@mutant("FWD-UNKNOWN-FLOOD")
class DropsTheUnknown(Forwarder):
    """Drops unknown unicast although it is set to flood it."""

    def floods_unknown(self) -> bool:
        """Flood never."""
        return False


@mutant("FWD-GROUP-COPIES")
class KeepsGroupsLocal(Forwarder):
    """Copies broadcast and multicast frames to its own hosts alone."""

    def flood(self, port: int) -> Sequence[Target]:
        """Leave the other nodes out."""
        return [target for target in super().flood(port) if target[0] == self.device.node]


@mutant("FWD-HAIRPIN")
class ReturnsFrames(Forwarder):
    """Sends a frame back through the port it came in by."""

    def is_hairpin(self, target: Target, port: int) -> bool:  # noqa: ARG002 - that is the flaw
        """See no hairpin."""
        return False


@mutant("FWD-LOCAL-SWITCHING")
class SwitchesNothingLocally(Ingress):
    """Has no way from one of its host ports to another."""

    def send_locally(self, dgsq: Dgsq, frame: bytes, credit: int, now: int) -> None:
        """Let the frame vanish."""


@mutant("FWD-ETHERTYPE-OPAQUE")
class ObeysHosts(Gsp):
    """Takes a frame from a host for a fabric message when its EtherType says so."""

    def ingress_handler(self, port: OutPort) -> Handler:
        """Look at the EtherType."""
        others = super().ingress_handler(port)
        return lambda port, frame, now: (
            self.handle(port, frame, now) if frame[12:14] == codec.ETHERTYPE else others(port, frame, now)
        )


@mutant("FWD-HOP-LIMIT")
class KeepsTheHopLimit(Gsf):
    """Forwards messages with the hop limit that they came with."""

    def handle(self, port: int, frame: bytes, now: int) -> None:
        """Add what forwarding takes away."""
        super().handle(port, codec.rehop(frame, min(codec.peek(frame)[6] + 1, 255)), now)


@mutant("FWD-HOP-LIMIT-EXPIRED")
class ForwardsForever(TransitForwarder):
    """Forwards messages whose hop limit is used up."""

    def may_pass(self, hop_limit: int) -> bool:  # noqa: ARG002 - that is the flaw
        """Let everything pass."""
        return True


@mutant("FWD-CHECKSUM")
class GspTrustsChecksums(Gsp):
    """A GSP that acts on messages whose checksum is wrong."""

    def check(self, port: int, frame: bytes) -> Header:
        """Let a wrong checksum pass."""
        return forgiving(super().check, port, frame, "bad_checksum")


@mutant("FWD-CHECKSUM")
class GsfTrustsChecksums(Gsf):
    """A GSF that forwards messages whose checksum is wrong."""

    def check(self, port: int, frame: bytes) -> Header:
        """Let a wrong checksum pass."""
        return forgiving(super().check, port, frame, "bad_checksum")


@mutant("FWD-UNKNOWN-VERSION")
class GspReadsAnyVersion(Gsp):
    """A GSP that takes a message of any version for one of its own."""

    def check(self, port: int, frame: bytes) -> Header:
        """Let another version pass."""
        return forgiving(super().check, port, frame, "bad_version")


@mutant("FWD-UNKNOWN-VERSION")
class GsfReadsAnyVersion(Gsf):
    """A GSF that forwards messages of any version."""

    def check(self, port: int, frame: bytes) -> Header:
        """Let another version pass."""
        return forgiving(super().check, port, frame, "bad_version")


@mutant("FWD-MALFORMED")
class GspTakesAnyTypeForData(Gsp):
    """A GSP that delivers what a message of an unassigned type carries."""

    def check(self, port: int, frame: bytes) -> Header:
        """Call it DATA."""
        header = forgiving(super().check, port, frame, "bad_message")
        return header if header[0] in codec.KINDS.values() else (codec.DATA, *header[1:])


@mutant("FWD-MALFORMED")
class GsfForwardsAnyType(Gsf):
    """A GSF that forwards messages of unassigned types."""

    def check(self, port: int, frame: bytes) -> Header:
        """Let any type pass."""
        return forgiving(super().check, port, frame, "bad_message")


@mutant("FWD-NOT-FOR-THIS-NODE")
class TakesStrayData(Gsp):
    """Delivers frames that the fabric carried to it for another node."""

    def check(self, port: int, frame: bytes) -> Header:
        """Let another destination pass."""
        return forgiving(super().check, port, frame, "not_for_this_node")


@mutant("FWD-ZERO-LOSS")
class LosesFrames(Egress):
    """Loses one frame in a hundred on the last step, and counts nothing."""

    def deliver(self, port: int, cls: int, frame: bytes, credit: int, now: int) -> None:
        """Forget some."""
        if self.leaf.random.random() >= 0.01:
            super().deliver(port, cls, frame, credit, now)


@mutant("FWD-EXACTLY-ONCE")
class DeliversTwice(Egress):
    """Delivers one frame in a hundred two times."""

    def deliver(self, port: int, cls: int, frame: bytes, credit: int, now: int) -> None:
        """Repeat some."""
        super().deliver(port, cls, frame, credit, now)
        if self.leaf.random.random() < 0.01:
            super().deliver(port, cls, frame, credit, now)


@mutant("FWD-ECN-DSCP")
class ClearsTheTrafficClass(Egress):
    """Delivers IPv4 packets with DSCP and ECN set to nought."""

    def deliver(self, port: int, cls: int, frame: bytes, credit: int, now: int) -> None:
        """Clear the octet."""
        changed = altered(frame, TYPE_OF_SERVICE, 0) if frame[12:14] == b"\x08\x00" else frame
        super().deliver(port, cls, changed, credit, now)


@mutant("FWD-DROP-CAUSES-SUM")
class CountsSomeDropsTwice(Gsp):
    """Adds a frame that is too long to the total twice."""

    def drop(self, cause: str) -> None:
        """Count it, and once more."""
        super().drop(cause)
        self.count["dropped_frames"] += cause == "frame_too_long"


@mutant("FWD-FRAME-COUNTERS")
class MiscountsReceivedFrames(Ingress):
    """Counts a frame from a host twice."""

    def receive(self, port: int, frame: bytes, now: int) -> None:
        """Count it here as well."""
        self.leaf.count["rx_frames"] += 1
        super().receive(port, frame, now)
