from dataclasses import replace

from conformance.api.marks import clause, needs, testbed
from conformance.api.testbeds import SoloGsp
from conformance.cases.ordering.passages import pace, passages, received, scripted
from traffic.frames.crafted import Container


@clause("ORDER-COMPLETE-WITHOUT-LAST", "never-flagged")
@testbed(SoloGsp())
@needs("raw frames", "fabric taps", "counters")
def test_containers_end_without_a_flag(bed, expect):
    """Complete containers in order are not held because no frame is flagged as the last one."""
    link, gap, margin = bed.uplinks[0], pace(bed), bed.parameter("latency_margin")
    starts = [2 * gap * number for number in range(6)]
    script = [Container(link, number, at=at, gap=gap, last=False) for number, at in enumerate(starts)]
    recording = bed.play(scripted(bed, script))
    found = passages(recording, bed.host(0))
    expect.equal([passage.number for passage in found], list(range(12)), "frames delivered", unit="frame")
    for passage in found:
        what = f"time that frame {passage.number} stayed, but for its sending time"
        expect.at_most(passage.stay, margin, what, "ns", rows=passage.rows)
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
    """Frames that were swapped within their container leave by ascending index."""
    link = bed.uplinks[0]
    orders = [(0, 2, 1, 3), (3, 2, 1, 0), (1, 0, 3, 2)]
    containers = [Container(link, number, frames=4, indices=order) for number, order in enumerate(orders)]
    recording = bed.play(scripted(bed, containers))
    expect.equal(received(recording, bed.host(0)), list(range(12)), "frames delivered", unit="frame")
