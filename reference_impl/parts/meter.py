"""The octets that passed of late."""

from collections import deque

SLOTS = 8


class Meter:
    """Sums octets over a sliding `window` in ns, in steps of an eighth of it.

    `cells` holds `[step, octets]` of the steps in which something passed, the newest last.
    """

    __slots__ = ("cells", "width")

    def __init__(self, window: int) -> None:
        self.width = -(-window // SLOTS)
        self.cells: deque[list[int]] = deque(maxlen=SLOTS)

    def add(self, octets: int, now: int) -> None:
        """Note octets that pass now."""
        step = now // self.width
        if self.cells and self.cells[-1][0] == step:
            self.cells[-1][1] += octets
        else:
            self.cells.append([step, octets])

    def rate_mbps(self, now: int) -> float:
        """Mbit/s over the window that ends now."""
        first = max(now // self.width - SLOTS + 1, 0)
        octets = sum(octets for step, octets in self.cells if step >= first)
        return octets * 8000 / (now + 1 - first * self.width)
