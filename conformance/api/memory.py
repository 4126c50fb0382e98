"""Memory given back after a play that was large, of which a whole run would otherwise fill up."""

import ctypes
import gc
from typing import Final

LARGE: Final = 16 << 20
"""Octets of a play from which on it is worth the time."""


def release_memory(octets: int) -> None:
    """Free what plays of so many octets left in circles of references, and return it to the system.

    A C library without malloc_trim keeps what is free for later plays.
    """
    if octets < LARGE:
        return
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
