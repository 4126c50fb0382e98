"""What is to stand, as plain data kept in JSON: devices, and wires between network namespaces."""

from dataclasses import field
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

STRICT = ConfigDict(extra="forbid")

RECORD: Final = "run.json"
"""Name of the file in the folder of a run that holds the `Run`."""


@dataclass(frozen=True, config=STRICT)
class End:
    """One end of a wire: an interface in the namespace of a device, or of the tester; `mac` with colons."""

    space: str
    interface: str
    mac: str


@dataclass(frozen=True, config=STRICT)
class Wire:
    """A link, called as in the topology, that joins two interfaces."""

    name: str
    lower: End
    upper: End

    @property
    def ends(self) -> tuple[End, End]:
        """Both ends."""
        return self.lower, self.upper


@dataclass(frozen=True, config=STRICT)
class PlannedPort:
    """A port of a device; its interface is called like its link. The rate is in Mbit/s."""

    interface: str
    kind: Literal["host", "fabric"]
    rate_mbps: int
    mac: str


@dataclass(frozen=True, config=STRICT)
class PlannedDevice:
    """A device as it starts: `role` GSP or GSF, `table` from MAC to (node, port), a mutant as `flaw`.

    `wire_profile` is a bundled one by name, or a YAML file by its absolute path.
    """

    name: str
    wire_profile: str
    role: str
    node: int
    ports: tuple[PlannedPort, ...]
    settings: dict[str, bool | int | float | str] = field(default_factory=dict)
    table: dict[str, tuple[int, int]] = field(default_factory=dict)
    seed: int = 0
    flaw: str | None = None


@dataclass(frozen=True, config=STRICT)
class Plan:
    """A whole bench. Every device has a namespace of its name; `tester` names that of all other ends."""

    topology: str
    devices: tuple[PlannedDevice, ...]
    wires: tuple[Wire, ...]
    tester: str = "tester"
    mtu: int = 9600

    @property
    def spaces(self) -> tuple[str, ...]:
        """Names of the namespaces, without the prefix of the run."""
        return (*(device.name for device in self.devices), self.tester)


@dataclass(frozen=True, config=STRICT)
class Run:
    """A bench that was begun: its name, which starts the name of each namespace, and what it consists of.

    `privileged` is False where all is in a user namespace; then it ends with its processes.
    """

    name: str
    begun: str
    privileged: bool
    device: str
    plan: Plan
    spaces: dict[str, Path]


@dataclass(frozen=True, config=STRICT)
class Order:
    """What the process of a device is told: the namespace to work in and the device to be."""

    space: Path
    device: PlannedDevice


def write(record: Run | Order, path: Path) -> None:
    """Write a record as JSON, whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(TypeAdapter(type(record)).dump_json(record, indent=1))
    part.rename(path)


def load_run(path: Path) -> Run:
    """Read the record of a run."""
    return TypeAdapter(Run).validate_json(path.read_bytes())


def load_order(path: Path) -> Order:
    """Read what a process is told."""
    return TypeAdapter(Order).validate_json(path.read_bytes())


def changed(device: PlannedDevice, changes: dict[str, Any]) -> PlannedDevice:
    """Return a device with other settings, table, seed or flaw; ValueError for anything else."""
    foreign = set(changes) - {"settings", "table", "seed", "flaw", "ports"}
    if foreign:
        raise ValueError(f"{device.name}: {', '.join(sorted(foreign))} cannot be changed while it stands")
    data = TypeAdapter(PlannedDevice).dump_python(device)
    return TypeAdapter(PlannedDevice).validate_python(data | changes)
