"""What is to happen when: events wait in slots of 512 ns, in the order they were made within one ns.

A heap holds the numbers of the slots that are in use.
"""

from bisect import insort
from heapq import heappush
from operator import itemgetter
from typing import Any

SHIFT = 9
TIME = itemgetter(0)

Event = tuple[int, Any, bytes | None]
"""Time, and a direction with the frame that arrives on it, or whatever `happen`s then and None."""

Tap = tuple[int, int, int, bytes, int]
"""When the last bit left the sender (ns), link index, direction (0 is a to b), frame, copies delivered."""


class Timeline:
    """The events to come, and the taps with what has passed; all links of a network share one."""

    def __init__(self) -> None:
        self.slots: dict[int, list[Event]] = {}
        self.order: list[int] = []
        self.slot = -1
        self.playing: list[Event] = []
        """The events of the slot that is being played, which is in `slots` no longer."""
        self.tapped: list[Tap] = []

    def insert(self, event: Event) -> None:
        """Put an event in its place; its time is not before the current one."""
        slot = event[0] >> SHIFT
        events = self.slots.get(slot)
        if events is not None:
            events.append(event)
        elif slot != self.slot:
            self.slots[slot] = [event]
            heappush(self.order, slot)
        else:
            insort(self.playing, event, key=TIME)
