"""What the process that was started writes: the header, each record as it falls, and the footer."""

import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from shutil import copyfile
from typing import Final

import pytest

from conformance.bench import Bench
from conformance.case import Case, seed_of
from conformance.checkout import ROOT
from conformance.continuation import RESULTS, Earlier, capture
from conformance.evidence import BENCH, ICS
from conformance.judging import parameter_record
from conformance.plugin import PLAN_FILE
from reports.results import (
    BenchIdentity,
    CatalogueIdentity,
    Continuation,
    FactValue,
    Header,
    IcsIdentity,
    PlannedCase,
    ResultsWriter,
    Suite,
    VerdictRecord,
    WireProfileIdentity,
)
from spec.files import digest
from spec.verdict import Verdict

TOOLS: Final = ("pytest", "pytest-xdist", "pytest-timeout", "allure-pytest", "numpy", "pydantic", "scapy")
ENDED: Final = {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED}


@dataclass(frozen=True)
class Plan:
    """The cases that were collected, each with clause and purpose, and the ids of those that are to run."""

    cases: tuple[tuple[str, str, str | None], ...]
    selection: tuple[str, ...]


def plan_of(cases: Iterable[Case], selection: Iterable[str]) -> Plan:
    """Make a plan."""
    return Plan(tuple((case.id, case.clause.id, case.purpose) for case in cases), tuple(selection))


def leave_plan(folder: Path, plan: Plan) -> None:
    """Write a worker's plan into the folder of the run."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{PLAN_FILE}.{os.getpid()}"
    draft.write_text(json.dumps(asdict(plan)))
    draft.replace(folder / PLAN_FILE)


def take_plan(folder: Path) -> Plan | None:
    """Read a worker's plan and remove it; None when no worker left one."""
    path = folder / PLAN_FILE
    try:
        data = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    path.unlink()
    return Plan(
        tuple((case, clause, purpose) for case, clause, purpose in data["cases"]), tuple(data["selection"])
    )


class Ledger:
    """Writes the results file of a run: each case at once, when its bed is given back."""

    def __init__(
        self, bench: Bench, plan: Plan, options: Mapping[str, FactValue], earlier: Earlier | None
    ) -> None:
        self.bench = bench
        out = bench.options.out
        self.path = out / RESULTS
        self.earlier = earlier
        self.held: dict[str, list[VerdictRecord]] = {}
        if earlier is None:
            header = _header(bench, plan, options)
            self.writer = ResultsWriter(self.path, header)
            copyfile(bench.ics.path, out / ICS)
            if bench.binding.file is not None:
                copyfile(bench.binding.file, out / BENCH)
        else:
            header = earlier.header
            self.writer = earlier.resume(_part())
        self.planned = {case.case: (case.clause, case.purpose) for case in header.cases}

    def write(self, report: pytest.TestReport) -> None:
        """Take what a report of pytest carries, and write it with the last of its case."""
        held = self.held.setdefault(report.nodeid, [])
        worker = getattr(report, "worker_id", "")
        for line in getattr(report, "gse_records", ()):
            record = VerdictRecord.model_validate_json(line)
            held.append(record.model_copy(update={"worker": worker}))
        if report.when in {"setup", "call"}:
            return
        del self.held[report.nodeid]
        if report.when != "teardown":
            if was_interrupted(report):
                return
            held += self._crashed(report)
        if held:
            self.writer.append(*sorted(held, key=lambda record: not record.invariant))

    def failed(self) -> bool:
        """Whether anything that the file holds did not pass."""
        return any(verdict >= Verdict.INCONCLUSIVE for verdict in self.writer.counts)

    def close(self, exit_code: int) -> None:
        """End the file, with a footer unless the run was interrupted."""
        if exit_code in ENDED:
            self.writer.finish(datetime.now(UTC), exit_code)
        else:
            self.writer.close()
        (self.path.parent / PLAN_FILE).unlink(missing_ok=True)

    def _crashed(self, report: pytest.TestReport) -> Iterator[VerdictRecord]:
        """Make an ERROR of a case whose worker crashed."""
        if report.nodeid not in self.planned:
            return
        clause, purpose = self.planned[report.nodeid]
        yield VerdictRecord(
            case=report.nodeid,
            clause=clause,
            purpose=purpose,
            verdict=Verdict.ERROR,
            reason=str(report.longrepr).partition("\n")[0],
            seed=seed_of(self.bench.options.seed, report.nodeid),
            started=datetime.now(UTC),
            duration=0,
            reproduce=self.bench.command(report.nodeid),
        )


def was_interrupted(report: pytest.TestReport) -> bool:
    """Whether the worker of a report was not killed but ended, as the whole run is about to."""
    output = getattr(getattr(report, "node", None), "workeroutput", {})
    return output.get("exitstatus") == pytest.ExitCode.INTERRUPTED


def _header(bench: Bench, plan: Plan, options: Mapping[str, FactValue]) -> Header:
    part = _part()
    return Header(
        run=bench.options.out.name,
        started=part.started,
        suite=part.suite,
        catalogue=CatalogueIdentity(digest=bench.catalogue.digest),
        wire_profile=WireProfileIdentity(name=bench.profile.name, digest=bench.profile.digest),
        binding=bench.binding.name,
        bench=_bench(bench.binding.file),
        device=bench.binding.device,
        ics=IcsIdentity.of(bench.ics),
        parameters={name: parameter_record(value) for name, value in bench.parameters.items()},
        pcap=capture(bench.options.pcap),
        seed=bench.options.seed,
        options=options,
        command=part.command,
        selection=plan.selection,
        cases=tuple(
            PlannedCase(case=case, clause=clause, purpose=purpose) for case, clause, purpose in plan.cases
        ),
        tools=part.tools,
    )


def _part() -> Continuation:
    """Describe this session."""
    return Continuation(
        started=datetime.now(UTC),
        suite=suite(),
        command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        tools={"python": platform.python_version(), **{name: version(name) for name in TOOLS}},
    )


def _bench(file: Path | None) -> BenchIdentity | None:
    return None if file is None else BenchIdentity(file=file.name, digest=digest(file))


def suite() -> Suite:
    """Identify the suite that judges."""

    def git(*words: str) -> str:
        command = ["git", "-C", str(ROOT), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603

    number = version("gse-conformance")
    if not (ROOT / ".git").exists():
        return Suite(version=number)
    return Suite(version=number, commit=git("rev-parse", "HEAD"), dirty=bool(git("status", "--porcelain")))
