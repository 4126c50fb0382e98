"""Which plans every run plays: of many that are drawn, the few that meet the most pairs of conditions."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Final

from hypothesis import Phase, given, seed, settings

from conformance.exploration.draw import plans
from conformance.exploration.explore import quietly
from conformance.exploration.play import play
from conformance.exploration.steer import Pair, conditions
from conformance.plans.plan import Bed, Misbehaviour, Plan, Stray
from conformance.plans.tour import tour
from conformance.run.context import RunContext

DRAWN: Final = 90
"""How many plans are drawn, beside those of the tour."""


def choose(
    context: RunContext, bed: Bed, values: Mapping[str, int | str], count: int, number: int
) -> list[Plan]:
    """Choose plans of a testbed greedily; a plan that says nothing, or breaks a rule, is none of them."""
    met: dict[str, tuple[Plan, set[Pair]]] = {}
    for plan in candidates(bed, values, number):
        outcome = play(plan, context)
        if outcome.recording is not None and not outcome.void and not outcome.breaches:
            seen = sorted(set(conditions(plan, outcome.recording)))
            met[plan.name] = (plan, set(combinations(seen, 2)))
    chosen: list[Plan] = []
    known: set[Pair] = set()
    while met and len(chosen) < count:
        best = max(met, key=lambda name: (len(met[name][1] - known), name))
        plan, pairs = met.pop(best)
        known |= pairs
        chosen.append(plan)
    return chosen


def candidates(bed: Bed, values: Mapping[str, int | str], number: int) -> Iterator[Plan]:
    """Yield the plans of the tour that a testbed can play, and some that are drawn with a seed."""
    for plan in tour():
        solo = any(isinstance(step, Stray | Misbehaviour) for step in plan.steps)
        if solo == (bed.kind != "fabric") and (not solo or plan.bed.kind == bed.kind):
            yield Plan(bed, dict(values), plan.steps, plan.seed)
    drawn: list[Plan] = []

    @seed(number)
    @settings(quietly(DRAWN), phases=[Phase.generate])
    @given(plans(bed.kind))
    def draw(plan: Plan) -> None:
        drawn.append(Plan(bed, dict(values), plan.steps, plan.seed))

    draw()
    yield from drawn
