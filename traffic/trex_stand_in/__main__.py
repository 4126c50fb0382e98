"""`python -m traffic.trex_stand_in`: the stand-in as a command."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from spec.errors import Exit, InputError
from traffic.trex_stand_in.quirks import Quirks
from traffic.trex_stand_in.server import Fault, StandIn
from traffic.trex_stand_in.telling import RELEASES
from traffic.trex_stand_in.wires import Interface, Wire, cable, inside


def _versions() -> str:
    return ", ".join(f"{major}.{minor}" for major, minor in RELEASES)


def _api(text: str) -> tuple[int, int]:
    for major, minor in RELEASES:
        if text == f"{major}.{minor}":
            return major, minor
    raise InputError("trex stand-in", "--api", f"{text!r} is none of its versions", f"take {_versions()}")


def _faults(texts: list[str]) -> dict[str, Fault]:
    faults = {}
    for text in texts:
        method, _, fault = text.partition(":")
        if fault not in get_args(Fault):
            mend = "write METHOD:die, for example"
            raise InputError("trex stand-in", "--fail", f"{text!r} names no fault", mend)
        faults[method] = cast("Fault", fault)
    return faults


def main(
    *,
    interface: Annotated[list[str] | None, typer.Option(help="a port on this interface, in order")] = None,
    api: Annotated[str, typer.Option(help=f"the API version to speak: {_versions()}")] = "4.8",
    host: Annotated[str, typer.Option(help="the address to listen on")] = "127.0.0.1",
    rpc_port: Annotated[int, typer.Option(help="port of the requests, 0 for a free one")] = 4501,
    async_port: Annotated[int, typer.Option(help="port of the events, 0 for a free one")] = 4500,
    fail: Annotated[list[str] | None, typer.Option(help="METHOD:die, :hang, :mute or :refuse")] = None,
    quirks: Annotated[str, typer.Option(help="how it falls short without a word: cut=9214,push=9100")] = "",
    netns: Annotated[Path | None, typer.Option(help="the network namespace of the interfaces")] = None,
    with_parent: Annotated[bool, typer.Option(help="end when the process that started it does")] = False,
) -> None:
    """Serve as a stand-in for TRex until interrupted."""
    parent = os.getppid() if with_parent else None
    if with_parent:
        with suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(os.sched_get_priority_min(os.SCHED_RR)))
    try:
        version, faults, odd = _api(api), _faults(fail or []), Quirks.read(quirks)
        with inside(netns):
            wires: list[Wire] = [*map(Interface, interface)] if interface else [*cable()]
        server = StandIn(
            wires,
            api=version,
            host=host,
            rpc_port=rpc_port,
            async_port=async_port,
            faults=faults,
            quirks=odd,
        )
    except (InputError, OSError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(Exit.USAGE) from error
    with server:
        ports = f"{host}:{server.rpc_port} and {server.async_port}"
        print(f"stand-in for TRex {RELEASES[version]} on {ports}", flush=True)
        with suppress(KeyboardInterrupt):
            server.wait(parent)


if __name__ == "__main__":
    typer.run(main)
