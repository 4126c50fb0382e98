"""How containers and the frames in them are numbered, and what a container tells of itself."""

from itertools import pairwise

from conformance.api.marks import clause, needs, sweep, testbed
from conformance.api.testbeds import SoloGsp
from conformance.cases.pktc.containers import filling, successions
from traffic.patterns import IMIX, bursts, credit_bytes, elephant, interleaved
from traffic.recordings.recording import Container, Queue


@clause("PKTC-SEQUENCE-START")
@testbed(SoloGsp())
@needs("fabric taps")
def test_a_generation_starts_at_zero(bed, expect):
    """Two bursts with a rest longer than the age-out between them each number their containers from 0."""
    period = 2 * bed.parameter("age_out")
    recording = bed.play(bursts(bed.host(0), bed.host(-1), repeat=2, frames=30, period=period))
    lowest: dict[Queue, int] = {}
    for container in recording.fabric.containers(at=bed.uplinks):
        lowest[container.queue] = min(container.sequence, lowest.get(container.queue, container.sequence))
    expect.each(
        lowest.items(),
        "lowest container sequence of a queue generation",
        lambda item: item[1] == 0,
        at_least=2,
        expected=0,
    )


@clause("PKTC-SEQUENCE-CONSECUTIVE", "one-queue")
@testbed(SoloGsp(uplinks=3))
@needs("fabric taps")
def test_a_queue_numbers_without_gaps(bed, expect):
    """The containers of one flow carry consecutive numbers, over all uplinks together."""
    recording = bed.play(filling(bed, 20, IMIX[-1:]))
    containers = recording.fabric.containers(at=bed.uplinks)
    sequences = sorted(container.sequence for container in containers)
    expect.enough(len(containers), 10, "containers")
    expect.each(
        pairwise(sequences),
        "successive container sequences",
        lambda pair: pair[1] == pair[0] + 1,
        at_least=9,
        expected="each higher by 1",
    )
    expect.each(
        containers,
        "frame indices under one container sequence",
        lambda container: len(set(container.indices)) == container.frames,
        expected="none used twice, as two containers of one number would",
        show=lambda container: container.indices,
    )


@clause("PKTC-SEQUENCE-CONSECUTIVE", "queues-count-alone")
@testbed(SoloGsp())
@needs("fabric taps")
def test_queues_count_alone(bed, expect):
    """Two queues that are filled by turns each count their own containers from 0 without a gap."""
    count = 5 * bed.parameter("container_bytes") // credit_bytes(IMIX[-1])
    recording = bed.play(interleaved(bed.host(0), bed.hosts[-2:], count=count, size=IMIX[-1]))
    sequences: dict[Queue, list[int]] = {}
    for container in recording.fabric.containers(at=bed.uplinks):
        sequences.setdefault(container.queue, []).append(container.sequence)
    expect.each(
        sequences.items(),
        "container sequences of a queue",
        lambda item: sorted(item[1]) == list(range(len(item[1]))),
        at_least=2,
        expected="0, 1, 2 and so on",
    )


@clause("PKTC-FRAME-INDEX")
@testbed(SoloGsp())
@needs("fabric taps")
def test_indices_count_up_from_zero(bed, expect):
    """The frames of a container leave with index 0, 1, 2 and so on, in that order."""
    recording = bed.play(filling(bed, 10, IMIX))
    expect.each(
        recording.fabric.containers(at=bed.uplinks),
        "frame indices of a container",
        lambda container: container.indices == tuple(range(container.frames)),
        at_least=8,
        expected="0, 1, 2 and so on",
        show=lambda container: container.indices,
    )


@clause("PKTC-FILL-FIELD")
@testbed(SoloGsp())
@needs("fabric taps")
@sweep("overflow_mode")
def test_fill_is_the_running_sum(bed, expect, overflow_mode):
    """The fill of a frame is the credit octets before it, with what was borrowed where the mode borrows."""
    recording = bed.play(filling(bed, 10, IMIX))

    def due(before: Container | None, container: Container) -> tuple[int, ...]:
        final = before.fills[-1] + before.sizes[-1] if before else 0
        over = max(final - bed.parameter("container_bytes"), 0)
        carried = over if overflow_mode == "overflow-borrow" else 0
        return tuple(carried + sum(container.sizes[:index]) for index in range(container.frames))

    for before, container in successions(recording.fabric.containers(at=bed.uplinks)):
        expect.equal(container.fills, due(before, container), "fill fields of a container", container.rows)
    expect.enough(expect.checked, 8, "containers")


@clause("PKTC-PREVIOUS-FRAMES")
@testbed(SoloGsp())
@needs("fabric taps")
def test_predecessor_is_counted(bed, expect):
    """Full and flushed containers alike are followed by one that tells how many frames they had."""
    pause = bed.parameter("flush_time") + bed.parameter("latency_margin")
    source, destination = bed.host(0), bed.host(-1)
    lone = bursts(source, destination, repeat=4, frames=1, period=pause)
    long = elephant(source, destination, bytes=6 * bed.parameter("container_bytes"))
    recording = bed.play(lone + long.delayed(by=4 * pause))
    for before, container in successions(recording.fabric.containers(at=bed.uplinks)):
        due = before.frames if before else 0
        expect.equal(
            set(container.previous_frames), {due}, "frames in the predecessor", container.rows, unit="frame"
        )
    expect.enough(expect.checked, 9, "containers")


@clause("PKTC-LAST-TRUTHFUL")
@testbed(SoloGsp())
@needs("fabric taps")
@sweep("overflow_mode")
def test_nothing_follows_the_last(bed, expect, overflow_mode):
    """In bursts around the length of a container no frame has a higher index than one that carries LAST."""
    pause = bed.parameter("flush_time") + bed.parameter("latency_margin")
    whole = bed.parameter("container_bytes")
    parts = [
        elephant(bed.host(0), bed.host(-1), bytes=whole * part // 4, size=594, start=part * pause)
        for part in range(2, 9)
    ]
    recording = bed.play(sum(parts[1:], start=parts[0]))
    expect.each(
        recording.fabric.containers(at=bed.uplinks),
        f"frames after the one with LAST in a container ({overflow_mode})",
        lambda container: all(
            index == max(container.indices)
            for index, last in zip(container.indices, container.lasts, strict=True)
            if last
        ),
        at_least=len(parts),
        expected="none",
        show=lambda container: max(container.indices) - container.indices[container.lasts.index(True)],
        unit="frame",
    )
