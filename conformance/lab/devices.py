"""The devices under test of a laboratory, as far as their adapters can manage them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from conformance.api.outcomes import BenchError, TesterLimited
from conformance.api.parameters import BENCH, CASE, LINE
from conformance.bindings import INTERVALS, Setup
from conformance.lab.adapters import Adapter, Settings, adapter_of, identity, measured_log, reading
from conformance.lab.bench import LabBench
from conformance.lab.layout import Layout
from spec.loader import load_catalogue
from spec.text import said
from traffic.recordings.recording import Event, ParameterValue, Trouble
from traffic.scenario import HostAddress, ManagementEvent

if TYPE_CHECKING:
    from conformance.lab.model import Cable

SET_BY_THE_RUN: Final = frozenset({BENCH, LINE, CASE})
"""Origins of values that a device does not have by itself."""


class LabDevices:
    """Devices that stay up from play to play, set, counted and switched by their adapters."""

    def __init__(self, bench: LabBench) -> None:
        self.bench = bench
        self.layout = Layout(bench)
        self.adapters: dict[str, Adapter] = {name: adapter_of(bench, name) for name in bench.file.devices}
        self.names = tuple(self.adapters)
        self.touched: set[str] = set()
        self.applied: dict[str, Settings] = {}
        self.cables: dict[str, Cable] = {}
        self.orders: list[tuple[str, str, dict[str, Any]]] = []
        """What undoes the management of the last play: device, action, arguments."""
        self.hosts: Mapping[str, HostAddress] = {}
        self.values: Mapping[str, ParameterValue] = {}
        self.seen: dict[str, int] = {}
        self.ahead: dict[str, int] = {}

    @property
    def abilities(self) -> frozenset[str]:
        """What the adapters of all devices can do."""
        found = [adapter.abilities for adapter in self.adapters.values()]
        return frozenset.intersection(*map(frozenset, found))

    def lacking(self, ability: str) -> list[str]:
        """Name the devices whose adapter has not an ability."""
        return [name for name, adapter in self.adapters.items() if ability not in adapter.abilities]

    def identify(self) -> dict[str, str]:
        """Ask who answers for each device."""
        return {name: self.call(name, partial(identity, adapter)) for name, adapter in self.adapters.items()}

    def halt(self) -> None:
        """Leave the devices as they are: to be quiesced is all that is asked of them."""

    def renew(self, setup: Setup, seed: int, *, fresh: bool) -> None:  # noqa: ARG002 - real devices have no seed
        """Give the devices the settings in force where they differ; start them anew only if `fresh`."""
        if fresh and self.lacking("restart"):
            names = ", ".join(self.lacking("restart"))
            raise TesterLimited(
                f"the case wants devices just started, and the adapter of {names} has no restart"
            )
        self.undo()
        topology = setup.topology
        self.cables = {
            link.name: self.layout.cable(topology, link) for link in topology.links if topology.realised(link)
        }
        self.hosts, self.values = setup.facts.hosts, setup.facts.parameters
        wanted = self.settings(setup)
        for name, adapter in self.adapters.items():
            if fresh:
                self.call(name, partial(adapter.restart, wanted))
            elif "configure" in adapter.abilities and self.applied.get(name, {}) != wanted:
                self.applied.pop(name, None)
                self.call(name, partial(adapter.configure, wanted))
            self.applied[name] = wanted
        self.mark()

    def settings(self, setup: Setup) -> dict[str, int | float | str]:
        """Give the settings that the bench, the run or the case sets, or that an earlier case did."""
        kinds = load_catalogue().parameters
        values = setup.facts.parameters
        self.touched |= {
            name
            for name, value in values.items()
            if kinds[name].kind == "device" and value.origin in SET_BY_THE_RUN
        }
        return {name: values[name].value for name in sorted(self.touched)}

    def calm(self, values: Mapping[str, Any]) -> int:
        """Wait until every path is known and held, and all queues, sources and streams are forgotten."""
        paths = INTERVALS * int(values["hello_interval"]) + int(values["flap_hold"])
        refreshes = int(values["refresh_misses"]) * int(values["request_refresh"])
        forgotten = 2 * int(values["age_out"]) + refreshes + int(values["reorder_timeout"])
        return max(paths, forgotten)

    def mark(self) -> None:
        """Let the events that are read begin here."""
        for name, adapter in self.able("events"):
            self.ahead[name], log = self.call(name, partial(measured_log, adapter, name))
            self.seen[name] = log.now

    def counters(self) -> dict[str, dict[str, int]]:
        """Read the counters of each device that shows any."""
        return self.readings("counters")

    def events(self) -> list[Event]:
        """Read what happened since the mark."""
        return [
            Event(time + self.ahead[name], name, kind, details)
            for name, log in self.readings("events").items()
            for time, kind, details in log.events
            if time >= self.seen[name]
        ]

    def states(self) -> dict[str, Any]:
        """Read the state of each device that shows it."""
        return self.readings("state")

    def readings(self, ability: str) -> dict[str, Any]:
        """Read something of each device that shows it."""
        return {
            name: self.call(name, partial(reading, adapter, name, ability))
            for name, adapter in self.able(ability)
        }

    def manage(self, order: ManagementEvent) -> None:
        """Have a device do what an operator asks."""
        self.orders += self.reverse(order)
        adapter = self.adapters[order.node]
        self.call(order.node, lambda: adapter.manage(order.action, order.arguments))

    def reverse(self, order: ManagementEvent) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Give what undoes an action: the seat of the host, or the value in force."""
        if order.action == "setting":
            name = str(order.arguments["name"])
            if name in self.values:
                yield order.node, "setting", {"name": name, "value": self.values[name].value}
            return
        mac = str(order.arguments.get("mac", "")).replace(":", "")
        for host in self.hosts.values():
            if host.mac.hex() == mac:
                yield order.node, "table_set", {"mac": mac, "node": host.node, "port": host.port}

    def undo(self) -> None:
        """Undo what the last play managed."""
        while self.orders:
            name, action, arguments = self.orders.pop()
            adapter = self.adapters[name]
            self.call(name, partial(adapter.manage, action, arguments))

    def switch(self, link: str, *, up: bool) -> None:
        """Switch a link at the first of its ends whose device can."""
        for name, adapter in self.able("link events"):
            end = self.cables[link].ends.get(name)
            if end is not None and end.name is not None:
                self.call(name, partial(adapter.switch, end.name, up=up))
                return
        raise TesterLimited(f"no adapter of the bench {self.bench.name} can switch {link}")

    def trouble(self, *, switched: bool, unexplained: bool) -> Trouble | None:  # noqa: ARG002 - the interface's
        """Know of nothing: what a real device drops is its own."""
        return None

    def able(self, ability: str) -> Iterator[tuple[str, Adapter]]:
        """Give the devices whose adapter has an ability."""
        return ((name, item) for name, item in self.adapters.items() if ability in item.abilities)

    def call(self, device: str, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the work gives
        """Do something with an adapter; whatever else it raises is a BenchError."""
        with blamed(device):
            return work()


@contextmanager
def blamed(device: str) -> Iterator[None]:
    """Turn what an adapter raises into a BenchError."""
    try:
        yield
    except (BenchError, TesterLimited):
        raise
    except Exception as error:
        raise BenchError(f"adapter of {device}: {said(error)} ({type(error).__name__})") from error
