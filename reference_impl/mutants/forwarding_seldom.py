"""Flaws of forwarding that act seldom: for some ports, messages or frames, at some size, after a history."""

from collections.abc import Callable, Sequence

from reference_impl import codec
from reference_impl.codec import BadFrame, Header
from reference_impl.mutants import mutant
from reference_impl.parts.egress import Egress
from reference_impl.parts.forwarding import Forwarder, Target
from reference_impl.parts.ingress import Ingress
from reference_impl.parts.transit import TransitForwarder
from reference_impl.roles.gsf import Gsf
from reference_impl.roles.gsp import Gsp
from reference_impl.sizes import FCS

TAGS = (b"\x81\x00", b"\x88\xa8")


def of_kind(frame: bytes, *names: str) -> bool:
    """Return whether a frame is a message of one of these names, going by its type alone."""
    return len(frame) >= codec.HEADER_END and codec.kind_of(frame) in [
        codec.KINDS.get(name) for name in names
    ]


def forgiving(
    check: Callable[[int, bytes], Header], port: int, frame: bytes, cause: str, *names: str
) -> Header:
    """Check a frame, but take a message of these names as it is when this is all that is wrong."""
    try:
        return check(port, frame)
    except BadFrame as bad:
        if bad.cause != cause or not of_kind(frame, *names):
            raise
        return codec.peek(frame)


@mutant("FWD-BYTE-EXACT", kind="history")
class ConfusesLikeFrames(Egress):
    """Delivers the frame before once more when one has its header and length."""

    before = b""

    def deliver(self, port: int, cls: int, frame: bytes, credit: int, now: int) -> None:
        """Compare the Ethernet header and the length."""
        alike = frame[:14] == self.before[:14] and len(frame) == len(self.before)
        super().deliver(port, cls, self.before if alike else frame, credit, now)
        self.before = frame


@mutant("FWD-BYTE-EXACT", kind="frame-kinds")
class ClearsLongFrames(Egress):
    """Clears the octets of a frame behind the first 8192."""

    def deliver(self, port: int, cls: int, frame: bytes, credit: int, now: int) -> None:
        """Clear them."""
        super().deliver(port, cls, frame[:8192].ljust(len(frame), b"\0"), credit, now)


@mutant("FWD-VLAN-PRESERVED", kind="frame-kinds")
class StripsInnerTags(Egress):
    """Delivers frames with two tags without the inner one."""

    def deliver(self, port: int, cls: int, frame: bytes, credit: int, now: int) -> None:
        """Cut it out."""
        twice = frame[12:14] in TAGS and frame[16:18] in TAGS
        super().deliver(port, cls, frame[:16] + frame[20:] if twice else frame, credit, now)


@mutant("FWD-GROUP-COPIES", kind="frame-kinds")
class StripsTagsOfCopies(Ingress):
    """Copies tagged broadcast and multicast frames without their tag."""

    def enqueue(self, key: tuple[int, int, int], frame: bytes, now: int) -> None:
        """Cut it out."""
        tagged = frame[0] & 1 and frame[12:14] in TAGS
        super().enqueue(key, frame[:12] + frame[16:] if tagged else frame, now)


@mutant("FWD-VLAN-PRESERVED", kind="not-the-first")
class ClearsTheDropBit(Egress):
    """Clears the drop-eligible bit of frames of class 4 and above."""

    def deliver(self, port: int, cls: int, frame: bytes, credit: int, now: int) -> None:
        """Clear it."""
        clear = cls >= 4 and frame[12:14] == TAGS[0]
        changed = frame[:14] + bytes([frame[14] & 0xEF]) + frame[15:] if clear else frame
        super().deliver(port, cls, changed, credit, now)


@mutant("FWD-FRAME-SIZES", kind="frame-kinds")
class CountsTheTagTwice(Forwarder):
    """Takes a tagged frame for one of four octets more."""

    def route(self, port: int, frame: bytes) -> Sequence[Target]:
        """Refuse the longest of them."""
        if frame[12:14] in TAGS and len(frame) + 4 > self.longest:
            self.device.drop("frame_too_long")
            return ()
        return super().route(port, frame)


@mutant("FWD-FRAME-SIZES", kind="by-little")
class RefusesTheLongestFrame(Forwarder):
    """Takes `max_frame` without its FCS for the length that it may not reach."""

    def configure(self) -> None:
        """Carry an octet less."""
        super().configure()
        self.longest -= 1


@mutant("FWD-LONG-FRAME-DROPPED", kind="by-little")
class ForgetsTheFcs(Forwarder):
    """Carries frames that are longer than `max_frame` by as much as an FCS has."""

    def configure(self) -> None:
        """Compare without it."""
        super().configure()
        self.longest += FCS


@mutant("FWD-LONG-FRAME-DROPPED", kind="frame-kinds")
class AllowsRoomForTags(Forwarder):
    """Carries tagged frames that are longer than `max_frame` by their tag."""

    def route(self, port: int, frame: bytes) -> Sequence[Target]:
        """Measure without it."""
        if frame[12:14] in TAGS and len(frame) - 4 == self.longest:
            return super().route(port, frame[: self.longest])
        return super().route(port, frame)


@mutant("FWD-LINK-LOCAL", kind="not-the-first")
class ForwardsLinkLocalOfOtherPorts(Forwarder):
    """Floods frames to the reserved addresses that come from any but its first host."""

    def route(self, port: int, frame: bytes) -> Sequence[Target]:
        """Look at the first port alone."""
        if port and self.is_link_local(frame):
            return self.flood(port)
        return super().route(port, frame)


@mutant("FWD-GROUP-COPIES", kind="by-little")
class ReservesTooManyAddresses(Forwarder):
    """Keeps frames to 01-80-C2-00-00-10 and the fifteen after it back as well."""

    def is_link_local(self, frame: bytes) -> bool:
        """Take the range for twice as long."""
        return super().is_link_local(frame) or (frame[:5] == b"\x01\x80\xc2\x00\x00" and frame[5] < 32)


@mutant("FWD-LINK-LOCAL", kind="frame-kinds")
class ForwardsTaggedLinkLocal(Forwarder):
    """Floods tagged frames to the reserved addresses."""

    def is_link_local(self, frame: bytes) -> bool:
        """Look at untagged ones alone."""
        return super().is_link_local(frame) and frame[12:14] not in TAGS


@mutant("FWD-EGRESS-PORT", kind="at-size")
class KnowsThreeNodes(Forwarder):
    """Takes every node above the third for the third."""

    def configure(self) -> None:
        """Change the table."""
        super().configure()
        self.table = {mac: (min(node, 3), port) for mac, (node, port) in self.table.items()}


@mutant("FWD-MOVED-HOST", kind="history")
class KeepsOldRoutes(Forwarder):
    """Sends frames to where their destination was when the first of them came."""

    def set(self, mac: bytes, target: Target) -> None:
        """Enter the host and forget nothing."""
        self.table[mac] = target


@mutant("FWD-EGRESS-PORT", kind="not-the-first")
class SwapsLaterPorts(Egress):
    """Delivers at its second host port what is for the third, and the other way round."""

    def receive(self, header: Header, frame: bytes, now: int) -> None:
        """Swap them."""
        kind, cls, flags, source, destination, port, hop = header
        other = {1: 2, 2: 1}.get(port, port)
        super().receive(
            (kind, cls, flags, source, destination, other if other in self.ports else port, hop), frame, now
        )


@mutant("FWD-UNKNOWN-DROP", kind="counters")
class CountsTheUnknownOnce(Forwarder):
    """Counts a second frame to an unknown address no more."""

    def route(self, port: int, frame: bytes) -> Sequence[Target]:
        """Drop it silently."""
        seen: set[bytes] = self.__dict__.setdefault("seen", set())
        if frame[:6] in seen:
            return ()
        targets = super().route(port, frame)
        if not targets and not frame[0] & 1:
            seen.add(frame[:6])
        return targets


@mutant("FWD-UNKNOWN-FLOOD", kind="not-the-first")
class FloodsToItsSender(Forwarder):
    """Floods the unknown frames of any but its first host to all ports, their own included."""

    def flood(self, port: int) -> Sequence[Target]:
        """Leave none out."""
        own = [(self.device.node, port)] if port else []
        return sorted({*super().flood(port), *own})


@mutant("FWD-GROUP-COPIES", kind="at-size")
class CopiesToSixPorts(Forwarder):
    """Copies a broadcast or multicast frame to six egress ports at the most."""

    def flood(self, port: int) -> Sequence[Target]:
        """Leave the others out."""
        return super().flood(port)[:6]


@mutant("FWD-GROUP-COPIES", kind="frame-kinds")
class PacksCopiesTogether(Ingress):
    """Puts the copies of a broadcast or multicast frame for a node into the queue of one of its ports."""

    def enqueue(self, key: tuple[int, int, int], frame: bytes, now: int) -> None:
        """Forget the port of a copy."""
        node, port, cls = key
        super().enqueue((node, 0 if frame[0] & 1 and node != self.node else port, cls), frame, now)


@mutant("FWD-GROUP-COPIES", kind="frame-kinds")
class CopiesUntaggedFrames(Forwarder):
    """Knows no tagged broadcast or multicast frame."""

    def is_group(self, frame: bytes) -> bool:
        """Look at untagged ones alone."""
        return super().is_group(frame) and frame[12:14] not in TAGS


@mutant("FWD-HAIRPIN", kind="not-the-first")
class ReturnsFramesOfOtherPorts(Forwarder):
    """Sends the frames of any but its first host back through the port they came in by."""

    def is_hairpin(self, target: Target, port: int) -> bool:
        """Look at the first port alone."""
        return not port and super().is_hairpin(target, port)


@mutant("FWD-HAIRPIN", kind="bystanders")
class DropsTheSamePortElsewhere(Forwarder):
    """Takes a frame for the same port of another node for one that would return."""

    def is_hairpin(self, target: Target, port: int) -> bool:
        """Look at the port alone."""
        return target[1] == port


@mutant("FWD-LOCAL-SWITCHING", kind="not-the-first")
class SendsTaggedFramesUp(Ingress):
    """Has no way from one of its host ports to another for a tagged frame."""

    def enqueue(self, key: tuple[int, int, int], frame: bytes, now: int) -> None:
        """Drop it."""
        if key[0] == self.node and key[2]:
            self.leaf.drop("no_path")
        else:
            super().enqueue(key, frame, now)


@mutant("FWD-ETHERTYPE-OPAQUE", kind="malformed")
class ObeysHostsOnOtherMessages(Gsp):
    """Takes a frame from a host for a REQUEST or HELLO when its EtherType says so."""

    def ingress_handler(self, port: object) -> Callable[[int, bytes, int], None]:
        """Look at the EtherType."""
        others = super().ingress_handler(port)  # type: ignore[arg-type]
        return lambda port, frame, now: (
            self.drop("bad_message")
            if frame[12:14] == codec.ETHERTYPE and of_kind(frame, "REQUEST", "HELLO", "DATA")
            else others(port, frame, now)
        )


@mutant("FWD-HOP-LIMIT", kind="not-the-first")
class KeepsTheHopLimitOfControl(TransitForwarder):
    """Forwards control messages with the hop limit that they came with."""

    def control(self, port: int, frame: bytes, header: Header, now: int) -> None:  # noqa: ARG002
        """Send them as they are."""
        paths = self.paths.live(header[4])
        if paths and self.may_pass(header[6]):
            self.ports[paths[0].port].send_control(paths[0].prefix + frame[codec.START :], now)


@mutant("FWD-HOP-LIMIT-EXPIRED", kind="by-little")
class ExpiresABitEarly(TransitForwarder):
    """Drops messages that would leave with a hop limit of 1."""

    def may_pass(self, hop_limit: int) -> bool:
        """Ask for more."""
        return hop_limit > 2


@mutant("FWD-CHECKSUM", kind="malformed")
class GspTrustsGrants(Gsp):
    """A GSP that acts on a GRANT whose checksum is wrong."""

    def check(self, port: int, frame: bytes) -> Header:
        """Let it pass."""
        return forgiving(super().check, port, frame, "bad_checksum", "GRANT")


@mutant("FWD-CHECKSUM", kind="malformed")
class GspTrustsRequests(Gsp):
    """A GSP that acts on a REQUEST whose checksum is wrong."""

    def check(self, port: int, frame: bytes) -> Header:
        """Let it pass."""
        return forgiving(super().check, port, frame, "bad_checksum", "REQUEST")


@mutant("FWD-CHECKSUM", kind="malformed")
class GspTrustsPressure(Gsp):
    """A GSP that acts on a BACKPRESSURE whose checksum is wrong."""

    def check(self, port: int, frame: bytes) -> Header:
        """Let it pass."""
        return forgiving(super().check, port, frame, "bad_checksum", "BACKPRESSURE")


@mutant("FWD-CHECKSUM", kind="malformed")
class GspTrustsNeighbours(Gsp):
    """A GSP that acts on a FAULT or HELLO whose checksum is wrong."""

    def check(self, port: int, frame: bytes) -> Header:
        """Let it pass."""
        return forgiving(super().check, port, frame, "bad_checksum", "FAULT", "HELLO")


@mutant("FWD-CHECKSUM", kind="malformed")
class GsfTrustsNeighbours(Gsf):
    """A GSF that acts on a FAULT or HELLO whose checksum is wrong."""

    def check(self, port: int, frame: bytes) -> Header:
        """Let it pass."""
        return forgiving(super().check, port, frame, "bad_checksum", "FAULT", "HELLO")


@mutant("FWD-CHECKSUM", kind="not-the-first")
class TrustsLaterLinks(Gsp):
    """Acts on DATA whose checksum is wrong when it comes on any but the first uplink."""

    def check(self, port: int, frame: bytes) -> Header:
        """Check the first one."""
        first = min(each.index for each in self.ports if each.kind == "fabric")
        return (
            super().check(port, frame)
            if port == first
            else forgiving(super().check, port, frame, "bad_checksum", "DATA")
        )


@mutant("FWD-UNKNOWN-VERSION", kind="malformed")
class GspReadsAnyControl(Gsp):
    """A GSP that acts on control messages of any version."""

    def check(self, port: int, frame: bytes) -> Header:
        """Let another version pass."""
        names = ("REQUEST", "GRANT", "BACKPRESSURE", "HELLO", "FAULT")
        return forgiving(super().check, port, frame, "bad_version", *names)


@mutant("FWD-UNKNOWN-VERSION", kind="malformed")
class GsfReadsAnyControl(Gsf):
    """A GSF that forwards or acts on control messages of any version."""

    def check(self, port: int, frame: bytes) -> Header:
        """Let another version pass."""
        names = ("REQUEST", "GRANT", "BACKPRESSURE", "HELLO", "FAULT")
        return forgiving(super().check, port, frame, "bad_version", *names)


@mutant("FWD-MALFORMED", kind="malformed")
class CountsShortMessagesAsDamaged(Gsp):
    """Counts a message that is too short for its type under no cause of the list for that."""

    def drop(self, cause: str) -> None:
        """Take another one."""
        super().drop("unknown_node" if cause == "bad_message" else cause)


@mutant("FWD-MALFORMED", kind="malformed")
class GspDropsShortControlSilently(Gsp):
    """A GSP that does not count a control message which is cut."""

    def handle(self, port: int, frame: bytes, now: int) -> None:
        """Look at its length first."""
        if of_kind(frame, "REQUEST", "GRANT", "HELLO") and codec.verify(frame) == "bad_message":
            self.received += 1
        else:
            super().handle(port, frame, now)


@mutant("FWD-NOT-FOR-THIS-NODE", kind="malformed")
class TakesStrayControl(Gsp):
    """Acts on the REQUEST, GRANT and BACKPRESSURE that are for another node."""

    def check(self, port: int, frame: bytes) -> Header:
        """Let another destination pass."""
        return forgiving(super().check, port, frame, "not_for_this_node", "REQUEST", "GRANT", "BACKPRESSURE")


@mutant("FWD-UNKNOWN-ENDS", kind="malformed")
class TakesAnySource(Gsp):
    """Takes messages that name no source, or this node itself."""

    def check(self, port: int, frame: bytes) -> Header:
        """Let any source pass."""
        return forgiving(super().check, port, frame, "unknown_node", *codec.KINDS)


@mutant("FWD-UNKNOWN-ENDS", kind="malformed")
class DeliversToAnotherPort(Gsp):
    """Delivers DATA for a port that it does not have at its last host port."""

    def check(self, port: int, frame: bytes) -> Header:
        """Put another port in."""
        header = forgiving(super().check, port, frame, "unknown_destination", "DATA")
        kind, cls, flags, source, destination, egress, hop = header
        known = kind != codec.DATA or egress in self.host_ports
        return header if known else (kind, cls, flags, source, destination, max(self.host_ports), hop)


@mutant("FWD-UNKNOWN-ENDS", kind="counters")
class GsfForgetsTheUnknown(Gsf):
    """A GSF that does not count what is for a node that it never heard of."""

    def drop(self, cause: str) -> None:
        """Count all others."""
        if cause != "unknown_node":
            super().drop(cause)


@mutant("FWD-DROP-CAUSES-SUM", kind="meeting")
class CountsBothCauses(Forwarder):
    """Counts a frame that is too long and has an unknown destination under both causes."""

    def bad_length(self, frame: bytes) -> str:
        """Count the other one, too."""
        if frame[:6] not in self.table:
            self.device.drop("unknown_destination")
        return super().bad_length(frame)


@mutant("FWD-FRAME-COUNTERS", kind="counters")
class MissesDroppedFrames(Ingress):
    """Does not count a frame from a host that it drops."""

    def receive(self, port: int, frame: bytes, now: int) -> None:
        """Take the count back."""
        before = self.leaf.count["dropped_frames"]
        super().receive(port, frame, now)
        self.frames -= self.leaf.count["dropped_frames"] > before


@mutant("FWD-FRAME-COUNTERS", kind="frame-kinds")
class CountsEachCopy(Ingress):
    """Counts a broadcast or multicast frame from a host once for each copy."""

    def enqueue(self, key: tuple[int, int, int], frame: bytes, now: int) -> None:
        """Count it here as well."""
        self.leaf.count["rx_frames"] += frame[0] & 1
        super().enqueue(key, frame, now)


@mutant("FWD-FABRIC-COUNTERS", kind="counters")
class CountsWantedDataOnly(Gsp):
    """Does not count a frame from the fabric that it drops."""

    def drop(self, cause: str) -> None:
        """Take the count back."""
        super().drop(cause)
        self.received -= cause in {"late", "duplicate"}


@mutant("FWD-FABRIC-COUNTERS", kind="counters")
class CountsOctetsWithoutGap(Gsf):
    """Counts the octets that it sent on a link without preamble and gap."""

    def counters(self) -> dict[str, int]:
        """Take them off."""
        result = super().counters()
        for port in self.ports:
            result[f"tx_bytes.{port.index}"] -= 20 * port.sent_frames
        return result


@mutant("FWD-FABRIC-COUNTERS", kind="counters")
class CountsAllLinksOnOne(Gsp):
    """Counts the octets of its second uplink for the first."""

    def counters(self) -> dict[str, int]:
        """Swap them."""
        result = super().counters()
        names = sorted(name for name in result if name.startswith("tx_bytes."))
        result[names[0]], result[names[-1]] = result[names[-1]], result[names[0]]
        return result


@mutant("FWD-ECN-DSCP", kind="frame-kinds")
class ClearsTheTrafficClassBehindTags(Egress):
    """Delivers IPv4 packets behind a tag with DSCP and ECN set to nought."""

    def deliver(self, port: int, cls: int, frame: bytes, credit: int, now: int) -> None:
        """Clear the octet."""
        tagged = frame[12:14] in TAGS and frame[16:18] == b"\x08\x00"
        super().deliver(port, cls, frame[:19] + b"\0" + frame[20:] if tagged else frame, credit, now)
