"""The octets that passed of late."""

from collections import deque

SLOTS = 8


class Meter:
    """Sums octets over a sliding `window` in ns, in steps of an eighth of it.

    `cell` holds the octets of the step under way, which ends at `until`; whoever adds to it turns it first.
    """

    __slots__ = ("cell", "cells", "until", "width")

    def __init__(self, window: int) -> None:
        self.width = max(window // SLOTS, 1)
        self.until = self.width
        self.cell = 0
        self.cells = deque([0] * (SLOTS - 1), SLOTS - 1)

    def add(self, octets: int, now: int) -> None:
        """Note octets that pass now."""
        if now >= self.until:
            self.turn(now)
        self.cell += octets

    def turn(self, now: int) -> None:
        """Begin the step that `now` lies in, and forget what has left the window."""
        steps = (now - self.until) // self.width + 1
        self.cells.append(self.cell)
        if steps > 1:
            self.cells.extend([0] * min(steps - 1, SLOTS))
        self.cell = 0
        self.until += steps * self.width

    def rate_mbps(self, now: int) -> float:
        """Mbit/s over the window that ends now."""
        if self.until == self.width and not self.cell:
            return 0
        if now >= self.until:
            self.turn(now)
        octets = sum(self.cells) + self.cell
        return octets * 8000 / min(SLOTS * self.width - (self.until - now) + 1, now + 1) if octets else 0
