"""What a node that is congested tells the sources of that traffic."""

from dataclasses import replace

from conformance.api.marks import clause, configure, needs, testbed
from conformance.api.testbeds import LeafSpine, SoloGsf
from traffic.patterns import elephant, frame_count, gap_at
from traffic.recordings.recording import DOWN
from traffic.scenario import Scenario


@clause("DGSQ-BACKPRESSURE-TOLD", "two-queues-of-a-gsf")
@testbed(SoloGsf(gsps=5))
@needs("fabric taps")
def test_sources_of_two_queues_are_told_twice(bed, expect):
    """While two sources each overrun two nodes, those hear of their own node, and the second time others."""
    size, rate = bed.parameter("max_frame"), bed.parameter("link_rate")
    count = 1 + frame_count(size, 4 * bed.parameter("bp_threshold"), None)
    span = 2 * count * gap_at(size, rate) + 2 * bed.parameter("bp_validity")
    free = tuple(replace(bed.peer(name), ungoverned=True) for name in bed.gsps[:4])
    load = Scenario(peers=free)
    turns = {0: ((0, 3), (1, 3), (2, 4), (3, 4)), span: ((1, 3), (2, 3), (0, 4), (3, 4))}
    due = [(*flow, start) for start, flows in turns.items() for flow in flows]
    for host, target, start in due:
        load += elephant(bed.host(host), bed.host(target), count=count, size=size, start=start)
    told = bed.play(load).fabric.messages("BACKPRESSURE", direction=DOWN, source="gsf0")
    expect.enough(len(told), 8, "BACKPRESSURE of the GSF")
    for number, target, start in due:
        name, about = f"gsp{number}", bed.node(f"gsp{target}")
        heard = [each for each in told if each.destination == bed.node(name)]
        heard = [each for each in heard if start < each.time < start + span]
        mine = [each for each in heard if each.about == about and each.level]
        expect.that(mine, f"BACKPRESSURE to {name} about its node from {start} ns on", "1 or more", len(mine))
        others = [each for each in heard if each.about != about]
        expect.equal(others, [], f"others to {name} from {start} ns on", unit="message")


@clause("DGSQ-BACKPRESSURE-TOLD", "two-host-ports")
@testbed(LeafSpine(gsps=4, gsfs=3, hosts=2))
@needs("fabric taps")
@configure(dgsq_mode="on-congestion")
def test_sources_of_two_host_ports_are_told(bed, expect):
    """Three GSPs overrun one host port and hear of it; of the other, which follows, the invariant judges."""
    size = bed.parameter("max_frame")
    count = 1 + frame_count(size, 2 * bed.parameter("bp_threshold"), None)
    span = count * gap_at(size, bed.parameter("link_rate"))
    load = Scenario()
    for port in (0, 1):
        for source in (2, 4, 6):
            ends = bed.host(source + port), bed.host(port)
            load += elephant(*ends, count=count, size=size, start=2 * port * span)
    told = bed.play(load).fabric.messages("BACKPRESSURE", direction=DOWN, source="gsp0")
    for name in bed.gsps[1:]:
        mine = [each for each in told if each.destination == bed.node(name) and each.level]
        mine = [each for each in mine if each.time < span]
        expect.that(mine, f"BACKPRESSURE to {name} until {span} ns", "1 or more", len(mine))


@clause("DGSQ-BACKPRESSURE-COUNTED")
@testbed(LeafSpine(gsps=4, gsfs=1))
@needs("fabric taps", "counters")
@configure(dgsq_mode="on-congestion")
def test_back_pressure_is_counted_as_on_the_links(bed, expect):
    """When three sources overrun a link, what each node counts of BACKPRESSURE is what the links show."""
    size = bed.parameter("max_frame")
    count = 1 + frame_count(size, 2 * bed.parameter("bp_threshold"), None)
    load = sum((elephant(host, bed.host(0), count=count, size=size) for host in bed.hosts[1:]), Scenario())
    recording = bed.play(load)
    told = recording.fabric.messages("BACKPRESSURE", direction=DOWN)
    expect.enough(len(told), 3, "BACKPRESSURE on the links")
    sent = [each for each in told if each.source == bed.node("gsf0")]
    expect.equal(
        recording.devices.counter("backpressure_sent", "gsf0"), len(sent), "growth of backpressure_sent"
    )
    for name in bed.gsps:
        came = sum(each.delivered for each in told if each.destination == bed.node(name))
        expect.equal(
            recording.devices.counter("backpressure_received", name), came, f"backpressure_received of {name}"
        )
