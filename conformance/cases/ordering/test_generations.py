from conformance.api.marks import clause, needs, testbed
from conformance.api.testbeds import SoloGsp
from conformance.cases.ordering.passages import passages, scripted
from traffic.frames.crafted import Container, data_frames
from traffic.scenario import Scenario


@clause("ORDER-NEW-GENERATION", "restart-behind-a-gap")
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


@clause("ORDER-NEW-GENERATION", "any-number")
@testbed(SoloGsp())
@needs("raw frames", "fabric taps", "counters")
def test_a_generation_may_have_any_number(bed, expect):
    """Generations with lower numbers, and one used before, begin anew; a stream of another class goes on."""
    link, soon = bed.uplinks[0], bed.parameter("reorder_timeout") // 4
    lives = ((9, 0), (4, 1), (7, 2), (9, 3))
    load = Scenario()
    for generation, turn in lives:
        script = [Container(link, number, at=turn * soon, generation=generation) for number in (0, 2)]
        load += data_frames(
            bed.host(2), bed.host(0), script, bed.addresses, stream=90 + turn, profile=bed.wire_profile
        )
    beside = [Container(link, number, at=turn * soon) for number, turn in ((0, 0), (2, 2), (1, 3))]
    joined = [Container(link, number, generation=3) for number in (6, 5)]
    joined += [Container(link, number, generation=1, at=soon) for number in range(2)]
    recording = bed.play(load + scripted(bed, beside, cls=3) + scripted(bed, joined, cls=6))
    for cls, due in ((0, 4 * list(range(4))), (3, list(range(6))), (6, list(range(8)))):
        numbers = [passage.number for passage in passages(recording, bed.host(0), cls=cls)]
        expect.equal(numbers, due, f"frames of class {cls} delivered", unit="frame")
    expect.equal(recording.devices.counter("drop.late", "gsp0"), 0, "drop.late")


@clause("ORDER-ENDED-GENERATION-LATE")
@testbed(SoloGsp())
@needs("raw frames", "fabric taps", "counters")
def test_stragglers_of_the_ended_generation_are_dropped(bed, expect):
    """Frames of the generation before, twice, neither reach the host nor disturb the one that is current."""
    link = bed.uplinks[0]
    places = [(1, 0), (1, 1), (2, 0), (1, 2), (2, 1), (1, 3), (3, 0), (2, 2), (3, 1), (2, 3), (3, 2)]
    script = [Container(link, sequence, generation=generation) for generation, sequence in places]
    recording = bed.play(scripted(bed, script) + scripted(bed, script, cls=5))
    due = [*range(4), *range(8, 12), *range(16, 22)]
    for cls in (0, 5):
        numbers = [passage.number for passage in passages(recording, bed.host(0), cls=cls)]
        expect.equal(numbers, due, f"frames of class {cls} delivered", unit="frame")
    expect.equal(recording.devices.counter("drop.late", "gsp0"), 2 * 8, "drop.late")


@clause("ORDER-UNKNOWN-START")
@testbed(SoloGsp())
@needs("raw frames", "fabric taps")
def test_unknown_stream_is_joined_at_its_lowest(bed, expect):
    """Streams first seen in the middle are collected for the timeout, and then start at the lowest."""
    link, timeout = bed.uplinks[0], bed.parameter("reorder_timeout")
    first = bed.profile.numbers() // 4
    script = [Container(link, first + number) for number in (2, 1, 4, 3)]
    script.append(Container(link, first, at=timeout * 4 // 5))
    recording = bed.play(scripted(bed, script) + scripted(bed, script, cls=2))
    for cls in (0, 2):
        found = passages(recording, bed.host(0), cls=cls)
        numbers = [passage.number for passage in found]
        expect.equal(numbers, list(range(10)), f"frames of class {cls} delivered", unit="frame")
        for passage in found:
            what = f"time that frame {passage.number} waited beyond the timeout, but for its turn"
            wait = passage.wait(timeout)
            expect.at_most(wait, bed.parameter("latency_margin"), what, "ns", rows=passage.rows)


@clause("ORDER-SEQUENCE-WRAP")
@testbed(SoloGsp())
@needs("raw frames", "fabric taps", "counters")
def test_order_holds_across_the_wrap(bed, expect):
    """Containers of two classes swapped where their sequence wraps are delivered in order."""
    link, timeout, margin = bed.uplinks[0], bed.parameter("reorder_timeout"), bed.parameter("latency_margin")
    later, last = timeout + 2 * margin, bed.profile.numbers() - 1
    script = [Container(link, number, at=later) for number in (last - 1, 0, last, 2, 1)]
    script.insert(0, Container(link, last - 2))
    recording = bed.play(scripted(bed, script) + scripted(bed, script, cls=2))
    for cls in (0, 2):
        found = passages(recording, bed.host(0), cls=cls)
        numbers = [passage.number for passage in found]
        expect.equal(numbers, list(range(12)), f"frames of class {cls} delivered", unit="frame")
        for passage in found:
            what = f"time that frame {passage.number} waited beyond the timeout, but for its turn"
            expect.at_most(passage.wait(timeout), margin, what, "ns", rows=passage.rows)
    expect.equal(recording.devices.counter("drop.late", "gsp0"), 0, "drop.late")
