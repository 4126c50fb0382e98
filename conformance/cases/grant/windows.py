"""Limits that several cases of the chapter share."""

from conformance.api.testbed import Bed
from traffic.patterns import credit_bytes


def outstanding_limit(bed: Bed, sources: int) -> float:
    """Most credit bytes granted ahead of a link: a window, a longest frame a source, one in the port."""
    octets = bed.parameter("link_rate") * bed.parameter("grant_round_trip") / 8 / 1000
    window: float = bed.parameter("grant_window_factor") * octets
    return window + (sources + 1) * credit_bytes(bed.parameter("max_frame"))
