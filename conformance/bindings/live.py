"""The reference on network interfaces: what a live bench consists of, and the cases played over it."""

import atexit
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial, wraps
from time import monotonic_ns
from typing import Any, ClassVar, Final, ParamSpec, Protocol, TypeVar

from conformance.api.marks import CAPABILITIES
from conformance.api.outcomes import BenchError, TesterLimited
from conformance.api.testbeds import (
    LeafSpine,
    Request,
    SoloGsf,
    SoloGsp,
    Topology,
    default_peers,
    port_mac,
    tester_ports,
)
from conformance.bindings import INTERVALS, BindingOptions, Driver, Setup, live_trex, seed_for
from conformance.bindings.realtime import RealTimeBed, Stand, too_late
from conformance.bindings.reference import ReferenceBinding, mutant_of
from reference_impl.config import Settings
from reference_impl.live.control_socket import DeviceRefused
from reference_impl.live.fabric import DeviceFailed, Fabric, standing, up
from reference_impl.live.links import switch
from reference_impl.live.namespaces import acquire, inside, is_privileged
from reference_impl.live.parameters import live_values
from reference_impl.live.plan import End, Plan, PlannedDevice, PlannedPort, Wire
from reference_impl.live.processes import Process, started
from spec.documents import did_you_mean
from spec.errors import InputError
from spec.loader import load_catalogue
from spec.wire import locate
from traffic.patterns import single
from traffic.recordings.recording import Event, Facts, Link, ParameterValue, Trouble
from traffic.scenario import HostAddress, ManagementEvent
from traffic.trex.errors import TrexError
from traffic.trex.wires import TrexWires
from traffic.wires.afpacket import Interfaces, Sender, Tap
from traffic.wires.player import Line, Wires

__all__ = [
    "ICS",
    "TOPOLOGIES",
    "DeviceFailed",
    "Fabric",
    "LiveBinding",
    "acquire",
    "hosts_behind",
    "live_values",
    "plan",
    "request",
    "standing",
    "up",
]

ICS: Final = ReferenceBinding.ics

TOPOLOGIES: Final[Mapping[str, Request]] = {
    "leaf-spine-2x2": LeafSpine(),
    "solo-gsp": SoloGsp(),
    "solo-gsf": SoloGsf(),
}


def request(name: str) -> Request:
    """Give a topology by name; InputError when there is none of that name."""
    if name not in TOPOLOGIES:
        mend = did_you_mean(name, TOPOLOGIES)
        raise InputError("command line", "--topology", f"there is no topology {name}", mend)
    return TOPOLOGIES[name]


def hosts_behind(topology: Topology) -> Iterable[HostAddress]:
    """Give hosts behind devices that other testbeds emulate around the same ones."""
    wide = SoloGsp(hosts=4, remotes=9).topology(1, 0).addresses.values()
    own = {node.id for node in topology.nodes.values() if node.standing != "emulated"}
    return [host for host in wide if host.node not in own]


def plan(
    name: str,
    topology: Topology,
    values: Mapping[str, Any],
    wire_profile: str,
    *,
    device: str = "reference",
    hosts: Iterable[HostAddress] = (),
) -> Plan:
    """Plan the devices that are not emulated, and their links; every other end is the tester's.

    `values` are parameters by name; `device` is `reference` or `mutant:NAME`, else InputError. The devices
    know the hosts of the topology, and these `hosts` besides.
    """
    mutant = mutant_of(device)
    wire_profile = str(locate(wire_profile).absolute())
    table = {colons(host.mac): (host.node, host.port) for host in hosts}
    table |= {colons(host.mac): (host.node, host.port) for host in topology.addresses.values()}
    settings = vars(Settings.of(values))
    names = [name for name, node in topology.nodes.items() if node.standing != "emulated"]
    devices = tuple(
        PlannedDevice(
            name=name,
            wire_profile=wire_profile,
            role=topology.nodes[name].role,
            node=topology.nodes[name].id,
            ports=tuple(
                PlannedPort(
                    link.name,
                    "fabric" if link.fabric else "host",
                    link.rate_mbps,
                    mac_of(topology, name, link),
                )
                for link in topology.ports(name)
            ),
            settings=settings,
            table=table,
            seed=topology.nodes[name].id,
            flaw=mutant.name if mutant else None,
        )
        for name in names
    )
    wires = tuple(
        Wire(link.name, *(_end(topology, end, link, names) for end in (link.lower, link.upper)))
        for link in topology.links
        if topology.realised(link)
    )
    return Plan(name, devices, wires)


def mac_of(topology: Topology, end: str, link: Link) -> str:
    """Give the address of one end of a link."""
    if end not in topology.nodes:
        return colons(topology.addresses[end].mac)
    return colons(port_mac(topology.nodes[end].id, topology.number(end, link)))


def colons(mac: bytes) -> str:
    """Write a MAC address."""
    return mac.hex(":")


def _end(topology: Topology, end: str, link: Link, devices: list[str]) -> End:
    return End(end if end in devices else Plan.tester, link.name, mac_of(topology, end, link))


LIMITS: Final = {
    "impairments": "the wires of the binding live are perfect",
    "timestamps <= 1 us": "software stamps the frames of the binding live, good to 1 ms",
}
LATE: Final = 40_000_000
"""How late, in ns, the tester or a device's process may be before what was measured says nothing."""
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

    def __init__(self, api: str) -> None:
        self.api = api
        self.reaction = 0
        self.measured: dict[str, float] = {"ns": UNCERTAINTY}
        self.uncertainty: Mapping[str, float] = self.measured

    def limits(self, topology: Topology, parameters: Mapping[str, ParameterValue]) -> Mapping[str, str]:
        """Miss what TRex cannot do, and what it was measured to be too slow for."""
        return live_trex.limits(topology, parameters, self.reaction)

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

        server = live_trex.StandInProcess(self.api, fabric.space(space), names, note)
        wires = live_trex.StandInWires(server, links, setup.topology, setup.facts)
        self.reaction = wires.reaction
        self.measured["ns"] = max(self.measured["ns"], UNCERTAINTY + wires.uncertainty)
        return wires


TESTERS: Final[Mapping[str, Callable[[], Tester]]] = {
    "afpacket": AfPacket,
    **{name: partial(StandIn, api) for name, api in live_trex.APIS.items()},
}


class LiveBinding:
    """Plays the cases over one live bench at a time, which stands until another topology is asked for.

    All that a process has share it, whatever flaw each puts on it.
    """

    bench: "ClassVar[LiveBench | None]" = None

    name = "live"
    ics = ICS
    parallelism = 1
    testers = tuple(TESTERS)
    smoke: Request = LeafSpine()
    file = None

    def __init__(self, options: BindingOptions) -> None:
        mutant = mutant_of(options.device)
        self.device = options.device
        self.flaw = mutant.name if mutant else None
        self.mutants = ReferenceBinding(options).mutants
        self.tester = TESTERS[options.tester or "afpacket"]()
        self.uncertainty = self.tester.uncertainty
        self.values = live_values(load_catalogue().parameters, trex=self.tester.is_trex)
        is_privileged()
        atexit.register(self.clear)

    def realise(self, topology: Topology) -> Topology:
        """Give the topology; TesterLimited when a link of it has a delay."""
        delayed = sorted(link.name for link in topology.links if link.delay_ns)
        if delayed:
            raise TesterLimited(f"the binding live cannot delay {delayed[0]}: its wires have no delay")
        return topology

    def limits(self, topology: Topology, parameters: Mapping[str, ParameterValue]) -> Mapping[str, str]:
        """Miss what the tester misses."""
        return self.tester.limits(topology, parameters)

    def open(self, setup: Setup) -> Driver:
        """Give a bed on the bench that stands, if it is of that topology, or on a new one."""
        return self.bed(setup, self.flaw)

    def bed(self, setup: Setup, flaw: str | None) -> RealTimeBed:
        """Give a bed whose devices have that flaw."""
        bench = self.bench_for(setup)
        capabilities = CAPABILITIES - self.limits(setup.topology, setup.facts.parameters).keys()
        devices = LiveDevices(bench.fabric, flaw)
        return RealTimeBed(setup, Stand(bench.links, devices, bench.wires, capabilities, LATE))

    def check(self, facts: Facts, topology: Topology) -> None:
        """Send one frame through a reference without flaw."""
        hosts = topology.hosts
        peers = default_peers(topology, facts.parameters)
        setup = Setup(case="smoke", topology=topology, facts=facts, peers=peers, seed=0)
        recording = self.bed(setup, None).play(single(hosts[0], hosts[-1]), 1, fresh=False)
        if recording.delivered_frames() != 1:
            raise BenchError(
                f"of one frame {recording.delivered_frames()} arrived; dropped: {recording.drops()}"
            )

    def bench_for(self, setup: Setup) -> "LiveBench":
        """Give the bench of a topology."""
        key = str(setup.topology.links), setup.topology.standing("emulated")
        bench = self.bench
        if bench is None or bench.key != key:
            self.clear()
            bench = LiveBinding.bench = LiveBench.build(setup, key, self.tester)
        return bench

    @classmethod
    def clear(cls) -> None:
        """Take the bench down."""
        if cls.bench is not None:
            cls.bench.close()
            LiveBinding.bench = None


@dataclass(frozen=True)
class LiveBench:
    """A fabric that stands, and a tap on each of its `links`."""

    key: tuple[str, tuple[str, ...]]
    fabric: Fabric
    links: tuple[Link, ...]
    wires: Wires

    @classmethod
    def build(cls, setup: Setup, key: tuple[str, tuple[str, ...]], tester: Tester) -> "LiveBench":
        """Stand a fabric up and open its wires."""
        topology = setup.topology
        values = {name: item.value for name, item in setup.facts.parameters.items()}
        try:
            fabric = up(plan("suite", topology, values, setup.facts.wire_profile))
        except DeviceFailed as failed:
            raise BenchError(str(failed)) from failed
        try:
            links = tuple(link for link in topology.links if topology.realised(link))
            wires = tester.wires(fabric, setup, links)
        except BaseException as error:
            fabric.down()
            if isinstance(error, TrexError):
                raise BenchError(str(error)) from error
            raise
        return cls(key, fabric, links, wires)

    def close(self) -> None:
        """Close the taps and take the fabric down."""
        try:
            self.wires.close()
        finally:
            self.fabric.down()


def interfaces(fabric: Fabric, links: tuple[Link, ...], ports: Mapping[str, int]) -> Interfaces:
    """Open a tap for each link, at the tester's end or else at the lower, and a sender for each port."""
    lines, taps, senders = [], [], {}
    for link in links:
        wire = fabric.wire(link.name)
        end = wire.upper if wire.upper.space == fabric.plan.tester else wire.lower
        port = ports.get(link.name)
        lines.append(Line(link.name, end is wire.lower, port))
        with inside(fabric.space(end.space)):
            taps.append(Tap(end.interface))
            if port is not None:
                senders[port] = Sender(end.interface)
    return Interfaces(lines, taps, senders)


P = ParamSpec("P")
R = TypeVar("R")


def asked(method: Callable[P, R]) -> Callable[P, R]:
    """Turn what a device does not answer into a BenchError."""

    @wraps(method)
    def asking(*args: P.args, **words: P.kwargs) -> R:
        try:
            return method(*args, **words)
        except (DeviceFailed, DeviceRefused) as error:
            raise BenchError(f"{error} ({type(error).__name__})") from error

    return asking


class LiveDevices:
    """The processes of a fabric, which start anew for each play."""

    def __init__(self, fabric: Fabric, flaw: str | None) -> None:
        self.fabric = fabric
        self.flaw = flaw
        self.names = tuple(device.name for device in fabric.plan.devices)
        self.known = dict.fromkeys(self.names, 0)
        self.begun = 0
        self.before: dict[str, tuple[int, int]] = {}

    @asked
    def halt(self) -> None:
        """Let every device stop where it is."""
        for name in self.names:
            self.fabric.ask(name, "halt")

    @asked
    def renew(self, setup: Setup, seed: int, *, fresh: bool) -> None:  # noqa: ARG002 - always fresh
        """Start every device anew, with the parameters in force."""
        values = {name: item.value for name, item in setup.facts.parameters.items()}
        for device in plan("suite", setup.topology, values, setup.facts.wire_profile).devices:
            changes = {
                "settings": device.settings,
                "table": device.table,
                "seed": seed_for(seed, device.name),
                "flaw": self.flaw,
            }
            self.fabric.ask(device.name, "restart", changes=changes)
        self.before = self.losses()
        self.begun = monotonic_ns()
        self.known = dict.fromkeys(self.names, 0)

    def calm(self, values: Mapping[str, Any]) -> int:
        """Know every path after some hello intervals."""
        return INTERVALS * int(values["hello_interval"])

    @asked
    def mark(self) -> None:
        """Note what was lost and what happened so far."""
        self.before = self.losses()
        self.known = {name: len(self.fabric.ask(name, "events")) for name in self.names}

    @asked
    def counters(self) -> dict[str, dict[str, int]]:
        """Read the counters of every device."""
        return self.fabric.counters()

    @asked
    def events(self) -> list[Event]:
        """Read what happened since the mark."""
        return [
            Event(time, name, kind, details)
            for name in self.names
            for time, kind, details in self.fabric.ask(name, "events", since=self.known[name])
        ]

    @asked
    def states(self) -> dict[str, Any]:
        """Read the state of every device."""
        return {name: self.fabric.ask(name, "state") for name in self.names}

    @asked
    def manage(self, order: ManagementEvent) -> None:
        """Have a device do what an operator asks."""
        self.fabric.ask(order.node, "manage", action=order.action, arguments=order.arguments)

    def switch(self, link: str, *, up: bool) -> None:
        """Switch a link."""
        self.fabric.switch(link, up=up)

    @asked
    def trouble(self, *, switched: bool, unexplained: bool) -> Trouble | None:
        """Tell of frames that the rings or interfaces of the devices lost."""
        for name, (missed, unsent) in self.losses().items():
            if missed > self.before[name][0]:
                return Trouble("bench", f"the ring of {name} lost {missed - self.before[name][0]} frames")
            count = unsent - self.before[name][1]
            if count and switched and unexplained:
                words = f"{count} frames of {name} met a dark link and were not recorded"
                return Trouble("measurement", words)
            if count and not switched:
                return Trouble("bench", f"interfaces of {name} refused {count} frames")
        for name in self.names:
            lateness = self.fabric.ask(name, "lateness")
            span = monotonic_ns() - self.begun
            tardy = too_late(lateness["worst"], lateness["stalled"], LATE, span)
            if tardy is not None:
                return Trouble("measurement", f"the process of {name} was {tardy}")
        return None

    def losses(self) -> dict[str, tuple[int, int]]:
        """Read how many frames each device's ports missed, and could not send, so far."""
        found = {}
        for name in self.names:
            ports = self.fabric.ask(name, "ports")
            found[name] = sum(port["missed"] for port in ports), sum(port["unsent"] for port in ports)
        return found
