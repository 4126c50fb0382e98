"""Limits that several cases of the chapter share."""

from conformance.api.testbed import Bed
from traffic.patterns import credit_bytes


def outstanding_limit(bed: Bed, sources: int) -> float:
    """Most credit bytes granted ahead of a link: a window, a longest frame a source, one in the port."""
    return grant_window(bed) + (sources + 1) * credit_bytes(bed.parameter("max_frame"))


def grant_window(bed: Bed) -> float:
    """Credit bytes that a link carries in a grant round trip, times what is kept on top."""
    octets: float = bed.parameter("link_rate") * bed.parameter("grant_round_trip") / 8 / 1000
    return octets * float(bed.parameter("grant_window_factor"))
