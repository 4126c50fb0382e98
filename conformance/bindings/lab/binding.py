"""Devices in a laboratory, as its file says: the tester's ports around them, adapters that manage them."""

import atexit
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from conformance.api.binding import BindingOptions, Driver, Setup
from conformance.api.marks import CAPABILITIES
from conformance.api.outcomes import BenchError, BenchGone
from conformance.api.testbeds import Request, Topology, tester_ports
from conformance.bindings.lab.bench import load_bench
from conformance.bindings.lab.devices import LabDevices, quiesce_time
from conformance.bindings.lab.layout import Layout
from conformance.bindings.lab.limits import MANAGED, Quality, limits_of, patience, quickest, uncertainty_of
from conformance.bindings.lab.wires import MeasuredWires, TesterSide, open_wires
from conformance.bindings.realtime import CONFIRMED, RealTimeDriver, Rig, real_time
from conformance.bindings.undo import at_last, give_back
from traffic.recordings.recording import Facts, Link, ParameterValue
from traffic.scenario import Scenario
from traffic.trex.errors import TrexError, TrexGoneError

if TYPE_CHECKING:
    from traffic.trex.reach import Reach

REQUESTS: Final = 20
"""Requests to an adapter that may take all the time they are given before a case is taken to hang."""


class LabBinding:
    """Plays the cases against the devices of one laboratory's file, which stay up from case to case.

    `uncertainty` is what the file declares or a usual value, until the wires stand and know better.
    """

    name = "lab"
    takes = frozenset({"confirm"})
    seed: int | None = None
    real_time = True
    ics: Path | None = None
    workers: int | None = 1
    testers: tuple[str, ...] = ()
    mutants: Mapping[str, str] = {}
    variants: Mapping[str, tuple[str, ...]] = {}

    def __init__(self, options: BindingOptions) -> None:
        assert options.file is not None
        self.lab = load_bench(options.file)
        self.confirm = CONFIRMED if options.confirm is None else options.confirm
        self.file: Path | None = self.lab.path
        self.layout = Layout(self.lab)
        self.values: Mapping[str, int | float | str] = self.lab.values
        self.smoke: Request = self.layout.whole()
        self.device = f"{', '.join(self.lab.nodes)} of {self.lab.name}"
        self.exact: dict[str, float] = {"ns": uncertainty_of(None, self.lab)}
        self.uncertainty: Mapping[str, float] = self.exact
        self.measured: int | None = None
        self.reach: dict[int, Reach] = {}
        self.opened: tuple[str, MeasuredWires, tuple[Link, ...]] | None = None
        atexit.register(at_last, self.clear)

    @classmethod
    def prepare(cls) -> None:
        """Need nothing of the process."""

    @cached_property
    def devices(self) -> LabDevices:
        """The devices, by their adapters; InputError when there is no such adapter."""
        return LabDevices(self.lab)

    def bind(self, topology: Topology) -> Topology:
        """Return a testbed as the bench has it; TesterLimited when it has none such."""
        return self.layout.bind(topology)

    def limits(self, topology: Topology, parameters: Mapping[str, ParameterValue]) -> Mapping[str, str]:
        """Return the reason for each capability that is missing on a testbed."""
        lacking = {ability: self.devices.lacking(ability) for ability in MANAGED}
        tester = Quality(quickest(self.measured, self.lab), round(self.exact["ns"]))
        return limits_of(self.lab, topology, parameters, lacking, tester)

    def case_time(self, seconds: float, parameters: Mapping[str, ParameterValue]) -> float:
        """Allow what the file says, or what plays, and the answers of all adapters, may take."""
        declared = self.lab.file.case_timeout
        if declared is not None:
            return declared
        managed = (device.management for device in self.lab.file.devices.values())
        answers = sum(item.timeout for item in managed if item.adapter != "none")
        quiet = quiesce_time({name: item.value for name, item in parameters.items()})
        return real_time(seconds, quiet, parameters) + REQUESTS * answers

    def confirmations(self, case: str) -> int:  # noqa: ARG002 - whatever case it is
        """Play again what failed, as often as the run says."""
        return self.confirm

    def open(self, setup: Setup) -> Driver:
        """Return a bed on the devices, with the wires of its testbed."""
        wires, links = self.wires(setup.topology, setup.facts)
        missing = self.limits(setup.topology, setup.facts.parameters)
        late = patience(setup.topology, setup.facts.parameters)
        return RealTimeDriver(setup, Rig(links, self.devices, wires, CAPABILITIES - missing.keys(), late))

    def check(self, facts: Facts, topology: Topology) -> None:
        """Look that adapters answer and ports of the tester have a link; no device is judged by that."""
        self.devices.identify()
        wires, _ = self.wires(topology, facts)
        wires.begin(Scenario(), ahead=False)
        trouble = wires.trouble()
        if trouble is not None:
            raise BenchError(trouble)

    def wires(self, topology: Topology, facts: Facts) -> tuple[MeasuredWires, tuple[Link, ...]]:
        """Return the wires of a testbed, the open ones if they are its own; BenchError if they fail."""
        lines = self.layout.lines(topology)
        links = tuple(link for link, _, _ in lines)
        key = f"{links} {sorted(facts.hosts.items())} {facts.wire_profile}"
        if self.opened is None or self.opened[0] != key:
            self.close_wires()
            ends = [cable.tester for _, _, cable in lines if cable.tester is not None]
            described = tester_ports(topology, links)
            side = TesterSide(
                tuple(line for _, line, _ in lines), tuple(ends), described, facts.hosts, facts.wire_profile
            )
            try:
                wires = self.asked_twice(side)
            except TrexGoneError as error:
                raise BenchGone(str(error)) from error
            except TrexError as error:
                raise BenchError(str(error)) from error
            self.measured = wires.reaction
            self.exact["ns"] = wires.uncertainty
            self.opened = key, wires, links
        return self.opened[1], self.opened[2]

    def asked_twice(self, side: TesterSide) -> MeasuredWires:
        """Open the wires, at the second try where nobody answers at the first."""
        try:
            return open_wires(self.lab, side, self.reach)
        except TrexGoneError:
            return open_wires(self.lab, side, self.reach)

    def close_wires(self) -> None:
        """Close the wires."""
        opened, self.opened = self.opened, None
        if opened is not None:
            opened[1].close()

    def clear(self) -> None:
        """Leave the devices as they were before the run, and close the wires."""
        release = [self.devices.release] if "devices" in vars(self) else []
        give_back(*release, self.close_wires)
