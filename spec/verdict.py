"""The seven verdicts and their merge, defined once for judge, results and reports."""

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """A verdict; the order of definition is the order of severity, and comparisons follow it."""

    NOT_APPLICABLE = "NOT_APPLICABLE"
    PASS = "PASS"  # noqa: S105
    NOT_TESTED = "NOT_TESTED"
    TESTER_LIMITED = "TESTER_LIMITED"
    INCONCLUSIVE = "INCONCLUSIVE"
    ERROR = "ERROR"
    FAIL = "FAIL"

    @property
    def severity(self) -> int:
        """Position in the order, 0 for NOT_APPLICABLE up to 6 for FAIL."""
        return SEVERITY[self]

    def __lt__(self, other: str) -> bool:
        return SEVERITY[self] < SEVERITY[Verdict(other)]

    def __le__(self, other: str) -> bool:
        return SEVERITY[self] <= SEVERITY[Verdict(other)]

    def __gt__(self, other: str) -> bool:
        return SEVERITY[self] > SEVERITY[Verdict(other)]

    def __ge__(self, other: str) -> bool:
        return SEVERITY[self] >= SEVERITY[Verdict(other)]


SEVERITY = {verdict: position for position, verdict in enumerate(Verdict)}


def merge(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the most severe of the verdicts; NOT_TESTED when there is none."""
    return max(verdicts, key=SEVERITY.__getitem__, default=Verdict.NOT_TESTED)
