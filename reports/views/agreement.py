"""How far runs over other benches agree with one that is trusted, case by case."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from reports.results import Results, VerdictRecord
from reports.tables import PROSE
from spec.node_id import NodeId
from spec.verdict import Verdict

Status = Literal["agrees", "limited", "inconclusive", "disagrees", "not played"]
Key = tuple[str, str, bool]
"""A case, the clause that it was judged on, and whether that was by an invariant over its recordings."""

EXCUSES: Final[Mapping[Verdict, Status]] = {
    Verdict.TESTER_LIMITED: "limited",
    Verdict.INCONCLUSIVE: "inconclusive",
}
UNSHOWN: Final = {"verdict": Verdict.TESTER_LIMITED, "reason": "what was recorded cannot show it"}
STYLES: Final[Mapping[Status, str]] = {
    "agrees": "green",
    "limited": "blue",
    "inconclusive": "yellow",
    "disagrees": "bold red",
    "not played": "dim",
}


@dataclass(frozen=True)
class Comparison:
    """One verdict of the trusted run, and what another run has in its place (None: nothing)."""

    trusted: VerdictRecord
    other: VerdictRecord | None
    standing: Status

    @property
    def verdict(self) -> str:
        """The other run's verdict, in words."""
        return str(self.other.verdict) if self.other else "not played"


def compare(trusted: Results, other: Results) -> list[Comparison]:
    """Compare every verdict of the trusted run; a case that the other did not select was not played.

    An invariant that the other has no record of, though it played the case, is limited: its recordings could
    not show it.
    """
    theirs = _by_key(other.verdicts)
    own = {record.case: record for record in other.verdicts if not record.invariant}
    selected = frozenset(other.header.selection)
    found = []
    for key, record in _by_key(trusted.verdicts).items():
        match = theirs.get(key)
        if match is None and record.invariant and key[0] in own:
            case = own[key[0]]
            match = case if case.verdict in EXCUSES else case.model_copy(update=UNSHOWN)
        found.append(Comparison(record, match, _standing(record, match, chosen=record.case in selected)))
    return found


def _by_key(records: Iterable[VerdictRecord]) -> dict[Key, VerdictRecord]:
    return {(record.case, record.clause, record.invariant): record for record in records}


def _standing(trusted: VerdictRecord, other: VerdictRecord | None, *, chosen: bool) -> Status:
    if not chosen:
        return "not played"
    if other is None:
        return "disagrees"
    if other.verdict is trusted.verdict:
        return "agrees"
    return EXCUSES.get(other.verdict, "disagrees")


def print_agreement(
    trusted: tuple[str, Results], others: Sequence[tuple[str, Results]], console: Console, *, whole: bool
) -> dict[Status, int]:
    """Print each run's figures and what does not agree, or all; count the verdicts of all runs by standing.

    Runs come with the names to print.
    """
    compared = {name: compare(trusted[1], results) for name, results in others}
    figures = Table(title=f"agreement with {escape(trusted[0])}", title_justify="left")
    for heading in ("run", "binding", *STYLES):
        figures.add_column(heading, justify="left" if heading in {"run", "binding"} else "right")
    for name, results in others:
        own = [item for item in compared[name] if not item.trusted.invariant]
        counts = [sum(item.standing == standing for item in own) for standing in STYLES]
        figures.add_row(escape(name), escape(results.header.binding), *map(str, counts))
    console.print(figures)
    cases = Table(title="every case" if whole else "what does not agree", title_justify="left")
    for heading in ("case", "clause", trusted[0], *compared, "why"):
        cases.add_column(escape(heading), overflow=PROSE if heading == "why" else "ellipsis")
    for row in _rows(list(compared.values()), whole=whole):
        cases.add_row(*row)
    if cases.row_count:
        console.print(cases)
    return Counter(item.standing for items in compared.values() for item in items)


def _rows(compared: Sequence[Sequence[Comparison]], *, whole: bool) -> Iterator[list[str]]:
    for items in zip(*compared, strict=True):
        trusted = items[0].trusted
        differing = [item for item in items if item.standing not in {"agrees", "not played"}]
        if not differing and (trusted.invariant or not whole):
            continue
        if trusted.invariant and all(item.other is None or not item.other.invariant for item in differing):
            continue  # the case's own row says it
        cells = [f"[{STYLES[item.standing]}]{item.verdict}[/]" for item in items]
        reasons = dict.fromkeys(item.other.reason for item in differing if item.other)
        case = NodeId.of(trusted.case).short
        clause = trusted.clause + (" (invariant)" if trusted.invariant else "")
        why = escape("; ".join(filter(None, reasons)))
        yield [escape(case), clause, str(trusted.verdict), *cells, why]
