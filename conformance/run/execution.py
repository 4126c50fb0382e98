"""How a finished case becomes records: its own verdict, each invariant's, and the words of a failure."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import pytest
from pydantic import ValidationError

from conformance.api.memory import release_memory
from conformance.api.outcomes import (
    BenchError,
    BenchGone,
    DeviceEnded,
    Inconclusive,
    NotApplicable,
    RequirementBroken,
    TesterLimited,
)
from conformance.api.testbed import Testbed, needs_of
from conformance.judge import invariants
from conformance.judge.expect import Expect, Finding
from conformance.run.case import Case, seed_of
from conformance.run.confirming import Time, confirmed
from conformance.run.context import RunContext
from conformance.run.judgement import Judgement
from reports.results import Evidence, VerdictRecord
from reports.results import Finding as FindingRecord
from reports.results import ParameterValue as ParameterRecord
from spec.layout import NotInProfile
from spec.text import LONGEST_REPORT, lines, said
from spec.verdict import Verdict, merge
from traffic.recordings.recording import BeyondRecording, ParameterValue, Recording
from traffic.scenario import Scenario, out_of_reach

SHOWN_AS_FAILED: Final = frozenset({Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE})
ENDINGS: Final = {
    Verdict.FAIL: RequirementBroken,
    Verdict.INCONCLUSIVE: Inconclusive,
    Verdict.TESTER_LIMITED: TesterLimited,
    Verdict.NOT_APPLICABLE: NotApplicable,
    Verdict.ERROR: BenchError,
}
PRECISION: Final = 3


@dataclass
class CaseExecution:
    """A case being run: its judge, its bed once there is one, and what came of it.

    `unstored` says in a sentence why the disk refused its evidence, `shown` is what pytest was given of its
    verdict, `span` when it was played and for how long, in seconds. `confirm` is how often it may be played
    again for a FAIL to count, `earlier` those that were played before, and `broke` why one before was ERROR.
    """

    context: RunContext
    case: Case
    expect: Expect
    confirm: int = 0
    earlier: tuple["CaseExecution", ...] = ()
    broke: str = ""
    bed: Testbed | None = None
    judgements: tuple[Judgement, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    recordings: tuple[str, ...] = ()
    dissection: str = ""
    unstored: str = ""
    shown: BaseException | None = None
    span: tuple[float, float] | None = None

    def admit(self) -> None:
        """Raise what keeps the case from being played."""
        self.context.admit(self.case)

    def open(self) -> Testbed:
        """Stand the testbed up that the case asks for."""
        self.bed = self.context.open(self.case, self.expect, self.attempt)
        return self.bed

    @property
    def attempt(self) -> int:
        """How often the case is played with this one, from 1."""
        return len(self.earlier) + 1

    @property
    def confirmed(self) -> tuple[Judgement, ...]:
        """What was judged, and where the case was played more than once, what came of it each time."""
        if not self.earlier:
            return self.judgements
        times = [Time(one.judgements, one.recordings, one.plays) for one in (*self.earlier, self)]
        return confirmed(times)

    @property
    def plays(self) -> list[Recording]:
        """What was recorded this time, the play that was spoilt last."""
        return [] if self.bed is None else [*self.bed.recordings, *self.bed.spoilt]

    @property
    def worst(self) -> Verdict:
        """The verdict that the case shows: the worst among its own and the invariants'."""
        return max((judgement.verdict for judgement in self.confirmed), default=Verdict.ERROR)

    @property
    def open_question(self) -> bool:
        """Whether it has to be played again before its FAIL counts."""
        return self.worst is Verdict.FAIL and self.attempt <= self.confirm

    def again(self) -> "CaseExecution":
        """Return the case to be played once more: to confirm its FAIL, or because it was ERROR."""
        fresh = CaseExecution(self.context, self.case, Expect(self.expect.measured), self.confirm)
        if self.open_question:
            fresh.earlier, fresh.broke = (*self.earlier, self), self.broke
        else:
            fresh.broke = self.judgements[0].reason if self.judgements else "nothing was judged"
        return fresh

    def settle(self, error: BaseException | None) -> None:
        """Judge what was played, given what the case's function ended with."""
        self.judgements = tuple(self.judging(error))

    def judging(self, error: BaseException | None) -> Iterator[Judgement]:
        """Judge what was played one by one, the case's own clause first."""
        if self.bed is not None:
            self.bed.guard.declared = None
        self._heed(error)
        lengths = [len(recording) for recording in self.bed.recordings] if self.bed is not None else []
        yield self._own(error).within(lengths)
        for judgement in self._invariants():
            yield judgement.within(lengths)

    def forget(self) -> None:
        """Let go of what was played, of which a whole run would fill the memory; its records are made.

        What is played again is compared with it, and lets go of it then.
        """
        if self.open_question:
            return
        octets = 0
        for execution in (*self.earlier, self):
            if execution.bed is not None:
                octets += sum(len(recording.columns.blob) for recording in execution.plays)
                execution.bed.recordings.clear()
                execution.bed.spoilt.clear()
        release_memory(octets)

    def break_off(self, error: BaseException) -> None:
        """Judge a case that never ran, or in which something broke after it was judged.

        Then each of its verdicts becomes what the two merge to: none is better than what broke.
        """
        self._heed(error)
        if not self.judgements:
            self.judgements = (self._own(error),)
            return
        _, reason = _ended(error)
        self.judgements = tuple(
            replace(old, verdict=merge((old.verdict, Verdict.ERROR)), reason=joined(old.reason, reason))
            for old in self.judgements
        )

    def written(self, started: float, duration: float) -> list[str]:
        """Return the records of the results file as JSON; an ERROR alone where they have no form there."""
        self.span = self.span or (started, duration)
        try:
            return [record.model_dump_json() for record in self.records(*self.span)]
        except Exception as error:  # noqa: BLE001 - whatever keeps a verdict from being written is its ERROR
            reason = f"what came of the case cannot be written: {_ended(error)[1]}"
            self.judgements = (Judgement(self.case.clause, self.case.purpose, Verdict.ERROR, reason),)
            record = broken(self.context, self.case.id, self.case.clause.id, self.case.purpose, reason)
            return [record.model_dump_json()]

    def ending(self) -> Exception | None:
        """Return the exception that shows the verdict to pytest; None for PASS."""
        worst = self.worst
        return ENDINGS[worst](self.message()) if worst in ENDINGS else None

    def message(self) -> str:
        """Return the words of a case that did not pass, the command that plays it again last."""
        if self.worst in {Verdict.TESTER_LIMITED, Verdict.NOT_APPLICABLE}:
            return lines(self.confirmed[0].reason)
        words = lines("\n".join(self._lines()), LONGEST_REPORT)
        return f"{words}\n  again:    {self.context.command(self.case.place)}"

    def records(self, started: float, duration: float) -> Iterator[VerdictRecord]:
        """Return the records of the results file; `started` in seconds of the epoch."""
        nodes = self.bed.topology.nodes if self.bed else {}
        evidence = tuple(item for execution in (*self.earlier, self) for item in execution.evidence)
        for judgement in self.confirmed:
            yield VerdictRecord(
                case=self.case.id,
                clause=judgement.clause.id,
                purpose=judgement.purpose,
                verdict=judgement.verdict,
                reason=judgement.reason,
                invariant=judgement.invariant,
                findings=tuple(self._finding(finding) for finding in judgement.findings),
                checked=judgement.checked,
                notes=judgement.notes if judgement.invariant else (*judgement.notes, *self._course()),
                parameters=self._parameters(judgement),
                evidence=evidence,
                testbed=str(self.case.request),
                nodes={name: node.status for name, node in nodes.items()},
                seed=seed_of(self.context.options.seed, self.case.id),
                started=datetime.fromtimestamp(started, UTC),
                duration=round(duration, PRECISION),
                reproduce=self.context.command(self.case.place),
            )

    def _heed(self, error: BaseException | None) -> None:
        """Let nothing be played any more on a bench that is gone."""
        if isinstance(error, BenchGone):
            self.context.gone = said(error)

    def _course(self) -> Iterator[str]:
        """Say what came of it when it was played before."""
        if self.broke:
            yield f"played again, for it was ERROR before: {self.broke}"
        if self.earlier:
            words = ", then ".join(str(merged.own_worst) for merged in (*self.earlier, self))
            yield f"played {self.attempt} times: {words}"

    @property
    def own_worst(self) -> Verdict:
        """The worst verdict of this time alone."""
        return max((judgement.verdict for judgement in self.judgements), default=Verdict.ERROR)

    def _own(self, error: BaseException | None) -> Judgement:
        verdict, reason = self.expect.verdict() if error is None else _ended(error)
        if self.expect.breaches:
            verdict, words = self.expect.verdict()
            reason = joined(words, reason) if error is not None else words
        return Judgement(
            self.case.clause,
            self.case.purpose,
            verdict,
            reason,
            findings=tuple(self.expect.findings),
            checked=self.expect.checked,
            notes=tuple(self.expect.notes),
        )

    def _voided(self, scenario: Scenario, recording: Recording) -> frozenset[str]:
        """Clauses whose invariants a play says nothing of.

        What a device dropped because a path or an entry of its table went, nothing but its counters tells;
        what was on its way when a device ended is not lost.
        """
        assert self.bed is not None
        changes = needs_of(scenario, self.bed.hosts) & {"link events", "management"}
        ended = recording.columns.trouble is not None
        unseen = ended or (changes and "counters" not in recording.capabilities)
        return scenario.voided() | invariants.hidden(scenario) | ({"FWD-ZERO-LOSS"} if unseen else set())

    def _invariants(self) -> Iterator[Judgement]:
        if self.bed is None or not self.bed.recordings:
            return
        found = invariants.judge(
            self.bed.recordings,
            [self._voided(*play) for play in zip(self.bed.scenarios, self.bed.recordings, strict=True)],
            self._standing_clauses(),
            self.context.binding.uncertainty,
        )
        for clause_id, expect in found:
            clause = self.context.catalogue.clauses[clause_id]
            if isinstance(expect, Exception):
                verdict, reason = _ended(expect)
                yield Judgement(clause, None, verdict, reason, invariant=True)
            else:
                verdict, reason = expect.verdict()
                findings = tuple(expect.findings)
                yield Judgement(clause, None, verdict, reason, True, findings, expect.checked)

    def _standing_clauses(self) -> list[str]:
        """Clauses with an invariant that apply to a device under test here."""
        clauses = self.context.catalogue.clauses
        roles = self.case.request.roles
        return [
            clause_id
            for clause_id in invariants.INVARIANTS
            if clause_id in clauses
            and any(ok for ok, _ in self.context.explain(clauses[clause_id], roles, self.case.settings))
        ]

    def _parameters(self, judgement: Judgement) -> dict[str, ParameterRecord]:
        values = self.context.values(self.case)
        names = set(judgement.clause.parameters)
        if not judgement.invariant:
            names |= {*self.case.settings, *(self.bed.read if self.bed else ())}
        return {name: parameter_record(values[name]) for name in sorted(names) if name in values}

    def _finding(self, finding: Finding) -> FindingRecord:
        return FindingRecord(
            what=finding.what,
            expected=finding.expected,
            got=finding.got,
            packets=tuple(row + 1 for row in finding.rows),
            recording=self._recording(finding),
        )

    def _recording(self, finding: Finding) -> str | None:
        found = [name for execution in (*self.earlier, self) for name in execution.recordings]
        return found[finding.play - 1] if 0 < finding.play <= len(found) else None

    def _lines(self) -> Iterator[str]:
        for judgement in self.confirmed:
            if judgement.verdict is Verdict.PASS:
                continue
            clause = judgement.clause
            kind = "invariant" if judgement.invariant else clause.level
            yield f"{clause.id} ({kind}) {judgement.verdict}: {clause.text.en}"
            if not judgement.findings:
                yield f"  why:      {lines(judgement.reason)}"
            for finding in judgement.findings:
                yield f"  {lines(finding.what)}"
                yield f"    expected: {lines(finding.expected)}"
                yield f"    got:      {lines(finding.got)}"
                if finding.rows:
                    packets = ", ".join(str(row + 1) for row in finding.rows)
                    yield f"    packets:  {packets} of {self._recording(finding) or f'play {finding.play}'}"
        for note in (*self.expect.notes, *self._course()):
            yield f"  note:     {note}"
        for number, scenario in enumerate(self.bed.scenarios if self.bed else (), start=1):
            yield f"  sent:     play {number}: {describe(scenario)}"


EXECUTION: Final = pytest.StashKey[CaseExecution]()


def broken(context: RunContext, case: str, clause: str, purpose: str | None, reason: str) -> VerdictRecord:
    """Return the ERROR of a case of which nothing is known but that it broke."""
    return VerdictRecord(
        case=case,
        clause=clause,
        purpose=purpose,
        verdict=Verdict.ERROR,
        reason=reason,
        seed=seed_of(context.options.seed, case),
        started=datetime.now(UTC),
        duration=0,
        reproduce=context.command(case),
    )


def joined(reason: str, more: str) -> str:
    """Return why a verdict fell, with what came after."""
    return f"{reason}; then {more}" if reason else more


def parameter_record(value: ParameterValue) -> ParameterRecord:
    """Return a value as a verdict prints it."""
    return ParameterRecord(value=value.value, unit=value.unit, origin=value.origin)


def describe(scenario: Scenario) -> str:
    """Say in a line what a scenario plays."""
    streams = [
        f"{stream.source} -> {stream.destination} {stream.count} x {'/'.join(map(str, stream.sizes[:8]))} B"
        + (f" class {stream.cls}" if stream.cls else "")
        for stream in scenario.streams[:8]
    ]
    if len(scenario.streams) > len(streams):
        streams.append(f"{len(scenario.streams) - len(streams)} more streams")
    parts = [
        f"{len(items)} {name}"
        for name, items in (
            ("single frames", scenario.frames),
            ("impairments", scenario.impairments),
            ("link events", scenario.links),
            ("management events", scenario.management),
            ("pauses", scenario.pauses),
            ("triggers", scenario.triggers),
        )
        if items
    ]
    words = ", ".join([*streams, *parts]) or "nothing"
    played = Counter(scenario.name.split(" + "))
    name = " + ".join(part if times == 1 else f"{times} x {part}" for part, times in played.items())
    return f"{name}: {words}" if name else words


def _ended(error: BaseException) -> tuple[Verdict, str]:
    match error:
        case BeyondRecording() | NotInProfile() | TesterLimited():
            return Verdict.TESTER_LIMITED, said(error)
        case NotApplicable():
            return Verdict.NOT_APPLICABLE, said(error)
        case Inconclusive():
            return Verdict.INCONCLUSIVE, said(error)
        case BenchError() | DeviceEnded():
            return Verdict.ERROR, said(error)
        case ValidationError() if (why := out_of_reach(error)) is not None:
            return Verdict.INCONCLUSIVE, f"the parameters in force leave no room for what is played: {why}"
        case _:
            first, _, _ = said(error).partition("\n")
            return Verdict.ERROR, f"{type(error).__name__}: {first}"
