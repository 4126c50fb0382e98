"""The processes of a live bench as devices under test: renewed, read, managed and switched."""

from collections.abc import Callable, Mapping
from functools import partial, wraps
from time import monotonic_ns
from typing import Any, Final, ParamSpec, TypeVar

from conformance.api.binding import INTERVALS, Setup, seed_for
from conformance.api.outcomes import BenchError
from conformance.bindings.live.plan import plan
from conformance.bindings.realtime import too_late
from conformance.bindings.resting import Rest
from conformance.bindings.undo import give_back
from reference_impl.live.control_socket import DeviceRefused
from reference_impl.live.fabric import DeviceFailed, Fabric
from traffic.recordings.recording import Event, Trouble
from traffic.scenario import ManagementEvent

LATE: Final = 40_000_000
"""How late, in ns, the tester or a device's process may be before what was measured says nothing."""


def quiesce_time(values: Mapping[str, Any]) -> int:
    """Return how long, in ns, devices that have just started take at most to know and hold every path."""
    return INTERVALS * int(values["hello_interval"]) + int(values["flap_hold"])


P = ParamSpec("P")
R = TypeVar("R")


def asked(method: Callable[P, R]) -> Callable[P, R]:
    """Turn what a device does not answer into a BenchError."""

    @wraps(method)
    def asking(*args: P.args, **words: P.kwargs) -> R:
        try:
            return method(*args, **words)
        except (DeviceFailed, DeviceRefused, OSError) as error:
            raise BenchError(f"{error} ({type(error).__name__})") from error

    return asking


class LiveDevices:
    """The processes of a fabric, which start anew for each play; `links_down` are those switched off."""

    def __init__(self, fabric: Fabric, flaw: str | None, links_down: set[str]) -> None:
        self.fabric = fabric
        self.links_down = links_down
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

    def quiesce_time(self, values: Mapping[str, Any]) -> int:
        """Know every path after some hello intervals and a hold at the latest, and say so when they do."""
        return quiesce_time(values)

    @asked
    def rest(self) -> dict[str, Rest]:
        """Ask every device for its rest."""
        return {name: Rest(**self.fabric.ask(name, "rest")) for name in self.names}

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

    @asked
    def switch(self, link: str, *, up: bool) -> None:
        """Switch a link."""
        self.links_down.add(link)
        self.fabric.switch(link, up=up)
        if up:
            self.links_down.remove(link)

    def restore(self) -> None:
        """Switch on what is dark; what was managed goes with the processes."""
        give_back(*(partial(self.switch, link, up=True) for link in sorted(self.links_down)))

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
