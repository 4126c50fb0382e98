"""A bench of live devices: stands up, is asked, and goes without a trace, whatever ended it."""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

from reference_impl.live import links, namespaces
from reference_impl.live.control_socket import ask
from reference_impl.live.packets import supported
from reference_impl.live.plan import RECORD, Order, Plan, Run, Wire, load_run, write
from reference_impl.live.processes import Process
from spec.errors import InputError

CHECKOUT: Final = Path(__file__).resolve().parent.parent.parent
PREFIX: Final = "gse"
ENDING: Final = "ending.json"
"""What the record of a run is called once the run is to go; a device that finds no record ends."""
GIVE_UP: Final = 10.0
"""Seconds to wait for what ought to happen at once."""
STEP: Final = 0.02
"""Seconds between two looks at what is awaited."""


class DeviceFailed(Exception):  # noqa: N818 - named for the fact
    """A device did not start, or is gone; the text says why."""


def home() -> Path:
    """Return the folder of this user's runs."""
    user = namespaces.owner()
    run = Path("/run") if user == 0 else Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    if run.is_absolute() and os.access(run, os.W_OK):
        return run / "gse-cts"
    return Path(tempfile.gettempdir()) / f"gse-cts-{user}"


def _own(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise InputError(folder, "owner", "belongs to another user", "remove it or name another folder")
    return folder


@dataclass(frozen=True)
class Fabric:
    """A run by its folder: its record, and order, process number, log and socket of each device."""

    folder: Path

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.folder.name

    @property
    def is_recorded(self) -> bool:
        """Return whether the run got as far as its record, and was not ended half."""
        return (self.folder / RECORD).exists()

    @cached_property
    def run(self) -> Run:
        """The record."""
        return load_run(self.folder / RECORD)

    @property
    def plan(self) -> Plan:
        """Devices and wires."""
        return self.run.plan

    def space(self, name: str) -> Path:
        """Path of the namespace of a device or of the tester, for `namespaces.inside`."""
        return self.run.spaces[name]

    def wire(self, name: str) -> Wire:
        """Return a wire by the name of its link."""
        return next(wire for wire in self.plan.wires if wire.name == name)

    def log(self, name: str) -> Path:
        """Path of the log of a device."""
        return self.folder / f"{name}.log"

    def process(self, name: str) -> Process | None:
        """Return the process of a device; None when it never came to be."""
        try:
            return Process.read(self.folder / f"{name}.pid")
        except FileNotFoundError:
            return None

    def is_alive(self, name: str) -> bool:
        """Return whether the process of a device runs."""
        process = self.process(name)
        return process is not None and process.is_alive()

    def ask(self, name: str, what: str, **details: object) -> Any:  # noqa: ANN401 - the answer is JSON
        """Ask a device; `DeviceFailed` when its process is gone."""
        try:
            return ask(self.folder / f"{name}.socket", what, **details)
        except OSError as error:
            raise DeviceFailed(f"{name} does not answer ({error}); see {self.log(name)}") from error

    def counters(self) -> dict[str, dict[str, int]]:
        """Read the counters of every device."""
        return {device.name: self.ask(device.name, "counters") for device in self.plan.devices}

    def restart(self, **changes: object) -> None:
        """Have every device start empty, with other settings, table, seed or flaw where they are given.

        All halt before the first starts, so that none meets a neighbour that is about to go.
        """
        for device in self.plan.devices:
            self.ask(device.name, "halt")
        for device in self.plan.devices:
            self.ask(device.name, "restart", changes=changes)

    def switch(self, link: str, *, up: bool) -> None:
        """Switch a link off or on, at both ends; only in the namespaces of the run's owner.

        The kernel tells of an interface that is switched at once, but of a peer's carrier when it gets to it.
        """
        for end in self.wire(link).ends:
            with namespaces.inside(self.space(end.space)):
                links.switch(end.interface, up=up)

    def paths(self) -> Iterator[tuple[str, str, bool]]:
        """Return (device, link, whether it is up) for every fabric port."""
        for device in self.plan.devices:
            for link in self.ask(device.name, "state")["paths"]:
                yield device.name, device.ports[link["port"]].interface, link["up"]

    def summary(self, name: str) -> str:
        """Return how many fabric links of a device are up, or why that is not known."""
        try:
            links = [link["up"] for link in self.ask(name, "state")["paths"]]
        except DeviceFailed:
            return "does not answer"
        return f"{sum(links)} of {len(links)} up"

    def shell(self, space: str) -> str:
        """Return the command that opens a shell in a namespace."""
        path = self.space(space)
        if self.run.privileged:
            return f"ip netns exec {path.name} sh"
        pids = [process.pid for device in self.plan.devices if (process := self.process(device.name))]
        return f"nsenter --target {pids[0]} --user --mount --preserve-credentials nsenter --net={path} sh"

    def await_paths(self, declared: float = 0) -> bool:
        """Wait until every fabric link whose two ends are devices is up; False when time is over.

        `declared` is how long, in s, devices say that this takes, beside what ought to happen at once.
        """
        names = {device.name for device in self.plan.devices}
        inner = {wire.name for wire in self.plan.wires if {end.space for end in wire.ends} <= names}
        return until(lambda: all(up for _, link, up in self.paths() if link in inner), declared + GIVE_UP)

    def down(self) -> None:
        """End the processes of the run, remove its namespaces with all wires, and its folder."""
        record, ending = self.folder / RECORD, self.folder / ENDING
        with suppress(FileNotFoundError):
            record.rename(ending)
        self._end_processes()
        with suppress(FileNotFoundError):
            for path in load_run(ending).spaces.values():
                namespaces.remove(path)
        if not until(self._is_cleared, GIVE_UP):
            raise DeviceFailed(f"{self.folder} cannot be removed")

    def _end_processes(self) -> None:
        for file in self.folder.glob("*.pid"):
            Process.read(file).end()

    def _is_cleared(self) -> bool:
        """Remove the folder; a device that was about to start may enter itself meanwhile."""
        self._end_processes()
        shutil.rmtree(self.folder, ignore_errors=True)
        return not self.folder.exists()


def up(plan: Plan, device: str = "reference", folder: Path | None = None) -> Fabric:
    """Stand a bench up; on any failure nothing is left. InputError when this machine cannot."""
    base = _own(folder or home())
    privileged = namespaces.is_privileged()
    supported()
    name = f"{PREFIX}-{secrets.token_hex(2)}"
    fabric = Fabric(base / name)
    fabric.folder.mkdir(mode=0o700)
    places = namespaces.NAMED if privileged else fabric.folder
    spaces = {space: places / f"{name}-{space}" for space in plan.spaces}
    begun = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    try:
        write(Run(name, begun, privileged, device, plan, spaces), fabric.folder / RECORD)
        if privileged:
            namespaces.share(places)
        for path in spaces.values():
            namespaces.create(path)
        with namespaces.inside(spaces[plan.tester]):  # a TRex server that is started there is asked over it
            links.switch("lo", up=True)
        from reference_impl.live import wires  # noqa: PLC0415 - costs 200 ms

        wires.lay(plan, spaces)
        _start(fabric)
    except BaseException as error:
        fabric.down()
        if isinstance(error, OSError):
            raise InputError(
                namespaces.MACHINE,
                "network namespaces",
                f"cannot be built ({error})",
                "run as root, on a kernel with network namespaces",
            ) from error
        raise
    return fabric


def _start(fabric: Fabric) -> None:
    names = [device.name for device in fabric.plan.devices]
    for device in fabric.plan.devices:
        write(Order(fabric.space(device.name), device), fabric.folder / f"{device.name}.order")
    started = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "reference_impl.live.process", str(fabric.folder), *names],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if started.returncode:
        raise DeviceFailed((started.stderr.strip() or "no device started").splitlines()[-1])


def running(folder: Path | None = None) -> list[Fabric]:
    """Return the runs that stand, or of which something is left."""
    base = folder or home()
    return [Fabric(path) for path in sorted(base.glob(f"{PREFIX}-*"))] if base.is_dir() else []


def until(predicate: Callable[[], bool], seconds: float) -> bool:
    """Look until something holds; False when time is over."""
    end = monotonic() + seconds
    while not predicate():
        if monotonic() > end:
            return False
        sleep(STEP)
    return True
