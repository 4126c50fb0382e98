"""The end of a run on the terminal: chapters, what failed, the statement, and where the reports are."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from reports.assessment import (
    ClauseResult,
    Coverage,
    clause_verdicts,
    coverage,
    decide,
    verdict_counts,
)
from reports.results import Results
from spec.catalogue import Catalogue
from spec.text import line
from spec.verdict import Verdict

COLUMNS: Mapping[Verdict, tuple[str, str]] = {
    Verdict.PASS: ("pass", "green"),
    Verdict.FAIL: ("fail", "bold red"),
    Verdict.ERROR: ("error", "magenta"),
    Verdict.INCONCLUSIVE: ("inconc.", "yellow"),
    Verdict.TESTER_LIMITED: ("limited", "blue"),
    Verdict.NOT_TESTED: ("untested", "default"),
    Verdict.NOT_APPLICABLE: ("n/a", "dim"),
}
STATUS_STYLE = {"non-conformant": "bold red", "incomplete": "bold yellow", "conformant": "bold green"}


def print_summary(
    results: Results, catalogue: Catalogue, reports: Mapping[str, Path], console: Console
) -> None:
    """Print the summary of a run; `reports` names the files that were made."""
    clauses = clause_verdicts(results, catalogue)
    console.print(_chapters(catalogue, clauses))
    _print_failures(list(clauses.values()), console)
    for words in results.header.differences:
        console.print(f"JUDGED AGAIN: {words}.", style="bold", markup=False)
    for words in (words for part in results.header.continued for words in part.differences):
        console.print(f"CONTINUED: {words}.", style="bold", markup=False)
    if results.footer is None:
        console.print("INCOMPLETE RUN: it was cut off before its end.", style="bold red")
    missing, selected = len(results.unfinished()), len(results.header.selection)
    if missing:
        words = f"INCOMPLETE RUN: {missing} of {selected} selected cases have no verdict."
        console.print(words, style="bold red")
    conformity = decide(clauses.values())
    statement = Text(f"{results.header.device}: ", style="bold")
    statement.append(conformity.statement, style=STATUS_STYLE[conformity.status])
    must = coverage(_of_level(clauses.values(), mandatory=True))
    statement.append(
        f" ({must.passed} of {must.testable} testable MUST clauses passed, {must.failed} failed)"
    )
    console.print(statement)
    for name, path in reports.items():
        console.print(f"  {name:<12}{line(str(path))}", highlight=False, soft_wrap=True, markup=False)


def _chapters(catalogue: Catalogue, clauses: Mapping[str, ClauseResult]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("chapter", no_wrap=True)
    for heading in ("clauses", *(heading for heading, _ in COLUMNS.values()), "MUST", "optional"):
        table.add_column(heading, justify="right")
    for chapter in catalogue.chapters.values():
        _add(table, chapter.title.en, [clauses[clause.id] for clause in chapter.clauses])
    table.add_section()
    _add(table, "all", list(clauses.values()))
    return table


def _add(table: Table, title: str, results: list[ClauseResult]) -> None:
    counts = verdict_counts(results)
    cells = [
        Text(str(counts[verdict]), style=style if counts[verdict] else "dim")
        for verdict, (_, style) in COLUMNS.items()
    ]
    must, optional = (coverage(_of_level(results, mandatory)) for mandatory in (True, False))
    table.add_row(escape(title), str(len(results)), *cells, _judged(must), _judged(optional))


def _of_level(results: Iterable[ClauseResult], mandatory: bool) -> list[ClauseResult]:
    return [result for result in results if (result.clause.level == "MUST") == mandatory]


def _judged(part: Coverage) -> str:
    return f"{part.judged}/{part.testable}" if part.testable else "-"


def _print_failures(results: list[ClauseResult], console: Console) -> None:
    failed = [result for result in results if result.verdict is Verdict.FAIL]
    if not failed:
        return
    console.print("\nFailed", style="bold red")
    for result in failed:
        heading = Text("  ")
        heading.append(f"{result.clause.id} ", style="bold")
        heading.append(f"{result.clause.level} ", style="dim")
        heading.append(result.clause.title.en)
        console.print(heading)
        record = next(record for record in result.records if record.verdict is Verdict.FAIL)
        for finding in record.findings[:1]:
            words = f"{finding.what}: got {finding.got}, want {finding.expected}"
            console.print(f"    {line(words)}", highlight=False, markup=False)
        if record.reproduce:
            console.print(
                f"    {record.reproduce}", style="dim", highlight=False, soft_wrap=True, markup=False
            )
    console.print()
