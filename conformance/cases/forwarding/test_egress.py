"""Where a frame leaves: the port of its destination, every port of a group, and never a detour."""

from conformance.api.marks import clause, configure, needs, testbed
from conformance.api.testbeds import LeafSpine, SoloGsp
from conformance.cases.forwarding.frames import apart, plain
from traffic.patterns import all_to_all, elephant
from traffic.recordings.recording import UP

NOBODY = bytes.fromhex("020000000999")
GROUPS = (b"\xff" * 6, bytes.fromhex("01005e000101"), bytes.fromhex("333300000101"))


@clause("FWD-EGRESS-PORT")
@testbed(LeafSpine(hosts=2))
@needs("fabric taps")
def test_every_host_reaches_every_host(bed, expect):
    """Each frame reaches the host addressed and no other, and names that host's node and port on its way."""
    recording = bed.play(all_to_all(bed.hosts, count=10))
    seats = {host.mac: (host.node, host.port) for host in bed.addresses.values()}
    expect.equal(recording.hosts.strays(), [], "frames at a host that they were not for", unit="frame")
    expect.equal(recording.hosts.losses(), [], "frames that missed their host", unit="frame")
    expect.each(
        recording.fabric.messages("DATA", bed.uplinks),
        "node and port that a DATA frame names",
        lambda data: seats[recording.fabric.payload(data.row)[:6]] == (data.destination, data.port),
        at_least=80,
        expected="those of the host addressed",
    )


@clause("FWD-UNKNOWN-FLOOD")
@testbed(LeafSpine(hosts=2))
@configure(unknown_unicast="flood")
def test_unknown_reaches_everybody(bed, expect):
    """A frame to an address that nobody has reaches every host but its sender exactly once."""
    frames = [plain(bed, bed.host(0), NOBODY, number) for number in range(5)]
    recording = bed.play(apart(bed, bed.host(0), frames))
    for host in bed.hosts:
        got = [frame.frame for frame in recording.hosts.frames(host, "received")]
        expect.equal(got, [] if host == bed.host(0) else frames, f"copies at {host}", unit="frame")


@clause("FWD-GROUP-COPIES")
@testbed(LeafSpine(gsps=3, hosts=2))
@needs("fabric taps")
def test_groups_are_copied_at_the_ingress(bed, expect):
    """Broadcast and multicast frames reach every other host once, one DATA frame an egress port."""
    frames = [plain(bed, bed.host(0), group, number) for number, group in enumerate(GROUPS)]
    recording = bed.play(apart(bed, bed.host(0), frames))
    for host in bed.hosts:
        got = [frame.frame for frame in recording.hosts.frames(host, "received")]
        expect.equal(got, [] if host == bed.host(0) else frames, f"copies at {host}", unit="frame")
    copies = recording.fabric.messages("DATA", recording.fabric.uplinks("gsp0"), UP)
    remote = [host for host in bed.addresses.values() if host.node != bed.node("gsp0")]
    wanted = sorted((host.node, host.port) for host in remote for _ in GROUPS)
    got = sorted((data.destination, data.port) for data in copies)
    expect.equal(got, wanted, "node and port of the copies on the uplinks")


@clause("FWD-LOCAL-SWITCHING")
@testbed(SoloGsp())
@needs("fabric taps")
def test_neighbours_talk_on_their_leaf(bed, expect):
    """Two hosts of one GSP send to each other at line rate, and nothing of it enters the fabric."""
    one, other = bed.host(0), bed.host(1)
    recording = bed.play(elephant(one, other, count=200) + elephant(other, one, count=200))
    expect.enough(recording.hosts.delivered(), 400, "frames delivered")
    expect.equal(recording.hosts.losses(), [], "frames lost", unit="frame")
    expect.equal(
        recording.fabric.messages("DATA", bed.uplinks), [], "DATA frames on the uplinks", unit="message"
    )
