"""What supplies a testbed: the contract between the suite and a binding, whatever bench is behind it.

A binding is an entry point of the group `gse.bindings`, chosen by its name, or of `gse.binding_files`, whose
name is how a file ends that describes a bench. Nothing in the suite knows one by its name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

from conformance.api.testbeds import LeafSpine, Request, Topology
from traffic.recordings.recording import Facts, ParameterValue, Recording
from traffic.scenario import Peer, Scenario

INTERVALS: Final = 6
"""Hello intervals after which every path is known: two ways on each tier, and the flags that follow."""
CASE_TIME: Final = 120.0
"""Seconds of wall time that every case has, beside `SHARE` times what it says it takes."""
SHARE: Final = 5


@dataclass(frozen=True)
class BindingOptions:
    """What a run says about its bench; a binding refuses what it has no use for.

    `file` is the one that describes the bench, where the user named a file. `confirm` is how often a case
    that failed is played again for its FAIL to count, None for what is usual there.
    """

    device: str = "reference"
    recordings: Path | None = None
    wire_profile: str = "open-1"
    tester: str | None = None
    file: Path | None = None
    confirm: int | None = None


@dataclass(frozen=True)
class Setup:
    """One case's testbed: topology, facts in force, well-behaved peers, and the seed of chance.

    `declared` are the values that the devices have by themselves, as their statement says, by parameter.
    `attempt` counts, from 1, how often the case is played to confirm what it found.
    """

    case: str
    topology: Topology
    facts: Facts
    peers: tuple[Peer, ...]
    seed: int
    declared: Mapping[str, int | float | str] = field(default_factory=dict)
    attempt: int = 1

    def seed_for(self, part: str) -> int:
        """Return the seed of a part of the bench."""
        return seed_for(self.seed, part)


class Driver(Protocol):
    """A testbed that stands.

    Whatever a play does to devices and links for its scenario, it has undone when it returns or raises.
    """

    def play(self, scenario: Scenario, number: int, *, fresh: bool) -> Recording:
        """Play a scenario, the case's `number`th from 1, on a quiesced bed, or on one just started."""

    def close(self) -> None:
        """Give the bed back."""


class Binding(Protocol):
    """A kind of bench: what it can do, how many beds it has at once, and how well it measures.

    `workers` is how many processes may play on it at once, None for any number; `uncertainty` is by unit
    (`ns`); `device` names what is tested, `ics` is its statement where the binding brings one. `values` are
    parameters that the bench itself sets, below those of the run and the case. `mutants` maps flawed devices
    to the clause each breaks, `variants` correct ones that differ to the clauses that allow it. `smoke` is
    the testbed on which `check` is made, `file` the laboratory's own where the bench has one. `seed` is that
    of a run whose plays it gives back, None where it plays itself. `real_time` says that a play may be
    disturbed by what is neither case nor device.
    """

    name: str
    device: str
    ics: Path | None
    workers: int | None
    uncertainty: Mapping[str, float]
    values: Mapping[str, int | float | str]
    mutants: Mapping[str, str]
    variants: Mapping[str, tuple[str, ...]]
    smoke: Request
    file: Path | None
    seed: int | None
    real_time: bool

    def bind(self, topology: Topology) -> Topology:
        """Return a topology as this bench has it; TesterLimited when it has none such."""

    def limits(self, topology: Topology, parameters: Mapping[str, ParameterValue]) -> Mapping[str, str]:
        """Say which capabilities are missing on a topology that it has, each with the reason."""

    def case_time(self, seconds: float, parameters: Mapping[str, ParameterValue]) -> float:
        """Say after how many seconds of wall time a case is broken off that says it takes `seconds`."""

    def confirmations(self, case: str) -> int:
        """Say how often a case that failed is played again; only what it breaks each time is a FAIL."""

    def open(self, setup: Setup) -> Driver:
        """Stand a testbed up."""

    def check(self, facts: Facts, topology: Topology) -> None:
        """Play the smallest thing there is; BenchError when the bench, not the device, is broken."""

    def clear(self) -> None:
        """Give everything back and leave devices as they were; called at the end of a run, however it ends.

        It may be called twice, and the binding be used again afterwards.
        """


class BindingFactory(Protocol):
    """What an entry point names, mostly the class of the binding.

    `name` and `workers` are those of the bindings that it makes; `testers` are the names of what may play and
    capture. What a run says of `device`, `recordings` or `tester` is refused unless it is among those that
    it `takes`.
    """

    name: str
    workers: int | None
    testers: tuple[str, ...]
    takes: frozenset[str]

    def __call__(self, options: BindingOptions) -> Binding:
        """Make the binding; InputError when the options do not suit it."""

    def prepare(self) -> None:
        """Get for this process what its bindings need, before it starts threads; InputError else."""


class UnlimitedBinding:
    """What a binding has in common with others that can do everything on every topology, and hold nothing."""

    workers: int | None = None
    testers: tuple[str, ...] = ()
    takes: frozenset[str] = frozenset()
    smoke: Request = LeafSpine()
    file: Path | None = None
    seed: int | None = None
    real_time: bool = False

    @classmethod
    def prepare(cls) -> None:
        """Need nothing of the process."""

    def bind(self, topology: Topology) -> Topology:
        """Return the topology as it was asked for."""
        return topology

    def limits(self, topology: Topology, parameters: Mapping[str, ParameterValue]) -> Mapping[str, str]:  # noqa: ARG002
        """Miss nothing."""
        return {}

    def case_time(self, seconds: float, parameters: Mapping[str, ParameterValue]) -> float:  # noqa: ARG002
        """Allow what a case needs that waits for nobody."""
        return CASE_TIME + SHARE * seconds

    def confirmations(self, case: str) -> int:  # noqa: ARG002
        """Repeat nothing where nothing happens by chance."""
        return 0

    def clear(self) -> None:
        """Hold nothing between two cases anyway."""


def seed_for(seed: int, part: str) -> int:
    """Return the seed of a part of something that has one."""
    return int.from_bytes(sha256(f"{seed}:{part}".encode()).digest()[:6])
