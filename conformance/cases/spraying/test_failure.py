"""When a path is lost: the others carry on, and whoever needs to know is told."""

import math

from conformance.api.marks import clause, needs, testbed
from conformance.api.testbeds import LeafSpine, SoloGsf
from conformance.cases.spraying.shares import begun, in_turn, judge_shares, lasting, line_time, plenty
from traffic.frames.crafted import Container, data_frames, message
from traffic.patterns import gap_at
from traffic.recordings.recording import DOWN, UP
from traffic.scenario import LinkEvent, Scenario


@clause("SPRAY-LIVE-PATHS-ONLY")
@testbed(LeafSpine(gsfs=4))
@needs("fabric taps", "link events")
def test_a_dead_uplink_carries_nothing(bed, expect):
    """After loss of carrier, of a second uplink meanwhile and of the first again, all goes up the others."""
    *_, other, lost = bed.uplinks_of("gsp0")
    interval, outage = bed.parameter("hello_interval"), bed.parameter("outage_max")
    first, back = 3 * interval, 9 * interval
    again = back + bed.parameter("flap_hold") + 6 * interval
    spans = [(lost, first, back), (other, 6 * interval, math.inf), (lost, again, math.inf)]
    events = [LinkEvent(start, link, up=False) for link, start, _ in spans]
    events.append(LinkEvent(back, lost, up=True))
    load = lasting(bed, bed.host(0), bed.host(-1), again + 2 * outage)
    recording = bed.play(load + Scenario(links=tuple(sorted(events, key=lambda event: event.at))))
    kinds = recording.columns.profile.messages
    for link, start, stop in spans:
        silence = start + bed.parameter("latency_margin")
        seen = [item for kind in kinds for item in recording.fabric.messages(kind, link, UP)]
        dead = [item for item in seen if silence < item.time < stop]
        expect.equal(dead, [], f"messages on {link} without carrier", unit="message")
        came = [item for item in seen if item.name == "DATA" and start - 4 * interval < item.time < start]
        expect.enough(len(came), 2, f"DATA on {link} before {start} ns")
    live = [link for link in bed.uplinks_of("gsp0") if link not in {lost, other}]
    after = [data for data in recording.fabric.messages("DATA", live, UP) if data.time > again]
    expect.enough(len(after), 20, "DATA on the others after")
    spacing = gap_at(bed.parameter("max_frame"), bed.parameter("link_rate"))
    missing = len(recording.hosts.losses()) * spacing
    expect.at_most(missing, len(spans) * outage, "interruptions in all", "ns")


@clause("SPRAY-REMOTE-FAULT", "far-link-cut")
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


@clause("SPRAY-REMOTE-FAULT", "several-nodes")
@testbed(LeafSpine(gsps=5))
@needs("fabric taps", "counters", "link events")
def test_far_links_matter_to_their_nodes_alone(bed, expect):
    """When one GSF loses two nodes and the other a third, each is reached by what is left of its paths."""
    first, second = bed.uplinks_of("gsp0")
    gone = (("gsp1", 0), ("gsp3", 0), ("gsp4", 1))
    cut, outage = line_time(bed, 10 * bed.parameter("container_bytes")), bed.parameter("outage_max")
    far = tuple(LinkEvent(cut, bed.uplinks_of(gsp)[number], up=False) for gsp, number in gone)
    recording = bed.play(in_turn(bed, cut + 4 * outage) + Scenario(links=far))
    due = {"gsp1": {second}, "gsp2": {first, second}, "gsp3": {second}, "gsp4": {first}}
    for gsp, uplinks in due.items():
        containers = recording.fabric.containers(at=(first, second), destination=gsp)
        later = [item for item in containers if item.times[0] > cut + outage]
        expect.enough(len(later), 10, f"containers for {gsp} afterwards")
        used = {link for container in later for link in container.links}
        expect.equal(used, uplinks, f"uplinks for {gsp}", unit="uplink")
    expect.equal(recording.devices.counter("path_down", "gsp0"), len(gone), "growth of path_down")


@clause("SPRAY-FAULT-ANNOUNCED", "last-link-down")
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


@clause("SPRAY-FAULT-ANNOUNCED", "again-and-beside")
@testbed(SoloGsf(gsps=4))
@needs("fabric taps", "link events")
def test_each_loss_is_announced(bed, expect):
    """A GSF sends FAULT on each live link when it loses a node, another one meanwhile, the first again."""
    one, other = (bed.uplinks_of(gsp)[0] for gsp in ("gsp1", "gsp3"))
    interval = bed.parameter("hello_interval")
    first, beside, back = (number * interval + interval // 2 for number in (1, 4, 7))
    again = back + bed.parameter("flap_hold") + 4 * interval
    events = (
        LinkEvent(first, one, up=False),
        LinkEvent(beside, other, up=False),
        LinkEvent(back, one, up=True),
        LinkEvent(again, one, up=False),
    )
    recording = bed.play(Scenario(links=events, settle=8 * interval))
    live = [link for link in bed.uplinks if link not in {one, other}]
    for gsp, start in (("gsp1", first), ("gsp3", beside), ("gsp1", again)):
        for link in live:
            faults = recording.fabric.messages("FAULT", link, DOWN)
            said = [
                item for item in faults if item.node == bed.node(gsp) and 0 <= item.time - start < interval
            ]
            what = f"FAULT for {gsp} on {link} after {start} ns"
            expect.equal(len(said), bed.parameter("fault_repeats"), what, [item.row for item in said])


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


@clause("SPRAY-NO-PATH", "destination-cut-off")
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


@clause("SPRAY-NO-PATH", "at-gsf")
@testbed(SoloGsf(gsps=4))
@needs("fabric taps", "counters", "link events", "raw frames")
def test_a_gsf_counts_what_leads_nowhere(bed, expect):
    """A GSF drops and counts DATA and REQUEST for a node cut off, and what waits for another node goes on."""
    down = bed.parameter("hello_interval")
    cut, link = LinkEvent(down, bed.uplinks_of("gsp2")[0], up=False), bed.uplinks_of("gsp0")[0]
    at = down + bed.parameter("latency_margin")
    load = Scenario(links=(cut,))
    crowd = [Container(link, 0, at=at, frames=20), Container(bed.uplinks_of("gsp3")[0], 0, at=at, frames=20)]
    nowhere = [Container(link, number, at=at) for number in range(4)]
    flows = ((0, 1, crowd[:1]), (3, 1, crowd[1:]), (0, 2, nowhere))
    for stream, (here, there, containers) in enumerate(flows, 1):
        load += data_frames(
            bed.host(here),
            bed.host(there),
            containers,
            bed.addresses,
            stream=stream,
            profile=bed.wire_profile,
        )
    ends = {"source": bed.node("gsp0"), "destination": bed.node("gsp2"), "port": 0}
    ends["generation"] = bed.profile.field("REQUEST", "generation").minimum
    load += message(link, "REQUEST", ends, at=at, profile=bed.wire_profile)
    recording = bed.play(load)
    kept = recording.fabric.messages("DATA", direction=DOWN, destination="gsp1")
    expect.equal(len(kept), 40, "DATA for the node beside it that left", unit="frame")
    astray = recording.fabric.messages("DATA", direction=DOWN, destination="gsp2")
    expect.equal(astray, [], "DATA for the node cut off", unit="frame")
    sent = recording.fabric.messages("DATA", link, UP, destination="gsp2")
    expect.enough(len(sent), 8, "DATA sent to the GSF for the node cut off")
    dropped = recording.devices.counter("drop.no_path", "gsf0")
    expect.equal(dropped, len(sent) + 1, "growth of drop.no_path")


@clause("SPRAY-COUNTERS")
@testbed(LeafSpine(gsps=3))
@needs("fabric taps", "counters", "link events")
def test_messages_and_paths_are_counted(bed, expect):
    """While a far link is lost and comes back, each node counts HELLO, FAULT and paths as the links show."""
    interval, lost = bed.parameter("hello_interval"), bed.uplinks_of("gsp1")[0]
    down, up = 5 * interval // 2, 13 * interval // 2
    events = (LinkEvent(down, lost, up=False), LinkEvent(up, lost, up=True))
    rest = bed.parameter("flap_hold") + 6 * interval
    recording = bed.play(Scenario(links=events, settle=rest))
    counted = recording.devices.counter
    links = [link for link in bed.topology.links if link.fabric]
    for node in (*bed.gsps, *bed.gsfs):
        own = [
            (link, UP if node == link.lower else DOWN) for link in links if node in (link.lower, link.upper)
        ]
        for kind, slack in (("HELLO", len(own)), ("FAULT", 0)):
            sent = [len(recording.fabric.messages(kind, link.name, way)) for link, way in own]
            came = [
                item.delivered
                for link, way in own
                for item in recording.fabric.messages(kind, link.name, UP + DOWN - way)
            ]
            for way, seen in (("sent", sum(sent)), ("received", sum(came))):
                name = f"{kind.lower()}s_{way}"
                expect.at_most(abs(counted(name, node) - seen), slack, f"{name} of {node} beside those seen")
    paths = {"gsp0": 1, "gsp1": 2, "gsp2": 1, "gsf0": 1, "gsf1": 0}
    for node, number in paths.items():
        for name in ("path_down", "path_up"):
            expect.equal(counted(name, node), number, f"growth of {name} of {node}")
