"""A host sees plain Ethernet: its frames come out as they went in, and nothing else does."""

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether

from conformance.api.marks import clause, needs, testbed
from conformance.api.testbeds import LeafSpine
from conformance.cases.forwarding.frames import apart, plain
from traffic.frames.codec import codec
from traffic.frames.pcapload import pcap_load
from traffic.patterns import RFC2544, elephant, sweep
from traffic.recordings.comparison import altered, compare
from traffic.scenario import SHORTEST_TAGGED_ROCE, Scenario, Stream


@clause("FWD-BYTE-EXACT", "generated-frames")
@testbed(LeafSpine())
def test_frames_arrive_as_sent(bed, expect):
    """RoCEv2 and plain frames of every size arrive with every octet as it was sent, in both directions."""
    there, back = bed.host(0), bed.host(-1)
    plain_streams = Scenario(
        streams=tuple(
            Stream(number, source, target, RFC2544, 50, kind="ethernet")
            for number, (source, target) in enumerate(((there, back), (back, there)), 1)
        )
    )
    sizes = (*RFC2544, bed.parameter("max_frame"))
    both_ways = sweep(there, back, sizes=sizes) + sweep(back, there, sizes=sizes)
    alike = elephant(there, back, count=20) + elephant(back, there, count=20)
    recording = bed.play(both_ways + plain_streams + alike)
    expect.enough(len(recording.hosts.frames(way="sent")), 200, "frames sent")
    altered_or_lost = altered(recording.hosts.losses(), recording.hosts.strays())
    expect.equal(list(altered_or_lost), [], "frames that did not arrive as they were sent", unit="frame")


@clause("FWD-BYTE-EXACT", "captured-traffic")
@testbed(LeafSpine())
@needs("management")
def test_a_capture_arrives_as_recorded(bed, expect, pcap):
    """Every unicast frame of a capture that a host can send comes out byte-identical at the far host."""
    there, back, longest = bed.host(0), bed.host(-1), bed.parameter("max_frame")
    told = {"tables": bed.gsps, "rewrite": not bed.declared("TABLE_BY_MANAGEMENT")}
    load, account = pcap_load(pcap, there, back, bed.addresses, **told, pace="back to back", longest=longest)
    expect.note(account)
    recording = bed.play(load)
    ends = recording.hosts.frames(there, "sent"), recording.hosts.frames(back, "received")
    sent, got = ([frame for frame in frames if not frame.frame[0] & 1] for frames in ends)
    as_sent = "every octet as it was sent"
    expect.each(
        compare(sent, got), "frame of the capture", lambda frame: frame.same, show=str, expected=as_sent
    )


@clause("FWD-NO-ENCAPSULATION-AT-HOST")
@testbed(LeafSpine(hosts=2))
def test_hosts_hear_nothing_of_the_fabric(bed, expect):
    """While traffic starts, runs and ages out, hosts receive what hosts sent and not one frame more."""
    sender, silent, receiver = bed.host(0), bed.host(1), bed.host(-1)
    ageing = Scenario(settle=2 * bed.parameter("age_out"))
    recording = bed.play(elephant(sender, receiver, count=200) + ageing)
    expect.enough(len(recording.hosts.frames(receiver, "received")), 200, "frames received while it runs")
    expect.equal(recording.hosts.strays(), [], "frames towards hosts that no host sent", unit="frame")
    expect.equal(
        recording.hosts.frames(silent, "received"), [], "frames towards the silent host", unit="frame"
    )


@clause("FWD-VLAN-PRESERVED")
@testbed(LeafSpine())
@needs("service tags")
def test_tags_stay(bed, expect):
    """Frames untagged, priority-tagged, service-tagged and twice tagged keep their tags."""
    here, there = bed.addresses[bed.host(0)], bed.addresses[bed.host(-1)]
    outer = Ether(src=here.mac, dst=there.mac)
    stacks = [Dot1Q(vlan=7, prio=prio, dei=dei) for prio in range(8) for dei in (0, 1)]
    stacks += [Dot1AD(vlan=9, prio=3), Dot1AD(vlan=9) / Dot1Q(vlan=7), Dot1Q(vlan=5, dei=1) / Dot1Q(vlan=6)]
    tagged = [bytes(outer / stack / IP(dst="198.18.0.2") / UDP() / bytes(100)) for stack in stacks]
    frames = [plain(bed, bed.host(0), bed.host(-1), 1), *tagged]
    recording = bed.play(apart(bed, bed.host(0), frames))
    got = {frame.frame for frame in recording.hosts.frames(bed.host(-1), "received")}
    for frame in frames:
        expect.that(frame in got, "tags of a frame at the far host", frame[12:22], "no such frame")


@clause("FWD-FRAME-SIZES")
@testbed(LeafSpine())
def test_every_size_passes(bed, expect):
    """Frames of the RFC 2544 sizes, of max_frame, and one octet beside each, all arrive, with a tag, too."""
    longest = bed.parameter("max_frame")
    ladder = sorted({size + step for size in (*RFC2544, longest) for step in (-1, 0, 1)})
    legal = [size for size in ladder if min(RFC2544) <= size <= longest]
    with_tag = [max(size, SHORTEST_TAGGED_ROCE) for size in legal]
    load = sweep(bed.host(0), bed.host(-1), sizes=legal, count=3)
    recording = bed.play(load + sweep(bed.host(0), bed.host(-1), sizes=with_tag[::-1], count=3, cls=3))
    sent = [frame.size for frame in recording.hosts.frames(bed.host(0), "sent")]
    got = [frame.size for frame in recording.hosts.frames(bed.host(-1), "received")]
    expect.enough(len(sent), 6 * len(legal), "frames sent")
    for size in {*legal, *with_tag}:
        expect.equal(got.count(size), sent.count(size), f"frames of {size} octets received", unit="frame")


@clause("FWD-ETHERTYPE-OPAQUE")
@testbed(LeafSpine())
@needs("counters")
def test_forged_messages_are_payload(bed, expect):
    """What looks like a control message and comes from a host is carried like any frame of a host."""
    here, there = bed.host(0), bed.host(-1)
    values = {"source": bed.node(bed.gsps[-1]), "destination": bed.node(bed.gsps[0])}
    ends = bed.addresses[here], bed.addresses[there]
    forged = [
        codec(bed.wire_profile).encode(name, values, destination=ends[1].mac, source=ends[0].mac)
        for name in bed.profile.messages
    ]
    recording = bed.play(apart(bed, here, forged) + elephant(here, there, count=100))
    got = {frame.frame for frame in recording.hosts.frames(there, "received")}
    for frame in forged:
        expect.that(frame in got, "a forged message at the far host", frame, "no such frame")
    expect.equal(recording.hosts.losses(), [], "frames lost beside the forged ones", unit="frame")
    for counter in ("backpressure_received", "faults_received"):
        expect.equal(
            recording.devices.counter(counter, bed.gsps[0]), 0, f"growth of {counter} at the ingress"
        )


@clause("FWD-ECN-DSCP")
@testbed(LeafSpine())
def test_code_points_stay(bed, expect):
    """Packets with every DSCP and ECN codepoint, tagged or not, arrive with both, but for ECT turned CE."""
    here, there = bed.addresses[bed.host(0)], bed.addresses[bed.host(-1)]
    outer = Ether(src=here.mac, dst=there.mac)
    for below, shift in ((outer, 0), (outer / Dot1Q(vlan=7, prio=4), 4)):
        packets = [
            bytes(below / IP(tos=tos, id=tos, dst="198.18.0.2") / UDP() / bytes(40)) for tos in range(256)
        ]
        recording = bed.play(apart(bed, bed.host(0), packets))
        received = recording.hosts.frames(bed.host(-1), "received")
        got = {item.frame[19 + shift]: item.frame[15 + shift] for item in received}
        for tos in range(256):
            allowed = {tos, tos | 3} if tos & 3 else {tos}
            expect.that(got.get(tos) in allowed, f"DSCP and ECN octet {tos}", sorted(allowed), got.get(tos))
