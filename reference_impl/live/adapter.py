"""The worked example of an adapter: manages a device of a bench that `gse-cts ref up` stood up.

`python -m reference_impl.live.adapter` answers one request: JSON on its standard input, JSON on its output.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from time import monotonic_ns
from typing import Any, Final

from reference_impl.live.control_socket import DeviceRefused
from reference_impl.live.fabric import DeviceFailed, Fabric, running

ABILITIES: Final = frozenset(
    {"counters", "events", "state", "rest", "management", "configure", "link events", "restart"}
)


class ReferenceAdapter:
    """One device of a run; `options` may name the `run` and the `folder` where runs are kept."""

    abilities = ABILITIES

    def __init__(self, device: str, _about: Mapping[str, object], management: Any) -> None:  # noqa: ANN401 - the suite's
        self.device = device
        self.fabric = find(management.options)

    def identify(self) -> str:
        """Return which bench it is of."""
        node = self.fabric.ask(self.device, "state")["node"]
        return f"{self.fabric.run.device}, node {node}, in {self.fabric.name}"

    def counters(self) -> dict[str, int]:
        """Read the counters."""
        counters: dict[str, int] = self.fabric.ask(self.device, "counters")
        return counters

    def log(self) -> tuple[int, list[tuple[int, str, dict[str, Any]]]]:
        """Read its clock and all events, in ns."""
        events = self.fabric.ask(self.device, "events")
        return monotonic_ns(), events

    def state(self) -> Any:  # noqa: ANN401 - JSON
        """Read the state."""
        return self.fabric.ask(self.device, "state")

    def rest(self) -> dict[str, int]:
        """Read how many paths it knows, what waits in it, and what it remembers."""
        rest: dict[str, int] = self.fabric.ask(self.device, "rest")
        return rest

    def manage(self, action: str, arguments: Mapping[str, Any]) -> None:
        """Do what an operator asks."""
        self.fabric.ask(self.device, "manage", action=action, arguments=dict(arguments))

    def configure(self, settings: Mapping[str, int | float | str]) -> None:
        """Start anew with these settings: the reference has no other way to change all of them."""
        device = next(item for item in self.fabric.plan.devices if item.name == self.device)
        known: dict[str, Any] = {name: value for name, value in settings.items() if name in device.settings}
        self.fabric.ask(self.device, "restart", changes={"settings": device.settings | known})

    restart = configure

    def switch(self, port: str, *, up: bool) -> None:
        """Switch a port, whose interface is called like its link."""
        self.fabric.switch(port, up=up)


def find(options: Mapping[str, Any]) -> Fabric:
    """Return the run that the options name, or the only one; DeviceFailed when there is none such."""
    folder = options.get("folder")
    runs = [run for run in running(Path(folder) if folder else None) if run.is_recorded]
    name = options.get("run")
    chosen = [run for run in runs if name in {None, run.name}]
    if len(chosen) != 1:
        names = ", ".join(run.name for run in runs) or "none stands"
        raise DeviceFailed(f"there is {'no' if not chosen else 'more than one'} run {name or ''} ({names})")
    return chosen[0]


class Options:
    """What a request says of management, as the class wants it."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = options


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a request as the suite's `exec` adapter asks it."""
    try:
        adapter = ReferenceAdapter(request["device"]["name"], request["device"], Options(request["options"]))
        return {"result": ASKED[request["ask"]](adapter, request)}
    except DeviceRefused as error:
        return {"cannot": str(error)}
    except (DeviceFailed, OSError) as error:
        return {"error": str(error)}


def _log(adapter: ReferenceAdapter) -> dict[str, Any]:
    now, events = adapter.log()
    return {"now": now, "events": events}


ASKED: Final[dict[str, Any]] = {
    "identify": lambda adapter, _: adapter.identify(),
    "counters": lambda adapter, _: adapter.counters(),
    "events": lambda adapter, _: _log(adapter),
    "state": lambda adapter, _: adapter.state(),
    "rest": lambda adapter, _: adapter.rest(),
    "management": lambda adapter, request: adapter.manage(request["action"], request["arguments"]),
    "configure": lambda adapter, request: adapter.configure(request["settings"]),
    "link events": lambda adapter, request: adapter.switch(request["port"], up=request["up"]),
    "restart": lambda adapter, request: adapter.restart(request["settings"]),
}

if __name__ == "__main__":
    print(json.dumps(answer(json.load(sys.stdin))))
