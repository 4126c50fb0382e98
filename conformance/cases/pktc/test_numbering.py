"""How containers and the frames in them are numbered, and what a container tells of itself."""

from itertools import pairwise

from conformance.api.marks import clause, configure, needs, sweep, testbed
from conformance.api.testbeds import SoloGsp
from conformance.cases.pktc.containers import filling, successions
from traffic.patterns import IMIX, bursts, credit_bytes, elephant, interleaved
from traffic.recordings.recording import UP, Container, Queue
from traffic.scenario import LinkEvent, Scenario, Trigger


@clause("PKTC-SEQUENCE-START")
@testbed(SoloGsp())
@needs("fabric taps")
def test_a_generation_starts_at_zero(bed, expect):
    """Four bursts with rests longer than the age-out between them each number their containers from 0."""
    period = 2 * bed.parameter("age_out")
    recording = bed.play(bursts(bed.host(0), bed.host(-1), repeat=4, frames=30, period=period))
    lowest: dict[Queue, int] = {}
    for container in recording.fabric.containers(at=bed.uplinks):
        lowest[container.queue] = min(container.sequence, lowest.get(container.queue, container.sequence))
    expect.each(
        lowest.items(),
        "lowest container sequence of a queue generation",
        lambda item: item[1] == 0,
        at_least=4,
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
@testbed(SoloGsp(remotes=2))
@needs("fabric taps")
def test_queues_count_alone(bed, expect):
    """Queues of four ports in three classes, filled by turns, each count from 0 without a gap."""
    count = 3 * bed.parameter("container_bytes") // credit_bytes(IMIX[-1])
    loads = [
        interleaved(bed.host(0), bed.hosts[2:], count=count, size=IMIX[-1], cls=cls) for cls in (0, 2, 5)
    ]
    recording = bed.play(sum(loads, Scenario()))
    sequences: dict[Queue, list[int]] = {}
    for container in recording.fabric.containers(at=bed.uplinks):
        sequences.setdefault(container.queue, []).append(container.sequence)
    expect.each(
        sequences.items(),
        "container sequences of a queue",
        lambda item: sorted(item[1]) == list(range(len(item[1]))),
        at_least=12,
        expected="0, 1, 2 and so on",
    )


@clause("PKTC-SEQUENCE-CONSECUTIVE", "path-lost")
@testbed(SoloGsp(hosts=2, uplinks=3))
@needs("fabric taps", "link events")
@configure(container_bytes=131072)
def test_the_count_goes_on_when_a_path_is_lost(bed, expect):
    """The container after one that the loss of its uplink has ended carries the next number."""
    lost = bed.uplinks[0]
    cut = Scenario(links=(LinkEvent(0, lost, up=False),), voids=("FWD-ZERO-LOSS",))
    trigger = Trigger("DATA", cut, lost, count=2, fields={"index": 4})
    recording = bed.play(filling(bed, 8, sizes=[594], sources=2) + Scenario(triggers=(trigger,)))
    expect.enough(len(recording.fabric.messages("DATA", lost, UP)), 2, "DATA before the loss")
    for container in recording.fabric.containers(at=bed.uplinks):
        expect.equal(
            len(set(container.indices)), container.frames, "indices under one number", container.rows
        )
    sequences = sorted(container.sequence for container in recording.fabric.containers(at=bed.uplinks))
    expect.equal(sequences, list(range(len(sequences))), "container sequences")


@clause("PKTC-FRAME-INDEX")
@testbed(SoloGsp())
@needs("fabric taps")
@configure(container_bytes=131072)
def test_indices_count_up_from_zero(bed, expect):
    """The several hundred frames of a container leave with index 0, 1, 2 and so on, in that order."""
    recording = bed.play(filling(bed, 4, IMIX))
    expect.each(
        recording.fabric.containers(at=bed.uplinks),
        "frame indices of a container",
        lambda container: container.indices == tuple(range(container.frames)),
        at_least=3,
        expected="0, 1, 2 and so on",
        show=lambda container: container.indices,
    )


@clause("PKTC-FILL-FIELD")
@testbed(SoloGsp())
@needs("fabric taps")
@sweep("overflow_mode")
@configure(container_bytes=131072)
def test_fill_is_the_running_sum(bed, expect, overflow_mode):
    """The fill of a frame is the credit octets before it, with what was borrowed where the mode borrows."""
    recording = bed.play(filling(bed, 9, IMIX, classes=(0, 3, 6)))

    def due(before: Container | None, container: Container) -> tuple[int, ...]:
        final = before.fills[-1] + before.sizes[-1] if before else 0
        over = max(final - bed.parameter("container_bytes"), 0)
        carried = over if overflow_mode == "overflow-borrow" else 0
        return tuple(carried + sum(container.sizes[:index]) for index in range(container.frames))

    for before, container in successions(recording.fabric.containers(at=bed.uplinks)):
        expect.equal(container.fills, due(before, container), "fill fields of a container", container.rows)
    expect.enough(expect.checked, 8, "containers")


@clause("PKTC-PREVIOUS-FRAMES", "full-and-flushed")
@testbed(SoloGsp())
@needs("fabric taps")
@configure(container_bytes=65536)
def test_predecessor_is_counted(bed, expect):
    """Full and flushed containers alike, of two classes at once and twice, are told of by the next one."""
    pause = bed.parameter("flush_time") + bed.parameter("latency_margin")
    source, destination, whole = bed.host(0), bed.host(-1), bed.parameter("container_bytes")
    load = Scenario()
    for cls, size in ((0, 66), (2, 130), (5, min(IMIX[-1] + 2, bed.parameter("max_frame")))):
        lone = bursts(source, destination, repeat=4, frames=1, period=pause, size=size, cls=cls)
        load += lone + elephant(source, destination, bytes=3 * whole, size=size, cls=cls, start=4 * pause)
    again = load.delayed(by=10 * pause + 2 * bed.parameter("age_out"))
    recording = bed.play(load + again)
    for before, container in successions(recording.fabric.containers(at=bed.uplinks)):
        due = before.frames if before else 0
        expect.equal(
            set(container.previous_frames), {due}, "frames in the predecessor", container.rows, unit="frame"
        )
    expect.enough(expect.checked, 40, "containers")


@clause("PKTC-PREVIOUS-FRAMES", "path-lost")
@testbed(SoloGsp(hosts=2, uplinks=3))
@needs("fabric taps", "link events")
@configure(container_bytes=131072)
def test_what_a_lost_path_cut_is_counted(bed, expect):
    """The container after one that the loss of its uplink has ended tells how many frames that had."""
    cut = Scenario(links=(LinkEvent(0, bed.uplinks[0], up=False),), voids=("FWD-ZERO-LOSS",))
    trigger = Trigger("DATA", cut, bed.uplinks[0], count=2, fields={"index": 4})
    recording = bed.play(filling(bed, 8, sizes=[594], sources=2) + Scenario(triggers=(trigger,)))
    for before, container in successions(recording.fabric.containers(at=bed.uplinks)):
        due = max(before.indices) + 1 if before else 0
        told = set(container.previous_frames)
        expect.equal(told, {due}, "frames in the predecessor", container.rows, unit="frame")
    expect.enough(expect.checked, 6, "containers")


@clause("PKTC-LAST-TRUTHFUL")
@testbed(SoloGsp())
@needs("fabric taps")
@sweep("overflow_mode")
def test_nothing_follows_the_last(bed, expect, overflow_mode):
    """In bursts around the length of a container no frame has a higher index than one that carries LAST."""
    pause = bed.parameter("flush_time") + bed.parameter("latency_margin")
    whole = bed.parameter("container_bytes")
    parts = [
        elephant(
            bed.host(0), bed.host(-1), bytes=whole * part // 4, size=594, start=part * pause, cls=part % 8
        )
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
