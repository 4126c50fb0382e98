"""Single frames that wait to be pushed, and the server's clock, which tells when they left."""

from time import monotonic_ns
from typing import Final

from traffic.trex.capturing import LEAST_GAP_US
from traffic.trex.trex import Trex

QUESTIONS: Final = 5
"""Questions for the time of which the quickest gives the offset between the clocks."""


class Pushes:
    """Frames by port of the server; those of a port wait until its last push is through."""

    def __init__(self) -> None:
        self.queued: dict[int, list[bytes]] = {}
        self.free: dict[int, int] = {}

    def __bool__(self) -> bool:
        return bool(self.queued)

    def add(self, port: int, frame: bytes) -> None:
        """Let a frame wait."""
        self.queued.setdefault(port, []).append(frame)

    def clear(self) -> None:
        """Forget what waits."""
        self.queued.clear()

    def leave(self, trex: Trex) -> None:
        """Push what waits for ports whose last push is through: what overlaps leaves in disorder."""
        for port in [port for port in self.queued if monotonic_ns() >= self.free.get(port, 0)]:
            waiting = self.queued.pop(port)
            trex.push(port, waiting, ask=False)
            self.free[port] = monotonic_ns() + len(waiting) * LEAST_GAP_US * 1000


def clock_of(trex: Trex) -> tuple[int, int]:
    """Return how far the server's clock is ahead of the local one, and how uncertain that is, in ns."""
    asked = []
    for _ in range(QUESTIONS):
        before = monotonic_ns()
        told = trex.time()
        after = monotonic_ns()
        asked.append(((after - before) // 2 + 1, told - (before + after) // 2))
    uncertainty, offset = min(asked)
    return offset, uncertainty
