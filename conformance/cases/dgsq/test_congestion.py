"""Queues that come only with congestion, and what back-pressure from afar does to their rate."""

from dataclasses import replace
from functools import partial

from conformance.api.marks import clause, configure, needs, testbed
from conformance.api.testbeds import LeafSpine, SoloGsp
from conformance.cases.windows import telling
from traffic.patterns import RFC2544, elephant, gap_at, incast
from traffic.recordings.recording import UP, Measured
from traffic.scenario import DOWN, GrantPolicy, Scenario, Signal

HALF = 128
"""Level of BACKPRESSURE that withholds about half."""
STOP = 255
"""Level that withholds everything."""
SIZE = 594


def lavish(bed, name):
    """Return the peer that stands for a GSP, granting more than is asked so that no frame has to wait."""
    credit, validity = 100 * bed.parameter("container_bytes"), bed.parameter("settle_time")
    return replace(bed.peer(name), grants=GrantPolicy(mode="at-once", extra=credit, validity=validity))


def telling_size(bed, time):
    """Size of the longest frames of which three at a third of the line rate take at most a time in ns."""
    short = [n for n in (*RFC2544, SIZE) if n <= SIZE and 9 * gap_at(n, bed.parameter("link_rate")) <= time]
    return max(short, default=min(RFC2544))


def credit_rate(messages, start, stop):
    """Return the rate in Mbit/s of the messages in [start, stop) ns."""
    inside = [message.credit for message in messages if start <= message.time < stop]
    return Measured.over(sum(inside), max(inside, default=0), stop - start)


def told_at(expect, recording, at_least):
    """Return when the first BACKPRESSURE arrived, ns; INCONCLUSIVE where fewer than so many were seen."""
    heard = recording.fabric.messages("BACKPRESSURE", direction=DOWN, source="gsp1")
    return recording.arrival[heard[0].row] if expect.enough(len(heard), at_least, "BACKPRESSURE") else 0


def passed(bed, recording, name, cls):
    """Return the containers of a class to a node that left, those of the device under test."""
    containers = recording.fabric.containers(at=bed.uplinks)
    return [item for item in containers if (item.destination, item.cls) == (bed.node(name), cls)]


@clause("DGSQ-ON-CONGESTION-FREE")
@testbed(LeafSpine())
@needs("fabric taps", "counters")
@configure(dgsq_mode="on-congestion")
def test_free_while_nothing_is_congested(bed, expect):
    """At line rate to an idle host nothing asks for credit, all DATA say so, and the rate is kept."""
    size, rate, least = (bed.parameter(name) for name in ("max_frame", "link_rate", "utilisation_min"))
    count = max(100, 2 * telling(bed, least, 0) // gap_at(size, rate))
    recording = bed.play(elephant(bed.host(0), bed.host(-1), count=count, size=size))
    expect.equal(recording.fabric.messages("REQUEST"), [], "REQUEST without congestion", unit="message")
    expect.equal(recording.devices.counter("dgsq_created"), 0, "growth of dgsq_created")
    expect.each(
        recording.fabric.containers(),
        "UNGOVERNED flags of a container",
        lambda container: all(container.ungoverned),
        expected="set on every frame",
        show=lambda container: container.ungoverned,
    )
    span = count * gap_at(size, rate)
    got = recording.hosts.throughput(bed.host(-1), span // 4, 3 * span // 4)
    expect.at_least(got, rate * least, "rate of the flow", "Mbit/s")


@clause("DGSQ-ON-CONGESTION-CREATED", "first-backpressure")
@testbed(SoloGsp(remotes=2))
@needs("fabric taps")
@configure(dgsq_mode="on-congestion")
def test_backpressure_makes_a_queue_of_free_traffic(bed, expect):
    """BACKPRESSURE makes free flows of two classes ask and go on in the next container, and no others."""
    validity, margin = bed.parameter("bp_validity"), bed.parameter("latency_margin")
    time = validity + 8 * gap_at(bed.parameter("container_bytes"), bed.parameter("link_rate"))
    ends = bed.node("gsp1"), (bed.node("gsp0"),)
    signal = Signal(*ends, HALF, validity, start=time, stop=time + validity)
    gap, load = 3 * gap_at(SIZE, bed.parameter("link_rate")), Scenario()
    for host, cls in ((bed.host(3), 0), (bed.host(3), 5), (bed.host(-1), 0)):
        load += elephant(bed.host(0), host, count=2 * time // gap, size=SIZE, gap=gap, cls=cls)
    recording = bed.play(Scenario(peers=(replace(bed.peer("gsp1"), signals=(signal,)),)) + load)
    told = told_at(expect, recording, 1)
    for cls in (0, 5):
        asked = recording.fabric.messages("REQUEST", source="gsp0", destination="gsp1")
        requests = [request for request in asked if request.cls == cls]
        containers = passed(bed, recording, "gsp1", cls)
        free = [container for container in containers if any(container.ungoverned)]
        expect.enough(min(len(free), len(containers) - len(free)), 3, "containers of either sort")
        waited = requests[0].time - told if requests else None
        expect.at_most(waited, margin, f"time from BACKPRESSURE to REQUEST of class {cls}", "ns")
        late = [item.rows[-1] for item in free if item.times[-1] > told + margin]
        expect.that(not late, "ungoverned DATA after that", 0, len(late), late)
        mixed = [container for container in free if not all(container.ungoverned)]
        expect.equal(mixed, [], "containers with governed and ungoverned frames", unit="container")
        generations = {item.generation for item in (*containers, *requests)}
        expect.equal(len(generations), 1, "generations before and after BACKPRESSURE")
        sequences = sorted(container.sequence for container in containers)
        expect.equal(sequences, list(range(len(sequences))), f"container sequences of class {cls}")
    beside = recording.fabric.messages("REQUEST", source="gsp0", destination="gsp2")
    expect.equal(beside, [], "REQUEST to the node that reports nothing", unit="message")


@clause("DGSQ-ON-CONGESTION-CREATED", "born-under-pressure")
@testbed(SoloGsp(remotes=3))
@needs("fabric taps")
@configure(dgsq_mode="on-congestion")
def test_queues_born_under_pressure_ask_at_once(bed, expect):
    """First frames for nodes that an egress or a path reports are asked for at once, others go free."""
    validity, margin = bed.parameter("bp_validity"), bed.parameter("latency_margin")
    here, gap = (bed.node("gsp0"),), 3 * gap_at(SIZE, bed.parameter("link_rate"))
    stop = bed.parameter("hello_interval") + 4 * validity
    times = {"start": stop - 4 * validity, "stop": stop, "repeat": validity // 2}
    afar = replace(bed.peer("gsp1"), signals=(Signal(bed.node("gsp1"), here, STOP, validity, **times),))
    path = replace(bed.peer("gsf0"), signals=(Signal(bed.node("gsp2"), here, HALF, validity, **times),))
    load, born = Scenario(peers=(afar, path)), stop - 2 * validity
    for host in (bed.host(2), bed.host(4), bed.host(-1)):
        load += elephant(bed.host(0), host, count=20, size=SIZE, gap=gap, start=born)
    fabric = bed.play(load).fabric
    for name in ("gsp1", "gsp2"):
        asked = fabric.messages("REQUEST", bed.uplinks, source="gsp0", destination=name)
        waited = asked[0].time - born if asked else None
        expect.at_most(waited, margin, f"time from the first frame for {name} to its REQUEST", "ns")
        sent = fabric.containers(at=bed.uplinks, destination=name)
        free = [item for item in sent if any(item.ungoverned)]
        expect.equal(free, [], f"ungoverned containers for {name}", unit="container")
    early = [each for each in fabric.messages("DATA", bed.uplinks, destination="gsp1") if each.time < stop]
    expect.equal(early, [], "DATA for the node that withholds everything", unit="frame")
    beside = fabric.containers(at=bed.uplinks, destination="gsp3")
    expect.each(
        beside, "UNGOVERNED flags beside", lambda item: all(item.ungoverned), expected="set on every frame"
    )


@clause("DGSQ-ON-CONGESTION-CREATED", "incast")
@testbed(LeafSpine(gsps=4, gsfs=4))
@needs("fabric taps")
@configure(dgsq_mode="on-congestion")
def test_incast_ends_free_sending(bed, expect):
    """When three sources overrun one host, each begins to ask, and none sends free any more."""
    hit, *sources = bed.hosts
    longest, converged = bed.parameter("max_frame"), bed.parameter("convergence_max")
    count = 3 * converged // 2 // gap_at(longest, bed.parameter("link_rate"))
    recording = bed.play(incast(sources, hit, count=count, size=longest))
    for source in bed.gsps[1:]:
        asked = recording.fabric.messages("REQUEST", bed.uplinks_of(source), UP, destination=bed.gsps[0])
        expect.that(asked, f"REQUEST of {source} for the host overrun", "1 or more", len(asked))
    late = [container for container in recording.fabric.containers() if container.times[0] > converged]
    expect.each(
        late,
        "UNGOVERNED flags of a container after convergence",
        lambda container: not any(container.ungoverned),
        at_least=10,
        expected="none",
        show=lambda container: container.ungoverned,
    )


@clause("DGSQ-BACKPRESSURE-RATE")
@testbed(SoloGsp(remotes=2))
@needs("fabric taps")
def test_backpressure_from_afar_halves_the_rate_once(bed, expect):
    """BACKPRESSURE, repeated, takes one share of the rate of all flows to a node, of no other, for a time."""
    validity, tolerance = bed.parameter("bp_validity"), bed.parameter("rate_tolerance")
    size = telling_size(bed, tolerance * min(validity, bed.parameter("bp_window")))
    gap = 3 * gap_at(size, bed.parameter("link_rate"))
    isolated, used = bed.parameter("isolation_min"), bed.parameter("utilisation_min")
    window = telling(bed, max(isolated, used), 4 * bed.parameter("bp_window"), gap)
    start, stop = 2 * window, 2 * window + telling(bed, isolated, 4 * validity, gap)
    back = stop + validity + bed.parameter("convergence_max")
    ends = bed.node("gsp1"), (bed.node("gsp0"),)
    level = Signal(*ends, HALF, validity, start, stop, repeat=validity // 3, releases=False)
    load = Scenario(peers=(replace(lavish(bed, "gsp1"), signals=(level,)), lavish(bed, "gsp2")))
    pairs = ((bed.host(0), bed.host(2)), (bed.host(1), bed.host(4)), (bed.host(0), bed.host(3)))
    for pair, cls, part in ((pairs[0], 0, 3), (pairs[0], 3, 3), (pairs[2], 0, 3), (pairs[1], 0, 1)):
        load += elephant(*pair, count=(back + window) // gap // part, size=size, gap=part * gap, cls=cls)
    recording = bed.play(load)
    told = told_at(expect, recording, 3)
    sent = recording.fabric.messages("DATA", source="gsp0", destination="gsp1")
    slowed, other = (partial(recording.hosts.throughput, host, source=source) for source, host in pairs[:2])
    usual, calm = (rate(window, start) for rate in (slowed, other))
    base = credit_rate(sent, told - bed.parameter("bp_window"), told)
    uneven = abs(base / (credit_rate(sent, window, start) or 1) - 1)
    steady = expect.given(uneven <= tolerance, "the rate was steady in the bp_window before")
    if steady and expect.given(min(usual, calm), "both flows were served before"):
        held = credit_rate(sent, told + validity // 4, stop) / base
        deviation = abs(held * STOP / (STOP - HALF) - 1)
        expect.at_most(deviation, tolerance, "deviation from the rate that is left")
        expect.at_least(other(start, stop) / calm, isolated, "share that the other flow keeps of its rate")
        again = slowed(back, back + window) / usual
        expect.at_least(again, used, "share of the rate that is back afterwards")
