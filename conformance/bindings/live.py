"""The reference on network interfaces: what a live bench consists of, and the cases played over it."""

import atexit
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from time import monotonic_ns
from typing import Any, Final

from conformance.bindings import BindingOptions, Driver, Setup
from conformance.bindings.reference import (
    INTERVALS,
    PROFILE,
    ReferenceBinding,
    is_data,
    mutant_of,
    port_mac,
    seed_for,
    tester_ports,
)
from conformance.marks import CAPABILITIES
from conformance.outcomes import BenchError, Inconclusive, TesterLimited
from conformance.testbeds import LeafSpine, Request, SoloGsf, SoloGsp, Topology, default_peers
from reference_impl.device import Settings
from reference_impl.live.desk import DeviceRefused
from reference_impl.live.fabric import DeviceFailed, Fabric, standing, up
from reference_impl.live.namespaces import acquire, inside, is_privileged
from reference_impl.live.parameters import live_values
from reference_impl.live.plan import End, Plan, PlannedDevice, PlannedPort, Wire
from spec.catalogue import load_catalogue
from spec.documents import did_you_mean
from spec.errors import InputError
from traffic.afpacket import Sender, Tap
from traffic.patterns import single
from traffic.player import Line, Player
from traffic.recording import Event, Facts, Link, Recording
from traffic.scenario import ManagementEvent, Scenario
from traffic.tester import VirtualTester

__all__ = [
    "ICS",
    "TOPOLOGIES",
    "DeviceFailed",
    "Fabric",
    "LiveBinding",
    "acquire",
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


def plan(name: str, topology: Topology, values: Mapping[str, Any], device: str = "reference") -> Plan:
    """Plan the devices that are not emulated, and their links; every other end is the tester's.

    `values` are parameters by name; `device` is `reference` or `mutant:NAME`, else InputError.
    """
    mutant = mutant_of(device)
    table = {colons(host.mac): (host.node, host.port) for host in topology.addresses.values()}
    settings = vars(Settings.of(values))
    names = [name for name, node in topology.nodes.items() if node.standing != "emulated"]
    devices = tuple(
        PlannedDevice(
            name=name,
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
    return colons(port_mac(topology.nodes[end].id, topology.ports(end).index(link)))


def colons(mac: bytes) -> str:
    """Write a MAC address."""
    return mac.hex(":")


def _end(topology: Topology, end: str, link: Link, devices: list[str]) -> End:
    return End(end if end in devices else Plan.tester, link.name, mac_of(topology, end, link))


LIMITS: Final = frozenset({"impairments", "timestamps <= 1 us"})
"""What this bench has not: its wires are perfect, and software stamps the frames on a shared machine."""
UNCERTAINTY: Final = 1_000_000
"""How far, in ns, the time of a frame may be from that at which the device sent it."""
LATE: Final = 10_000_000
"""How late, in ns, the tester may be before what it measured says nothing."""


class LiveBinding:
    """Plays the cases over one live bench at a time, which stands until another topology is asked for."""

    name = "live"
    ics = ICS
    capabilities = CAPABILITIES - LIMITS
    parallelism = 1
    uncertainty: Mapping[str, float] = {"ns": UNCERTAINTY}

    def __init__(self, options: BindingOptions) -> None:
        if options.wire_profile != PROFILE:
            fault = f"the reference speaks {PROFILE} alone"
            raise InputError("command line", "--wire-profile", fault, "choose another binding")
        mutant = mutant_of(options.device)
        self.device = options.device
        self.flaw = mutant.name if mutant else None
        self.mutants = ReferenceBinding(options).mutants
        self.values = live_values(load_catalogue().parameters)
        self.stand: LiveStand | None = None
        is_privileged()
        atexit.register(self.clear)

    def open(self, setup: Setup) -> Driver:
        """Give a bed on the bench that stands, if it is of that topology, or on a new one."""
        return LiveBed(setup, self.flaw, self.stand_for(setup))

    def check(self, facts: Facts, topology: Topology) -> None:
        """Send one frame through a reference without flaw."""
        hosts = topology.hosts
        peers = default_peers(topology, facts.parameters)
        setup = Setup(case="smoke", topology=topology, facts=facts, peers=peers, seed=0)
        recording = LiveBed(setup, None, self.stand_for(setup)).play(
            single(hosts[0], hosts[-1]), 1, fresh=False
        )
        if recording.delivered_frames() != 1:
            raise BenchError(
                f"of one frame {recording.delivered_frames()} arrived; dropped: {recording.drops()}"
            )

    def stand_for(self, setup: Setup) -> "LiveStand":
        """Give the bench of a topology."""
        key = str(setup.topology.links), setup.topology.standing("emulated")
        if self.stand is None or self.stand.key != key:
            self.clear()
            self.stand = LiveStand.build(setup, key)
        return self.stand

    def clear(self) -> None:
        """Take the bench down."""
        if self.stand is not None:
            self.stand.close()
            self.stand = None


@dataclass(frozen=True)
class LiveStand:
    """A bench that stands: its fabric, and a tap on each of its `links`."""

    key: tuple[str, tuple[str, ...]]
    fabric: Fabric
    links: tuple[Link, ...]
    devices: tuple[str, ...]
    lines: tuple[Line, ...]

    @classmethod
    def build(cls, setup: Setup, key: tuple[str, tuple[str, ...]]) -> "LiveStand":
        """Stand a fabric up and open its taps: at the tester's end of a link, else at the lower."""
        topology = setup.topology
        delayed = sorted(link.name for link in topology.links if link.delay_ns)
        if delayed:
            raise TesterLimited(f"the binding live cannot delay {delayed[0]}: its wires have no delay")
        values = {name: item.value for name, item in setup.facts.parameters.items()}
        try:
            fabric = up(plan("suite", topology, values))
        except DeviceFailed as failed:
            raise BenchError(str(failed)) from failed
        try:
            links = tuple(link for link in topology.links if topology.realised(link))
            devices = tuple(device.name for device in fabric.plan.devices)
            ports = {port.name: number for number, port in enumerate(tester_ports(topology, links, devices))}
            lines = tuple(cls.line(fabric, link, ports.get(link.name)) for link in links)
        except BaseException:
            fabric.down()
            raise
        return cls(key, fabric, links, devices, lines)

    @staticmethod
    def line(fabric: Fabric, link: Link, port: int | None) -> Line:
        """Open the tap of a link, and the sender where an end is the tester's."""
        wire = fabric.wire(link.name)
        end = wire.upper if wire.upper.space == fabric.plan.tester else wire.lower
        with inside(fabric.space(end.space)):
            sender = None if port is None else Sender(end.interface)
            return Line(link.name, Tap(end.interface), end is wire.lower, port, sender)

    def losses(self) -> dict[str, tuple[int, int]]:
        """Read how many frames each device's ports missed, and could not send, so far."""
        found = {}
        for device in self.devices:
            ports = self.fabric.ask(device, "ports")
            found[device] = sum(port["missed"] for port in ports), sum(port["unsent"] for port in ports)
        return found

    def close(self) -> None:
        """Close the taps and take the fabric down."""
        for line in self.lines:
            line.tap.close()
            if line.sender is not None:
                line.sender.close()
        self.fabric.down()


class LiveBed:
    """The testbed of one case, on a bench whose devices start anew for each play."""

    def __init__(self, setup: Setup, flaw: str | None, stand: LiveStand) -> None:
        self.setup = setup
        self.flaw = flaw
        self.stand = stand

    def play(self, scenario: Scenario, number: int, *, fresh: bool) -> Recording:
        """Restart, warm up unless `fresh`, play until no data moves, and read everything."""
        try:
            return _LivePlay(self.setup, self.flaw, self.stand, number).run(scenario, fresh=fresh)
        except (DeviceFailed, DeviceRefused) as error:
            raise BenchError(f"{error} ({type(error).__name__})") from error

    def close(self) -> None:
        """Leave the bench to the next case."""


class _LivePlay:
    """One play."""

    def __init__(self, setup: Setup, flaw: str | None, stand: LiveStand, number: int) -> None:
        self.setup = setup
        self.flaw = flaw
        self.stand = stand
        self.fabric = stand.fabric
        self.values: dict[str, Any] = {name: item.value for name, item in setup.facts.parameters.items()}
        self.seed = seed_for(setup.seed, f"play {number}")
        ports = tester_ports(setup.topology, stand.links, stand.devices)
        self.tester = VirtualTester(ports, setup.facts.hosts, PROFILE, self.carry_out)
        self.player = Player(self.tester, stand.lines, is_data)
        self.told: deque[tuple[int, bool]] = deque()
        self.dark: set[str] = set()
        self.switched = False
        self.pending: list[Future[None]] = []
        self.last = 0
        self.limit = 0

    def run(self, scenario: Scenario, *, fresh: bool) -> Recording:
        """Play, and give what came of it."""
        with ThreadPoolExecutor(1) as operator:
            self.operator = operator
            for device in self.stand.devices:
                self.fabric.ask(device, "halt")
            if fresh:
                self.begin(scenario)
                self.restart()
                self.prepare(scenario)
                before: dict[str, dict[str, int]] = {}
                known = dict.fromkeys(self.stand.devices, 0)
            else:
                self.begin(Scenario(peers=self.setup.peers))
                self.restart()
                end = monotonic_ns() + INTERVALS * int(self.values["hello_interval"])
                self.player.run(lambda now: now < end)
                before = self.fabric.counters()
                known = {name: len(self.fabric.ask(name, "events")) for name in self.stand.devices}
                self.prepare(scenario)
                self.begin(scenario)
            losses = self.stand.losses()
            self.carry_out(scenario, self.player.start)
            self.limit = self.player.start + (scenario.limit or int(self.values["play_limit"]))
            settle = scenario.settle or int(self.values["settle_time"])
            try:
                self.player.run(partial(self.goes_on, settle))
                recording = self.recording(scenario, before, known)
            finally:
                self.relight()
        self.judge_bench(losses, recording)
        return recording

    def begin(self, scenario: Scenario) -> None:
        """Let a scenario begin now."""
        start = monotonic_ns()
        self.player.begin(start)
        self.player.observing = bool(scenario.triggers)
        self.tester.play(scenario, start)

    def restart(self) -> None:
        """Start every device anew, with the parameters in force."""
        asked = plan("suite", self.setup.topology, self.values)
        for device in asked.devices:
            changes = {
                "settings": device.settings,
                "table": device.table,
                "seed": seed_for(self.seed, device.name),
                "flaw": self.flaw,
            }
            self.fabric.ask(device.name, "restart", changes=changes)

    def goes_on(self, settle: int, now: int) -> bool:
        """Hear of what was done to links and devices; say whether the play goes on."""
        for done in [future for future in self.pending if future.done()]:
            self.pending.remove(done)
            done.result()
        while self.told:
            self.player.send(self.tester.carrier(*self.told.popleft(), self.player.clock()))
        if now >= self.limit:
            return False
        return bool(self.pending) or self.tester.busy or now < max(self.last, self.player.moved + settle)

    def carry_out(self, scenario: Scenario, start: int) -> None:
        """Plan what a scenario does to links and devices."""
        if scenario.impairments:
            raise TesterLimited("the binding live has no impairments")
        for event in scenario.links:
            self.plan_action(start + event.at, partial(self.switch, event.link, up=event.up))
        for order in scenario.management:
            if order.at or start != self.player.start:
                self.plan_action(start + order.at, partial(self.manage, order))

    def prepare(self, scenario: Scenario) -> None:
        """Do what is to be managed at the start, so that no frame overtakes it."""
        for order in scenario.management:
            if not order.at:
                self.manage(order)

    def manage(self, order: ManagementEvent) -> None:
        """Have a device do what an operator asks."""
        if order.node not in self.stand.devices:
            raise BenchError(f"the scenario manages {order.node}, which is no device of the bench")
        self.fabric.ask(order.node, "manage", action=order.action, arguments=order.arguments)

    def plan_action(self, time: int, action: Callable[[], None]) -> None:
        """Have the operator do something at a time, beside the tester."""
        self.tester.at(time, lambda _: self.pending.append(self.operator.submit(action)))
        self.last = max(self.last, time)

    def switch(self, link: str, *, up: bool) -> None:
        """Switch a link, and have the tester told if one of its ends is its own."""
        self.switched = True
        self.fabric.switch(link, up=up)
        (self.dark.discard if up else self.dark.add)(link)
        for line in self.stand.lines:
            if line.name == link and line.port is not None:
                self.told.append((line.port, up))

    def relight(self) -> None:
        """Switch on what the play left dark."""
        for link in sorted(self.dark):
            self.fabric.switch(link, up=True)

    def recording(
        self, scenario: Scenario, before: Mapping[str, Mapping[str, int]], known: Mapping[str, int]
    ) -> Recording:
        """Read the devices, and give what the play was."""
        start = self.player.start
        counters = self.fabric.counters()
        events = [
            Event(time - start, name, kind, details)
            for name in self.stand.devices
            for time, kind, details in self.fabric.ask(name, "events", since=known[name])
        ]
        return Recording.of_taps(
            self.stand.links,
            self.player.rows,
            counters=counters,
            baseline=before,
            facts=self.setup.facts,
            events=tuple(sorted(events, key=lambda event: event.time)),
            states={name: self.fabric.ask(name, "state") for name in self.stand.devices},
            capabilities=LiveBinding.capabilities,
            capture_losses=sum(line.tap.lost() for line in self.stand.lines),
            scenario=scenario.digest(),
            seed=self.setup.seed,
        )

    def judge_bench(self, before: Mapping[str, tuple[int, int]], recording: Recording) -> None:
        """Raise when the bench lost frames, or was too late to have measured.

        Host frames sent into a link that had just gone dark are lost unseen, and neither side is to blame.
        """
        unexplained = len(recording.losses()) > sum(recording.drops().values())
        refused = {"the tester": sum(line.sender.unsent for line in self.stand.lines if line.sender)}
        for name, (missed, unsent) in self.stand.losses().items():
            if missed > before[name][0]:
                raise BenchError(f"the ring of {name} lost {missed - before[name][0]} frames")
            refused[name] = unsent - before[name][1]
        for name, count in refused.items():
            if count and self.switched and unexplained:
                raise Inconclusive(f"{count} frames of {name} met a dark link and were not recorded")
            if count and not self.switched:
                raise BenchError(f"interfaces of {name} refused {count} frames")
        if self.player.latest > LATE:
            raise Inconclusive(f"the tester was {self.player.latest / 1e6:.1f} ms late")
