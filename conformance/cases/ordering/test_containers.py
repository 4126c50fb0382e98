from dataclasses import replace

from conformance.api.marks import clause, needs, testbed
from conformance.api.testbeds import SoloGsp
from conformance.cases.ordering.passages import SIZE, passages, received, scripted
from traffic.frames.crafted import Container
from traffic.patterns import gap_at


@clause("ORDER-COMPLETE-WITHOUT-LAST", "never-flagged")
@testbed(SoloGsp())
@needs("raw frames", "fabric taps", "counters")
def test_containers_end_without_a_flag(bed, expect):
    """Complete containers of few or many frames in order are not held because none is flagged as the last."""
    link, gap = bed.uplinks[0], 2 * gap_at(SIZE, bed.parameter("link_rate"))
    lengths = (2, 1, 1, 20, 17, 3, 1)
    starts = [gap * sum(lengths[:number]) for number in range(len(lengths))]
    script = [
        Container(link, number, at=at, gap=gap, frames=frames, last=False)
        for number, (at, frames) in enumerate(zip(starts, lengths, strict=True))
    ]
    recording = bed.play(scripted(bed, script))
    found = passages(recording, bed.host(0))
    numbers = [passage.number for passage in found]
    expect.equal(numbers, list(range(sum(lengths))), "frames delivered", unit="frame")
    for passage in found:
        what = f"time that frame {passage.number} stayed, but for its sending time"
        expect.at_most(passage.stay, bed.parameter("latency_margin"), what, "ns", rows=passage.rows)
    expect.equal(recording.devices.counter("gaps_closed", "gsp0"), 0, "gaps_closed")


@clause("ORDER-COMPLETE-WITHOUT-LAST", "tail-missing")
@testbed(SoloGsp())
@needs("raw frames", "counters")
def test_missing_tail_is_waited_for(bed, expect):
    """The next container shows that a frame is missing at the end of one without LAST."""
    link, soon = bed.uplinks[0], bed.parameter("reorder_timeout") // 2
    whole = Container(link, 0, frames=4, last=False)
    begun, tail = replace(whole, indices=(0, 1, 2)), replace(whole, indices=(3,), at=soon)
    following = Container(link, 1, frames=4, last=False)
    recording = bed.play(scripted(bed, [begun, following, tail]))
    expect.equal(received(recording, bed.host(0)), list(range(8)), "frames delivered", unit="frame")
    expect.equal(recording.devices.counter("drop.late", "gsp0"), 0, "drop.late")


@clause("ORDER-INDEX-ORDER")
@testbed(SoloGsp())
@needs("raw frames")
def test_frames_leave_by_index(bed, expect):
    """Frames that were swapped within their container, also a long one, leave by ascending index."""
    link = bed.uplinks[0]
    orders = [(0, 2, 1, 3), (3, 2, 1, 0), (1, 0, 3, 2)]
    containers = [Container(link, number, frames=4, indices=order) for number, order in enumerate(orders)]
    long = (*range(254), 256, 255, 254, *range(257, 260))
    containers.append(Container(link, len(orders), frames=len(long), indices=long))
    recording = bed.play(scripted(bed, containers))
    due = list(range(12 + len(long)))
    expect.equal(received(recording, bed.host(0)), due, "frames delivered", unit="frame")
