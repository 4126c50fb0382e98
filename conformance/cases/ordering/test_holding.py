from conformance.api.marks import clause, configure, needs, testbed
from conformance.api.testbeds import SoloGsp
from conformance.cases.ordering.passages import SIZE, pace, passages, received, scripted
from traffic.frames.crafted import Container
from traffic.patterns import credit_bytes


@clause("ORDER-IN-ORDER-AT-ONCE")
@testbed(SoloGsp())
@needs("raw frames", "fabric taps")
def test_frames_in_order_go_at_once(bed, expect):
    """A frame that is next in its stream waits for nothing."""
    link, gap, margin = bed.uplinks[0], pace(bed), bed.parameter("latency_margin")
    containers = [Container(link, number, at=3 * gap * number, frames=3, gap=gap) for number in range(5)]
    recording = bed.play(scripted(bed, containers))
    for passage in passages(recording, bed.host(0)):
        what = f"time that frame {passage.number} stayed, but for its sending time"
        expect.at_most(passage.stay, margin, what, "ns", rows=passage.rows)
    expect.equal(received(recording, bed.host(0)), list(range(15)), "frames delivered", unit="frame")


@clause("ORDER-HOLD-BOUND", "predecessor-in-time")
@testbed(SoloGsp())
@needs("raw frames", "counters")
def test_early_frames_wait_for_their_predecessors(bed, expect):
    """Frames that come before their predecessors are held until those are there."""
    link, soon = bed.uplinks[0], bed.parameter("reorder_timeout") // 2
    containers = [Container(link, number) for number in (0, 2, 3)]
    recording = bed.play(scripted(bed, [*containers, Container(link, 1, at=soon)]))
    expect.equal(received(recording, bed.host(0)), list(range(8)), "frames delivered", unit="frame")
    for counter in ("drop.late", "gaps_closed"):
        expect.equal(recording.devices.counter(counter, "gsp0"), 0, counter)


@clause("ORDER-HOLD-BOUND", "predecessor-never")
@testbed(SoloGsp())
@needs("raw frames", "fabric taps")
def test_early_frames_wait_for_a_bounded_time(bed, expect):
    """Frames behind a gap that is never filled wait for the timeout from their own arrival."""
    link, timeout, margin = bed.uplinks[0], bed.parameter("reorder_timeout"), bed.parameter("latency_margin")
    containers = [Container(link, 0), Container(link, 2), Container(link, 4, at=timeout // 2)]
    recording = bed.play(scripted(bed, containers))
    found = passages(recording, bed.host(0))
    expect.equal([passage.number for passage in found], list(range(6)), "frames delivered", unit="frame")
    for passage in found:
        what = f"time that frame {passage.number} waited beyond the timeout, but for its turn"
        expect.at_most(passage.wait(timeout), margin, what, "ns", rows=passage.rows)
        if passage.number in {2, 4}:
            what = f"time that frame {passage.number}, the first behind its gap, stayed"
            expect.at_least(passage.stay, timeout - margin, what, "ns", rows=passage.rows)


@clause("ORDER-BYTES-LIMIT")
@testbed(SoloGsp())
@configure(reorder_bytes=16_384)
@needs("raw frames", "fabric taps", "counters")
def test_room_for_ordering_is_bounded(bed, expect):
    """The oldest gap is closed when the room is used up, long before the timeout."""
    link, room, margin = bed.uplinks[0], bed.parameter("reorder_bytes"), bed.parameter("latency_margin")
    last = 2 * room // credit_bytes(SIZE)
    containers = [Container(link, number) for number in (0, *range(2, last))]
    recording = bed.play(scripted(bed, containers))
    found = passages(recording, bed.host(0))
    delivered = [passage.number for passage in found]
    expect.equal(recording.devices.counter("gaps_closed", "gsp0"), 1, "gaps_closed")
    if expect.equal(delivered, list(range(2 * last - 2)), "frames delivered", unit="frame"):
        behind = found[2]
        came = sum(behind.arrived < item.arrived <= behind.begun - margin for item in found)
        limit = room + credit_bytes(bed.parameter("max_frame"))
        what = "octets that came before the first frame behind the gap left"
        expect.at_most(came * credit_bytes(SIZE), limit, what, "octet", rows=behind.rows)


@clause("ORDER-STREAMS-INDEPENDENT")
@testbed(SoloGsp(remotes=2))
@needs("raw frames", "fabric taps")
def test_gap_delays_its_own_stream_only(bed, expect):
    """While one stream waits behind a gap, those of another source, port or class are not held."""
    (one, other), gap = bed.uplinks, 4 * pace(bed)
    steady = [Container(other, number, at=2 * gap * number, gap=gap) for number in range(4)]
    load = scripted(bed, [Container(one, 0), Container(one, 2)])
    load += scripted(bed, steady, source=4) + scripted(bed, steady, destination=1)
    recording = bed.play(load + scripted(bed, steady, cls=3))
    found = {
        "another source": passages(recording, bed.host(0), source="gsp2"),
        "another port": passages(recording, bed.host(1)),
        "another class": passages(recording, bed.host(0), cls=3),
    }
    for stream, its in found.items():
        expect.equal(
            [passage.number for passage in its], list(range(8)), f"frames of {stream} delivered", unit="frame"
        )
        for passage in its:
            what = f"time that frame {passage.number} of {stream} waited, but for its turn"
            expect.at_most(passage.wait(), bed.parameter("latency_margin"), what, "ns", rows=passage.rows)
