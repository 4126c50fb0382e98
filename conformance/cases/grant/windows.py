"""Limits that several cases of the chapter share."""

from conformance.bed import Bed
from traffic.patterns import credit_bytes


def outstanding_limit(bed: Bed, sources: int) -> float:
    """Credit bytes that may be outstanding at one link rate: a grant window and a longest frame a source."""
    octets = bed.parameter("link_rate") * bed.parameter("grant_round_trip") / 8 / 1000
    window: float = bed.parameter("grant_window_factor") * octets
    return window + sources * credit_bytes(bed.parameter("max_frame"))
