"""The processes of live devices: `python -m reference_impl.live.process FOLDER NAME...`.

Each reads its `Order` from NAME.order in the folder of the run, goes to the background, enters NAME.pid, and
answers on NAME.socket. The caller waits until all work; what went wrong is said on standard error.
"""

import gc
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from reference_impl import codec
from reference_impl.assembly import assemble
from reference_impl.config import DeviceConfig, PortConfig, Settings
from reference_impl.device import Device
from reference_impl.live import namespaces
from reference_impl.live.control_socket import ControlSocket
from reference_impl.live.plan import RECORD, PlannedDevice, changed, load_order
from reference_impl.live.processes import Process, hurry
from reference_impl.live.runner import Runner
from reference_impl.mutants import mutants
from spec.wire import load_profile


def make(plan: PlannedDevice, changes: dict[str, Any]) -> Device:
    """Make the device of a plan; ValueError when there is no such mutant."""
    plan = changed(plan, changes)
    ports = tuple(PortConfig(port.kind, port.rate_mbps, octets(port.mac)) for port in plan.ports)
    table = {octets(mac): place for mac, place in plan.table.items()}
    config = DeviceConfig(plan.name, plan.node, ports, Settings.of(plan.settings), table, plan.seed)
    codec.use(load_profile(plan.wire_profile))
    if plan.flaw is None:
        return assemble(plan.role, config)
    mutant = mutants().get(plan.flaw)
    if mutant is None:
        raise ValueError(f"there is no mutant {plan.flaw}")
    return assemble(plan.role, config, mutant.flaw)


def octets(mac: str) -> bytes:
    """Return the octets of a MAC address with colons."""
    return bytes.fromhex(mac.replace(":", ""))


def main(folder: Path, names: list[str]) -> bool:
    """Start each device in the background; give whether all of them work."""
    waiting = []
    gc.freeze()
    for name in names:
        read, write = os.pipe()
        if not os.fork():
            os.close(read)
            serve(name, folder, write)
            sys.exit(0)
        os.close(write)
        waiting.append(read)
    return b"".join(os.read(read, 1) for read in waiting) == b"1" * len(names)


def serve(name: str, folder: Path, ready: int) -> None:
    """Be the device until SIGTERM or SIGINT."""
    os.setsid()
    Path("/proc/self/comm").write_text(f"gse-{name}", encoding="ascii")
    Process.own().write(folder / f"{name}.pid")
    order = load_order(folder / f"{name}.order")
    if not (folder / RECORD).exists():
        raise FileNotFoundError(f"{folder / RECORD} is gone: the run is over")
    namespaces.join(order.space)
    hurry()
    control_socket = ControlSocket(folder / f"{name}.socket")
    runner = Runner(partial(make, order.device), [port.interface for port in order.device.ports])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: leave())
    background(folder / f"{name}.log")
    os.write(ready, b"1")
    os.close(ready)
    try:
        runner.run(control_socket)
    finally:
        runner.close()
        control_socket.close()


def leave() -> NoReturn:
    """End the process from a signal handler, through every `finally`."""
    sys.exit(0)


def background(log: Path) -> None:
    """Send what is printed to the log from now on."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)


if __name__ == "__main__":
    sys.exit(not main(Path(sys.argv[1]), sys.argv[2:]))
