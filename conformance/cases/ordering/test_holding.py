from conformance.api.marks import clause, configure, needs, testbed
from conformance.api.testbeds import SoloGsp
from conformance.cases.ordering.passages import SIZE, passages, received, scripted
from traffic.frames.crafted import Container
from traffic.patterns import RFC2544, credit_bytes, gap_at
from traffic.scenario import Scenario


@clause("ORDER-IN-ORDER-AT-ONCE")
@testbed(SoloGsp())
@needs("raw frames", "fabric taps")
def test_frames_in_order_go_at_once(bed, expect):
    """A frame that is next in its stream waits for nothing, whatever its class."""
    link, gap = bed.uplinks[0], 2 * gap_at(SIZE, bed.parameter("link_rate"))
    load = Scenario()
    for turn, cls in enumerate((0, 5, 7)):
        starts = [(15 * turn + 3 * number) * gap for number in range(5)]
        script = [Container(link, n, at=at, frames=3, gap=gap) for n, at in enumerate(starts)]
        load += scripted(bed, script, cls=cls)
    recording = bed.play(load)
    for passage in passages(recording, bed.host(0)):
        what = f"time that frame {passage.number} stayed, but for its sending time"
        expect.at_most(passage.stay, bed.parameter("latency_margin"), what, "ns", rows=passage.rows)
    expect.equal(received(recording, bed.host(0)), 3 * list(range(15)), "frames delivered", unit="frame")


@clause("ORDER-HOLD-BOUND", "predecessor-in-time")
@testbed(SoloGsp())
@needs("raw frames", "fabric taps", "counters")
def test_early_frames_wait_for_their_predecessors(bed, expect):
    """Frames that come before their predecessors are held until those are there, for most of the timeout."""
    link, granted = bed.uplinks[0], bed.parameter("grant_round_trip")
    script = [Container(link, number, at=granted * (number > 0), frames=12) for number in (0, 2, 3)]
    script.append(Container(link, 1, at=granted + bed.parameter("reorder_timeout") * 9 // 10, frames=1))
    size = min(RFC2544) + 2
    recording = bed.play(sum((scripted(bed, script, cls=cls, size=size) for cls in (0, 2, 6)), Scenario()))
    for cls in (0, 2, 6):
        numbers = [passage.number for passage in passages(recording, bed.host(0), cls=cls)]
        expect.equal(numbers, list(range(37)), f"frames of class {cls} delivered", unit="frame")
    for counter in ("drop.late", "gaps_closed"):
        expect.equal(recording.devices.counter(counter, "gsp0"), 0, counter)


@clause("ORDER-HOLD-BOUND", "predecessor-never")
@testbed(SoloGsp(remotes=2))
@needs("raw frames", "fabric taps")
def test_early_frames_wait_for_a_bounded_time(bed, expect):
    """Frames behind gaps that are never filled wait for the timeout from their own arrival, gap after gap."""
    timeout = bed.parameter("reorder_timeout")
    load = Scenario()
    for link, (source, cls) in zip((*bed.uplinks, bed.uplinks[0]), ((2, 0), (2, 3), (4, 0)), strict=True):
        shift = cls * timeout // 10 + source
        script = [Container(link, 2 * turn, at=2 * timeout * turn + shift) for turn in range(6)]
        script.append(Container(link, 12, at=10 * timeout + shift + timeout // 2))
        load += scripted(bed, script, source=source, cls=cls)
    recording = bed.play(load)
    for gsp, cls in (("gsp1", 0), ("gsp1", 3), ("gsp2", 0)):
        found = passages(recording, bed.host(0), source=gsp, cls=cls)
        numbers = [passage.number for passage in found]
        if expect.equal(numbers, list(range(14)), f"frames of {gsp} delivered", unit="frame"):
            usual = found[0].stay
            for passage in found[2::2]:
                what = f"time that frame {passage.number}, the first behind its gap, was held"
                held = passage.stay - usual
                expect.at_most(held, timeout, what, "ns", 1 / 10, rows=passage.rows)
                expect.at_least(held, timeout, what, "ns", 1 / 10, rows=passage.rows)


@clause("ORDER-BYTES-LIMIT", "flood-behind-a-gap")
@testbed(SoloGsp())
@configure(reorder_bytes=16_384)
@needs("raw frames", "fabric taps", "counters")
def test_room_for_ordering_is_bounded(bed, expect):
    """The oldest gap is closed when the room is used up by short or long frames, and not before."""
    link, room, margin = bed.uplinks[0], bed.parameter("reorder_bytes"), bed.parameter("latency_margin")
    for size in (min(RFC2544), SIZE, max(RFC2544)):
        octets = credit_bytes(size)
        last = 2 * room // octets
        script = [Container(link, number) for number in (0, *range(2, last))]
        recording = bed.play(scripted(bed, script, size=size))
        found = passages(recording, bed.host(0))
        delivered = [passage.number for passage in found]
        expect.equal(recording.devices.counter("gaps_closed", "gsp0"), 1, "gaps_closed")
        if expect.equal(delivered, list(range(2 * last - 2)), "frames delivered", unit="frame"):
            behind = found[2]
            limit = room + credit_bytes(bed.parameter("max_frame"))
            what = "octets that came before the first frame behind the gap left"
            came = sum(behind.arrived < item.arrived <= behind.begun - margin for item in found)
            expect.at_most(came * octets, limit, what, "octet", rows=behind.rows)
            came = sum(behind.arrived <= item.arrived <= behind.begun for item in found)
            expect.at_least(came * octets, room - octets, what, "octet", rows=behind.rows)


@clause("ORDER-BYTES-LIMIT", "while-collecting")
@testbed(SoloGsp())
@configure(reorder_bytes=16_384)
@needs("raw frames", "fabric taps")
def test_room_for_collecting_is_bounded(bed, expect):
    """A stream that is joined in the middle starts when the room is used up, long before the timeout."""
    link, room, margin = bed.uplinks[0], bed.parameter("reorder_bytes"), bed.parameter("latency_margin")
    first, many = bed.profile.numbers() // 4, 4 * room // credit_bytes(SIZE)
    script = [Container(link, first + number) for number in range(many)]
    found = passages(bed.play(scripted(bed, script)), bed.host(0))
    numbers = [passage.number for passage in found]
    if expect.equal(numbers, list(range(2 * many)), "frames delivered", unit="frame"):
        came = sum(found[0].arrived < item.arrived <= found[0].begun - margin for item in found)
        limit = room + credit_bytes(bed.parameter("max_frame"))
        what = "octets that came before the first frame left"
        expect.at_most(came * credit_bytes(SIZE), limit, what, "octet", rows=found[0].rows)


@clause("ORDER-COUNTERS")
@testbed(SoloGsp())
@needs("raw frames", "counters")
def test_waiting_frames_are_counted(bed, expect):
    """reorder_held grows by the frames that came early, reorder_timeouts by the one wait that ran out."""
    link, soon = bed.uplinks[0], bed.parameter("reorder_timeout") // 2
    early = [Container(link, 2, frames=3), Container(link, 3)]
    script = [
        Container(link, 0),
        *early,
        Container(link, 1, at=soon),
        Container(link, 5, at=2 * soon, frames=4),
    ]
    recording = bed.play(scripted(bed, script))
    expect.enough(len(received(recording, bed.host(0))), 13, "frames delivered")
    held, timeouts = (recording.devices.counter(f"reorder_{name}", "gsp0") for name in ("held", "timeouts"))
    expect.equal(held, 3 + 2 + 4, "growth of reorder_held", unit="frame")
    expect.equal(timeouts, 1, "growth of reorder_timeouts")


@clause("ORDER-STREAMS-INDEPENDENT")
@testbed(SoloGsp(remotes=2))
@needs("raw frames", "fabric taps")
def test_gap_delays_its_own_stream_only(bed, expect):
    """While one stream waits behind a gap, those of another source, port or class are not held."""
    (one, other), gap = bed.uplinks, 8 * gap_at(SIZE, bed.parameter("link_rate"))
    steady = [Container(other, number, at=2 * gap * number, gap=gap) for number in range(4)]
    load = scripted(bed, [Container(one, 0), Container(one, 2)], cls=2)
    load += scripted(bed, steady, source=4, cls=2) + scripted(bed, steady, destination=1, cls=2)
    recording = bed.play(load + scripted(bed, steady, cls=3) + scripted(bed, steady, cls=6))
    found = {
        "another source": passages(recording, bed.host(0), source="gsp2"),
        "another port": passages(recording, bed.host(1)),
        "class 3": passages(recording, bed.host(0), cls=3),
        "class 6": passages(recording, bed.host(0), cls=6),
    }
    for stream, its in found.items():
        expect.equal(
            [passage.number for passage in its], list(range(8)), f"frames of {stream} delivered", unit="frame"
        )
        for passage in its:
            what = f"time that frame {passage.number} of {stream} waited, but for its turn"
            expect.at_most(passage.wait(), bed.parameter("latency_margin"), what, "ns", rows=passage.rows)
