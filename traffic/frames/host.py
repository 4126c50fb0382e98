"""What GSE counts and reads of a host frame: its credit bytes and its class."""

from typing import Final

SHORTEST: Final = 60
"""Octets of the shortest frame on a wire, without FCS."""
OVERHEAD: Final = 24
"""Octets that a frame takes on a wire beside its own: FCS, preamble and the gap behind it."""
VLAN: Final = b"\x81\x00"


def credit(frame: bytes) -> int:
    """Return the bytes that a frame (without FCS) counts for credit, fill and rates."""
    return max(len(frame), SHORTEST) + OVERHEAD


def traffic_class(frame: bytes) -> int:
    """Return the class of a frame: the PCP of an outer 802.1Q tag, else 0."""
    return frame[14] >> 5 if frame[12:14] == VLAN else 0
