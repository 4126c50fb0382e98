"""What a run would play, found without touching a bench, and what keeps each other case from being played."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from conformance.run.case import Case
from conformance.run.execution import EXECUTION, CaseExecution
from reports.results import read_results
from reports.tables import PROSE
from spec.errors import InputError
from spec.node_id import NodeId
from spec.text import line
from spec.verdict import Verdict

EMPTY: Final = re.compile(r", \w+=\{\}")
"""What a testbed says of itself where it has nothing to say."""
RUNS: Final = 8
"""Earlier runs that are looked through for how long a case took, the latest first."""


@dataclass(frozen=True)
class Prospect:
    """A case that is selected; `verdict` and `reason` where the run would give them without playing it."""

    case: Case
    verdict: Verdict | None = None
    reason: str = ""


class Preview:
    """Takes the place of a run: pytest collects, and this looks at what came of it."""

    def __init__(self) -> None:
        self.prospects: list[Prospect] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Ask the bench about every case that is selected."""
        self.prospects = [
            prospect(item.stash[EXECUTION]) for item in session.items if EXECUTION in item.stash
        ]


def prospect(execution: CaseExecution) -> Prospect:
    """Say what a run would make of a case, as far as the bench need not be touched; leave it unjudged."""
    try:
        execution.context.suit(execution.case)
    except Exception as error:  # noqa: BLE001 - a run takes whatever breaks for a verdict, too
        asked = CaseExecution(execution.context, execution.case, execution.expect)
        asked.break_off(error)
        (judgement,) = asked.judgements
        return Prospect(execution.case, judgement.verdict, judgement.reason)
    return Prospect(execution.case)


def known_seconds(folder: Path, binding: str) -> dict[str, float]:
    """Return how long cases took in the latest runs of a binding below a folder, by id."""
    found: dict[str, float] = {}
    files = [*folder.glob("results.jsonl"), *folder.glob("*/results.jsonl")]
    for file in sorted(files, key=lambda file: file.stat().st_mtime, reverse=True)[:RUNS]:
        try:
            results = read_results(file)
        except InputError:
            continue
        if results.header.binding == binding:
            found = {
                record.case: record.duration for record in results.verdicts if not record.invariant
            } | found
    return found


def print_prospects(prospects: Sequence[Prospect], seconds: Mapping[str, float], console: Console) -> None:
    """Print a line a case, how many there are of each verdict, and how long it would all take."""
    played = _table("clause", "case", "testbed", "about")
    others = _table("clause", "not played", "testbed", "verdict", "reason")
    spans = []
    for item in prospects:
        case = item.case
        words = [case.clause.id, NodeId.of(case.id).short, EMPTY.sub("", str(case.request))]
        if item.verdict is None:
            spans.append(max(case.seconds, seconds.get(case.id, 0.0)))
            played.add_row(*map(escape, words), f"{spans[-1]:.1f} s" if spans[-1] else "?")
        else:
            others.add_row(*map(escape, (*words, item.verdict, line(item.reason))))
    console.print(*(table for table in (played, others) if table.row_count), sep="\n")
    counts = Counter(item.verdict for item in prospects)
    parts = [f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict]]
    console.print(f"{len(prospects)} cases: {', '.join([f'{len(spans)} would be played', *parts])}")
    unknown = spans.count(0.0)
    if spans:
        lacking = f", not counting {unknown} cases of which no earlier run tells" if unknown else ""
        console.print(f"about {span_of(sum(spans))} of play on one bed{lacking}")


def _table(*columns: str) -> Table:
    table = Table(*columns, box=None, pad_edge=False, header_style="dim")
    for column in table.columns:
        if column.header in {"testbed", "reason"}:
            column.overflow = PROSE
    return table


def span_of(seconds: float) -> str:
    """Write a time as a person says it."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
