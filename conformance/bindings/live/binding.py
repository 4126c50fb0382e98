"""Plays the cases over the reference on network interfaces, one bench at a time."""

import atexit
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from conformance.api.binding import BindingOptions, Driver, Setup
from conformance.api.marks import CAPABILITIES
from conformance.api.outcomes import BenchError, TesterLimited
from conformance.api.testbeds import LeafSpine, Request, Topology, default_peers
from conformance.bindings.live.devices import LATE, LiveDevices, quiesce_time
from conformance.bindings.live.plan import ICS, plan
from conformance.bindings.live.testers import AF_PACKET, TESTERS, Tester, named_tester
from conformance.bindings.realtime import CONFIRMED, RealTimeDriver, Rig, real_time
from conformance.bindings.reference import ReferenceBinding, mutant_of
from conformance.bindings.undo import at_last, give_back
from reference_impl.live.fabric import DeviceFailed, Fabric, up
from reference_impl.live.namespaces import acquire, is_privileged
from reference_impl.live.parameters import live_values
from spec.loader import load_catalogue
from traffic.patterns import single
from traffic.recordings.recording import Facts, Link, ParameterValue
from traffic.trex.errors import TrexError
from traffic.wires.player import Wires


class LiveBinding:
    """Plays the cases over one live bench at a time, which stands until another topology is asked for.

    All that a process has share it, whatever flaw each puts on it.
    """

    bench: "ClassVar[LiveBench | None]" = None

    name = "live"
    ics = ICS
    workers: int | None = 1
    testers = TESTERS
    smoke: Request = LeafSpine()
    takes = frozenset({"device", "tester", "confirm"})
    file = None
    seed = None
    variants: Mapping[str, tuple[str, ...]] = {}
    real_time = True

    def __init__(self, options: BindingOptions) -> None:
        mutant = mutant_of(options.device)
        self.device = options.device
        self.confirm = CONFIRMED if options.confirm is None else options.confirm
        self.flaw = mutant.name if mutant else None
        self.mutants = ReferenceBinding(options).mutants
        self.tester = named_tester(options.tester or AF_PACKET)
        self.uncertainty = self.tester.uncertainty
        self.values = live_values(load_catalogue().parameters, trex=self.tester.is_trex)
        is_privileged()
        atexit.register(at_last, self.clear)

    @classmethod
    def prepare(cls) -> None:
        """Get the right to make namespaces, which has to be had before there are threads."""
        acquire()

    def bind(self, topology: Topology) -> Topology:
        """Return the topology; TesterLimited when a link of it has a delay."""
        delayed = sorted(link.name for link in topology.links if link.delay_ns)
        if delayed:
            raise TesterLimited(f"the binding live cannot delay {delayed[0]}: its wires have no delay")
        return topology

    def limits(self, topology: Topology, parameters: Mapping[str, ParameterValue]) -> Mapping[str, str]:
        """Miss what the tester misses."""
        return self.tester.limits(topology, parameters)

    def case_time(self, seconds: float, parameters: Mapping[str, ParameterValue]) -> float:
        """Allow what a play in real time takes."""
        return real_time(
            seconds, quiesce_time({name: item.value for name, item in parameters.items()}), parameters
        )

    def confirmations(self, case: str) -> int:  # noqa: ARG002 - whatever case it is
        """Play again what failed, as often as the run says."""
        return self.confirm

    def open(self, setup: Setup) -> Driver:
        """Return a bed on the bench that stands, if it is of that topology, or on a new one."""
        return self.bed(setup, self.flaw)

    def bed(self, setup: Setup, flaw: str | None) -> RealTimeDriver:
        """Return a bed whose devices have that flaw."""
        bench = self.bench_for(setup)
        capabilities = CAPABILITIES - self.limits(setup.topology, setup.facts.parameters).keys()
        devices = LiveDevices(bench.fabric, flaw, bench.links_down)
        return RealTimeDriver(setup, Rig(bench.links, devices, bench.wires, capabilities, LATE))

    def check(self, facts: Facts, topology: Topology) -> None:
        """Send one frame through a reference without flaw."""
        hosts = topology.hosts
        peers = default_peers(topology, facts.parameters)
        setup = Setup(case="smoke", topology=topology, facts=facts, peers=peers, seed=0)
        recording = self.bed(setup, None).play(single(hosts[0], hosts[-1]), 1, fresh=False)
        if recording.hosts.delivered() != 1:
            raise BenchError(
                f"of one frame {recording.hosts.delivered()} arrived; dropped: {recording.devices.drops()}"
            )

    def bench_for(self, setup: Setup) -> "LiveBench":
        """Return the bench of a topology."""
        key = str(setup.topology.links), setup.topology.of_status("emulated")
        bench = self.bench
        if bench is None or bench.key != key or bench.links_down:
            self.clear()
            bench = LiveBinding.bench = LiveBench.build(setup, key, self.tester)
        return bench

    @classmethod
    def clear(cls) -> None:
        """Take the bench down."""
        bench, LiveBinding.bench = cls.bench, None
        if bench is not None:
            bench.close()


@dataclass(frozen=True)
class LiveBench:
    """A fabric that stands, a tap on each of its `links`, and those that could not be switched on again."""

    key: tuple[str, tuple[str, ...]]
    fabric: Fabric
    links: tuple[Link, ...]
    wires: Wires
    links_down: set[str] = field(default_factory=set)

    @classmethod
    def build(cls, setup: Setup, key: tuple[str, tuple[str, ...]], tester: Tester) -> "LiveBench":
        """Rig a fabric up and open its wires."""
        topology = setup.topology
        values = {name: item.value for name, item in setup.facts.parameters.items()}
        try:
            fabric = up(plan("suite", topology, values, setup.facts.wire_profile))
        except DeviceFailed as failed:
            raise BenchError(str(failed)) from failed
        try:
            links = tuple(link for link in topology.links if topology.bound(link))
            wires = tester.wires(fabric, setup, links)
        except BaseException as error:
            fabric.down()
            if isinstance(error, TrexError | OSError):
                raise BenchError(str(error)) from error
            raise
        return cls(key, fabric, links, wires)

    def close(self) -> None:
        """Close the taps and take the fabric down."""
        give_back(self.wires.close, self.fabric.down)
