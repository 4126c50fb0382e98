"""What plays and captures at the ends of a live bench that no device has: packet sockets, or TRex."""

from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Final, Protocol

from conformance.api.binding import Setup
from conformance.api.testbeds import Topology, tester_ports
from conformance.bindings.live import trex
from reference_impl.live.fabric import Fabric
from reference_impl.live.links import switch
from reference_impl.live.namespaces import inside, is_privileged
from reference_impl.live.processes import Process, started
from spec.errors import InputError
from traffic.recordings.recording import Link, ParameterValue
from traffic.trex.wires import TrexWires
from traffic.trex_stand_in.quirks import Quirks
from traffic.wires.afpacket import Interfaces, open_interfaces
from traffic.wires.player import PortView, Wires

if TYPE_CHECKING:
    from traffic.trex.reach import Reach

LIMITS: Final = {
    "impairments": "the wires of the binding live are perfect",
    "timestamps <= 1 us": "software stamps the frames of the binding live, good to 1 ms",
}
UNCERTAINTY: Final = 1_000_000
"""How far, in ns, the time of a frame may be from that at which the device sent it."""


class Tester(Protocol):
    """What plays and captures at the ends of the wires that no device has.

    `is_trex` asks for what TRex alone needs of the parameters; `uncertainty` is by unit.
    """

    is_trex: bool
    uncertainty: Mapping[str, float]

    def limits(self, topology: Topology, parameters: Mapping[str, ParameterValue]) -> Mapping[str, str]:
        """Say which capabilities are missing on a topology, each with the reason."""

    def wires(self, fabric: Fabric, setup: Setup, links: tuple[Link, ...]) -> Wires:
        """Open the wires of a fabric, a line for each link."""


class AfPacket:
    """Packet sockets of this process, with a tap on every link."""

    is_trex = False
    uncertainty: Mapping[str, float] = {"ns": UNCERTAINTY}

    def limits(self, topology: Topology, parameters: Mapping[str, ParameterValue]) -> Mapping[str, str]:  # noqa: ARG002
        """Miss what software on perfect wires cannot do."""
        return LIMITS

    def wires(self, fabric: Fabric, setup: Setup, links: tuple[Link, ...]) -> Interfaces:
        """Open a tap for each link, at the tester's end or else at the lower, and a sender for each port."""
        ports = {port.name: number for number, port in enumerate(tester_ports(setup.topology, links))}
        return interfaces(fabric, links, ports)


class StandIn:
    """A stand-in for a TRex server of an API, which has a port on each wire that ends at the tester.

    How slow it reacts it says as measured on the last bench, how uncertain times are as on the worst.
    """

    is_trex = True

    def __init__(self, api: str, quirks: str) -> None:
        self.api = api
        self.quirks = quirks
        self.reaction = 0
        self.reach: dict[int, Reach] = {}
        self.measured: dict[str, float] = {"ns": UNCERTAINTY}
        self.uncertainty: Mapping[str, float] = self.measured

    def limits(self, topology: Topology, parameters: Mapping[str, ParameterValue]) -> Mapping[str, str]:
        """Miss what TRex cannot do, and what it was measured to be too slow for."""
        return trex.limits(topology, parameters, self.reaction)

    def wires(self, fabric: Fabric, setup: Setup, links: tuple[Link, ...]) -> TrexWires:
        """Start the server as a process of the run, and open its ports."""
        if not is_privileged():
            with suppress(OSError):
                switch("lo", up=True)
        space = fabric.plan.tester
        names = [
            next(end.interface for end in fabric.wire(port.name).ends if end.space == space)
            for port in tester_ports(setup.topology, links)
        ]

        def note(pid: int) -> None:
            Process(pid, started(pid)).write(fabric.folder / "trex.pid")

        server = trex.StandInProcess(self.api, self.quirks, fabric.space(space), names, note)
        wires = trex.StandInWires(server, links, setup.topology, setup.facts, self.reach)
        self.reaction = wires.reaction
        self.measured["ns"] = max(self.measured["ns"], UNCERTAINTY + wires.uncertainty)
        return wires


AF_PACKET: Final = "afpacket"
TESTERS: Final = (AF_PACKET, *trex.APIS)


@cache
def named_tester(word: str) -> Tester:
    """Return a tester by its name, which quirks of its server may follow: `trex-5.1:cut=9214,push=9100`.

    There is one of each a process, so that whatever binding asks knows how slow it was measured to be.
    InputError for quirks that there are not.
    """
    name, _, quirks = word.partition(":")
    if name in trex.APIS:
        Quirks.read(quirks)
        return StandIn(trex.APIS[name], quirks)
    if quirks:
        raise InputError("command line", "--tester", f"{name} has no quirks", f"write {name} alone")
    return AfPacket()


def interfaces(fabric: Fabric, links: tuple[Link, ...], ports: Mapping[str, int]) -> Interfaces:
    """Open a tap for each link, at the tester's end or else at the lower, and a sender for each port."""
    ends, spaces = [], {}
    for link in links:
        wire = fabric.wire(link.name)
        end = wire.upper if wire.upper.space == fabric.plan.tester else wire.lower
        ends.append((PortView(link.name, end is wire.lower, ports.get(link.name)), end.interface))
        spaces[link.name] = fabric.space(end.space)
    return open_interfaces(Interfaces, ends, lambda line: inside(spaces[line.name]))
