"""What several cases of the chapter need: queues that fill up, and the time after which none is left."""

from dataclasses import replace

from conformance.api.testbed import Testbed
from traffic.patterns import gap_at
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
