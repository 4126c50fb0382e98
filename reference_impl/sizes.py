"""Octets of a frame: what it has without FCS, what its size counts, and what it costs in credit bytes."""

FCS = 4
MIN_FRAME = 60
"""Octets of the shortest frame on a wire, without FCS."""
OVERHEAD = 24
"""Octets that a frame without FCS costs besides its own: FCS, preamble and gap."""
LONGER_THAN_SIZE = OVERHEAD - FCS
"""Credit bytes of a frame beyond its size, which counts the FCS: preamble and gap."""


def credit_of(octets: int) -> int:
    """Return the credit bytes of a host frame of so many octets without FCS."""
    return (octets if octets > MIN_FRAME else MIN_FRAME) + OVERHEAD  # noqa: FURB136 - the data path
