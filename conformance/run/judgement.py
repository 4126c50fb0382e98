"""A verdict of one case on one clause, as it was judged."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

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

    def within(self, lengths: Sequence[int]) -> "Judgement":
        """Let findings name no row that its play has not, and note which did; `lengths` are by play."""
        findings, notes = [], list(self.notes)
        for finding in self.findings:
            length = lengths[finding.play - 1] if 0 < finding.play <= len(lengths) else 0
            rows = tuple(row for row in finding.rows if 0 <= row < length)
            if rows != finding.rows:
                beyond = ", ".join(str(row) for row in finding.rows if row not in rows)
                notes.append(
                    f"'{finding.what}' names row {beyond} of play {finding.play}, which has {length} rows: "
                    "the suite is wrong there, not the device"
                )
            findings.append(replace(finding, rows=rows))
        return replace(self, findings=tuple(findings), notes=tuple(notes))
