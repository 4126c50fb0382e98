"""Load that lasts as long as a judgement needs, and what each link carries of it."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping

from traffic.patterns import credit_bytes, elephant, frame_count, gap_at, interleaved
from traffic.recordings.recording import UP, Container
from traffic.scenario import Scenario


def plenty(bed, parts, size=None):
    """Octets, in frames of a size (max_frame), of each of whose parts a container is within tolerance."""
    longest = bed.parameter("container_bytes") + (size or bed.parameter("max_frame"))
    return math.ceil(parts * longest / bed.parameter("spray_tolerance")) + 2 * longest


def rounds(bed, sizes, containers):
    """Count how often frames of these sizes have to come in turn to fill so many containers."""
    return math.ceil(containers * bed.parameter("container_bytes") / sum(map(credit_bytes, sizes)))


def line_time(bed, octets):
    """Time in ns that octets take on a link, as a frame of that size would."""
    return gap_at(octets, bed.parameter("link_rate"))


def lasting(bed, source, destination, time, start=0):
    """One flow of the longest frames at line rate, for so many ns."""
    size = bed.parameter("max_frame")
    count = math.ceil(time / gap_at(size, bed.parameter("link_rate")))
    return elephant(source, destination, count=count, size=size, start=start)


def successive(bed, source, destination, amounts):
    """Flows of given octets in frames of given sizes, each when the one before has left."""
    load, start = Scenario(), 0
    for octets, size in amounts:
        count = frame_count(size, octets, None)
        load += elephant(source, destination, count=count, size=size, start=start)
        start += count * (1 + gap_at(size, bed.parameter("link_rate"))) + 2 * bed.parameter("flush_time")
    return load


def in_turn(bed, time):
    """Frames of the longest size from the first host to all others in turn, for so many ns at line rate."""
    size, targets = bed.parameter("max_frame"), bed.hosts[1:]
    count = 1 + time // (len(targets) * gap_at(size, bed.parameter("link_rate")))
    return interleaved(bed.host(0), targets, count=count, size=size)


def begun(containers: Iterable[Container], start: int, stop: float = math.inf) -> list[Container]:
    """List the containers whose first frame left in [start, stop) ns."""
    return [container for container in containers if start <= container.times[0] < stop]


def judge_shares(bed, expect, containers: list[Container], weights: Mapping[str, float], what: str) -> None:
    """Expect the octets on each link to be its share by weight, to within spray_tolerance of that share."""
    carried: Counter[str] = Counter()
    for container in containers:
        for link in container.links:
            carried[link] += container.bytes // len(container.links)
    total, tolerance = sum(carried.values()), bed.parameter("spray_tolerance")
    longest = max((container.bytes for container in containers), default=1)
    smallest = min(weights.values()) / sum(weights.values()) * total
    if expect.given(
        tolerance * smallest >= longest, f"{what}: a container is within the tolerance of a share"
    ):
        for link, weight in weights.items():
            share = weight / sum(weights.values()) * total
            off = abs(carried[link] - share)
            expect.at_most(off, tolerance * share, f"{what}: deviation of {link} from its share", "octet")


def judge_unused(expect, recording, link, others, *, after, before=math.inf, way=UP) -> None:
    """Expect no DATA on a link later than `after` (and until `before`), while there is some on the others."""
    marks = [data for data in recording.fabric.messages("DATA", others, way) if after < data.time <= before]
    between = (marks[0].row, marks[-1].row) if marks else (None, None)
    late = [data for data in recording.fabric.messages("DATA", link, way) if after < data.time <= before]
    expect.none(late, f"DATA on {link} later than {after} ns", between)
