"""Supplies what an earlier run recorded, so that it can be judged again without the device."""

from collections.abc import Mapping
from pathlib import Path

from conformance.bindings import BindingOptions, Setup
from conformance.case import slug_of
from conformance.outcomes import BenchError, ScenarioChanged
from reports.results import read_results
from spec.errors import InputError
from traffic.recording import Facts, Recording
from traffic.scenario import Scenario
from traffic.store import load_recording


class ReplayBinding:
    """Plays nothing: gives each case its stored recordings back, in the order of its plays."""

    name = "replay"
    ics = None
    parallelism = None

    def __init__(self, options: BindingOptions) -> None:
        if options.recordings is None:
            raise InputError(
                "command line", "--recordings", "is missing", "name the folder of the run to judge"
            )
        self.header = read_results(options.recordings).header
        self.device = self.header.device
        self.run = options.recordings

    def open(self, setup: Setup) -> "Replay":
        """Find the recordings of a case."""
        return Replay(self.run / "recordings" / slug_of(setup.case), setup)

    def check(self, facts: Facts) -> None:
        """Find nothing to check: the frames are on the disk."""
