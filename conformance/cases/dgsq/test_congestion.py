"""Queues that come only with congestion, and what back-pressure from afar does to their rate."""

from dataclasses import replace

from conformance.marks import clause, configure, needs, testbed
from conformance.testbeds import LeafSpine, SoloGsp
from traffic.patterns import elephant, gap_at, incast
from traffic.recording import UP
from traffic.scenario import DOWN, GrantPolicy, Scenario, Signal

HALF = 128
"""Level of BACKPRESSURE that withholds about half."""
STOP = 255


@clause("DGSQ-ON-CONGESTION-FREE")
@testbed(LeafSpine())
@needs("fabric taps", "counters")
@configure(dgsq_mode="on-congestion")
def test_free_while_nothing_is_congested(bed, expect):
    """At line rate to an idle host nothing asks for credit, all DATA say so, and the rate is kept."""
    count, rate = 400, bed.parameter("link_rate")
    recording = bed.play(elephant(bed.host(0), bed.host(-1), count=count))
    expect.equal(recording.messages("REQUEST"), [], "REQUEST without congestion")
    expect.equal(recording.counter("dgsq_created"), 0, "growth of dgsq_created")
    expect.each(
        recording.containers(),
        "UNGOVERNED flags of a container",
        lambda container: all(container.ungoverned),
        at_least=10,
        expected="set on every frame",
        show=lambda container: container.ungoverned,
    )
    span = count * gap_at(1518, rate)
    got = recording.throughput(bed.host(-1), span // 4, 3 * span // 4)
    expect.at_least(got, rate * bed.parameter("utilisation_min"), "rate of the flow", "Mbit/s")


@clause("DGSQ-ON-CONGESTION-CREATED", "first-backpressure")
@testbed(SoloGsp())
@needs("fabric taps")
@configure(dgsq_mode="on-congestion")
def test_backpressure_makes_a_queue_of_free_traffic(bed, expect):
    """BACKPRESSURE in the middle of a free flow makes it ask, and go on in the next container."""
    time, validity = bed.parameter("bp_validity"), bed.parameter("bp_validity") // 1000
    signal = Signal(bed.node("gsp1"), (bed.node("gsp0"),), HALF, validity, start=time, stop=2 * time)
    load = elephant(bed.host(0), bed.host(-1), count=4 * time // gap_at(1518, bed.parameter("link_rate")))
    recording = bed.play(Scenario(peers=(replace(bed.peer("gsp1"), signals=(signal,)),)) + load)
    told = min(
        (recording.arrival[m.row] for m in recording.messages("BACKPRESSURE", direction=DOWN)), default=0
    )
    requests = recording.messages("REQUEST", source="gsp0")
    waited = requests[0].time - told if requests else None
    expect.at_most(waited, bed.parameter("latency_margin"), "time from BACKPRESSURE to REQUEST", "ns")
    containers = recording.containers(at=bed.uplinks)
    free = [container for container in containers if any(container.ungoverned)]
    expect.enough(len(free) if told else 0, 3, "ungoverned containers")
    for container in free:
        expect.that(
            all(container.ungoverned), "UNGOVERNED in one container", "all or none", container.ungoverned
        )
        late = container.times[-1] - told
        expect.at_most(
            late, bed.parameter("latency_margin"), "UNGOVERNED after BACKPRESSURE", "ns", rows=container.rows
        )
    expect.enough(len(containers) - len(free), 3, "governed containers")
    generations = {item.generation for item in (*containers, *requests)}
    expect.equal(len(generations), 1, "generations before and after BACKPRESSURE")
    sequences = [container.sequence for container in containers]
    expect.equal(sorted(sequences), list(range(len(sequences))), "container sequences")


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
        asked = recording.messages("REQUEST", bed.uplinks_of(source), UP, source=source)
        expect.that(asked, f"REQUEST of {source} for the host overrun", "1 or more", len(asked))
    late = [container for container in recording.containers() if container.times[0] > converged]
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
    """BACKPRESSURE, repeated, takes one share of one flow's rate and none of the other's, for a time."""
    validity, window = bed.parameter("bp_validity"), 4 * bed.parameter("bp_window")
    stop = window + 4 * validity
    back = stop + validity + bed.parameter("convergence_max")
    level = Signal(
        bed.node("gsp1"), (bed.node("gsp0"),), HALF, validity // 1000, window, stop, validity // 3, False
    )
    credit = 100 * bed.parameter("container_bytes")
    free = GrantPolicy(mode="at-once", extra=credit, validity_us=bed.parameter("settle_time") // 1000)
    slowed, other = (replace(bed.peer(name), grants=free) for name in ("gsp1", "gsp2"))
    gap = 2 * gap_at(594, bed.parameter("link_rate"))
    pairs = ((bed.host(0), bed.host(2)), (bed.host(1), bed.host(4)))
    load = [elephant(*pair, count=(back + window) // gap, size=594, gap=gap) for pair in pairs]
    recording = bed.play(sum(load, Scenario(peers=(replace(slowed, signals=(level,)), other))))

    def rate(node, start, end):
        return sum(recording.uplink_bytes(bed.uplinks, destination=node, start=start, stop=end).values()) / (
            end - start
        )

    usual, calm = (rate(node, window // 4, window) for node in ("gsp1", "gsp2"))
    due = usual * (STOP - HALF) / STOP
    heard = len(recording.messages("BACKPRESSURE", direction=DOWN, source="gsp1"))
    if expect.enough(heard, 3, "BACKPRESSURE") and expect.enough(usual > 0, 1, "rate before"):
        held = rate("gsp1", window + validity // 4, stop)
        deviation = abs(held / due - 1)
        expect.at_most(deviation, bed.parameter("rate_tolerance"), "deviation from the rate that is left")
        kept = rate("gsp2", window, stop) / calm
        expect.at_least(kept, bed.parameter("isolation_min"), "share that the other flow keeps of its rate")
        again = rate("gsp1", back, back + window) / usual
        expect.at_least(again, bed.parameter("utilisation_min"), "share of the rate that is back afterwards")
