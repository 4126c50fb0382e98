"""What the process that was started writes: the header, each record as it falls, and the footer."""

import json
import os
import platform
import shlex
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from shutil import copyfile
from typing import Final

import pytest

from conformance.bench import Bench
from conformance.case import FOLDER as CASES
from conformance.case import Case, file_of, seed_of
from conformance.checkout import ROOT
from conformance.continuation import Earlier, capture
from conformance.identity import suite
from conformance.judging import parameter_record
from reports.results import (
    BenchIdentity,
    CatalogueIdentity,
    Continuation,
    FactValue,
    Header,
    IcsIdentity,
    PlannedCase,
    ResultsWriter,
    VerdictRecord,
    WireProfileIdentity,
)
from reports.run_folder import BENCH, ICS, PLAN, RESULTS
from spec.catalogue import Catalogue
from spec.coverage import scan
from spec.digests import digest_of
from spec.verdict import Verdict

TOOLS: Final = ("pytest", "pytest-xdist", "pytest-timeout", "allure-pytest", "numpy", "pydantic", "scapy")
CHANGING: Final = ("PYTHONOPTIMIZE", "PYTHONPATH")
"""Variables of the environment that change what is run, beside those of pytest."""
BY_PYTEST: Final = ("PYTEST_CURRENT_TEST", "PYTEST_VERSION", "PYTEST_XDIST_")
"""How variables begin that pytest sets itself, or that say on how many cores it runs."""
ENDED: Final = {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED}


@dataclass(frozen=True)
class Plan:
    """The cases that there are, each with clause and purpose, and the ids of those that are to run."""

    cases: tuple[tuple[str, str, str | None], ...]
    selection: tuple[str, ...]


def plan_of(cases: Sequence[Case], selection: Iterable[str], catalogue: Catalogue) -> Plan:
    """Make a plan of the cases in the files that were collected, and of what the suite has in others.

    So a purpose of which a case was left out, by whatever option, never looks tested as a whole.
    """
    found = [(case.id, case.clause.id, case.purpose) for case in cases]
    return Plan((*found, *_elsewhere({file_of(case.id) for case in cases}, catalogue)), tuple(selection))


def _elsewhere(files: Collection[str], catalogue: Catalogue) -> Iterator[tuple[str, str, str | None]]:
    """Give the cases of the suite in files other than these, each as one, whatever its instances."""
    folder = ROOT / CASES
    if all(path.relative_to(ROOT).as_posix() in files for path in folder.rglob("test_*.py")):
        return
    for case in scan(ROOT).cases:
        if file_of(case.id) in files:
            continue
        for mark in case.marks:
            clause = catalogue.clauses.get(mark.clause or "")
            if clause is not None:
                only = clause.purposes[0].id if len(clause.purposes) == 1 else None
                yield case.id, clause.id, mark.purpose or only


def leave_plan(folder: Path, plan: Plan) -> None:
    """Write a worker's plan into the folder of the run."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{PLAN}.{os.getpid()}"
    draft.write_text(json.dumps(asdict(plan)))
    draft.replace(folder / PLAN)


def take_plan(folder: Path) -> Plan | None:
    """Read a worker's plan and remove it; None when no worker left one."""
    path = folder / PLAN
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
        (self.path.parent / PLAN).unlink(missing_ok=True)

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
        environment=part.environment,
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
        environment={name: value for name, value in os.environ.items() if _counts(name)},
        tools={"python": platform.python_version(), **{name: version(name) for name in TOOLS}},
    )


def _counts(name: str) -> bool:
    """Whether a variable of the environment may change a run."""
    return name in CHANGING or (name.startswith("PYTEST_") and not name.startswith(BY_PYTEST))


def _bench(file: Path | None) -> BenchIdentity | None:
    return None if file is None else BenchIdentity(file=file.name, digest=digest_of(file))
