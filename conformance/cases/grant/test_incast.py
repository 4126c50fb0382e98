"""Many sources, one egress: nothing is lost, the queue stays short, shares settle, others do not suffer."""

from dataclasses import replace

from conformance.api.marks import clause, configure, needs, testbed
from conformance.api.testbeds import LeafSpine, SoloGsp
from conformance.cases.windows import even, frame_time, frames_in, grant_window, telling
from traffic.patterns import credit_bytes, elephant, incast
from traffic.recordings.recording import jain
from traffic.scenario import Scenario


@clause("GRANT-QUEUE-BOUND")
@testbed(LeafSpine(gsps=5))
@needs("fabric taps")
@configure(dgsq_mode="on-first-frame")
def test_egress_queue_is_bounded(bed, expect):
    """While four GSPs send to one host at once, little waits in the GSP of that host."""
    sources = bed.hosts[:-1]
    recording = bed.play(incast(sources, bed.host(-1), count=60, size=bed.parameter("max_frame")))
    received = recording.hosts.frames(bed.host(-1), "received")
    expect.enough(len(received), 30 * len(sources), "frames received")
    queue = recording.credit.egress(bed.host(-1)).longest_queue
    longest = credit_bytes(bed.parameter("max_frame"))
    limit = grant_window(bed) + longest + len(sources) * (longest + bed.parameter("unsolicited_bytes"))
    expect.at_most(queue.value, limit, "octets in the destination GSP", "octet", rows=[queue.row])


@clause("GRANT-INCAST-LOSSLESS")
@testbed(LeafSpine(gsps=3, hosts=2))
def test_incast_loses_nothing(bed, expect):
    """Whatever the number of sources of an incast, every frame arrives and the egress is kept busy."""
    rate, least = bed.parameter("link_rate"), bed.parameter("utilisation_min")
    span = telling(bed, least, 20 * bed.parameter("grant_round_trip"))
    for sources in range(2, len(bed.hosts)):
        count = max(120, frames_in(bed, span)) // sources
        recording = bed.play(
            incast(bed.hosts[:sources], bed.host(-1), count=count, size=bed.parameter("max_frame"))
        )
        times = [frame.time for frame in recording.hosts.frames(bed.host(-1), "received")]
        lost = recording.hosts.losses()
        expect.equal(len(lost), 0, f"frames lost with {sources} sources", [frame.row for frame in lost])
        if not expect.enough(len(times), 100, "frames received"):
            continue
        got = recording.hosts.throughput(bed.host(-1), times[0] + 1, times[-1] + 1)
        expect.at_least(got, rate * least, f"rate at the egress with {sources} sources", "Mbit/s")


@clause("GRANT-LATE-JOINER")
@testbed(LeafSpine(gsps=4))
@configure(dgsq_mode="on-first-frame")
def test_shares_settle_after_join_and_leave(bed, expect):
    """When a third source joins two others and leaves again, the shares are even soon after."""
    *others, late, hit = bed.hosts
    longest, converged = bed.parameter("max_frame"), bed.parameter("convergence_max")
    sources, gap = len(bed.gsps) - 1, 3 * frame_time(bed) // 2
    span = even(bed, sources, 15 * sources * frame_time(bed))
    phase = converged + span
    flow = {"size": longest, "gap": gap, "cls": 3}
    flows = [elephant(other, hit, count=4 * phase // gap, **flow) for other in others]
    flows += [elephant(late, hit, count=phase // gap, start=phase, **flow)]
    recording = bed.play(sum(flows, Scenario()))
    matches = recording.hosts.matches()
    its = [row for frame in recording.hosts.frames(late) for row in matches[frame.row]]
    left = int(recording.time[its].max()) if its else 2 * phase
    phases = (("before", 0, others), ("with", phase, [*others, late]), ("after", left, others))
    for what, changed, active in phases:
        start = changed + converged
        shares = [recording.hosts.throughput(hit, start, start + span, source=name) for name in active]
        frames = int(min(shares) * span / 8 // 1000) // credit_bytes(longest)
        if expect.enough(frames, 10, f"frames of a source {what} the third"):
            index = jain(shares)
            expect.at_least(index, bed.parameter("fairness_min"), f"Jain index {what} the third source")


@clause("GRANT-VICTIM-ISOLATED")
@testbed(LeafSpine(gsps=3, hosts=2))
def test_flow_beside_an_incast_keeps_its_rate(bed, expect):
    """A flow that shares its source GSP and its destination GSP with an incast keeps its rate."""
    longest, start = bed.parameter("max_frame"), bed.parameter("convergence_max")
    here, source, *others, hot, cold = bed.hosts
    least, gap = bed.parameter("isolation_min"), 2 * frame_time(bed)
    stop, ahead = start + telling(bed, least, 3 * start, gap), bed.parameter("buffer_bytes") // 2
    count = min(stop // gap, frames_in(bed, stop) // (1 + len(others)) + ahead // credit_bytes(longest))
    alone = elephant(source, cold, count=stop // gap, size=longest, gap=gap)
    crowd = [elephant(one, hot, count=count, size=longest, gap=stop // count) for one in (here, *others)]
    rates = []
    for scenario in (alone, sum(crowd, Scenario()) + alone):
        recording = bed.play(scenario)
        rates.append(recording.hosts.throughput(cold, start, stop, source=source))
        lost = recording.hosts.losses(source, cold)
        expect.equal(len(lost), 0, "frames of the flow lost", [frame.row for frame in lost])
    expect.given(rates[0], "the flow was served alone")
    expect.at_least(rates[1], rates[0] * least, "rate of the flow beside the incast", "Mbit/s")


@clause("GRANT-OVERRUN-CONTAINED")
@testbed(SoloGsp(hosts=1, remotes=3))
@needs("fabric taps")
def test_overrun_harms_no_other_source(bed, expect):
    """A source that sends beyond its grant gains nothing by it, and the others lose nothing."""
    span, longest = bed.parameter("convergence_max"), bed.parameter("max_frame")
    hit, greedy, *fair = bed.hosts
    peer = replace(bed.peer("gsp1"), overrun=2 * bed.parameter("container_bytes"))
    load = incast([greedy, *fair], hit, count=frames_in(bed, span), size=longest, cls=3)
    recording = bed.play(Scenario(peers=(peer,)) + load)
    grants = [grant for grant in recording.fabric.messages("GRANT", source="gsp0") if grant.time < 2 * span]
    granted = {
        name: max((g.granted - g.expired for g in grants if g.destination == bed.node(name)), default=0)
        for name in bed.gsps[1:]
    }
    expect.enough(min(granted.values()), 1, "credit octets granted to each source")
    for name, octets in list(granted.items())[1:]:
        least = granted["gsp1"] - grant_window(bed) - 2 * credit_bytes(longest)
        expect.at_least(octets, least, f"credit granted to {name}", "octet")
    for name in fair:
        lost = recording.hosts.losses(name, emulated=True)
        expect.equal(len(lost), 0, f"frames of {name} lost", [frame.row for frame in lost])
