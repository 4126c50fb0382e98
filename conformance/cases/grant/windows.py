"""The grant window, a term of several limits of the chapter."""

from conformance.api.testbed import Testbed


def grant_window(bed: Testbed) -> float:
    """Credit bytes that a link carries in a grant round trip, times what is kept on top."""
    octets: float = bed.parameter("link_rate") * bed.parameter("grant_round_trip") / 8 / 1000
    return octets * float(bed.parameter("grant_window_factor"))
