"""The devices under test of a laboratory, as far as their adapters can manage them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from conformance.api.binding import INTERVALS, Setup
from conformance.api.outcomes import BenchError, TesterLimited
from conformance.api.parameters import BENCH, CASE, LINE
from conformance.bindings.lab.adapters import Adapter, Settings, adapter_of, identity, measured_log, reading
from conformance.bindings.lab.bench import LabBench
from conformance.bindings.lab.layout import Layout
from conformance.bindings.resting import Rest
from conformance.bindings.undo import Step, give_back
from spec.loader import load_catalogue
from spec.text import said
from traffic.recordings.recording import Event, ParameterValue, Trouble
from traffic.scenario import HostAddress, ManagementEvent

if TYPE_CHECKING:
    from conformance.bindings.lab.model import Cable

SET_BY_THE_RUN: Final = frozenset({BENCH, LINE, CASE})
"""Origins of values that a device does not have by itself."""


def quiesce_time(values: Mapping[str, Any]) -> int:
    """Return how long, in ns, devices take until they have forgotten all traffic, and know every path."""
    paths = INTERVALS * int(values["hello_interval"]) + int(values["flap_hold"])
    refreshes = int(values["refresh_misses"]) * int(values["request_refresh"])
    forgotten = 2 * int(values["age_out"]) + refreshes + int(values["reorder_timeout"])
    return max(paths, forgotten)


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
        self.declared: Settings = {}
        self.altered: set[str] = set()
        """The devices that were given other settings than they had by themselves."""
        self.orders: list[tuple[str, str, dict[str, Any]]] = []
        """What undoes the management of the play: device, action, arguments."""
        self.links_down: dict[str, tuple[str, str]] = {}
        """Links that were switched off: the device that did, and the port as it calls it."""
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
        """Set on the devices what is in force where they differ; start them anew only if `fresh`."""
        if fresh and self.lacking("restart"):
            names = ", ".join(self.lacking("restart"))
            raise TesterLimited(
                f"the case wants devices just started, and the adapter of {names} has no restart"
            )
        self.restore()
        topology = setup.topology
        self.cables = {
            link.name: self.layout.cable(topology, link) for link in topology.links if topology.bound(link)
        }
        self.hosts, self.values = setup.facts.hosts, setup.facts.parameters
        self.declared = setup.declared
        wanted = self.settings(setup)
        for name, adapter in self.adapters.items():
            if fresh:
                self.apply(name, adapter.restart, wanted)
            elif "configure" in adapter.abilities and self.applied.get(name, {}) != wanted:
                self.apply(name, adapter.configure, wanted)
            self.applied[name] = wanted
        self.mark()

    def apply(self, name: str, give: Callable[[Settings], None], wanted: Settings) -> None:
        """Return a device settings, which it may have got where that fails."""
        self.applied.pop(name, None)
        if wanted:
            self.altered.add(name)
        self.call(name, partial(give, wanted))

    def release(self) -> None:
        """Leave the devices as they were: links on, tables as they were, settings as they declare them."""
        give_back(self.restore, *(partial(self.reset, name) for name in sorted(self.altered)))

    def reset(self, name: str) -> None:
        """Give a device the settings back that it has by itself."""
        adapter = self.adapters[name]
        usual = {item: self.declared[item] for item in sorted(self.touched) if item in self.declared}
        if usual and self.applied.get(name) != usual:
            self.apply(
                name, adapter.configure if "configure" in adapter.abilities else adapter.restart, usual
            )
            self.applied[name] = usual
        self.altered.discard(name)

    def settings(self, setup: Setup) -> dict[str, int | float | str]:
        """Return the settings that the bench, the run or the case sets, or that an earlier case did."""
        kinds = load_catalogue().parameters
        values = setup.facts.parameters
        self.touched |= {
            name
            for name, value in values.items()
            if kinds[name].kind == "device" and value.origin in SET_BY_THE_RUN
        }
        return {name: values[name].value for name in sorted(self.touched)}

    def quiesce_time(self, values: Mapping[str, Any]) -> int:
        """Wait until every path is known and held, and all queues, sources and streams are forgotten."""
        return quiesce_time(values)

    def rest(self) -> dict[str, Rest] | None:
        """Read the rest of every device; None where one cannot be asked."""
        return None if self.lacking("rest") else self.readings("rest")

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
        """Return what undoes an action: the seat of the host, or the value in force."""
        if order.action == "setting":
            name = str(order.arguments["name"])
            if name in self.values:
                yield order.node, "setting", {"name": name, "value": self.values[name].value}
            return
        mac = str(order.arguments.get("mac", "")).replace(":", "")
        for host in self.hosts.values():
            if host.mac.hex() == mac:
                yield order.node, "table_set", {"mac": mac, "node": host.node, "port": host.port}

    def restore(self) -> None:
        """Switch on what is dark, and undo what the play managed, the latest first."""
        steps: list[Step] = [partial(self.bring_up, link) for link in sorted(self.links_down)]
        steps += [partial(self.undo, order) for order in reversed(self.orders)]
        give_back(*steps)

    def bring_up(self, link: str) -> None:
        """Switch a link on."""
        name, port = self.links_down[link]
        self.call(name, partial(self.adapters[name].switch, port, up=True))
        del self.links_down[link]

    def undo(self, order: tuple[str, str, dict[str, Any]]) -> None:
        """Do what undoes an action."""
        name, action, arguments = order
        self.call(name, partial(self.adapters[name].manage, action, arguments))
        self.orders.remove(order)

    def switch(self, link: str, *, up: bool) -> None:
        """Switch a link at the first of its ends whose device can."""
        for name, adapter in self.able("link events"):
            end = self.cables[link].ends.get(name)
            if end is not None and end.name is not None:
                self.links_down[link] = name, end.name
                if up:
                    self.bring_up(link)
                    return
                self.call(name, partial(adapter.switch, end.name, up=up))
                return
        raise TesterLimited(f"no adapter of the bench {self.bench.name} can switch {link}")

    def trouble(self, *, switched: bool, unexplained: bool) -> Trouble | None:  # noqa: ARG002 - the interface's
        """Know of nothing: what a real device drops is its own."""
        return None

    def able(self, ability: str) -> Iterator[tuple[str, Adapter]]:
        """Return the devices whose adapter has an ability."""
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
