"""The search: plans are drawn until the budget is spent, and what breaks a rule is shrunk to little."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from allpairspy import AllPairs
from hypothesis import HealthCheck, Phase, given, seed, settings, target
from hypothesis.errors import Flaky

from conformance.exploration.draw import SETTINGS, plans
from conformance.exploration.plan import Bed, Cut, Flow, Halt, Harm, Oddity, Plan, Step
from conformance.exploration.play import Outcome, play
from conformance.exploration.steer import Coverage
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
        """Explore until the budget is spent; each rule is found once."""
        self.end = self.clock() + self.budget
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
        search = settings(
            max_examples=ROUND,
            phases=phases,
            database=None,
            deadline=None,
            print_blob=False,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )
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


class RuleBrokenError(Exception):
    """A plan broke a rule; hypothesis takes it and shrinks the plan."""


EVENTS: Final[Mapping[str, tuple[Step, ...]]] = {
    "none": (),
    "cut": (Cut(0, 100_000, 400_000),),
    "lost grants": (Harm(0, "loss", 1, 50_000, 300_000, every=2, messages=("GRANT",)),),
    "lost data": (Harm(0, "loss", 0, 50_000, 100_000, every=7, messages=("DATA",)),),
    "repeated data": (Harm(0, "duplicate", 0, 50_000, 300_000, every=3, messages=("DATA",)),),
    "pause": (Halt(1, 0, 50_000, 200_000), Halt(1, 3, 50_000, 200_000)),
}
FRAMES: Final[Mapping[str, tuple[Step, ...]]] = {
    "short": (Flow(0, 0, (66,), 60),),
    "longest": (Flow(0, 0, (9_216,), 20),),
    "mixed": (Flow(0, 0, (66, 1_518, 594), 60),),
    "plain": (Flow(0, 0, (594,), 40, kind="ethernet"),),
    "groups": (Flow(0, 0, (594,), 20), Oddity("multicast", 0, 0, 30_000), Oddity("broadcast", 0, 0, 60_000)),
    "tags": (Flow(0, 0, (594,), 20), Oddity("double tagged", 0, 0, 30_000), Oddity("tagged", 0, 0, 60_000)),
}


def array(strength: int = 2) -> Iterator[Plan]:
    """Cover each pair (or triple) of class, frames, modes, number of paths and kind of event by plans."""
    factors = {
        "class": (0, 3, 7),
        "frames": tuple(FRAMES),
        "overflow_mode": SETTINGS["overflow_mode"],
        "dgsq_mode": SETTINGS["dgsq_mode"],
        "paths": (1, 2, 4),
        "event": tuple(EVENTS),
    }
    for number, row in enumerate(AllPairs(list(factors.values()), n=strength)):
        cls, frames, overflow, dgsq, paths, event = row
        steps: list[Step] = [
            Flow(step.source, step.destination, step.sizes, step.count, cls=cls, kind=step.kind)
            if isinstance(step, Flow)
            else step
            for step in FRAMES[frames]
        ]
        again = Flow(1, 0, (594, 128), 20, 20_000, cls=cls)
        chosen = {"overflow_mode": overflow, "dgsq_mode": dgsq}
        bed = Bed("fabric", 3, paths, 1)
        yield Plan(bed, chosen, (*steps, again, *EVENTS[event]), number)
