from dataclasses import replace

from conformance.api.marks import clause, needs, testbed
from conformance.api.testbeds import SoloGsp
from conformance.cases.ordering.passages import received, scripted
from traffic.frames.crafted import Container


@clause("ORDER-GAP-CLOSED")
@testbed(SoloGsp())
@needs("raw frames", "counters")
def test_gaps_are_closed_and_counted(bed, expect):
    """Behind containers that are lost in the fabric, the flow goes on in order."""
    there = [number for number in range(12) if number not in {3, 6, 8}]
    paths = [bed.uplinks[number % 2] for number in there]
    containers = [Container(link, number) for link, number in zip(paths, there, strict=True)]
    recording = bed.play(scripted(bed, containers))
    expect.equal(received(recording, bed.host(0)), list(range(2 * len(there))), "frames delivered")
    expect.equal(recording.devices.counter("gaps_closed", "gsp0"), 3, "gaps_closed")


@clause("ORDER-LATE-DROPPED")
@testbed(SoloGsp())
@needs("raw frames", "counters")
def test_late_frames_are_dropped(bed, expect):
    """A container that comes after its gap was closed is not delivered, but what follows is."""
    link = bed.uplinks[0]
    after = bed.parameter("reorder_timeout") + 2 * bed.parameter("latency_margin")
    containers = [Container(link, number) for number in (0, 2, 3)]
    late, following = Container(link, 1, at=after), Container(link, 4, at=after)
    recording = bed.play(scripted(bed, [*containers, late, following]))
    expect.equal(received(recording, bed.host(0)), [0, 1, *range(4, 10)], "frames delivered", unit="frame")
    expect.equal(recording.devices.counter("drop.late", "gsp0"), late.frames, "drop.late")


@clause("ORDER-DUPLICATE-DROPPED")
@testbed(SoloGsp())
@needs("raw frames", "counters")
def test_duplicates_are_dropped(bed, expect):
    """Repeats of frames that were delivered and of frames that are held are not delivered."""
    link, soon = bed.uplinks[0], bed.parameter("reorder_timeout") // 2
    first, held = Container(link, 0), Container(link, 2)
    missing = Container(link, 1, at=soon)
    script = [first, first, held, held, missing, replace(held, at=soon)]
    recording = bed.play(scripted(bed, script))
    expect.equal(received(recording, bed.host(0)), list(range(6)), "frames delivered", unit="frame")
    dropped = recording.devices.counter("drop.duplicate", "gsp0") + recording.devices.counter(
        "drop.late", "gsp0"
    )
    expect.equal(dropped, 6, "drop.duplicate plus drop.late")
