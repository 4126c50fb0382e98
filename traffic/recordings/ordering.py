"""Reordering metrics of RFC 4737 over columns."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from traffic.recordings.decode import Rows
from traffic.recordings.rows import numbered


@dataclass(frozen=True, eq=False)
class Reordering:
    """Reordered packets (RFC 4737, type-P-reordered): how many were received, which came late, how far.

    `extents` counts the packets between a reordered one and the earliest that overtook it (section 4.2).
    """

    received: int
    rows: list[int]
    extents: Rows

    @property
    def reordered(self) -> int:
        """Number of reordered packets."""
        return len(self.rows)

    @property
    def ratio(self) -> float:
        """Reordered packets over received ones, 0 if none was received."""
        return self.reordered / self.received if self.received else 0.0

    @property
    def extent(self) -> int:
        """Largest extent, 0 if nothing was reordered."""
        return int(self.extents.max()) if self.reordered else 0


def reordering_of(group: Rows, rank: Rows, rows: Rows, play: int) -> Reordering:
    """Judge packets of a play in order of arrival: the flow of each, its rank as sent in it, and its row."""
    order = np.argsort(group, kind="stable")
    group, rank, rows = group[order], rank[order], rows[order]
    bounds = np.r_[np.flatnonzero(np.r_[True, group[1:] != group[:-1]]), len(group)] if len(group) else [0]
    late, extents = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for first, stop in pairwise(bounds):
        flow = rank[first:stop]
        highest = np.maximum.accumulate(flow)
        behind = np.flatnonzero(flow < highest)
        late.append(rows[first:stop][behind])
        extents.append(behind - np.searchsorted(highest, flow[behind], side="right"))
    return Reordering(len(group), numbered(np.concatenate(late), play), np.concatenate(extents))
