"""The search: plans are drawn until the budget is spent, and what breaks a rule is shrunk to little."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from hypothesis import HealthCheck, Phase, find, given, seed, settings, target
from hypothesis import strategies as st
from hypothesis.errors import Flaky, NoSuchExample

from conformance.exploration.draw import plans
from conformance.exploration.play import Outcome, play
from conformance.exploration.steer import Coverage
from conformance.plans.plan import Plan
from conformance.plans.tour import tour
from conformance.run.context import RunContext

ROUND: Final = 40
"""Plans that are drawn one after the other, steered by what the ones before have met."""
SHRINKS: Final = 400
"""Most plays by which one breach is shrunk."""


@dataclass(frozen=True)
class Discovery:
    """A plan that breaks rules, as small as it could be made."""

    plan: Plan
    outcome: Outcome


@dataclass
class Exploration:
    """A search on one bench: what was met, what was found, and what is left of its budget.

    `clock` gives seconds, of the wall or of the processor; `first` ends the search at the first breach.
    """

    context: RunContext
    budget: float
    number: int
    clock: Callable[[], float] = time.monotonic
    first: bool = False
    shrinks: bool = True
    coverage: Coverage = field(default_factory=Coverage)
    plays: int = 0
    voids: int = 0
    known: set[str] = field(default_factory=set)

    def run(self) -> Iterator[Discovery]:
        """Explore until the budget is spent, on a tour of what there is first; each rule is found once."""
        self.end = self.clock() + self.budget
        for plan in tour():
            found = None if self.over else self.visit(plan)
            if found is not None:
                yield found
                if self.first:
                    return
        turn = 0
        while not self.over:
            found = self.round(turn)
            turn += 1
            if found is not None:
                yield found
                if self.first:
                    return

    @property
    def over(self) -> bool:
        """Whether the budget is spent."""
        return self.clock() >= self.end

    def visit(self, plan: Plan) -> Discovery | None:
        """Play a plan, and take steps out of it as long as it breaks a rule that is not known yet."""
        outcome = self.judge(plan)
        wanted = outcome.rules - self.known
        if not wanted:
            return None
        smallest = Discovery(plan, outcome)

        def breaks(kept: tuple[bool, ...]) -> bool:
            nonlocal smallest
            steps = tuple(step for step, keep in zip(plan.steps, kept, strict=True) if keep)
            less = replace(plan, steps=steps)
            found = self.judge(less)
            broken = bool(found.rules & wanted)
            if broken and len(steps) < len(smallest.plan.steps):
                smallest = Discovery(less, found)
            return broken

        if self.shrinks:
            masks = st.tuples(*[st.booleans()] * len(plan.steps))
            with suppress(NoSuchExample, Flaky):
                find(masks, breaks, settings=quietly(ROUND), random=Random(self.number))
        self.known |= smallest.outcome.rules & wanted
        return smallest

    def round(self, turn: int) -> Discovery | None:
        """Draw some plans, and shrink the first one that breaks a rule that is not known yet."""
        worst: list[Discovery] = []
        wanted: set[str] = set()
        left = SHRINKS

        def attempt(plan: Plan) -> None:
            nonlocal left
            if (self.over and not worst) or (worst and left <= 0):
                return
            left -= bool(worst)
            outcome = self.judge(plan)
            if not worst:
                target(float(outcome.fresh))
            fresh = outcome.rules - self.known
            if not fresh or (wanted and not fresh & wanted):
                return
            if not worst:
                wanted.update(fresh)
            worst.append(Discovery(plan, outcome))
            raise RuleBrokenError

        phases = [Phase.generate, Phase.target, *([Phase.shrink] if self.shrinks else [])]
        search = settings(quietly(ROUND), phases=phases)
        try:
            seed(self.number * 1_000_003 + turn)(search(given(plans())(attempt)))()
        except (RuleBrokenError, Flaky):
            smallest = min(worst, key=lambda found: (len(found.plan.steps), len(str(found.plan))))
            self.known |= smallest.outcome.rules & wanted if self.shrinks else smallest.outcome.rules
            return smallest
        return None

    def judge(self, plan: Plan) -> Outcome:
        """Play a plan, and note what it met."""
        outcome = play(plan, self.context)
        self.plays += 1
        self.voids += bool(outcome.void)
        fresh = self.coverage.note(plan, outcome.recording) if outcome.recording is not None else 0
        return outcome.having_met(fresh)


def quietly(examples: int) -> settings:
    """Return how hypothesis draws: so many plans, as long as they take, with no memory of other searches."""
    return settings(
        max_examples=examples,
        database=None,
        deadline=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )


class RuleBrokenError(Exception):
    """A plan broke a rule; hypothesis takes it and shrinks the plan."""
