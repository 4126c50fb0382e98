"""When a play is over: one rule, by which virtual and real time both go."""

from collections.abc import Mapping
from typing import Any, Final

from traffic.scenario import Scenario

TIMERS: Final = ("flush_time", "reorder_timeout", "request_refresh", "grant_validity", "bp_validity")
"""What a device that holds no data does with that which passed, it does within the longest of these."""


class Course:
    """A play under way, in ns of the clock that it is played by; `values` are the parameters by name.

    1. It goes on while something is `busy`: a stream that has not left, an order that is being carried out.
    2. It goes on until `settle` after the last data that `moved`, and after the last event that anything
       planned, a trigger included, however late that fired.
    3. It ends at its limit whatever is left, and `cut` then names the limit if anything was.
    4. Where devices can be asked, a play of data alone `may_end` sooner after that, unless the scenario says
       what `settle` is: after the longest time for which a device that holds none is still busy with it. What
       a link or an order does goes on in messages between devices, which hold nothing.
    """

    def __init__(self, scenario: Scenario, values: Mapping[str, Any]) -> None:
        self.own = scenario.limit is not None
        self.span: int = scenario.limit or int(values["play_limit"])
        self.settle: int = scenario.settle or int(values["settle_time"])
        timers = max(int(values[name]) for name in TIMERS)
        self.quiet = timers if scenario.settle is None and is_data_alone(scenario) else self.settle
        self.limit = self.span
        self.last = 0
        self.cut = ""

    def begin(self, start: int) -> None:
        """Let its limit count from a time."""
        self.limit = start + self.span
        self.note(start)

    def note(self, time: int) -> None:
        """Take notice of data that moved at a time, or of an event that is planned for one."""
        self.last = max(self.last, time)

    def look(self, now: int, *, busy: bool) -> int:
        """Return the time until which it goes on for certain unless it is seen to end sooner."""
        return min(self.limit, (max(self.last, now) if busy else self.last) + self.settle)

    def may_end(self, now: int, *, busy: bool) -> bool:
        """Say whether it ends if the devices say that nothing waits in them."""
        return not busy and now >= self.last + min(self.quiet, self.settle)

    def goes_on(self, now: int, *, busy: bool) -> bool:
        """Say whether it goes on."""
        going = busy or now < self.last + self.settle
        if going and now >= self.limit:
            self.cut = f"{'its own limit' if self.own else 'play_limit'} of {self.span:,} ns"
        return going and now < self.limit


def is_data_alone(scenario: Scenario) -> bool:
    """Say whether a scenario sends data, and neither switches a link nor has a device managed."""
    own = (scenario.streams or scenario.frames) and not (scenario.links or scenario.management)
    return bool(own) and not any(each.then.links or each.then.management for each in scenario.triggers)
