"""Where a frame leaves: the port of its destination, every port of a group, and never a detour."""

from conformance.api.marks import clause, configure, needs, testbed
from conformance.api.testbeds import LeafSpine, SoloGsp
from conformance.cases.forwarding.frames import apart, plain, tagged
from traffic.patterns import all_to_all, elephant
from traffic.recordings.recording import UP
from traffic.scenario import ManagementEvent, Scenario

NOBODY = bytes.fromhex("020000000999")
GROUPS = (b"\xff" * 6, *map(bytes.fromhex, ("01005e000101", "333300000101", "0180c2000010")))


@clause("FWD-EGRESS-PORT")
@testbed(LeafSpine(gsps=4, hosts=3))
@needs("fabric taps")
def test_every_host_reaches_every_host(bed, expect):
    """Each frame reaches the host addressed and no other, and names that host's node and port on its way."""
    recording = bed.play(all_to_all(bed.hosts, count=3))
    seats = {host.mac: (host.node, host.port) for host in bed.addresses.values()}
    expect.equal(recording.hosts.strays(), [], "frames at a host that they were not for", unit="frame")
    expect.equal(recording.hosts.losses(), [], "frames that missed their host", unit="frame")
    expect.each(
        recording.fabric.messages("DATA", bed.uplinks),
        "node and port that a DATA frame names",
        lambda data: seats[recording.fabric.payload(data.row)[:6]] == (data.destination, data.port),
        at_least=500,
        expected="those of the host addressed",
    )


@clause("FWD-MOVED-HOST")
@testbed(SoloGsp(remotes=2))
@needs("fabric taps", "management")
def test_frames_follow_a_host_that_moves(bed, expect):
    """Frames to an address go where the table last put it, as often as that changes."""
    seats = [(bed.node("gsp1"), 0), (bed.node("gsp2"), 1), (bed.node("gsp1"), 0), (bed.node("gsp1"), 1)]
    turn, load = 4 * bed.parameter("flush_time"), Scenario()
    for number, (node, port) in enumerate(seats):
        entry = {"mac": NOBODY.hex(":"), "node": node, "port": port}
        order = ManagementEvent(number * turn, "gsp0", "table_set", entry)
        frames = [plain(bed, bed.host(0), NOBODY, 3 * number + each) for each in range(3)]
        load += Scenario(management=(order,)) + apart(bed, bed.host(0), frames, after=number * turn)
    withdrawn = ManagementEvent(2 * len(seats) * turn, "gsp0", "table_withdraw", {"mac": NOBODY.hex(":")})
    recording = bed.play(load + Scenario(management=(withdrawn,)))
    data = recording.fabric.messages("DATA", bed.uplinks, UP)
    named = [(item.destination, item.port) for item in data]
    expect.equal(named, [seat for seat in seats for _ in range(3)], "node and port of the frames in turn")


@clause("FWD-UNKNOWN-FLOOD")
@testbed(LeafSpine(hosts=2))
@configure(unknown_unicast="flood")
def test_unknown_reaches_everybody(bed, expect):
    """Frames of two hosts to an address that nobody has reach every host but their sender exactly once."""
    sent = {
        sender: [plain(bed, sender, NOBODY, 10 * turn + number) for number in range(5)]
        for turn, sender in enumerate(bed.hosts[:2])
    }
    recording = bed.play(sum((apart(bed, *item) for item in sent.items()), Scenario()))
    for host in bed.hosts:
        got = [frame.frame for frame in recording.hosts.frames(host, "received")]
        due = [frame for sender in sent if sender != host for frame in sent[sender]]
        expect.equal(sorted(got), sorted(due), f"copies at {host}", unit="frame")


@clause("FWD-GROUP-COPIES")
@testbed(LeafSpine(gsps=4, hosts=2))
@needs("fabric taps")
def test_groups_are_copied_at_the_ingress(bed, expect):
    """Broadcast and multicast frames, tagged or not, reach every other host once, one DATA frame a port."""
    frames = [plain(bed, bed.host(0), group, number) for number, group in enumerate(GROUPS)]
    frames = [*frames, *map(tagged, frames)]
    recording = bed.play(apart(bed, bed.host(0), frames))
    for host in bed.hosts:
        got = [frame.frame for frame in recording.hosts.frames(host, "received")]
        due = [] if host == bed.host(0) else frames
        expect.equal(sorted(got), sorted(due), f"copies at {host}", unit="frame")
    copies = recording.fabric.messages("DATA", recording.fabric.uplinks("gsp0"), UP)
    remote = [host for host in bed.addresses.values() if host.node != bed.node("gsp0")]
    wanted = sorted((host.node, host.port) for host in remote for _ in frames)
    got = sorted((data.destination, data.port) for data in copies)
    expect.equal(got, wanted, "node and port of the copies on the uplinks")


@clause("FWD-LOCAL-SWITCHING")
@testbed(SoloGsp())
@needs("fabric taps")
def test_neighbours_talk_on_their_leaf(bed, expect):
    """Two hosts of one GSP send to each other in two classes, and nothing of it enters the fabric."""
    one, other = bed.host(0), bed.host(1)
    load = elephant(one, other, count=200) + elephant(other, one, count=200)
    recording = bed.play(
        load + elephant(one, other, count=100, cls=3) + elephant(other, one, count=100, cls=3)
    )
    expect.enough(recording.hosts.delivered(), 600, "frames delivered")
    expect.equal(recording.hosts.losses(), [], "frames lost", unit="frame")
    expect.equal(
        recording.fabric.messages("DATA", bed.uplinks), [], "DATA frames on the uplinks", unit="message"
    )
