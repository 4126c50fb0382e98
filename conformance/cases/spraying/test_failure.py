"""When a path is lost: the others carry on, and whoever needs to know is told."""

from conformance.api.marks import clause, needs, testbed
from conformance.api.testbeds import LeafSpine, SoloGsf
from conformance.cases.spraying.shares import begun, in_turn, judge_shares, lasting, line_time, plenty
from traffic.frames.crafted import Container, data_frames
from traffic.patterns import gap_at
from traffic.recordings.recording import DOWN, UP
from traffic.scenario import LinkEvent, Scenario


def on(link, recording, after):
    """List the messages of any kind that go up a link later than a time."""
    kinds = recording.columns.profile.messages
    return [item for kind in kinds for item in recording.fabric.messages(kind, link, UP) if item.time > after]


@clause("SPRAY-LIVE-PATHS-ONLY")
@testbed(LeafSpine(gsfs=3))
@needs("fabric taps", "link events")
def test_a_dead_uplink_carries_nothing(bed, expect):
    """After loss of carrier all goes up the other uplinks, and the interruption is short."""
    lost, *others = bed.uplinks_of("gsp0")
    cut, outage = 3 * bed.parameter("hello_interval"), bed.parameter("outage_max")
    load = lasting(bed, bed.host(0), bed.host(-1), cut + 2 * outage)
    recording = bed.play(load + Scenario(links=(LinkEvent(cut, lost, up=False),)))
    expect.enough(len(recording.fabric.messages("DATA", lost, UP)), 2, "DATA on the uplink before")
    after = [data for data in recording.fabric.messages("DATA", others, UP) if data.time > cut]
    expect.enough(len(after), 20, "DATA on the others after")
    silence = cut + bed.parameter("latency_margin")
    expect.equal(on(lost, recording, silence), [], "messages on the uplink without carrier", unit="message")
    spacing = gap_at(bed.parameter("max_frame"), bed.parameter("link_rate"))
    expect.at_most(len(recording.hosts.losses()) * spacing, outage, "interruption", "ns")


@clause("SPRAY-REMOTE-FAULT")
@testbed(LeafSpine(gsps=3))
@needs("fabric taps", "link events")
def test_a_far_link_matters_to_its_node_alone(bed, expect):
    """When a GSF loses one node, containers for that node avoid the GSF and those for another do not."""
    shunned, other = bed.uplinks_of("gsp0")
    cut = bed.parameter("grant_round_trip") + line_time(bed, 10 * bed.parameter("container_bytes"))
    settled = cut + bed.parameter("outage_max")
    time = settled + 3 * line_time(bed, plenty(bed, 2))
    far = LinkEvent(cut, bed.uplinks_of("gsp1")[0], up=False)
    recording = bed.play(in_turn(bed, time) + Scenario(links=(far,)))
    lost, kept = (
        recording.fabric.containers(at=bed.uplinks_of("gsp0"), destination=n) for n in ("gsp1", "gsp2")
    )
    used = {link for container in lost if container.times[0] < cut for link in container.links}
    expect.enough(len(used), 2, "uplinks used for that node before")
    expect.each(
        begun(lost, settled),
        "uplinks of containers for the node that the GSF lost",
        lambda container: shunned not in container.links,
        at_least=20,
        expected=other,
        show=lambda container: container.links,
    )
    judge_shares(bed, expect, begun(kept, settled), {shunned: 1, other: 1}, "containers for the other node")


@clause("SPRAY-FAULT-ANNOUNCED")
@testbed(SoloGsf(gsps=4))
@needs("fabric taps", "link events")
def test_a_lost_node_is_announced(bed, expect):
    """A GSF whose only link to a node goes down says so by FAULT on each other link, and by HELLO later."""
    *others, lost = bed.uplinks
    cut, gone = bed.parameter("hello_interval") * 3 // 2, bed.node("gsp3")
    recording = bed.play(Scenario(links=(LinkEvent(cut, lost, up=False),)))
    for link in others:
        faults = [item for item in recording.fabric.messages("FAULT", link, DOWN) if item.node == gone]
        expect.equal(len(faults), bed.parameter("fault_repeats"), f"FAULT for the node on {link}")
        if faults:
            limit = bed.parameter("latency_margin")
            expect.at_most(faults[0].time - cut, limit, "time to the first FAULT", "ns", rows=[faults[0].row])
        hellos = recording.fabric.messages("HELLO", link, DOWN)
        listed = [gone in {entry["node"] for entry in hello.entries} for hello in hellos]
        expect.enough(sum(listed), 1, f"HELLO on {link} that lists the node, before")
        later = [seen for hello, seen in zip(hellos, listed, strict=True) if hello.time > cut]
        if expect.enough(len(later), 3, f"HELLO on {link} after the loss"):
            expect.equal(sum(later), 0, f"HELLO on {link} that list the node, after the loss")


def lost_control(recording):
    """Count the messages about credit that reached a GSF and did not leave it."""
    came, went = (
        [
            message
            for name in ("REQUEST", "GRANT")
            for message in recording.fabric.messages(name, direction=way)
        ]
        for way in (UP, DOWN)
    )
    return sum(message.delivered for message in came) - len(went)


@clause("SPRAY-NO-PATH")
@testbed(LeafSpine(gsps=3))
@needs("fabric taps", "counters", "link events")
def test_no_data_for_a_node_cut_off(bed, expect):
    """When all links of a node are down, no DATA for it leaves, and each frame dropped is counted."""
    cut, outage = 3 * bed.parameter("hello_interval"), bed.parameter("outage_max")
    events = tuple(LinkEvent(cut, link, up=False) for link in bed.uplinks_of("gsp1"))
    quiet = Scenario(links=events, settle=2 * bed.parameter("age_out"))
    recording = bed.play(in_turn(bed, cut + 2 * outage) + quiet)
    uplinks = bed.uplinks_of("gsp0")
    cut_off, live = (
        [data for link in uplinks for data in recording.fabric.messages("DATA", link, UP, destination=gsp)]
        for gsp in ("gsp1", "gsp2")
    )
    expect.enough(len(cut_off), 2, "DATA for the node before")
    marks = [data.row for data in sorted(live, key=lambda data: data.row) if data.time > cut + outage]
    late = [data for data in cut_off if data.time > cut + outage]
    expect.none(late, "DATA for the node cut off", (marks[0], marks[-1]) if marks else (None, None))
    missing = len(recording.hosts.losses(destination=bed.host(1)))
    on_the_wire = [data for data in recording.fabric.messages("DATA") if not data.delivered]
    expect.enough(missing, 5, "frames for the node that did not arrive")
    dropped = missing - len(on_the_wire) + lost_control(recording)
    expect.equal(recording.devices.counter("dropped_frames"), dropped, "growth of dropped_frames")
    expect.equal(
        recording.hosts.losses(destination=bed.host(2)), [], "frames lost to the other node", unit="frame"
    )


@clause("SPRAY-NO-PATH")
@testbed(SoloGsf())
@needs("fabric taps", "counters", "link events", "raw frames")
def test_a_gsf_counts_what_leads_nowhere(bed, expect):
    """A GSF sends nothing on for a node whose only link is down, and counts each frame that it drops."""
    down, turn = bed.parameter("hello_interval"), bed.parameter("flush_time")
    cut = LinkEvent(down, bed.uplinks_of("gsp2")[0], up=False)
    link = bed.uplinks_of("gsp0")[0]
    times = [down + (number + 1) * bed.parameter("latency_margin") for number in range(4)]
    load = Scenario(links=(cut,))
    for stream, host, shift in ((1, bed.host(1), 0), (2, bed.host(2), turn // 2)):
        containers = [Container(link, number, at=time + shift) for number, time in enumerate(times)]
        load += data_frames(
            bed.host(0), host, containers, bed.addresses, stream=stream, profile=bed.wire_profile
        )
    recording = bed.play(load)
    marks = [data.row for data in recording.fabric.messages("DATA", direction=DOWN, destination="gsp1")]
    astray = recording.fabric.messages("DATA", direction=DOWN, destination="gsp2")
    expect.none(astray, "DATA for the node cut off", (marks[0], marks[-1]) if marks else (None, None))
    sent = recording.fabric.messages("DATA", link, UP, destination="gsp2")
    expect.enough(len(sent), len(times), "DATA sent to the GSF for the node cut off")
    expect.equal(recording.devices.counter("dropped_frames", "gsf0"), len(sent), "growth of dropped_frames")
