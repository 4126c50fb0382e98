"""Queues beside each other, the order within one, and local traffic beside remote."""

from dataclasses import replace

from conformance.api.marks import clause, configure, needs, testbed
from conformance.api.testbeds import SoloGsp
from conformance.cases.dgsq.queues import slow_egress
from conformance.cases.windows import even, frame_time, frames_in, telling
from traffic.patterns import IMIX, credit_bytes, elephant, gap_at, imix, incast
from traffic.recordings.recording import UP, Measured, jain
from traffic.scenario import GrantPolicy, Scenario


@clause("DGSQ-NO-HEAD-OF-LINE", "one-egress-mute")
@testbed(SoloGsp(hosts=1, remotes=2))
@needs("fabric taps")
@configure(dgsq_mode="on-first-frame")
def test_a_queue_without_credit_blocks_no_other(bed, expect):
    """Frames for an egress that grants leave as fast beside frames for one that never does as alone."""
    here, good, mute = bed.hosts
    limit, gap, size = bed.parameter("isolation_min"), 3 * frame_time(bed), bed.parameter("max_frame")
    span = telling(bed, limit, bed.parameter("grant_round_trip") / (1 - limit), gap)
    count, waiting = max(200, int(span // gap)), bed.parameter("buffer_bytes") // 2 // credit_bytes(size)
    grants = replace(bed.peer("gsp1"), grants=replace(bed.peer("gsp1").grants, mode="at-once"))
    withholds = replace(bed.peer("gsp2"), grants=GrantPolicy(mode="withhold"))
    peers = Scenario(peers=(grants, withholds))
    alone = elephant(here, good, count=count, size=size, gap=gap) + peers
    beside = elephant(here, mute, count=min(count, waiting), size=size, gap=gap)
    spans = []
    for load in (alone, beside + alone):
        recording = bed.play(load)
        data = recording.fabric.messages("DATA", bed.uplinks, UP, destination="gsp1")
        expect.equal(len(data), count, "DATA for the egress that grants")
        spans.append(Measured(data[-1].time - data[0].time, gap) if len(data) > 1 else None)
    asked = recording.fabric.messages("REQUEST", bed.uplinks, UP, destination="gsp2")
    expect.enough(len(asked), 3, "REQUEST to the egress that never grants")
    usual, slowed = spans
    if usual and slowed:
        expect.at_least(usual / slowed, limit, "rate beside a queue without credit, of the rate alone")


@clause("DGSQ-NO-HEAD-OF-LINE", "beside-its-like")
@testbed(SoloGsp())
@needs("fabric taps")
@configure(dgsq_mode="on-first-frame")
def test_a_queue_without_credit_blocks_none_of_its_node(bed, expect):
    """Beside a queue whose credit ends, another class for its port and another port of its node go on."""
    longest, count = bed.parameter("max_frame"), 40
    first, second = bed.hosts[2:]
    policy = GrantPolicy(
        "at-once", ceiling=count * credit_bytes(longest), validity=bed.parameter("settle_time")
    )
    later = 4 * count * gap_at(longest, bed.parameter("link_rate"))
    load = elephant(bed.host(0), first, count=2 * count, size=longest)
    load += elephant(bed.host(1), first, count=count, size=longest, start=later, cls=3)
    load += elephant(bed.host(1), second, count=count, size=longest, start=later)
    recording = bed.play(load + Scenario(peers=(replace(bed.peer("gsp1"), grants=policy),)))
    data = recording.fabric.messages("DATA", bed.uplinks, UP)
    seats = [bed.addresses[host].port for host in (first, first, second)]
    starved, *others = (
        [each for each in data if (each.port, each.cls) == queue]
        for queue in zip(seats, (0, 3, 0), strict=True)
    )
    expect.given(len(starved) == count, "half of the first flow waited for credit")
    for cls, sent in zip((3, 0), others, strict=True):
        expect.equal(len(sent), count, f"DATA of class {cls} beside it", [each.row for each in sent])


@clause("DGSQ-FIFO")
@testbed(SoloGsp(uplinks=3))
@needs("fabric taps")
@configure(dgsq_mode="on-first-frame")
def test_frames_are_numbered_as_they_arrived(bed, expect):
    """Mixed frames of two classes that wait for credit are numbered in the order they were sent."""
    flows = [imix(bed.host(cls > 0), bed.host(-1), count=20 * len(IMIX), cls=cls) for cls in (0, 3)]
    recording = bed.play(sum(flows, slow_egress(bed, "gsp1")))
    for cls in (0, 3):
        sent = [frame.frame for frame in recording.hosts.frames(bed.host(cls > 0))]
        data = [each for each in recording.fabric.messages("DATA", bed.uplinks, UP) if each.cls == cls]
        if expect.enough(len(data), 20 * len(IMIX), f"DATA of class {cls}"):
            data.sort(key=lambda message: (message.sequence, message.index))
            carried = [recording.fabric.payload(message.row) for message in data]
            what = f"frames of class {cls} by sequence and index"
            expect.equal(carried, sent, what, [message.row for message in data], unit="frame")


@clause("DGSQ-LOCAL-WITHOUT-MESSAGES")
@testbed(SoloGsp())
@needs("fabric taps")
@configure(dgsq_mode="on-first-frame")
def test_local_traffic_shares_without_messages(bed, expect):
    """In either class a local and a remote source get equal shares of a port, and the local one is silent."""
    hit, sources = bed.host(1), (bed.host(0), bed.host(2))
    start = bed.parameter("convergence_max")
    stop = start + even(bed, len(sources), 0)
    for cls in (0, 3):
        load = incast(sources, hit, count=frames_in(bed, stop), size=bed.parameter("max_frame"), cls=cls)
        recording = bed.play(load)
        shares = [recording.hosts.throughput(hit, start, stop, source=source) for source in sources]
        expect.given(sum(shares), "the host was served")
        what = f"Jain index of local and remote source in class {cls}"
        expect.at_least(jain(shares), bed.parameter("fairness_min"), what)
        for name in ("REQUEST", "GRANT", "DATA"):
            own = recording.fabric.messages(name, bed.uplinks, source="gsp0", destination="gsp0")
            rows = [message.row for message in own]
            expect.equal(own, [], f"{name} from the node to itself", rows, unit="message")
