"""Which containers closed because they were full, and which follows which."""

from collections.abc import Iterable

from traffic.recording import Container

Succession = tuple[Container | None, Container]
"""A container after its predecessor, None where that was not seen."""


def successions(containers: Iterable[Container]) -> list[Succession]:
    """Give each container with the one before it in its queue generation."""
    known = {(container.queue, container.sequence): container for container in containers}
    return [(known.get((queue, sequence - 1)), here) for (queue, sequence), here in known.items()]


def full(containers: Iterable[Container], flush_time: int) -> list[Container]:
    """List the containers that can only have closed because they were full.

    Their successor began less than `flush_time` ns after their own last frame had left.
    """
    return [
        before
        for before, after in successions(containers)
        if before is not None and after.times[0] - before.times[-1] < flush_time
    ]
