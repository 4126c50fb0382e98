"""`gse-cts ref`: the reference on network interfaces of this machine."""

import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.table import Table

from conformance.api.parameters import read_overrides
from reports.tables import console
from spec.errors import Exit, InputError
from spec.ics import load_ics
from spec.loader import load_catalogue

if TYPE_CHECKING:
    from conformance.bindings.live.plan import Fabric

group = typer.Typer(no_args_is_help=True, help="Stand the reference up on network interfaces.")

Folder = Annotated[Path | None, typer.Option(help="Where runs are kept, if not in the usual place.")]
Name = Annotated[str, typer.Option("--run", help="One run alone, by its name.")]


@group.command()
def up(
    *,
    topology: Annotated[str, typer.Option(help="leaf-spine-2x2, solo-gsp or solo-gsf.")] = "leaf-spine-2x2",
    device: Annotated[str, typer.Option(help="What to stand up: reference, mutant:NAME.")] = "reference",
    parameter: Annotated[list[str] | None, typer.Option(help="Override a parameter, as name=value.")] = None,
    hold: Annotated[bool, typer.Option("--hold", help="Stay, and take all down on Ctrl-C.")] = False,
    wire_profile: Annotated[str, typer.Option(help="Name or YAML file of the wire profile.")] = "open-1",
    folder: Folder = None,
) -> None:
    """Build namespaces and wires, start one process a device, and print what is where."""
    from conformance.bindings.live import plan as live  # noqa: PLC0415 - costs every other command 300 ms
    from conformance.bindings.live.devices import quiesce_time  # noqa: PLC0415 - the same

    live.acquire()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    catalogue = load_catalogue()
    values = live.live_values(catalogue.parameters)
    values |= read_overrides(catalogue, load_ics(live.ICS, catalogue), parameter or [])
    built = live.request(topology).topology(values["link_rate"], values["link_delay"])
    try:
        planned = live.plan(
            topology, built, values, wire_profile, device=device, hosts=live.hosts_behind(built)
        )
        fabric = live.up(planned, device, folder)
    except live.DeviceFailed as failed:
        print(f"gse-cts: {failed}.", file=sys.stderr)
        raise typer.Exit(Exit.INTERNAL) from failed
    try:
        if not fabric.await_paths(quiesce_time(values) / 1e9):
            print(f"{fabric.name}: not every path between devices is up; see the logs.", file=sys.stderr)
        _show([fabric])
        if hold:
            print("Ctrl-C takes it down.", flush=True)
            signal.pause()
    except BaseException:
        fabric.down()
        raise


@group.command()
def down(*, name: Name = "", folder: Folder = None) -> None:
    """End the processes and remove the namespaces of every run, or of one, whatever became of it."""
    for fabric in _runs(name, folder):
        fabric.down()
        print(f"{fabric.name} is gone.")


@group.command()
def status(*, name: Name = "", folder: Folder = None) -> None:
    """Print what is where; exit code 1 when a process of a run is gone, 5 when there is no run."""
    found = _runs(name, folder)
    if not found:
        print("No run stands; gse-cts ref up stands one up.", file=sys.stderr)
        raise typer.Exit(Exit.EMPTY)
    if not _show(found):
        raise typer.Exit(Exit.FAILED)


def _runs(name: str, folder: Path | None) -> list["Fabric"]:
    from conformance.bindings.live import plan as live  # noqa: PLC0415 - costs every other command 300 ms

    found = live.running(folder)
    if not name:
        return found
    chosen = [fabric for fabric in found if fabric.name == name]
    if not chosen:
        known = ", ".join(fabric.name for fabric in found) or "none stands"
        raise InputError("command line", "--run", f"there is no run {name}", f"choose from: {known}")
    return chosen


def _show(fabrics: Iterable["Fabric"]) -> bool:
    """Print each run; say whether all their devices are alive."""
    out = console()
    alive = True
    for fabric in fabrics:
        if not fabric.is_recorded:
            print(f"{fabric.name}: was begun and not finished; gse-cts ref down removes it.")
            alive = False
            continue
        run = fabric.run
        rights = "by privilege" if run.privileged else "in a user namespace"
        print(f"{fabric.name}: {run.device} as {run.plan.topology}, since {run.begun}, {rights}")
        print(f"records, logs and sockets: {fabric.folder}")
        devices = Table("device", "node", "process", "paths", "namespace", "log", title="devices")
        for device in run.plan.devices:
            process = fabric.process(device.name)
            up = fabric.is_alive(device.name)
            alive &= up
            devices.add_row(
                device.name,
                f"{device.node:#06x}",
                f"{process.pid if process else '-'} {'runs' if up else 'is gone'}",
                fabric.summary(device.name) if up else "-",
                fabric.space(device.name).name,
                fabric.log(device.name).name,
            )
        wires = Table("link", "lower end", "address", "upper end", "address", title="links")
        for wire in run.plan.wires:
            ends = [item for end in wire.ends for item in (f"{end.space}: {end.interface}", end.mac)]
            wires.add_row(wire.name, *ends)
        out.print(devices, wires)
        print(f"To work at the tester's ends: {fabric.shell(run.plan.tester)}")
    return alive


def _leave(*_: object) -> NoReturn:
    sys.exit(Exit.INTERRUPTED)
