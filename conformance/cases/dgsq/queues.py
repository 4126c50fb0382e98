"""What several cases of the chapter need: queues that fill up, and the time after which none is left."""

from dataclasses import replace

from conformance.bed import Bed
from traffic.scenario import GrantPolicy, Scenario


def slow_egress(bed: Bed, name: str) -> Scenario:
    """Let an emulated egress grant so slowly that frames wait at their source."""
    grants = GrantPolicy(window=bed.parameter("max_frame"), delay=bed.parameter("latency_margin"))
    return Scenario(peers=(replace(bed.peer(name), grants=grants),))


def release_time(bed: Bed) -> int:
    """Time without traffic after which every queue has been released, ns."""
    return sum(bed.parameter(step) for step in ("age_out", "request_refresh", "latency_margin"))
