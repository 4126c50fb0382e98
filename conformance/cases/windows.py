"""How long a play is watched until whole frames and whole turns tell what is required of a rate or a share.

A limit near 1 takes a longer window, never an allowance: so every declared limit is judged as it is declared.
"""

import math

from conformance.api.testbed import Testbed
from traffic.patterns import gap_at

MISSING = 3
"""Frames that a window may lack of a flow that keeps its rate: one at each end, and one that is late."""


def frame_time(bed):
    """Time of the longest frame on a link, with preamble and gap, ns."""
    return gap_at(bed.parameter("max_frame"), bed.parameter("link_rate"))


def frames_in(bed, span):
    """Count the longest frames that a link carries in a span of time."""
    return int(span / frame_time(bed))


def telling(bed, least, span, gap=None):
    """Time, `span` ns or longer, in which frames show whether a flow keeps the part `least` of its rate.

    They follow each other every `gap` ns, or are the longest back to back.
    """
    return max(span, math.ceil(MISSING * (gap or frame_time(bed)) / (1 - least)))


def grant_window(bed: Testbed) -> float:
    """Credit bytes that a link carries in a grant round trip, times what is kept on top."""
    octets: float = bed.parameter("link_rate") * bed.parameter("grant_round_trip") / 8 / 1000
    return octets * float(bed.parameter("grant_window_factor"))


def one_turn(bed):
    """Octets that a source sends in a turn: a container, or a grant window where that is less."""
    return min(bed.parameter("container_bytes"), int(grant_window(bed)))


def even(bed, sources, span):
    """Time, `span` ns or longer, in which sources in turn show whether their shares are equal.

    With n turns each, of which one may be missing, Jain's index is 1 - 1/n^2 or more: a quarter of what it
    may lack by fairness_min.
    """
    turns = math.ceil(2 / math.sqrt(1 - bed.parameter("fairness_min")))
    return max(span, gap_at(turns * sources * one_turn(bed), bed.parameter("link_rate")))
