"""A bench that plays nothing: what a case gets back is as made up as the device."""

import pytest

CONFTEST = """
import conformance.bindings as bindings
from traffic.recording import Facts, Recording, Trouble
from conformance.checkout import ROOT
from conformance.marks import CAPABILITIES


class Still(bindings.Perfect):
    name = "still"
    device = "nothing"
    ics = ROOT / "reference_impl" / "ics.yaml"
    capabilities = frozenset({"fabric taps", "counters", "reactive peer", "configure"})
    parallelism = 2
    uncertainty = {"ns": 10}
    values = {}
    mutants = {}

    def __init__(self, options):
        pass

    def limits(self, topology, parameters):
        return {name: f"the binding still has no {name}" for name in CAPABILITIES - self.capabilities}

    def open(self, setup):
        return Bed(setup)

    def check(self, facts, topology):
        pass


class Bed:
    def __init__(self, setup):
        self.setup = setup

    def play(self, scenario, number, *, fresh):
        links = self.setup.topology.links
        breaks, sign, words = scenario.name.partition(": ")
        return Recording.of_taps(
            links, [], facts=self.setup.facts, capabilities=Still.capabilities, seed=self.setup.seed,
            scenario=scenario.digest(), trouble=Trouble(breaks, words) if sign else None,
        )

    def close(self):
        pass


class Point:
    name = "still"

    @staticmethod
    def load():
        return Still


bindings.entry_points = lambda **_: [Point]
"""

HEAD = """
import pytest
from conformance.marks import clause, configure, duration, needs, sweep, testbed
from conformance.testbeds import LeafSpine, SoloGsf, SoloGsp
from traffic.scenario import Impairment, LinkEvent, Scenario
"""


@pytest.fixture
def bench(pytester):
    """A folder for cases; `run` runs them there and gives the result, with a binding that plays nothing."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyprojecttoml(
        '[tool.pytest.ini_options]\naddopts = "--strict-markers --import-mode=importlib"'
    )

    class Bench:
        path = pytester.path

        def cases(self, **files):
            for name, text in files.items():
                pytester.makepyfile(**{name: HEAD + text})

        def run(self, *words):
            quick = ("-p", "no:hypothesispytest", "-p", "no:benchmark")
            return pytester.runpytest_subprocess("--binding=still", "--out=run", *quick, *words)

    return Bench()
