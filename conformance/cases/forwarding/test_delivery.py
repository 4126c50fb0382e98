"""Everything that is sent arrives, once, and the counters of the devices agree with the tester's."""

from conformance.api.marks import clause, needs, testbed
from conformance.api.testbeds import LeafSpine
from conformance.cases.forwarding.frames import apart, plain
from traffic.patterns import RFC2544, credit_bytes, elephant, imix, line_rate, permutation
from traffic.recordings.recording import DOWN, UP
from traffic.scenario import Impairment, Scenario

NOBODY = bytes.fromhex("020000000999")


@clause("FWD-ZERO-LOSS", "permutation-at-line-rate")
@testbed(LeafSpine(gsps=3, gsfs=3))
def test_a_permutation_loses_nothing(bed, expect):
    """While every host sends to another at line rate, no frame is lost."""
    recording = bed.play(permutation(bed.hosts, seed=1, count=400))
    expect.enough(len(recording.hosts.frames(way="received")), len(bed.hosts) * 300, "frames received")
    expect.equal(recording.hosts.losses(), [], "frames sent and not received", unit="frame")


@clause("FWD-ZERO-LOSS", "counted-at-line-rate")
@testbed(LeafSpine())
def test_nothing_is_lost_at_line_rate(bed, expect):
    """Two hosts that fill each other's line for long lose no frame, as the tester counts them."""
    near, far = bed.host(0), bed.host(-1)
    span = 4 * bed.parameter("convergence_max")
    rate, read = bed.parameter("link_rate"), bed.parameter("order_interval")
    load = line_rate([(near, far), (far, near)], rate_mbps=rate, span=span, order_interval=read)
    recording = bed.play(load)
    expect.each(
        recording.hosts.flows(),
        "frames of a stream",
        lambda flow: flow.lost == 0,
        at_least=len(load.streams),
        expected="none lost",
        show=lambda flow: f"{flow.lost} of {flow.sent} lost",
    )


@clause("FWD-EXACTLY-ONCE")
@testbed(LeafSpine(gsfs=3))
def test_no_frame_arrives_twice(bed, expect):
    """Of a stream of frames that are all different, none is received more often than it was sent."""
    recording = bed.play(imix(bed.host(0), bed.host(-1), count=600))
    expect.enough(len(recording.hosts.frames(bed.host(-1), "received")), 600, "frames received")
    expect.equal(recording.hosts.duplicates(), [], "frames received more than once", unit="frame")


@clause("FWD-FRAME-COUNTERS")
@testbed(LeafSpine(hosts=2))
@needs("counters")
def test_counters_agree_with_the_tester(bed, expect):
    """rx_frames and tx_frames of each GSP grow by what the tester sent to and received from it."""
    far, near = bed.host(-1), bed.host(0)
    unanswered = [
        plain(bed, near, target, number) for number, target in enumerate((b"\xff" * 6, NOBODY, near))
    ]
    load = elephant(near, far, count=150) + elephant(far, near, count=50)
    recording = bed.play(load + apart(bed, near, unanswered, after=bed.parameter("convergence_max")))
    for gsp in bed.gsps:
        hosts = [name for name, host in bed.addresses.items() if host.node == bed.node(gsp)]
        sent, received = (len(recording.hosts.frames(hosts, way)) for way in ("sent", "received"))
        expect.equal(recording.devices.counter("rx_frames", gsp), sent, f"growth of rx_frames of {gsp}")
        expect.equal(recording.devices.counter("tx_frames", gsp), received, f"growth of tx_frames of {gsp}")


@clause("FWD-FABRIC-COUNTERS")
@testbed(LeafSpine(slower={"gsp0-gsf1": 2}))
@needs("fabric taps", "counters", "impairments")
def test_fabric_counters_agree_with_the_links(bed, expect):
    """What each node counts on its fabric ports is what was on the links, DATA that came twice included."""
    far, near, fabric = bed.host(-1), bed.host(0), [link for link in bed.topology.links if link.fabric]
    twice = Impairment(bed.uplinks[-1], "duplicate", DOWN, messages=("DATA",), every=5)
    load = elephant(near, far, count=150) + elephant(far, near, count=50)
    recording = bed.play(load + Scenario(impairments=(twice,)))
    counted, hello = recording.devices.counter, credit_bytes(2 * min(RFC2544))
    for node in (*bed.gsps, *bed.gsfs):
        own = [link for link in fabric if node in (link.lower, link.upper)]
        sent, received = 0, 0
        for link in own:
            away, towards = (UP, DOWN) if node == link.lower else (DOWN, UP)
            for name in bed.profile.messages:
                sent += len(recording.fabric.messages(name, link.name, away))
                received += sum(m.delivered for m in recording.fabric.messages(name, link.name, towards))
            octets = counted(f"tx_bytes.{bed.topology.number(node, link)}", node)
            off = abs(octets - recording.fabric.wire_bytes(at=link.name, direction=away))
            expect.at_most(
                off, hello, f"octets that {node} counts too many or too few on {link.name}", "octet"
            )
        for name, seen in (("tx", sent), ("rx", received)):
            off = abs(counted(f"{name}_fabric_frames", node) - seen)
            expect.at_most(off, len(own), f"frames by which {name}_fabric_frames of {node} is off", "frame")
