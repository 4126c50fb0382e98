"""The reference in virtual time: its devices, a mutant or a variant, on simulated links around the tester."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

from conformance.api.binding import (
    INTERVALS,
    BindingOptions,
    Driver,
    Setup,
    UnlimitedBinding,
    seed_for,
)
from conformance.api.marks import CAPABILITIES
from conformance.api.outcomes import BenchError
from conformance.api.testbeds import Topology, default_peers, port_mac, tester_ports
from conformance.bindings.blame import culprit, watched, words_of
from reference_impl import codec
from reference_impl.assembly import assemble
from reference_impl.config import DeviceConfig, PortConfig, Settings
from reference_impl.device import Device
from reference_impl.mutants import Mutant, latents, mutants
from reference_impl.variants import Variant, variants
from reference_impl.virtual.links import Impairment, Node, message_type
from reference_impl.virtual.network import Network
from reference_impl.virtual.timeline import Tap
from spec.documents import did_you_mean
from spec.errors import InputError
from spec.wire import load_profile
from traffic.patterns import single
from traffic.recordings.recording import Event, Facts, Link, Recording, Trouble
from traffic.scenario import DOWN, UP, Scenario
from traffic.tester.course import Course
from traffic.tester.tester import VirtualTester

MUTANT: Final = "mutant:"
LATENT: Final = "latent:"
VARIANT: Final = "variant:"
MAC_CONTROL: Final = b"\x88\x08"
OPTIONS: Final = {"MULTICAST": "multicast", "PFC": "pfc"}
"""Options of the ICS that the devices are made without where it says no, and their settings."""


class ReferenceBinding(UnlimitedBinding):
    """Builds each play anew, so that it starts from the same state; times in ns are exact."""

    name = "reference"
    takes = frozenset({"device"})
    ics = Path(codec.__file__).parent / "ics.yaml"
    uncertainty: Mapping[str, float] = {}
    patience: float | None = None
    """Seconds of processor time that a play may take; None for any, as long as time moves on in it."""

    def __init__(self, options: BindingOptions) -> None:
        self.device = options.device
        self.variant = variant_of(options.device)
        self.mutant = None if self.variant else mutant_of(options.device)
        self.values = self.variant.declares if self.variant else {}

    @cached_property
    def mutants(self) -> Mapping[str, str]:
        """The clauses that the mutants of the reference break, by name."""
        return {name: mutant.clause for name, mutant in mutants().items()}

    @cached_property
    def variants(self) -> Mapping[str, tuple[str, ...]]:
        """The clauses that allow what the variants of the reference do otherwise, by name."""
        return {name: variant.clauses for name, variant in variants().items()}

    def bind(self, topology: Topology) -> Topology:
        """Return the topology, with the port numbers that the devices under test have."""
        if self.variant is None or not self.variant.first_port:
            return topology
        first = self.variant.first_port
        numbers = {
            name: {link.name: number for number, link in enumerate(topology.ports(name), first)}
            for name, node in topology.nodes.items()
            if node.status != "emulated"
        }
        return replace(topology, numbers=numbers)

    def open(self, setup: Setup) -> Driver:
        """Return a bed that stands anew for each play."""
        return ReferenceDriver(setup, self.change, self.patience)

    @property
    def change(self) -> type | None:
        """What the devices do otherwise than the reference, None where they are the reference."""
        if self.variant is not None:
            return self.variant.part
        return self.mutant.flaw if self.mutant else None

    def check(self, facts: Facts, topology: Topology) -> None:
        """Send one frame through the devices, those of a mutant without their flaw."""
        hosts = topology.hosts
        peers = default_peers(topology, facts.parameters)
        setup = Setup(case="smoke", topology=topology, facts=facts, peers=peers, seed=0)
        change = self.variant.part if self.variant else None
        recording = ReferenceDriver(setup, change).play(single(hosts[0], hosts[-1]), 1, fresh=False)
        if recording.hosts.delivered() != 1:
            raise BenchError(
                f"of one frame {recording.hosts.delivered()} arrived; dropped: {recording.devices.drops()}"
            )


class ReferenceDriver:
    """The devices of a topology that are not emulated, and the tester at every other end of their links."""

    def __init__(self, setup: Setup, change: type | None, patience: float | None = None) -> None:
        self.setup = setup
        self.change = change
        self.patience = patience
        topology = setup.topology
        self.links = tuple(link for link in topology.links if topology.bound(link))

    def play(self, scenario: Scenario, number: int, *, fresh: bool) -> Recording:
        """Build, warm up unless `fresh`, play until no data moves or a device ends, and read everything."""
        play = _Play(self.setup, self.change, self.links, scenario, number)
        with watched(play.progress, self.patience), play.blaming():
            play.build()
            if not fresh:
                play.warm_up()
            play.run()
        return play.recording()

    def close(self) -> None:
        """Nothing to give back."""


class _Play:
    """One play: a network of its own."""

    def __init__(
        self, setup: Setup, change: type | None, links: tuple[Link, ...], scenario: Scenario, number: int
    ) -> None:
        self.setup = setup
        self.change = change
        self.links = links
        self.values = {name: item.value for name, item in setup.facts.parameters.items()}
        self.seed = setup.seed_for(f"play {number}")
        self.network = Network(self.seed)
        self.devices: dict[str, Device] = {}
        ports = tester_ports(setup.topology, links)
        self.ports = {port.name: number for number, port in enumerate(ports)}
        self.tester = VirtualTester(ports, setup.facts.hosts, setup.facts.wire_profile, self._carry_out)
        self.scenario = scenario
        self.course = Course(scenario, self.values)
        self.baseline: Mapping[str, Mapping[str, int]] = {}
        self.known: Mapping[str, int] = {}
        self.start = 0
        self.started = False
        self.trouble: Trouble | None = None

    def progress(self) -> object:
        """Return what grows as long as time moves on in the network."""
        return self.network.now, self.network.timeline.slot

    @contextmanager
    def blaming(self, node: str | None = None) -> Iterator[None]:
        """Note the device in whose code something raises or comes to no end: `node` where that is known."""
        try:
            yield
        except Exception as error:
            name = node or culprit(error, self.devices)
            if name is None:
                raise
            self.trouble = self.trouble or Trouble("device", words_of(error), name)

    def build(self) -> None:
        """Make the devices and join them."""
        for name, node in self.setup.topology.nodes.items():
            if node.status != "emulated" and self.trouble is None:
                with self.blaming(name):
                    codec.use(load_profile(self.setup.facts.wire_profile))
                    self.devices[name] = self._device(name, self.change)
        if self.trouble is None:
            self._join(self.ports)

    def warm_up(self) -> None:
        """Let the devices greet each other until every path is known.

        A device may hold its links for `flap_hold` at its first start, too, and is waited for so long.
        """
        if self.trouble is not None:
            return
        self._begin(Scenario(peers=self.setup.peers))
        interval = int(self.values["hello_interval"])
        self.network.run(INTERVALS * interval)
        latest = self.network.now + int(self.values["flap_hold"])
        while self.network.now < latest and not self._ready():
            self.network.run(self.network.now + interval)
        self.start = self.network.now

    def _ready(self) -> bool:
        """Whether every device says that its links are up."""
        return all(link["up"] for device in self.devices.values() for link in device.state()["paths"])

    def run(self) -> None:
        """Play the scenario; times count from its start."""
        scenario, course = self.scenario, self.course
        if self.trouble is None and self.started:
            self.baseline = self._counters()
        if self.trouble is not None:
            return
        self.known = {name: device.events.noted for name, device in self.devices.items()}
        self._watch(scenario)
        self._begin(scenario)
        course.begin(self.start)
        self._carry_out(scenario, self.start)
        seen = 0
        while course.goes_on(self.network.now, busy=self.tester.busy):
            self.network.run(course.look(self.network.now, busy=self.tester.busy))
            moved = [time for time, _, _, frame, _ in self.network.tapped[seen:] if is_data(frame)]
            course.note(max(moved, default=0))
            seen = len(self.network.tapped)

    def _begin(self, scenario: Scenario) -> None:
        self.network.tapped.clear()
        self.tester.play(scenario, self.start)
        if not self.started:
            self.started = True
            self.network.start()
        self._arm()

    def recording(self) -> Recording:
        """Return what came of the play, as far as it went."""
        start, now = self.start, self.network.now
        counters, states = self._counters(), self._read("state", self.devices)
        events = [
            Event(time - start, name, kind, details)
            for name, device in self._showing("events").items()
            for time, kind, details in device.events.since(self.known.get(name, 0))
        ]
        recording = Recording.of_taps(
            self.links,
            [(tap[0] - start, *tap[1:]) for tap in self.network.taps],
            counters=counters,
            baseline=self.baseline,
            facts=self.setup.facts,
            events=tuple(sorted(events, key=lambda event: event.time)),
            states=states,
            capabilities=CAPABILITIES
            - {shown for shown in ("counters", "events") if not self._showing(shown)},
            scenario=self.scenario.digest(),
            trouble=self.trouble,
            cut=self.course.cut,
            read=(now - start, now - start),
            seed=self.setup.seed,
        )
        self.network.tapped.clear()  # a play refers to itself, and would keep them for long
        return recording

    def _counters(self) -> dict[str, dict[str, int]]:
        return self._read("counters", self._showing("counters"))

    def _read(self, what: Literal["counters", "state"], devices: Mapping[str, Device]) -> dict[str, Any]:
        """Read something of devices that work; one that raises then works no longer."""
        found = {}
        for name, device in devices.items():
            if self.trouble is None or self.trouble.node != name:
                with self.blaming(name):
                    found[name] = getattr(device, what)()
        return found

    def _lacks(self, name: str, option: str) -> bool:
        """Whether the ICS says no to an option for a device under test."""
        return self.setup.facts.nodes[name].ics.get(option) is False

    def _showing(self, what: Literal["counters", "events"]) -> dict[str, Device]:
        """Return the devices that show their counters or events, as the ICS has it."""
        return {name: dev for name, dev in self.devices.items() if not self._lacks(name, what.upper())}

    def _device(self, name: str, change: type | None) -> Device:
        topology, node = self.setup.topology, self.setup.topology.nodes[name]
        links = {topology.number(name, link): link for link in topology.ports(name)}
        ports = tuple(_port(links.get(number), port_mac(node.id, number)) for number in range(max(links) + 1))
        made = {setting: not self._lacks(name, option) for option, setting in OPTIONS.items()}
        config = DeviceConfig(
            name=name,
            node=node.id,
            ports=ports,
            settings=Settings.of(self.values | made),
            table={host.mac: (host.node, host.port) for host in topology.addresses.values()},
            seed=seed_for(self.seed, name),
        )
        return assemble(node.role, config, change)

    def _join(self, tester_ports: Mapping[str, int]) -> None:
        self.network.add(self.tester)
        for device in self.devices.values():
            self.network.add(device)

        def end(node: str, link: Link) -> tuple[Node, int]:
            if node in self.devices:
                return self.devices[node], self.setup.topology.number(node, link)
            return self.tester, tester_ports[link.name]

        for link in self.links:
            lower, upper = end(link.lower, link), end(link.upper, link)
            self.network.link(link.name, lower, upper, rate_mbps=link.rate_mbps, delay_ns=link.delay_ns)

    def _carry_out(self, scenario: Scenario, start: int) -> None:
        """Plan what a scenario does to links and devices."""
        for impairment in scenario.impairments:
            data = {name: value for name, value in asdict(impairment).items() if name != "voids"}
            self.network.impair(Impairment(**data), start)
        for event in scenario.links:
            self.course.note(start + event.at)
            self.network.link_event(start + event.at, event.link, event.up)
        for order in scenario.management:
            if order.node not in self.devices:
                raise BenchError(f"the scenario manages {order.node}, which is no device of the bench")
            if order.action.startswith("table_") and self._lacks(order.node, "TABLE_BY_MANAGEMENT"):
                raise BenchError(f"the scenario sets the table of {order.node}, which cannot be set")
            self.course.note(start + order.at)
            self.network.manage(start + order.at, self.devices[order.node], order.action, order.arguments)

    def _watch(self, scenario: Scenario) -> None:
        """Show the tester what passes on links that it has no end of, where a trigger may wait for it."""
        if scenario.triggers and len(self.devices) > 1:
            inner = {
                index
                for index, link in enumerate(self.links)
                if link.lower in self.devices and link.upper in self.devices
            }
            self.network.tapped = _Watched(self, inner)
            self.network.hurry()

    def _arm(self) -> None:
        self.network.arm(self.network.seat_of[id(self.tester)], self.network.now)


class _Watched(list[Tap]):
    """Taps that show the tester each frame on some links as it leaves."""

    def __init__(self, play: _Play, links: set[int]) -> None:
        super().__init__()
        self.play = play
        self.links = links

    def append(self, tap: Tap) -> None:
        """Note a frame."""
        super().append(tap)
        time, link, _, frame, _ = tap
        if link in self.links:
            self.play.tester.observe(self.play.links[link].name, frame, time)
            self.play._arm()  # noqa: SLF001 - the two are one


def _port(link: Link | None, mac: bytes) -> PortConfig:
    """Return what a device is told of the port on a link, or of one that is joined to nothing."""
    if link is None:
        return PortConfig("unused", 1, mac)
    return PortConfig("fabric" if link.fabric else "host", link.rate_mbps, mac)


def mutant_of(device: str) -> Mutant | None:
    """Return the mutant that `--device` names, None for the reference; InputError for anything else."""
    if device == "reference":
        return None
    known = {MUTANT + name: item for name, item in mutants().items()}
    known |= {LATENT + name: item for name, item in latents().items()}
    if device not in known:
        choices = ["reference", *known, *(VARIANT + item for item in variants())]
        raise InputError("command line", "--device", f"there is no {device}", did_you_mean(device, choices))
    return known[device]


def variant_of(device: str) -> Variant | None:
    """Return the variant that `--device` names, None for anything else."""
    return variants().get(device.removeprefix(VARIANT)) if device.startswith(VARIANT) else None


def is_data(frame: bytes) -> bool:
    """Whether a frame is a host's, or carries one; control of any kind is not."""
    kind = message_type(frame)
    return kind == codec.DATA or (kind < 0 and frame[12:14] != MAC_CONTROL)


assert (UP, DOWN) == (0, 1), "the network's direction 0 leads from the lower to the upper end of a link"
