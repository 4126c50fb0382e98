"""What the process that was started writes: the header, each record as it falls, and the footer."""

import os
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import pytest

from conformance.run.context import RunContext
from conformance.run.continuation import Earlier
from conformance.run.execution import broken, joined, parameter_record
from conformance.run.identity import suite
from conformance.run.keeping import keep_files, stated
from conformance.run.plan import Plan
from conformance.run.playing import is_foreign
from reports.results import (
    BenchIdentity,
    CaptureIdentity,
    CatalogueIdentity,
    Continuation,
    FactValue,
    Header,
    IcsIdentity,
    Kept,
    PlannedCase,
    ResultsWriter,
    VerdictRecord,
    WireProfileIdentity,
)
from reports.run_folder import BENCH, CAPTURE, CATALOGUE, ICS, PLAN, RESULTS, WIRE_PROFILE
from spec.files import digest, octets
from spec.loader import SHARED
from spec.text import command
from spec.verdict import Verdict, merge
from spec.wire import locate

TOOLS: Final = ("pytest", "pytest-xdist", "pytest-timeout", "allure-pytest", "numpy", "pydantic", "scapy")
CHANGING: Final = ("PYTHONOPTIMIZE", "PYTHONPATH")
"""Variables of the environment that change what is run, beside those of pytest."""
ENDED: Final = {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED}


class ResultsRecorder:
    """Writes the results file of a run: each case at once, when its bed is given back."""

    def __init__(
        self, context: RunContext, plan: Plan, options: Mapping[str, FactValue], earlier: Earlier | None
    ) -> None:
        self.context = context
        out = context.options.out
        self.path = out / RESULTS
        self.earlier = earlier
        self.held: dict[str, list[VerdictRecord]] = {}
        if earlier is None:
            files = _rested_on(context)
            header = _header(context, plan, options, stated(files))
            self.writer = ResultsWriter(self.path, header)
            keep_files(out, files)
        else:
            header = earlier.header
            self.writer = earlier.resume(_part(context.differences))
        self.planned = {case.case: (case.clause, case.purpose) for case in header.cases}

    def write(self, report: pytest.TestReport) -> None:
        """Take what a report of pytest carries, and write it with the last of its case."""
        held = self.held.setdefault(report.nodeid, [])
        worker = getattr(report, "worker_id", "")
        found = [VerdictRecord.model_validate_json(line) for line in getattr(report, "gse_records", ())]
        if found:  # a later report of a case knows all that an earlier one did
            held[:] = [record.model_copy(update={"worker": worker}) for record in found]
        if report.when in {"setup", "call"}:
            return
        del self.held[report.nodeid]
        if report.when != "teardown":
            if was_interrupted(report):
                return
            held[:] = self._crashed(report, held)
        if held:
            self.writer.append(*sorted(held, key=lambda record: not record.invariant))

    def failed(self) -> bool:
        """Whether anything that the file holds did not pass."""
        return any(verdict >= Verdict.INCONCLUSIVE for verdict in self.writer.counts)

    def close(self, exit_code: int) -> None:
        """End the file, with a footer unless the run was interrupted, or its bench was gone."""
        if exit_code in ENDED and self.context.gone is None:
            self.writer.finish(datetime.now(UTC), exit_code)
        else:
            self.writer.close()
        (self.path.parent / PLAN).unlink(missing_ok=True)

    def _crashed(self, report: pytest.TestReport, held: Sequence[VerdictRecord]) -> Iterator[VerdictRecord]:
        """Make an ERROR of a case whose worker crashed, whatever it was judged to be before."""
        reason = str(report.longrepr).partition("\n")[0]
        for record in held:
            verdict = merge((record.verdict, Verdict.ERROR))
            yield record.model_copy(update={"verdict": verdict, "reason": joined(record.reason, reason)})
        if held or report.nodeid not in self.planned:
            return
        clause, purpose = self.planned[report.nodeid]
        yield broken(self.context, report.nodeid, clause, purpose, reason)


def _rested_on(context: RunContext) -> dict[str, bytes]:
    """Return the octets of each file that a run rests on, by its name in the folder of the run.

    Each is read once, so that what is kept is what is stated; OSError or InputError where one cannot be.
    """
    return {
        name: octets(path) if path.suffix in {".yaml", ".yml"} else path.read_bytes()
        for name, path in _files(context)
    }


def _files(context: RunContext) -> Iterator[tuple[str, Path]]:
    """Return the files by their names in the folder."""
    yield ICS, context.ics.path
    yield WIRE_PROFILE, locate(context.sources.wire_profile)
    if context.binding.file is not None:
        yield BENCH, context.binding.file
    if context.sources.capture is not None:
        yield CAPTURE, context.sources.capture
    catalogue = context.catalogue
    for path in (*catalogue.files.values(), *(catalogue.root / f"{name}.yaml" for name in SHARED)):
        yield f"{CATALOGUE}/{path.relative_to(catalogue.root).as_posix()}", path


def was_interrupted(report: pytest.TestReport) -> bool:
    """Whether the worker of a report was not killed but ended, as the whole run is about to."""
    output = getattr(getattr(report, "node", None), "workeroutput", {})
    return output.get("exitstatus") == pytest.ExitCode.INTERRUPTED


def _header(
    context: RunContext, plan: Plan, options: Mapping[str, FactValue], kept: tuple[Kept, ...]
) -> Header:
    part = _part()
    return Header(
        run=context.options.out.name,
        started=part.started,
        suite=part.suite,
        catalogue=CatalogueIdentity(digest=context.catalogue.digest),
        wire_profile=WireProfileIdentity(name=context.profile.name, digest=context.profile.digest),
        binding=context.binding.name,
        bench=_bench(context.binding.file),
        device=context.binding.device,
        ics=IcsIdentity.of(context.ics),
        parameters={name: parameter_record(value) for name, value in context.parameters.items()},
        pcap=_capture(context.sources.capture, kept),
        seed=context.options.seed,
        options=options,
        command=part.command,
        environment=part.environment,
        selection=plan.selection,
        cases=tuple(
            PlannedCase(case=case, clause=clause, purpose=purpose) for case, clause, purpose in plan.cases
        ),
        tools=part.tools,
        kept=kept,
        differences=context.differences,
    )


def _part(differences: tuple[str, ...] = ()) -> Continuation:
    """Describe this session, and what it found not to be as it was when the run began."""
    return Continuation(
        started=datetime.now(UTC),
        suite=suite(),
        command=command([Path(sys.argv[0]).name, *sys.argv[1:]]),
        environment={name: value for name, value in os.environ.items() if _counts(name)},
        tools={"python": platform.python_version(), **{name: version(name) for name in TOOLS}},
        differences=differences,
    )


def _counts(name: str) -> bool:
    """Whether a variable of the environment may change a run."""
    return name in CHANGING or is_foreign(name)


def _capture(path: Path | None, kept: Iterable[Kept]) -> CaptureIdentity | None:
    """Identify the capture that the user gave by what is kept of it, where there is one."""
    found = next((item.sha256 for item in kept if item.file == CAPTURE), None)
    return CaptureIdentity(file=path.name, digest=found) if path and found else None


def _bench(file: Path | None) -> BenchIdentity | None:
    return None if file is None else BenchIdentity(file=file.name, digest=digest(file))
