"""Supplies what an earlier run recorded, so that it can be judged again without the device."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from conformance.api.binding import BindingOptions, Driver, Setup, UnlimitedBinding
from conformance.api.outcomes import BenchError, ScenarioChanged, TesterLimited
from conformance.api.parameters import BENCH
from conformance.api.testbeds import Topology
from conformance.bindings.lab.bench import load_bench
from conformance.bindings.lab.layout import Layout
from conformance.bindings.lab.limits import uncertainty_of
from reports.results import Results, read_results
from reports.run_folder import BENCH as BENCH_FILE
from reports.run_folder import ICS, play_name
from spec.errors import InputError
from traffic.recordings import store
from traffic.recordings.recording import Facts, Recording
from traffic.scenario import Scenario


class ReplayBinding(UnlimitedBinding):
    """Plays nothing: gives each case its stored recordings back, in the order of its plays."""

    name = "replay"
    takes = frozenset({"recordings"})
    uncertainty: Mapping[str, float] = {}
    mutants: Mapping[str, str] = {}
    variants: Mapping[str, tuple[str, ...]] = {}

    def __init__(self, options: BindingOptions) -> None:
        if options.recordings is None:
            raise InputError(
                "command line", "--recordings", "is missing", "name the folder of the run to judge"
            )
        self.run = options.recordings
        results = read_results(self.run)
        header = results.header
        self.folders = _folders(results, self.run)
        self.device = header.device
        self.seed = header.seed
        self.values = {name: item.value for name, item in header.parameters.items() if item.origin == BENCH}
        self.ics = self.run / ICS
        bench = self.run / BENCH_FILE
        self.layout: Layout | None = None
        if bench.exists():
            self.file = bench
            self.layout = Layout(load_bench(bench))
            self.smoke = self.layout.whole()
            self.uncertainty = {"ns": uncertainty_of(None, self.layout.bench)}

    def bind(self, topology: Topology) -> Topology:
        """Return the testbed as the bench of the earlier run had it."""
        return topology if self.layout is None else self.layout.bind(topology)

    def open(self, setup: Setup) -> Driver:
        """Find the recordings of a case."""
        return Replay(self.folders.get(setup.case), setup.facts, setup.attempt)

    def confirmations(self, case: str) -> int:
        """Judge a case as often as it was played, as long as it fails."""
        folder, attempt = self.folders.get(case), 1
        while folder is not None and (folder / f"{play_name(attempt + 1, 1)}.json").exists():
            attempt += 1
        return attempt - 1

    def check(self, facts: Facts, topology: Topology) -> None:
        """Find nothing to check: what was recorded is on the disk."""


class Replay:
    """The stored plays of one case, of the `attempt`th time that it was played."""

    def __init__(self, folder: Path | None, facts: Facts, attempt: int) -> None:
        self.folder = folder
        self.facts = facts
        self.attempt = attempt

    def play(self, scenario: Scenario, number: int, *, fresh: bool) -> Recording:  # noqa: ARG002
        """Return the recording of that play.

        TesterLimited when the run kept none of the case, ScenarioChanged when it is of another scenario.
        """
        if self.folder is None:
            raise TesterLimited(
                "the earlier run stored no play of this case; run it with --evidence all to judge it again"
            )
        path = self.folder / f"{play_name(self.attempt, number)}.json"
        if not path.exists():
            raise BenchError(f"{path}: is not there, though other plays of the case are; play it again")
        try:
            recording = store.load(path)
        except InputError as error:
            raise BenchError(str(error)) from error
        if recording.columns.scenario != scenario.digest():
            raise ScenarioChanged(f"{path}: the scenario changed; play it again")
        if recording.facts.wire_digest != self.facts.wire_digest:
            raise BenchError(f"{path}: was recorded under another wire profile; judge it with its own")
        # The file that the recording names may be gone; the profile with its digest is the same.
        return recording.but(facts=replace(recording.facts, wire_profile=self.facts.wire_profile))

    def close(self) -> None:
        """Nothing to give back."""


def _folders(results: Results, run: Path) -> dict[str, Path]:
    """Return the folder of each case's plays, as its verdicts name their evidence."""
    return {record.case: (run / item.file).parent for record in results.verdicts for item in record.evidence}
