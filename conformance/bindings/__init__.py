"""What supplies a testbed. A binding is an entry point of the group `gse.bindings`, loaded by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, Protocol

from conformance.api.testbeds import LeafSpine, Request, Topology
from spec.documents import did_you_mean
from spec.errors import InputError
from traffic.recordings.recording import Facts, ParameterValue, Recording
from traffic.scenario import Peer, Scenario

GROUP: Final = "gse.bindings"
SUFFIXES: Final = (".yaml", ".yml")
"""How what names a laboratory's file ends."""
INTERVALS: Final = 6
"""Hello intervals after which every path is known: two ways on each tier, and the flags that follow."""


@dataclass(frozen=True)
class BindingOptions:
    """What a run says about its bench; a binding refuses what it has no use for."""

    device: str = "reference"
    recordings: Path | None = None
    wire_profile: str = "open-1"
    tester: str | None = None


@dataclass(frozen=True)
class Setup:
    """One case's testbed: topology, facts in force, well-behaved peers, and the seed of chance."""

    case: str
    topology: Topology
    facts: Facts
    peers: tuple[Peer, ...]
    seed: int

    def seed_for(self, part: str) -> int:
        """Give the seed of a part of the bench."""
        return seed_for(self.seed, part)


class Driver(Protocol):
    """A testbed that stands."""

    def play(self, scenario: Scenario, number: int, *, fresh: bool) -> Recording:
        """Play a scenario, the case's `number`th from 1, on a quiesced bed, or on one just started."""

    def close(self) -> None:
        """Give the bed back."""


class Binding(Protocol):
    """A kind of bench: what it can do, how many beds it has at once, and how well it measures.

    `parallelism` None is any number; `uncertainty` is by unit (`ns`); `device` names what is tested, `ics`
    is its statement where the binding brings one. `values` are parameters that the bench itself sets,
    below those of the run and the case. `mutants` maps flawed devices to the clause each breaks.
    `smoke` is the testbed on which `check` is made, `file` the laboratory's own where the bench has one.
    """

    name: str
    device: str
    ics: Path | None
    parallelism: int | None
    uncertainty: Mapping[str, float]
    values: Mapping[str, int | float | str]
    mutants: Mapping[str, str]
    smoke: Request
    file: Path | None

    def realise(self, topology: Topology) -> Topology:
        """Give a topology as this bench has it; TesterLimited when it has none such."""

    def limits(self, topology: Topology, parameters: Mapping[str, ParameterValue]) -> Mapping[str, str]:
        """Say which capabilities are missing on a topology that it has, each with the reason."""

    def open(self, setup: Setup) -> Driver:
        """Stand a testbed up."""

    def check(self, facts: Facts, topology: Topology) -> None:
        """Play the smallest thing there is; BenchError when the bench, not the device, is broken."""

    def clear(self) -> None:
        """Take down what stands between two cases; called at the end of a run, however it ends."""


class Perfect:
    """What a binding has in common with others that can do everything on every topology."""

    smoke: Request = LeafSpine()
    file: Path | None = None

    def realise(self, topology: Topology) -> Topology:
        """Give the topology as it was asked for."""
        return topology

    def limits(self, topology: Topology, parameters: Mapping[str, ParameterValue]) -> Mapping[str, str]:  # noqa: ARG002
        """Miss nothing."""
        return {}

    def clear(self) -> None:
        """Leave nothing standing between two cases anyway."""


class BindingFactory(Protocol):
    """What the entry point names."""

    def __call__(self, options: BindingOptions) -> Binding:
        """Make the binding; InputError when the options do not suit it."""


@cache
def names() -> tuple[str, ...]:
    """Names of the bindings that are installed."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def load_binding(name: str, options: BindingOptions) -> Binding:
    """Load a binding by name, or that of a laboratory by its file; InputError when there is none such."""
    if name.endswith(SUFFIXES):
        from conformance.bindings.lab import LabBinding  # noqa: PLC0415 - it builds on this module

        return LabBinding(Path(name), options)
    for point in entry_points(group=GROUP, name=name):
        factory: BindingFactory = point.load()
        testers = getattr(factory, "testers", ())
        if options.tester is not None and options.tester not in testers:
            fault = f"the binding {name} has no tester {options.tester}"
            mend = did_you_mean(options.tester, testers) if testers else "leave it out, or use --binding live"
            raise InputError("command line", "--tester", fault, mend)
        return factory(options)
    mend = f"{did_you_mean(name, names()).rstrip('?.')}, or name a laboratory's file, LAB.yaml"
    raise InputError("command line", "--binding", f"there is no binding {name}", mend)


def seed_for(seed: int, part: str) -> int:
    """Give the seed of a part of something that has one."""
    return int.from_bytes(sha256(f"{seed}:{part}".encode()).digest()[:6])


def cut_by(scenario: Scenario, limit: int) -> str:
    """Return what a recording says of a play that was broken off at its limit (ns)."""
    return f"{'its own limit' if scenario.limit else 'play_limit'} of {limit:,} ns"
