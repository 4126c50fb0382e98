"""Timers of things that peers name: one for each, however often its end is put off."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from reference_impl.port import NEVER

K = TypeVar("K", bound=Hashable)


class EndTimers(Generic[K]):
    """Calls `ended(now, key)` at the time for which a key is armed; it returns the next such time, or None.

    A key that is armed again for later needs no other timer: it is armed anew when the first one is due. So
    a peer that repeats itself, with whatever validity, costs one timer.
    """

    def __init__(self, at: Callable[..., None], ended: Callable[[int, K], int | None]) -> None:
        self.at = at
        self.ended = ended
        self.armed: dict[K, int] = {}

    def arm(self, key: K, time: int) -> None:
        """See that the end of a key is looked at, at `time` at the latest."""
        if time < self.armed.get(key, NEVER):
            self.armed[key] = time
            self.at(time, self.due, key)

    def due(self, now: int, key: K) -> None:
        """Look at a key whose time has come, unless an earlier timer has done so."""
        if now < self.armed.get(key, NEVER):
            return
        del self.armed[key]
        later = self.ended(now, key)
        if later is not None and later > now:
            self.arm(key, later)
