"""`gse-cts kill-matrix`: whether the cases notice each flaw that a mutant has."""

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import pytest
import typer
from rich.markup import escape
from rich.table import Table

from conformance.api.binding import BindingOptions
from conformance.bindings.registry import factory_of, load_binding
from conformance.run.playing import CASES, play
from reports.results import VerdictRecord
from reports.tables import PROSE, console
from spec.errors import Exit, InputError
from spec.lint.realisation import testable
from spec.loader import load_catalogue
from spec.node_id import NodeId
from spec.text import line, lines
from spec.verdict import Verdict

SCHEMA: Final = "gse-kill-matrix/1"


@dataclass
class Fate:
    """What became of a mutant: the cases whose records of its own clause say FAIL, and all it met."""

    clause: str
    killers: list[str] = field(default_factory=list)
    verdicts: dict[str, int] = field(default_factory=dict)
    collateral: dict[str, list[str]] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)

    @property
    def killed(self) -> bool:
        """Whether its own clause failed."""
        return bool(self.killers)


class Watch:
    """Gathers the records of a session by mutant."""

    def __init__(self, mutants: dict[str, str]) -> None:
        self.fates = {name: Fate(clause) for name, clause in mutants.items()}
        self.cases: dict[str, str] = {}
        self.faults: list[str] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what could not be collected."""
        if report.failed and report.longreprtext not in self.faults:
            self.faults.append(report.longreprtext)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the records that a report carries."""
        fate = self.fates.get(getattr(report, "gse_device", ""))
        if fate is None:
            return
        for record in getattr(report, "gse_records", ()):
            self._take(fate, VerdictRecord.model_validate_json(record))

    def _take(self, fate: Fate, record: VerdictRecord) -> None:
        if not record.invariant:
            self.cases[record.case] = record.clause
        if record.clause == fate.clause:
            fate.verdicts[record.verdict.value] = fate.verdicts.get(record.verdict.value, 0) + 1
            if record.verdict is Verdict.FAIL:
                fate.killers.append(record.case)
            elif record.reason:
                fate.reasons.append(record.reason)
        elif record.verdict is Verdict.FAIL:
            fate.collateral.setdefault(record.clause, []).append(record.case)

    def idle(self) -> list[str]:
        """Cases that killed no mutant of their own clause, in any of their instances."""
        busy = {str(NodeId.of(case).case) for fate in self.fates.values() for case in fate.killers}
        return sorted({str(NodeId.of(case).case) for case in self.cases} - busy)


def command(
    *,
    binding: Annotated[str, typer.Option(help="What supplies the testbeds: reference, live.")] = "reference",
    clause: Annotated[list[str] | None, typer.Option(help="Only cases of this clause, or glob.")] = None,
    chapter: Annotated[list[str] | None, typer.Option(help="Only cases of this chapter.")] = None,
    profile: Annotated[str | None, typer.Option(help="Only cases of a profile's clauses.")] = None,
    tester: Annotated[str | None, typer.Option(help="What plays and captures, for the binding live.")] = None,
    collateral: Annotated[bool, typer.Option("--collateral", help="Run everything on every mutant.")] = False,
    wire_profile: Annotated[str, typer.Option(help="Name or YAML file of the wire profile.")] = "open-1",
    seed: Annotated[int, typer.Option(help="Seed of the run.")] = 1,
    workers: Annotated[str, typer.Option(help="Processes: a number, or auto.")] = "",
    out: Annotated[Path, typer.Option(help="Where the matrix is written.")] = Path("out/kill-matrix.json"),
) -> None:
    """Run each mutant against its clause's cases; exit code 1 when one survives or a case kills none."""
    factory_of(binding).prepare()
    _admit(out)
    bench = load_binding(binding, BindingOptions(wire_profile=wire_profile, tester=tester))
    mutants = bench.mutants
    watch = Watch(dict(mutants))
    words = [str(CASES), "-n", workers or ("0" if bench.workers is not None else "auto")]
    words += [
        f"--binding={binding}",
        f"--mutants={'all' if collateral else 'own'}",
        f"--run-seed={seed}",
        f"--wire-profile={wire_profile}",
        "--tb=no",
        "-q",
        "--no-summary",
    ]
    words += [f"--tester={tester}"] if tester else []
    narrowed = bool(clause or chapter or profile)
    for name, values in (("--chapter", chapter), ("--clause", clause), ("--profile", profile and [profile])):
        words += [f"{name}={value}" for value in values or ()]
    code = play(words, plugins=[watch])
    for fault in watch.faults:
        print(lines(fault), file=sys.stderr)
    if watch.faults or code not in {Exit.OK, Exit.FAILED}:
        raise typer.Exit(int(code) or Exit.INTERNAL)
    tried = {name: fate for name, fate in watch.fates.items() if fate.verdicts or not narrowed}
    bare = [] if narrowed else _bare(mutants.values())
    idle = watch.idle()
    _print(tried, bare, idle)
    _write(out, tried, bare, idle)
    survived = [name for name, fate in tried.items() if not fate.killed]
    raise typer.Exit(Exit.FAILED if survived or bare or idle else Exit.OK)


def _bare(broken: Iterable[str]) -> list[str]:
    """Testable MUSTs that no mutant breaks."""
    known = set(broken)
    clauses = load_catalogue().clauses.values()
    return [
        clause.id
        for clause in clauses
        if clause.level == "MUST" and testable(clause) and clause.id not in known
    ]


def _print(fates: dict[str, Fate], bare: list[str], idle: list[str]) -> None:
    out = console()
    table = Table("mutant", "clause", "fate", "verdicts on its clause", "collateral")
    for column in table.columns[3:]:
        column.overflow = PROSE
    for name, fate in sorted(fates.items(), key=lambda item: (item[1].killed, item[1].clause, item[0])):
        verdicts = ", ".join(f"{verdict} {number}" for verdict, number in fate.verdicts.items()) or "no case"
        if not fate.killed and fate.reasons:
            verdicts += f": {escape(line(fate.reasons[0], 80))}"
        shown = "[green]killed[/]" if fate.killed else "[red]survived[/]"
        table.add_row(name, fate.clause, shown, verdicts, ", ".join(fate.collateral))
    out.print(table)
    killed = sum(fate.killed for fate in fates.values())
    out.print(f"{killed} of {len(fates)} mutants killed")
    for words, names in (("testable MUSTs without mutant", bare), ("cases that killed no mutant", idle)):
        if names:
            out.print(f"{len(names)} {words}:", *names, sep="\n  ")


def _admit(path: Path) -> None:
    """Raise InputError, before anything is played, unless a matrix may be written here."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("r+b") as file:
            if SCHEMA.encode() not in file.read(64):
                raise InputError(path, "file", "is there and is no kill matrix", "choose another name")
    except FileNotFoundError:
        path.touch()
        path.unlink()


def _write(path: Path, fates: dict[str, Fate], bare: list[str], idle: list[str]) -> None:
    data = {
        "schema": SCHEMA,
        "made": datetime.now(UTC).isoformat(),
        "catalogue": load_catalogue().digest,
        "mutants": {name: {**asdict(fate), "killed": fate.killed} for name, fate in fates.items()},
        "musts_without_mutant": bare,
        "cases_that_killed_none": idle,
    }
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
