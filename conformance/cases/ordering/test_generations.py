from conformance.api.marks import clause, needs, testbed
from conformance.api.testbeds import SoloGsp
from conformance.cases.ordering.passages import passages, received, scripted
from traffic.frames.crafted import Container


@clause("ORDER-NEW-GENERATION")
@testbed(SoloGsp())
@needs("raw frames", "fabric taps")
def test_new_generation_releases_the_old_one(bed, expect):
    """A source that starts anew frees what was held of its old generation, ahead of the new one."""
    link, soon = bed.uplinks[0], bed.parameter("reorder_timeout") // 4
    old = [Container(link, number) for number in (0, 2, 3, 6)]
    new = [Container(link, number, at=soon, generation=5) for number in range(3)]
    recording = bed.play(scripted(bed, [*old, *new]))
    found = passages(recording, bed.host(0))
    expect.equal([passage.number for passage in found], list(range(14)), "frames delivered", unit="frame")
    began = min((passage.arrived for passage in found if passage.number >= 8), default=0)
    for passage in found:
        what = f"time that frame {passage.number} waited after the new generation came, but for its turn"
        wait = passage.begun - max(passage.arrived, passage.free, began)
        expect.at_most(wait, bed.parameter("latency_margin"), what, "ns", rows=passage.rows)


@clause("ORDER-ENDED-GENERATION-LATE")
@testbed(SoloGsp())
@needs("raw frames", "counters")
def test_stragglers_of_the_ended_generation_are_dropped(bed, expect):
    """Frames of the generation before neither reach the host nor disturb the one that is current."""
    link = bed.uplinks[0]
    places = [(1, 0), (1, 1), (2, 0), (1, 2), (2, 1), (1, 3), (2, 2)]
    script = [Container(link, sequence, generation=generation) for generation, sequence in places]
    recording = bed.play(scripted(bed, script))
    expect.equal(
        received(recording, bed.host(0)), [*range(4), *range(8, 14)], "frames delivered", unit="frame"
    )
    expect.equal(recording.devices.counter("drop.late", "gsp0"), 4, "drop.late")


@clause("ORDER-UNKNOWN-START")
@testbed(SoloGsp())
@needs("raw frames", "fabric taps")
def test_unknown_stream_is_joined_at_its_lowest(bed, expect):
    """A stream first seen in the middle is collected, and then starts at the lowest sequence."""
    link, timeout = bed.uplinks[0], bed.parameter("reorder_timeout")
    script = [Container(link, bed.profile.numbers() // 4 + number) for number in (1, 0, 3, 2)]
    recording = bed.play(scripted(bed, script))
    found = passages(recording, bed.host(0))
    expect.equal([passage.number for passage in found], list(range(8)), "frames delivered", unit="frame")
    for passage in found:
        what = f"time that frame {passage.number} waited beyond the timeout, but for its turn"
        expect.at_most(passage.wait(timeout), bed.parameter("latency_margin"), what, "ns", rows=passage.rows)


@clause("ORDER-SEQUENCE-WRAP")
@testbed(SoloGsp())
@needs("raw frames", "fabric taps", "counters")
def test_order_holds_across_the_wrap(bed, expect):
    """Containers swapped where their sequence wraps are delivered in order."""
    link, timeout, margin = bed.uplinks[0], bed.parameter("reorder_timeout"), bed.parameter("latency_margin")
    later, last = timeout + 2 * margin, bed.profile.numbers() - 1
    script = [Container(link, number, at=later) for number in (last - 1, 0, last, 2, 1)]
    recording = bed.play(scripted(bed, [Container(link, last - 2), *script]))
    found = passages(recording, bed.host(0))
    expect.equal([passage.number for passage in found], list(range(12)), "frames delivered", unit="frame")
    for passage in found:
        what = f"time that frame {passage.number} waited beyond the timeout, but for its turn"
        expect.at_most(passage.wait(timeout), margin, what, "ns", rows=passage.rows)
    expect.equal(recording.devices.counter("drop.late", "gsp0"), 0, "drop.late")
