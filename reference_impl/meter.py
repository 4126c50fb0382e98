"""The octets that passed of late."""

SLOTS = 8


class Meter:
    """Sums octets over a sliding `window` in ns, in steps of an eighth of it."""

    __slots__ = ("cells", "slot", "total", "width")

    def __init__(self, window: int) -> None:
        self.width = max(window // SLOTS, 1)
        self.slot = 0
        self.cells = [0] * SLOTS
        self.total = 0

    def add(self, octets: int, now: int) -> None:
        """Note octets that pass now."""
        slot = now // self.width
        if slot != self.slot:
            self.turn(slot)
        self.cells[slot % SLOTS] += octets
        self.total += octets

    def turn(self, slot: int) -> None:
        """Forget what has left the window."""
        if slot - self.slot >= SLOTS:
            self.cells = [0] * SLOTS
            self.total = 0
        else:
            for old in range(self.slot + 1, slot + 1):
                self.total -= self.cells[old % SLOTS]
                self.cells[old % SLOTS] = 0
        self.slot = slot

    def rate_mbps(self, now: int) -> int:
        """Mbit/s over the window that ends now."""
        slot = now // self.width
        if slot != self.slot:
            self.turn(slot)
        span = min((SLOTS - 1) * self.width + now % self.width + 1, now + 1)
        return self.total * 8000 // span
