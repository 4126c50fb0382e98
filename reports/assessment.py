"""What a results file says about each clause, each chapter and the whole device."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from reports.results import FactValue, Results, VerdictRecord
from spec.applicability import ApplicabilityError, parse
from spec.catalogue import Catalogue
from spec.errors import InputError
from spec.model import Clause, Purpose
from spec.verdict import Verdict, merge

Status = Literal["non-conformant", "incomplete", "conformant"]

CONCLUSIVE = frozenset({Verdict.PASS, Verdict.FAIL})


@dataclass(frozen=True)
class PurposeResult:
    """The verdict of one test purpose, its reason where it is not PASS, and the records behind it.

    `selected` says whether a case for it was to run; it did run where there are records.
    """

    purpose: Purpose
    selected: bool
    verdict: Verdict
    reason: str
    records: tuple[VerdictRecord, ...]


@dataclass(frozen=True)
class ClauseResult:
    """The verdict of one clause: the maximum over its purposes and the records of the whole clause."""

    clause: Clause
    verdict: Verdict
    reason: str
    purposes: tuple[PurposeResult, ...]
    records: tuple[VerdictRecord, ...]

    @property
    def applicable(self) -> bool:
        """Whether the ICS leaves the clause in."""
        return self.verdict is not Verdict.NOT_APPLICABLE

    @property
    def decides(self) -> bool:
        """Whether the clause bears on the statement of conformity: an applicable, testable MUST."""
        return self.applicable and self.clause.level == "MUST" and self.clause.untestable is None

    @property
    def judged(self) -> bool:
        """Whether the clause has a conclusive verdict: PASS or FAIL."""
        return self.verdict in CONCLUSIVE


@dataclass(frozen=True)
class Coverage:
    """Clauses of one set: all, those that apply, of these the testable, the judged and the passed."""

    clauses: int
    applicable: int
    testable: int
    judged: int
    passed: int
    failed: int

    @property
    def share(self) -> float:
        """Judged of testable, 0 to 1; 0 where nothing is testable."""
        return self.judged / self.testable if self.testable else 0.0


@dataclass(frozen=True)
class Conformity:
    """The statement of conformity and the clauses that led to it."""

    status: Status
    waived: tuple[str, ...]
    failed: tuple[str, ...]
    pending: tuple[str, ...]
    not_met: tuple[str, ...]
    untestable: tuple[str, ...]

    @property
    def statement(self) -> str:
        """Status, with the number of waivers where a conformant device rests on some."""
        if self.status == "conformant" and self.waived:
            return f"conformant with {len(self.waived)} waiver{'s' if len(self.waived) > 1 else ''}"
        return self.status


def clause_verdicts(results: Results, catalogue: Catalogue) -> dict[str, ClauseResult]:
    """Merge the records into one result for each clause of the catalogue, in its order.

    A clause without record is NOT_APPLICABLE where the declared facts exclude it, else NOT_TESTED; both
    with the reason. Raises InputError where the results name a clause that the catalogue lacks.
    """
    records: dict[str, list[VerdictRecord]] = {}
    for record in results.verdicts:
        if record.clause not in catalogue.clauses:
            fault = f"is judged in {record.case} and is not in this catalogue"
            raise InputError("results", record.clause, fault, "report with the checkout that ran")
        known = {purpose.id for purpose in catalogue.clauses[record.clause].purposes}
        if record.purpose is not None and record.purpose not in known:
            fault = f"has no purpose {record.purpose}, which {record.case} names"
            raise InputError("results", record.clause, fault, "report with the checkout that ran")
        records.setdefault(record.clause, []).append(record)
    return {
        name: _clause_result(clause, tuple(records.get(name, ())), results)
        for name, clause in catalogue.clauses.items()
    }


def coverage(clauses: Iterable[ClauseResult]) -> Coverage:
    """Count a set of clauses."""
    every = list(clauses)
    applicable = [result for result in every if result.applicable]
    testable = [result for result in applicable if result.clause.untestable is None]
    return Coverage(
        clauses=len(every),
        applicable=len(applicable),
        testable=len(testable),
        judged=sum(result.judged for result in testable),
        passed=sum(result.verdict is Verdict.PASS for result in testable),
        failed=sum(result.verdict is Verdict.FAIL for result in testable),
    )


def verdict_counts(clauses: Iterable[ClauseResult]) -> dict[Verdict, int]:
    """Count the clauses of each verdict, every verdict listed, the most severe first."""
    counts = Counter(result.verdict for result in clauses)
    return {verdict: counts[verdict] for verdict in reversed(Verdict)}


def decide(clauses: Iterable[ClauseResult], waived: Collection[str] = frozenset()) -> Conformity:
    """Apply the decision rule: FAIL of a MUST, then any other MUST without PASS, then conformant.

    Waived clauses keep their verdict and do not decide; untestable MUSTs and SHOULD or MAY clauses are
    listed and do not decide either. A set in which nothing decides is incomplete.
    """
    every = list(clauses)
    deciding = [result for result in every if result.decides]
    open_clauses = [result for result in deciding if result.clause.id not in waived]
    failed = _ids(result for result in open_clauses if result.verdict is Verdict.FAIL)
    pending = _ids(r for r in open_clauses if r.verdict not in {Verdict.FAIL, Verdict.PASS})
    status: Status = "conformant"
    if failed:
        status = "non-conformant"
    elif pending or not deciding:
        status = "incomplete"
    return Conformity(
        status=status,
        waived=_ids(r for r in deciding if r.clause.id in waived and r.verdict is not Verdict.PASS),
        failed=failed,
        pending=pending,
        not_met=_ids(r for r in every if r.clause.level != "MUST" and r.verdict is Verdict.FAIL),
        untestable=_ids(
            r for r in every if r.applicable and r.clause.level == "MUST" and r.clause.untestable
        ),
    )


def excluded(clause: Clause, facts: Mapping[str, Mapping[str, FactValue]]) -> str | None:
    """Explain why the facts of the roles under test exclude a clause; None where it applies or may apply."""
    expression = parse(clause.applicability)
    concerned = {role: known for role, known in facts.items() if role in clause.roles} or facts
    explanations = []
    for known in concerned.values():
        try:
            if expression.evaluate(known):
                return None
        except ApplicabilityError:
            return None
        explanations.append(expression.explain(known))
    return "; ".join(dict.fromkeys(explanations)) or None


def _ids(results: Iterable[ClauseResult]) -> tuple[str, ...]:
    return tuple(result.clause.id for result in results)


def _clause_result(clause: Clause, records: tuple[VerdictRecord, ...], results: Results) -> ClauseResult:
    exclusion = excluded(clause, results.header.ics.facts) if not records else None
    if exclusion or clause.untestable:
        verdict, reason = (
            (Verdict.NOT_APPLICABLE, exclusion)
            if exclusion
            else (merge(r.verdict for r in records), f"untestable: {clause.untestable}")
        )
        purposes = tuple(PurposeResult(p, False, verdict, reason, ()) for p in clause.purposes)
        return ClauseResult(clause, verdict, reason, purposes, records)
    purposes = tuple(_purpose_result(clause, purpose, records, results) for purpose in clause.purposes)
    whole = [record for record in records if record.purpose is None]
    parts = [(part.verdict, part.reason) for part in purposes]
    parts += [(record.verdict, _why(record)) for record in whole]
    if not parts:
        parts = [(Verdict.NOT_TESTED, _untried(clause, None, results))]
    elif not purposes:
        parts += _rest(_realising(clause, None, results), records, results)
    verdict = merge(part for part, _ in parts)
    reasons = dict.fromkeys(reason for part, reason in parts if part is verdict and reason)
    return ClauseResult(clause, verdict, "; ".join(reasons), purposes, records)


def _purpose_result(
    clause: Clause, purpose: Purpose, records: Sequence[VerdictRecord], results: Results
) -> PurposeResult:
    """Judge a purpose by its own records, else by those of the whole clause.

    An invariant's are among these only where no case realises the purpose: that something was never seen
    broken does not stand for a stimulus that was left out. Nor does one of its cases stand for another.
    """
    realising = _realising(clause, purpose.id, results)
    own = [record for record in records if record.purpose == purpose.id]
    whole = [record for record in records if record.purpose is None]
    chosen = own or [record for record in whole if not (record.invariant and realising)]
    selected = bool(own) or any(case in results.header.selection for case in realising)
    if not chosen:
        reason = _untried(clause, purpose.id, results)
        return PurposeResult(purpose, selected, Verdict.NOT_TESTED, reason, ())
    parts = [(record.verdict, _why(record)) for record in chosen]
    parts += _rest(realising, records, results)
    verdict = merge(part for part, _ in parts)
    reasons = dict.fromkeys(reason for part, reason in parts if part is verdict and reason)
    return PurposeResult(purpose, selected, verdict, "; ".join(reasons), tuple(chosen))


def _why(record: VerdictRecord) -> str:
    if record.verdict is Verdict.PASS:
        return ""
    return record.reason or (record.findings[0].what if record.findings else "")


def _untried(clause: Clause, purpose: str | None, results: Results) -> str:
    """Say why there is no record: interrupted, not selected, by inspection, or no case at all."""
    realising = _realising(clause, purpose, results)
    if any(case in results.header.selection for case in realising):
        return "the run ended before its case gave a verdict"
    if realising:
        return "its case was not selected"
    if clause.observability == ("inspection",):
        return "by inspection: no evidence entry was supplied"
    if clause.invariant:
        return "no recording that could show it was judged"
    return "no case realises this purpose" if purpose else "no case realises this clause"


def _rest(
    realising: Sequence[str], records: Sequence[VerdictRecord], results: Results
) -> Iterator[tuple[Verdict, str]]:
    """Return NOT_TESTED for the cases that have no verdict of their own: some of them never stand for all."""
    judged = {record.case for record in records if not record.invariant}
    left = [case for case in realising if case not in judged]
    if left:
        yield Verdict.NOT_TESTED, _left(left, len(realising), results)


def _left(left: Sequence[str], cases: int, results: Results) -> str:
    """Say how many cases of a purpose were played, and why the others have no verdict."""
    chosen = any(case in results.header.selection for case in left)
    why = "the run ended before the others" if chosen else "the others were not selected"
    return f"{cases - len(left)} of {cases} cases played; {why}"


def _realising(clause: Clause, purpose: str | None, results: Results) -> list[str]:
    """List the collected cases of a clause, or of one of its purposes."""
    return [
        planned.case
        for planned in results.header.cases
        if planned.clause == clause.id and (purpose is None or planned.purpose in {purpose, None})
    ]
