"""A verdict of one case on one clause, as it was judged."""

from dataclasses import dataclass

from conformance.judge.expect import Finding
from spec.model import Clause
from spec.verdict import Verdict


@dataclass(frozen=True)
class Judgement:
    """A verdict of one case on one clause."""

    clause: Clause
    purpose: str | None
    verdict: Verdict
    reason: str = ""
    invariant: bool = False
    findings: tuple[Finding, ...] = ()
    checked: int = 0
    notes: tuple[str, ...] = ()
