"""What the parts that ask, grant and withhold need of the leaf that they are parts of."""

from collections.abc import Callable
from random import Random
from typing import Protocol, TypeVar

from reference_impl.config import DeviceConfig, Settings
from reference_impl.parts.dgsq import Dgsq, DgsqTable, Key
from reference_impl.parts.gsp_ports import EgressPort
from reference_impl.parts.paths import PathTable
from reference_impl.parts.sprayer import Sprayer
from reference_impl.port import OutPort

T = TypeVar("T")


class Leaf(Protocol):
    """A device with hosts: any role that supplies this gets credit, windows and back-pressure as they are.

    `held_bytes` are the credit bytes that are held for ordering, by host port. The last three methods take
    from another part of the same leaf what comes in a message from another leaf.
    """

    node: int
    settings: Settings
    ports: list[OutPort]
    count: dict[str, int]
    host_ports: dict[int, EgressPort]
    held_bytes: dict[int, int]
    paths: PathTable
    sprayer: Sprayer
    dgsqs: DgsqTable

    config: DeviceConfig
    random: Random

    def drop(self, cause: str) -> None:
        """Count a frame that goes no further."""

    def at(self, time: int, callback: Callable[..., None], *arguments: object) -> None:
        """Call `callback(now, *arguments)` at `time`."""

    def make(self, kind: type[T], *arguments: object) -> T:
        """Instantiate a part, or what `assembly` puts in its place."""

    def pump(self, dgsq: Dgsq, now: int) -> None:
        """Send the frames of a queue that may leave."""

    def ungoverned_mbps(self, port: int, now: int) -> float:
        """Return the measured rate of the DATA that comes to a host port outside credit."""

    def requested(  # noqa: PLR0917 - the fields of REQUEST
        self,
        source: int,
        port: int,
        cls: int,
        generation: int,
        demand: int,
        sent: int,
        forfeited: int,
        now: int,
    ) -> None:
        """Take the counters of a REQUEST to a host port of this leaf."""

    def granted(  # noqa: PLR0917 - the fields of GRANT
        self, now: int, key: Key, generation: int, granted: int, expired: int, validity: int
    ) -> None:
        """Take the counters of a GRANT to a queue of this leaf; validity in ns."""

    def pressed(self, reporter: int, about: int, level: int, validity: int, now: int) -> None:
        """Withhold traffic for the node `about`, as BACKPRESSURE asks; validity in ns."""
