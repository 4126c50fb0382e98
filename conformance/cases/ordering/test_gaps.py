from dataclasses import replace

from conformance.api.marks import clause, configure, needs, testbed
from conformance.api.testbeds import SoloGsp
from conformance.cases.ordering.passages import SIZE, passages, received, scripted
from traffic.frames.crafted import Container
from traffic.patterns import RFC2544, credit_bytes, gap_at
from traffic.scenario import Scenario


@clause("ORDER-GAP-CLOSED")
@testbed(SoloGsp())
@needs("raw frames", "fabric taps", "counters")
def test_gaps_are_closed_and_counted(bed, expect):
    """Behind frames, containers and long rows of them that are lost, four flows go on in order."""
    later = 4 * bed.parameter("reorder_timeout")
    whole, part = (0, 1, 2), (0, 2)
    there = [(number, part if number == 8 else whole, 0) for number in (0, 1, 2, 4, 7, 8, 9, 160)]
    there.append((165, whole, later))
    script = [
        Container(bed.uplinks[place % 2], number, indices=indices, frames=3, at=at)
        for place, (number, indices, at) in enumerate(there)
    ]
    script.append(
        Container(bed.uplinks[0], 0, at=later + bed.parameter("reorder_timeout") // 4, generation=2)
    )
    flows = [(host, cls) for host in (0, 1) for cls in (0, 3)]
    loads = (scripted(bed, script, destination=host, cls=cls) for host, cls in flows)
    recording = bed.play(sum(loads, Scenario()))
    lost = 5 * 3 + 1
    due = [number for number in range(9 * 3 + 2) if number != lost]
    for host, cls in flows:
        numbers = [passage.number for passage in passages(recording, bed.host(host), cls=cls)]
        expect.equal(numbers, due, f"frames of class {cls} delivered at port {host}", unit="frame")
    expect.equal(recording.devices.counter("gaps_closed", "gsp0"), 5 * len(flows), "gaps_closed")


@clause("ORDER-LATE-DROPPED", "after-the-timeout")
@testbed(SoloGsp())
@needs("raw frames", "fabric taps", "counters")
def test_late_frames_are_dropped(bed, expect):
    """Containers that come after their gaps were closed are not delivered, but what follows is."""
    link = bed.uplinks[0]
    after = bed.parameter("reorder_timeout") + 2 * bed.parameter("latency_margin")
    script = [Container(link, number) for number in (0, 2, 3, 5, 6, 8, 9)]
    late = [Container(link, number, at=after) for number in (1, 4, 7)]
    script += [*late, Container(link, 10, at=after)]
    recording = bed.play(scripted(bed, script) + scripted(bed, script, cls=5))
    due = [number for number in range(22) if number // 2 not in {1, 4, 7}]
    for cls in (0, 5):
        numbers = [passage.number for passage in passages(recording, bed.host(0), cls=cls)]
        expect.equal(numbers, due, f"frames of class {cls} delivered", unit="frame")
    dropped = recording.devices.counter("drop.late", "gsp0")
    expect.equal(dropped, 2 * sum(container.frames for container in late), "drop.late")


@clause("ORDER-LATE-DROPPED", "after-the-room")
@testbed(SoloGsp())
@configure(reorder_bytes=16_384)
@needs("raw frames", "counters")
def test_frames_too_late_for_the_room_are_dropped(bed, expect):
    """A container whose gap was closed for want of room is not delivered when it comes, but counted."""
    link, many = bed.uplinks[0], 2 * bed.parameter("reorder_bytes") // credit_bytes(SIZE)
    script = [Container(link, number) for number in (0, *range(2, many))]
    late = Container(link, 1, at=bed.parameter("reorder_timeout") // 2)
    recording = bed.play(scripted(bed, [*script, late]))
    due = [0, 1, *range(4, 2 * many)]
    expect.equal(received(recording, bed.host(0)), due, "frames delivered", unit="frame")
    expect.equal(recording.devices.counter("drop.late", "gsp0"), late.frames, "drop.late")


@clause("ORDER-DUPLICATE-DROPPED", "delivered-and-held")
@testbed(SoloGsp())
@needs("raw frames", "fabric taps", "counters")
def test_duplicates_are_dropped(bed, expect):
    """Repeats of frames that were delivered, are held or were held are not delivered, while some are held."""
    link, soon = bed.uplinks[0], bed.parameter("reorder_timeout") // 2
    first, held = Container(link, 0), Container(link, 2)
    missing, behind = Container(link, 1, at=soon), Container(link, 4, at=soon)
    script = [first, held, first, held, missing, replace(held, at=soon), behind]
    script.append(replace(behind, at=4 * soon))
    recording = bed.play(scripted(bed, script) + scripted(bed, script, cls=3))
    for cls in (0, 3):
        numbers = [passage.number for passage in passages(recording, bed.host(0), cls=cls)]
        expect.equal(numbers, list(range(8)), f"frames of class {cls} delivered", unit="frame")
    causes = ("drop.duplicate", "drop.late")
    dropped = sum(recording.devices.counter(cause, "gsp0") for cause in causes)
    expect.equal(dropped, 2 * 8, "drop.duplicate plus drop.late")


@clause("ORDER-DUPLICATE-DROPPED", "long-ago")
@testbed(SoloGsp())
@needs("raw frames", "counters")
def test_old_duplicates_are_dropped(bed, expect):
    """Repeats of frames that were delivered up to a thousand containers ago are not delivered."""
    link, size, ages = bed.uplinks[0], min(RFC2544), (1, 10, 100, 500, 1000)
    many = max(ages) + 2
    gap = 2 * gap_at(size, bed.parameter("link_rate"))
    script = [Container(link, number, frames=1, at=number * gap) for number in range(many)]
    repeats = [replace(script[many - 1 - age], at=(many + age) * gap) for age in ages]
    following = Container(link, many, frames=1, at=2 * many * gap)
    recording = bed.play(scripted(bed, [*script, *repeats, following], size=size))
    due = list(range(many + 1))
    expect.equal(received(recording, bed.host(0)), due, "frames delivered", unit="frame")
    causes = ("drop.duplicate", "drop.late")
    dropped = sum(recording.devices.counter(cause, "gsp0") for cause in causes)
    expect.equal(dropped, len(repeats), "drop.duplicate plus drop.late")
