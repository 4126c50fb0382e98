"""Loads that fill containers, which containers closed because they were full, and which follows which."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from conformance.api.testbed import Testbed
from traffic.patterns import credit_bytes, gap_at, sweep
from traffic.recordings.recording import Container, Recording
from traffic.scenario import SHORTEST_TAGGED_ROCE, GrantPolicy, Scenario

Succession = tuple[Container | None, Container]
"""A container after its predecessor, None where that was not seen."""


def filling(
    bed: Testbed, number: int, sizes: Sequence[int], sources: int = 1, classes: Sequence[int] = (0,)
) -> Scenario:
    """Frames of these sizes in turn, back to back, in each class from each source to the last host.

    They fill `number` containers in all. The egress grants ahead, so that no frame waits for credit.
    """
    octets = number * bed.parameter("container_bytes")
    cycles = 1 + octets // (sources * len(classes) * sum(map(credit_bytes, sizes)))
    loads = [
        sweep(
            host,
            bed.host(-1),
            sizes=[max(size, SHORTEST_TAGGED_ROCE) for size in sizes] if cls else sizes,
            count=cycles,
            cls=cls,
        )
        for host in bed.hosts[:sources]
        for cls in classes
    ]
    ahead = GrantPolicy("at-once", extra=2 * octets, validity=bed.parameter("play_limit"))
    egress = replace(bed.peer(bed.gsps[-1]), grants=ahead)
    return sum(loads[1:], start=loads[0]) + Scenario(peers=(egress,))


def successions(containers: Iterable[Container]) -> list[Succession]:
    """Return each container with the one before it in its queue generation."""
    known = {(container.queue, container.sequence): container for container in containers}
    return [(known.get((queue, sequence - 1)), here) for (queue, sequence), here in known.items()]


def full(bed: Testbed, recording: Recording) -> list[Container]:
    """List the containers on the uplinks that can only have closed because they were full.

    The first frame of their successor began to leave before they could have been flushed.
    """

    def pause(before: Container, after: Container) -> int:
        return after.times[0] - gap_at(after.sizes[0], bed.parameter("link_rate")) - before.times[-1]

    return [
        before
        for before, after in successions(recording.fabric.containers(at=bed.uplinks))
        if before is not None and pause(before, after) < bed.parameter("flush_time")
    ]
