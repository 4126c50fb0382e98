"""`gse-cts clauses`: the catalogue, selected and listed."""

import json
import sys
from collections.abc import Iterable
from typing import get_args

import typer
from rich.table import Table

from reports.tables import PROSE, console
from spec.catalogue import ROOT, Catalogue
from spec.coverage import Coverage, scan
from spec.documents import did_you_mean
from spec.errors import Exit, InputError
from spec.lint.realisation import testable
from spec.loader import load_catalogue
from spec.model import Clause, Grade, Level, Observability, Role

FORMATS = ("table", "json", "ids")


def command(
    *,
    chapter: str = typer.Option("", help="Only clauses of this chapter."),
    level: str = typer.Option("", help=f"Only clauses of this level: {', '.join(get_args(Level))}."),
    role: str = typer.Option("", help=f"Only clauses for this role: {', '.join(get_args(Role))}."),
    grade: str = typer.Option("", help=f"Only clauses of this grade: {', '.join(get_args(Grade))}."),
    observability: str = typer.Option(
        "", help=f"Only clauses observable so: {', '.join(get_args(Observability))}."
    ),
    untested: bool = typer.Option(
        False, "--untested", help="Only testable clauses without case or invariant."
    ),
    output: str = typer.Option("table", "--format", help=f"One of {', '.join(FORMATS)}."),
) -> None:
    """List clauses with their cases and mutants."""
    catalogue = load_catalogue()
    coverage = scan(ROOT.parent)
    _check("--chapter", chapter, catalogue.chapters)
    _check("--level", level, get_args(Level))
    _check("--role", role, get_args(Role))
    _check("--grade", grade, get_args(Grade))
    _check("--observability", observability, get_args(Observability))
    _check("--format", output, FORMATS)
    selected = [
        clause
        for of_chapter, clause in catalogue.entries()
        if chapter in {"", of_chapter.chapter}
        and level in {"", clause.level}
        and role in {"", *clause.roles}
        and grade in {"", clause.grade}
        and observability in {"", *clause.observability}
        and not (untested and (coverage.tested(clause.id) or not testable(clause)))
    ]
    if not selected:
        print("No clause matches; give fewer conditions.", file=sys.stderr)
        raise typer.Exit(Exit.EMPTY)
    if output == "ids":
        print("\n".join(clause.id for clause in selected))
    elif output == "json":
        records = [_record(clause, catalogue, coverage) for clause in selected]
        print(json.dumps(records, indent=2, ensure_ascii=False))
    else:
        console().print(_table(selected, coverage))


def _check(option: str, value: str, known: Iterable[str]) -> None:
    known = list(known)
    if value and value not in known:
        raise InputError("command line", option, f"{value} is unknown", did_you_mean(value, known))


def _record(clause: Clause, catalogue: Catalogue, coverage: Coverage) -> dict[str, object]:
    return {
        **clause.model_dump(mode="json", by_alias=True),
        "chapter": catalogue.chapter_of(clause.id).chapter,
        "cases": [case.id for case in coverage.by_clause.get(clause.id, ())],
        "mutants": [mutant.name for mutant in coverage.killers.get(clause.id, ())],
    }


def _table(clauses: list[Clause], coverage: Coverage) -> Table:
    table = Table("clause", "level", "roles", "grade", "observability", "cases", "mutants", "title")
    table.columns[-1].overflow = PROSE
    for clause in clauses:
        table.add_row(
            clause.id,
            clause.level,
            " ".join(clause.roles),
            clause.grade,
            " ".join(clause.observability),
            _cases(clause, coverage),
            str(len(coverage.killers.get(clause.id, ()))),
            clause.title.en,
        )
    return table


def _cases(clause: Clause, coverage: Coverage) -> str:
    count = str(len(coverage.by_clause.get(clause.id, ())))
    if clause.id in coverage.invariants:
        return f"{count} + invariant"
    return count if testable(clause) else "none can"
