"""`gse-cts variants`: whether correct devices that differ from the reference pass everything."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import pytest
import typer
from rich.markup import escape
from rich.table import Table

from conformance.api.binding import BindingOptions
from conformance.bindings.registry import load_binding
from conformance.checkout import ROOT
from conformance.run.devices import ALL, chosen
from conformance.run.playing import CASES, play
from reports.results import Finding, VerdictRecord
from reports.tables import PROSE, console
from spec.coverage import scan
from spec.errors import Exit, InputError
from spec.loader import load_catalogue
from spec.text import line, lines
from spec.variants_page import page, place
from spec.verdict import Verdict

SCHEMA: Final = "gse-variants/1"
HARMLESS: Final = frozenset({Verdict.PASS, Verdict.NOT_APPLICABLE, Verdict.TESTER_LIMITED})


@dataclass
class Outcome:
    """What became of a variant: its verdicts by number, and what was not passed, with the reason."""

    verdicts: dict[str, int] = field(default_factory=dict)
    objections: list[dict[str, str]] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether something was played and nothing objected to."""
        return Verdict.PASS.value in self.verdicts and not self.objections


class Watch:
    """Gathers the records of a session by variant."""

    def __init__(self, names: list[str]) -> None:
        self.outcomes = {name: Outcome() for name in names}
        self.faults: list[str] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what could not be collected."""
        if report.failed and report.longreprtext not in self.faults:
            self.faults.append(report.longreprtext)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the records that a report carries; one that failed without any is of a worker that crashed."""
        outcome = self.outcomes.get(getattr(report, "gse_device", None) or "")
        if outcome is None:
            if report.failed:
                self.faults.append(f"{report.nodeid}: {report.longreprtext}")
            return
        for record in getattr(report, "gse_records", ()):
            _take(outcome, VerdictRecord.model_validate_json(record))


def _take(outcome: Outcome, record: VerdictRecord) -> None:
    verdict = record.verdict
    outcome.verdicts[verdict.value] = outcome.verdicts.get(verdict.value, 0) + 1
    if verdict not in HARMLESS:
        objection = {
            "case": record.case,
            "clause": record.clause,
            "verdict": verdict.value,
            "reason": "; ".join(_words(each) for each in record.findings) or record.reason,
        }
        outcome.objections.append(objection)


def _words(finding: Finding) -> str:
    return f"{finding.what}: expected {finding.expected}, got {finding.got}"


def command(
    *,
    name: Annotated[
        list[str] | None, typer.Argument(help="Variants to play; all when none is named.")
    ] = None,
    clause: Annotated[list[str] | None, typer.Option(help="Only cases of this clause, or glob.")] = None,
    chapter: Annotated[list[str] | None, typer.Option(help="Only cases of this chapter.")] = None,
    profile: Annotated[str | None, typer.Option(help="Only cases of a profile's clauses.")] = None,
    parameter: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, may be repeated.")] = None,
    ics: Annotated[Path | None, typer.Option(help="What the variants declare.")] = None,
    wire_profile: Annotated[str, typer.Option(help="Name or YAML file of the wire profile.")] = "open-1",
    seed: Annotated[int, typer.Option(help="Seed of the run.")] = 1,
    workers: Annotated[str, typer.Option(help="Processes: a number, or auto.")] = "auto",
    out: Annotated[Path, typer.Option(help="Where the outcomes are written.")] = Path("out/variants.json"),
    write: Annotated[
        bool, typer.Option("--write", help="Write the page that lists them, and play none.")
    ] = False,
) -> None:
    """Play correct devices that differ from the reference; exit code 1 when one does not pass."""
    if write:
        place(ROOT).write_text(page(load_catalogue(), scan(ROOT)), encoding="utf-8")
        return
    _admit(out)
    known = load_binding("reference", BindingOptions(wire_profile=wire_profile)).variants
    names = chosen(name or [ALL], known)
    watch = Watch(names)
    words = [str(CASES), "-n", workers, f"--run-seed={seed}", f"--wire-profile={wire_profile}"]
    words += [f"--variant={each}" for each in names]
    words += [f"--ics={ics}"] if ics else []
    for option, values in (
        ("--chapter", chapter),
        ("--clause", clause),
        ("--profile", profile and [profile]),
        ("--parameter", parameter),
    ):
        words += [f"{option}={value}" for value in values or ()]
    code = play([*words, "--tb=no", "-q", "--no-summary"], plugins=[watch])
    for fault in watch.faults:
        print(lines(fault), file=sys.stderr)
    if watch.faults or code not in {Exit.OK, Exit.FAILED}:
        raise typer.Exit(int(code) or Exit.INTERNAL)
    _print(watch.outcomes)
    _write(out, watch.outcomes)
    raise typer.Exit(Exit.OK if all(each.passed for each in watch.outcomes.values()) else Exit.FAILED)


def _print(outcomes: dict[str, Outcome]) -> None:
    out = console()
    table = Table("variant", "verdicts", "what did not pass")
    table.columns[2].overflow = PROSE
    for name, outcome in sorted(outcomes.items(), key=lambda item: (item[1].passed, item[0])):
        verdicts = ", ".join(f"{verdict} {number}" for verdict, number in outcome.verdicts.items())
        table.add_row(name, verdicts or "no case", "\n".join(_shown(outcome)))
    out.print(table)
    passed = sum(outcome.passed for outcome in outcomes.values())
    out.print(f"{passed} of {len(outcomes)} variants passed")


def _shown(outcome: Outcome) -> Iterator[str]:
    for each in outcome.objections:
        where = f"{each['verdict']} {each['clause']} in {each['case']}"
        yield escape(f"{where}: {line(each['reason'], 160)}")


def _admit(path: Path) -> None:
    """Raise InputError, before anything is played, unless outcomes may be written here."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("r+b") as file:
            if SCHEMA.encode() not in file.read(64):
                raise InputError(path, "file", "is there and holds no variants", "choose another name")
    except FileNotFoundError:
        path.touch()
        path.unlink()


def _write(path: Path, outcomes: dict[str, Outcome]) -> None:
    data = {
        "schema": SCHEMA,
        "made": datetime.now(UTC).isoformat(),
        "catalogue": load_catalogue().digest,
        "variants": {name: {**asdict(each), "passed": each.passed} for name, each in outcomes.items()},
    }
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
