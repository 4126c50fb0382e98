"""Which pairs of states, transitions and conditions were seen together, and which are still to be."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from conformance.plans.plan import Plan
from traffic.recordings.recording import Recording

Pair = tuple[str, str]


class Coverage:
    """The pairs that were met so far, over all plays."""

    def __init__(self) -> None:
        self.pairs: set[Pair] = set()

    def note(self, plan: Plan, recording: Recording) -> int:
        """Add what a play met, and return how many pairs of it are new."""
        seen = sorted(set(conditions(plan, recording)))
        fresh = {pair for pair in combinations(seen, 2) if pair not in self.pairs}
        self.pairs |= fresh
        return len(fresh)


def conditions(plan: Plan, recording: Recording) -> Iterator[str]:
    """Yield what a play was like: its testbed, settings and steps, and what devices counted and noted."""
    yield f"bed {plan.bed.kind}"
    yield f"spines {plan.bed.gsfs}"
    for name, value in plan.settings.items():
        yield f"{name} {value}"
    for step in plan.steps:
        yield " ".join(
            str(part) for part in (step.step, getattr(step, "kind", ""), getattr(step, "what", ""))
        )
    if "counters" in recording.capabilities:
        for counters in recording.columns.counters.values():
            for name, value in counters.items():
                if value and not name.startswith(("tx_", "rx_", "hellos")):
                    yield f"{name} {grade(value)}"
    if "events" in recording.capabilities:
        for event in recording.columns.events:
            yield f"event {event.name}"


def grade(value: int) -> int:
    """Grade a count, so that much the same is the same."""
    return int(np.searchsorted((1, 4, 64), abs(value), side="right"))
