"""What several cases of the chapter need: queues that fill up, and the time after which none is left."""

from dataclasses import replace

import numpy as np

from conformance.api.testbed import Testbed
from conformance.judge.expect import Expect
from traffic.patterns import gap_at
from traffic.recordings.recording import DOWN, UP, Recording
from traffic.scenario import Scenario


def slow_egress(bed: Testbed, name: str) -> Scenario:
    """Let an emulated egress grant one longest frame at a time, so slowly that frames wait."""
    grants = replace(bed.peer(name).grants, window=bed.parameter("max_frame"), delay=grant_delay(bed))
    return Scenario(peers=(replace(bed.peer(name), grants=grants),))


def grant_delay(bed: Testbed) -> int:
    """Time that a slow egress waits before each GRANT, ns: two longest frames take no longer on a link."""
    frame = gap_at(bed.parameter("max_frame"), bed.parameter("link_rate"))
    margin: int = bed.parameter("latency_margin")
    return max(margin, 2 * frame)


def release_time(bed: Testbed) -> int:
    """Time without traffic after which every queue has been released, ns."""
    return sum(bed.parameter(step) for step in ("age_out", "request_refresh", "latency_margin"))


def rested(recording: Recording, way: int) -> tuple[int, int] | None:
    """Time from the last frame from hosts, or to them, to the reading of the devices, ns: least, and most.

    None where no such frame was kept; the play then rested as long as its scenario says.
    """
    columns = recording.columns
    fabric = np.array([link.fabric for link in recording.links], bool)
    sent = columns.time[(columns.direction == way) & ~fabric[columns.link]] if len(columns) else columns.time
    if not len(sent):
        return None
    return columns.read[0] - int(sent.max()), columns.read[1] - int(sent.max())


def read_within(expect: Expect, recording: Recording, least: int) -> bool:
    """State that the devices were read when every queue had to be there yet: its last frame had just come."""
    rest = rested(recording, DOWN)
    return rest is None or expect.given(
        rest[1] < least, f"the devices were read within {least} ns of the last frame"
    )


def read_after(expect: Expect, recording: Recording, least: int) -> bool:
    """State that the devices were read when every queue had to be gone."""
    rest = rested(recording, UP)
    return rest is None or expect.given(
        rest[0] >= least, f"the devices were read {least} ns after the last frame"
    )
