"""A bench that plays nothing: what a case gets back is as made up as the device."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest

CONFTEST = """
import atexit
from pathlib import Path

import conformance.api.binding as contract
import conformance.bindings.registry as registry
from traffic.recordings.recording import Facts, Recording, Trouble
from conformance.checkout import ROOT
from conformance.api.marks import CAPABILITIES


class Still(contract.UnlimitedBinding):
    name = "still"
    device = "nothing"
    ics = ROOT / "reference_impl" / "ics.yaml"
    capabilities = frozenset({"fabric taps", "counters", "reactive peer", "configure"})
    takes = frozenset({"device", "recordings"})
    workers = 2
    uncertainty = {"ns": 10}
    values = {}
    mutants = {}
    variants = {}

    def __init__(self, options):
        atexit.register(Path("left").touch)

    def clear(self):
        Path("cleared").touch()
        if Path("refuses").exists():
            raise OSError("the switch is gone")

    def limits(self, topology, parameters):
        return {name: f"the binding still has no {name}" for name in CAPABILITIES - self.capabilities}

    def open(self, setup):
        return Testbed(setup)

    def check(self, facts, topology):
        pass


class Testbed:
    def __init__(self, setup):
        self.setup = setup

    def play(self, scenario, number, *, fresh):
        links = self.setup.topology.links
        breaks, sign, words = scenario.name.partition(": ")
        frames = [(number, 0, 0, bytes(60), 1) for number in range(8 if scenario.name == "frames" else 0)]
        return Recording.of_taps(
            links, frames, facts=self.setup.facts, capabilities=Still.capabilities, seed=self.setup.seed,
            scenario=scenario.digest(), trouble=Trouble(breaks, words) if sign else None,
        )

    def close(self):
        pass


class Point:
    name = "still"

    @staticmethod
    def load():
        return Still


registry.entry_points = lambda group, **_: [Point] if group == registry.GROUP else []
"""

HEAD = """
import pytest
from conformance.api.marks import clause, configure, duration, needs, sweep, testbed
from conformance.api.testbeds import LeafSpine, SoloGsf, SoloGsp
from traffic.patterns import elephant
from traffic.scenario import Impairment, LinkEvent, Scenario
"""


QUICK = ("-p", "no:hypothesispytest", "-p", "no:benchmark")


def heed_signals():
    """Ignore no signal, though the process that starts the tests may, as one in the background does."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


class Runs:
    """A folder for cases; `run` runs them there and gives the result, with a binding that plays nothing."""

    def __init__(self, pytester):
        self.pytester = pytester
        self.path = pytester.path

    def cases(self, **files):
        for name, text in files.items():
            self.pytester.makepyfile(**{name: HEAD + text})

    def run(self, *words):
        return self.pytester.runpytest_subprocess("--binding=still", "--out=run", *QUICK, *words)

    def resume(self, *words):
        """Continue what `run` or `begin` left."""
        return self.pytester.runpytest_subprocess("--continue=run", *QUICK, *words)

    def begin(self, *words, **options):
        """Start a run as a process of its own."""
        command = [sys.executable, "-m", "pytest", "--binding=still", "--out=run", *QUICK, *words]
        with (self.path / "log").open("w") as log:
            options = {"preexec_fn": heed_signals, **options}
            return subprocess.Popen(command, cwd=self.path, stdout=log, stderr=log, **options)  # noqa: S603

    @property
    def results(self):
        return self.path / "run" / "results.jsonl"

    def lines(self):
        if not self.results.exists():
            return []
        return [json.loads(line) for line in self.results.read_text().splitlines()]

    def verdicts(self):
        return {line["case"]: line["verdict"] for line in self.lines() if line["kind"] == "verdict"}

    @staticmethod
    def until(predicate, seconds=60):
        """Look until something holds."""
        end = monotonic() + seconds
        while not predicate():
            assert monotonic() < end, "it never came to that"
            sleep(0.02)

    @staticmethod
    def lives(pid):
        """Whether a process runs."""
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return False
        return state != "Z"


@pytest.fixture
def bench(pytester):
    """A folder for cases and their runs."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyprojecttoml(
        '[tool.pytest.ini_options]\naddopts = "--strict-markers --import-mode=importlib"'
    )
    return Runs(pytester)
