"""A plan played on a bench and judged: by the invariants of all clauses, and by the oracle."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from conformance.api.outcomes import TesterLimited
from conformance.api.parameters import senseless
from conformance.exploration.build import Played, build
from conformance.judge import invariants
from conformance.plans.oracle import Breach, Oracle
from conformance.plans.plan import Plan
from conformance.run.context import RunContext
from spec.text import said
from spec.verdict import Verdict
from spec.wire import NotInProfile
from traffic.recordings.recording import BeyondRecording, Recording

CRASH: Final = "crash"


@dataclass(frozen=True)
class Outcome:
    """What came of a plan: its breaches, the recording where there is one, and why it says nothing, if so.

    `fresh` is how many pairs of conditions it met that were not met together before.
    """

    breaches: tuple[Breach, ...] = ()
    recording: Recording | None = None
    void: str = ""
    fresh: int = 0

    def having_met(self, fresh: int) -> "Outcome":
        """Return the same with the number of new pairs."""
        return replace(self, fresh=fresh)

    @property
    def rules(self) -> frozenset[str]:
        """The rules that were broken: clauses, and rules of the oracle."""
        return frozenset(breach.rule for breach in self.breaches)


def play(plan: Plan, context: RunContext) -> Outcome:
    """Play a plan on the bench of a context, and judge it."""
    try:
        played = build(plan, context)
        odd = senseless(context.catalogue, played.setup.facts.parameters)
        limits = context.binding.limits(played.setup.topology, played.setup.facts.parameters)
    except (NotInProfile, TesterLimited) as error:
        return Outcome(void=said(error))
    if odd or not limits.keys() <= TOLERABLE:
        return Outcome(void=odd or "; ".join(limits.values()))
    driver = context.binding.open(played.setup)
    try:
        recording = driver.play(played.scenario, 1, fresh=False)
    except TesterLimited as error:
        return Outcome(void=said(error))
    except Exception as error:  # noqa: BLE001 - a device that raises is what is looked for
        return Outcome((Breach(CRASH, f"{type(error).__name__}: {said(error)}"),))
    finally:
        driver.close()
    if recording.columns.cut or recording.columns.trouble or recording.columns.capture_losses:
        return Outcome(recording=recording, void=recording.columns.cut or "the bench fell short")
    return Outcome(tuple(judged(played, recording, context)), recording)


TOLERABLE: Final = frozenset({"counters", "events", "state"})
"""What a bench may lack; less is judged then."""


def judged(played: Played, recording: Recording, context: RunContext) -> Iterator[Breach]:
    """Yield what the invariants and the oracle find in a recording."""
    scenario = played.scenario
    voided = scenario.voided() | invariants.hidden(scenario)
    roles = frozenset(
        node.role for node in played.setup.topology.nodes.values() if node.status == "under test"
    )
    settings = {name: item.value for name, item in played.setup.facts.parameters.items()}
    clauses = [
        clause
        for clause in invariants.INVARIANTS
        if any(ok for ok, _ in context.explain(context.catalogue.clauses[clause], roles, settings))
    ]
    found = invariants.judge([recording], [voided], clauses, context.binding.uncertainty)
    for clause, expect in found:
        if isinstance(expect, Exception):
            yield Breach(f"{clause} (check)", f"{type(expect).__name__}: {said(expect)}")
        elif expect.verdict()[0] is Verdict.FAIL:
            first = expect.findings[0]
            yield Breach(clause, f"{first.what}: expected {first.expected}, got {first.got}")
    try:
        yield from Oracle(scenario, recording, played.probes_at).breaches()
    except (BeyondRecording, NotInProfile):
        return
