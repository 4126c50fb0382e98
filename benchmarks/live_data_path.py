"""Frames a second from one veth pair to another: kernel bridge, bare Python, the live GSF and the live GSP.

This process sends, never more than a window ahead of what came out at the far end, so that nothing is lost;
another passes the frames on. Beside the rate by the clock stands that by the CPU time of the process at work,
which is what one core gives when nobody else wants it; for the bridge that is the sender, in whose time the
kernel forwards. The neighbours of a device are emulated: they say hello, grant and ask.
"""

import ctypes
import os
import secrets
import signal
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from select import select
from socket import SOL_SOCKET
from time import monotonic_ns
from typing import Literal, NoReturn

import typer
from pyroute2 import IPRoute
from rich.console import Console
from rich.table import Table

from reference_impl import codec
from reference_impl.config import Settings
from reference_impl.device import Role
from reference_impl.live import fabric, namespaces, wires
from reference_impl.live.fabric import Fabric
from reference_impl.live.packets import BATCH, PACKET_STATISTICS, SOL_PACKET, PacketPort
from reference_impl.live.plan import End, Plan, PlannedDevice, PlannedPort, Wire
from reference_impl.live.processes import hurry
from reference_impl.live.runner import LINGER
from spec.errors import InputError
from spec.wire import load_profile

Kind = Literal["host", "fabric"]
Speak = Callable[[int], None]
"""What the emulated neighbours do now and then; they are told how many frames were sent."""

SIZES = (64, 1500, 9000)
COUNTS = {64: 60_000, 1500: 40_000, 9000: 15_000}
TURNS = 2
"""How often a path that stands is measured; what is best of it counts, since others only take time away."""
WINDOW = 512
PATIENCE = 5_000_000_000
SERVICE = 10_000_000
"""How often, in ns, the emulated neighbours speak."""

SETTINGS = Settings(
    flush_time=4_000_000,
    request_refresh=10_000_000,
    grant_validity=100_000_000,
    grant_round_trip=10_000_000,
    age_out=10_000_000_000,
    reorder_timeout=100_000_000,
    hello_interval=100_000_000,
    hello_misses=30,
    path_delay_max=10_000_000,
    bp_window=10_000_000,
    bp_validity=20_000_000,
)
codec.use(load_profile("open-1"))

HERE, THERE = bytes.fromhex("020000000100"), bytes.fromhex("020000000101")
TESTER = {"near": "02:47:00:02:00:01", "far": "02:47:00:03:00:01"}
DEVICE = {"near": "02:47:00:01:00:00", "far": "02:47:00:01:00:01"}
NODE, LEFT, RIGHT, SPINE = 1, 2, 3, 0x0100
SO_ATTACH_FILTER = 26
TYPE_AT = 14
TAG = b"\x88\xb6"


def rate_for(size: int) -> int:
    """Mbit/s of every port: a million DATA frames/s, more than software can, so that none waits."""
    return (size + codec.DATA_HEADER_OCTETS + 20) * 8


def octets(mac: str) -> bytes:
    """Return the octets of a MAC address."""
    return bytes.fromhex(mac.replace(":", ""))


def host_frame(size: int) -> bytes:
    """Make a frame of a host, `size` with FCS."""
    return THERE + HERE + TAG + bytes(size - 4 - 14)


def only(port: PacketPort, at: int, value: int) -> None:
    """Have a socket see only the frames with this octet in this place."""
    lines = ((0x30, 0, 0, at), (0x15, 0, 1, value), (0x06, 0, 0, 0xFFFFFFFF), (0x06, 0, 0, 0))
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    port.socket.setsockopt(
        SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(lines), ctypes.addressof(program))
    )
    port.take()


class Sink:
    """Counts the frames of one kind that come out at the far end, without taking them."""

    def __init__(self, at: int, value: int) -> None:
        self.port = PacketPort("far")
        only(self.port, at, value)
        self.seen = 0
        self.count()
        self.seen = 0

    def count(self) -> int:
        """Return the number of frames until now."""
        more, _ = struct.unpack("II", self.port.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self.seen += more
        return self.seen


class Neighbour:
    """A device on the other end of a fabric link, as far as it says hello; `reaches` are nodes."""

    def __init__(self, end: str, node: int, role: Role, reaches: Sequence[int], rate: int) -> None:
        self.port = PacketPort(end)
        only(self.port, TYPE_AT, 0x10 | codec.HELLO)
        self.node, self.role = node, role
        self.rate = rate
        self.entries = [(reached, rate) for reached in reaches]
        self.hello = codec.HELLO_ADDRESS + octets(TESTER[end]) + codec.ETHERTYPE
        self.prefix = octets(DEVICE[end]) + octets(TESTER[end]) + codec.ETHERTYPE
        self.sequence = 0
        self.heard = (0, 0)

    def speak(self, _sent: int = 0) -> None:
        """Say hello, with the last HELLO that was heard."""
        for frame in self.port.take():
            self.heard = codec.peek(frame)[3], codec.decode_hello(frame)[2]
        self.sequence += 1
        numbers = (codec.ROLE_CODES[self.role], 1, self.sequence, self.rate, *self.heard)
        self.port.put([codec.encode_hello(self.hello, 0, self.node, 0, 0, *numbers, self.entries)])

    def data(self, size: int, destination: tuple[int, int], generation: int) -> list[bytes]:
        """Make DATA from the node reached here to a (node, port), in containers as full as they go."""
        frame, credit = host_frame(size), max(size - 4, 60) + 24
        source = self.entries[0][0]
        room = SETTINGS.container_bytes // credit
        frames = []
        for number in range(COUNTS[size]):
            sequence, index = divmod(number, room)
            place = (sequence, generation, index, room if sequence else 0, index * credit)
            frames.append(codec.encode_data(self.prefix, 0, 0, source, *destination, *place, frame))
        return frames


def speed(frames: Sequence[bytes], sink: Sink, speak: Speak, pid: int | str) -> tuple[float, float]:
    """Send the frames, and give thousands a second by the clock and by the CPU time of a process."""
    port = PacketPort("near")
    only(port, 0, 0xEE)
    start = sink.count()
    began, spent = monotonic_ns(), cpu_time(pid)
    spoken = moved = began
    sent = out = 0
    while out < len(frames):
        now = monotonic_ns()
        if now - spoken > SERVICE:
            speak(sent)
            spoken = now
        if sent < len(frames) and sent - out < WINDOW:
            port.put(list(frames[sent : sent + BATCH]))
            sent += BATCH
        before, out = out, sink.count() - start
        moved = now if out > before else moved
        if now - moved > PATIENCE:
            raise SystemExit(f"of {sent} frames {out} came out")
    took, cost = monotonic_ns() - began, cpu_time(pid) - spent
    port.close()
    return len(frames) * 1e6 / took, len(frames) * 1e6 / cost


def cpu_time(pid: int | str) -> int:
    """CPU time of a process in ns, as the scheduler counts it."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0])


def ends(space: str) -> tuple[Wire, ...]:
    """Two wires, `near` and `far`, from the tester to a namespace."""
    return tuple(Wire(end, End("tester", end, TESTER[end]), End(space, end, DEVICE[end])) for end in TESTER)


@contextmanager
def bare() -> Iterator[dict[str, Path]]:
    """Lay the wires to a namespace without device."""
    name = f"gse-bench-{secrets.token_hex(2)}"
    spaces = {space: namespaces.NAMED / f"{name}-{space}" for space in ("tester", "dut")}
    namespaces.share(namespaces.NAMED)
    try:
        for path in spaces.values():
            namespaces.create(path)
        wires.lay(Plan("bench", (), ends("dut")), spaces)
        yield spaces
    finally:
        for path in spaces.values():
            namespaces.remove(path)


@contextmanager
def live(role: str, near: Kind, far: Kind, rate: int) -> Iterator[Fabric]:
    """Stand one device up whose ports are of these kinds."""
    ports = tuple(PlannedPort(end, kind, rate, DEVICE[end]) for end, kind in (("near", near), ("far", far)))
    host_port = 0 if near == "host" else 1
    table = {THERE.hex(":"): (RIGHT, 0) if near == "host" else (NODE, host_port), HERE.hex(":"): (NODE, 0)}
    device = PlannedDevice("dut", "open-1", role, NODE, ports, dict(vars(SETTINGS)), table)
    standing = fabric.up(Plan("bench", (device,), ends("dut")))
    try:
        yield standing
    finally:
        standing.down()


def bridge(size: int, repeats: int) -> tuple[float, float]:
    """Measure the kernel's own bridge."""
    with bare() as spaces:
        with namespaces.inside(spaces["dut"]), IPRoute() as route:
            route.link("add", ifname="br", kind="bridge")
            (bridge_index,) = route.link_lookup(ifname="br")
            for end in TESTER:
                (index,) = route.link_lookup(ifname=end)
                route.link("set", index=index, master=bridge_index)
            route.link("set", index=bridge_index, mtu=9600, state="up")
        with namespaces.inside(spaces["tester"]):
            sink = Sink(13, TAG[1])
            frames = [host_frame(size)] * COUNTS[size]
            return best(speed(frames, sink, silence, "self") for _ in range(repeats))


def forwarder(size: int, repeats: int) -> tuple[float, float]:
    """Measure what Python costs without a device: take from one port and put to the other."""
    with bare() as spaces:
        child = os.fork()
        if not child:
            forward(spaces["dut"])
        try:
            os.sched_setaffinity(child, cores()[1])
            with namespaces.inside(spaces["tester"]):
                sink = Sink(13, TAG[1])
                frames = [host_frame(size)] * COUNTS[size]
                return best(speed(frames, sink, silence, child) for _ in range(repeats))
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def forward(space: Path) -> NoReturn:
    """Be the bare forwarder until killed."""
    hurry()
    namespaces.join(space)
    ports = near, far = PacketPort("near"), PacketPort("far")
    awake = 0
    while True:
        if monotonic_ns() > awake:
            select(ports, (), ())
        for source, target in ((near, far), (far, near)):
            while frames := source.take():
                target.put(frames)
                awake = monotonic_ns() + LINGER


def gsf(size: int, repeats: int) -> tuple[float, float]:
    """Measure a GSF that passes containers from one GSP to another."""
    with (
        live("GSF", "fabric", "fabric", rate_for(size)) as standing,
        namespaces.inside(standing.space("tester")),
    ):
        left, right = (
            Neighbour("near", LEFT, Role.GSP, (LEFT,), rate_for(size)),
            Neighbour("far", RIGHT, Role.GSP, (RIGHT,), rate_for(size)),
        )

        def speak(_sent: int) -> None:
            left.speak()
            right.speak()

        sink = Sink(TYPE_AT, 0x10 | codec.DATA)
        figures = []
        for turn in range(repeats):
            frames = left.data(size, (RIGHT, 0), 1 + turn)
            figures.append(speed(frames, sink, speak, ready(standing, speak)))
        return best(figures)


def ingress(size: int, repeats: int) -> tuple[float, float]:
    """Measure a GSP that packs, queues and sprays what a host sends, under grants without end."""
    with (
        live("GSP", "host", "fabric", rate_for(size)) as standing,
        namespaces.inside(standing.space("tester")),
    ):
        spine = Neighbour("far", SPINE, Role.GSF, (RIGHT,), rate_for(size))
        ready(standing, spine.speak)
        sink = Sink(TYPE_AT, 0x10 | codec.DATA)
        first = PacketPort("near")
        first.put([host_frame(size)])
        fabric.until(lambda: bool(standing.ask("dut", "state")["dgsqs"]), 10)
        (queue,) = standing.ask("dut", "state")["dgsqs"]
        grant = codec.encode_grant(spine.prefix, 0, RIGHT, NODE, 0, queue["generation"], 1 << 60, 0, 1 << 62)
        spine.port.put([grant])
        if not fabric.until(lambda: sink.count() == 1, 10):
            raise SystemExit("the first frame did not come out")
        frames = [host_frame(size)] * COUNTS[size]
        return best(speed(frames, sink, spine.speak, ready(standing, spine.speak)) for _ in range(repeats))


def egress(size: int, repeats: int) -> tuple[float, float]:
    """Measure a GSP that orders what comes from the fabric, grants for it, and sends it to a host."""
    with (
        live("GSP", "fabric", "host", rate_for(size)) as standing,
        namespaces.inside(standing.space("tester")),
    ):
        spine = Neighbour("near", SPINE, Role.GSF, (RIGHT,), rate_for(size))
        sink = Sink(13, TAG[1])
        figures = []
        for turn in range(repeats):
            frames = spine.data(size, (NODE, 1), 1 + turn)

            def speak(sent: int, generation: int = 1 + turn) -> None:
                spine.speak()
                credit = max(size - 4, 60) + 24
                numbers = (generation, (sent + WINDOW) * credit, sent * credit, 0)
                spine.port.put([codec.encode_request(spine.prefix, 0, RIGHT, NODE, 1, *numbers)])

            figures.append(speed(frames, sink, speak, ready(standing, speak)))
        return best(figures)


def ready(standing: Fabric, speak: Speak) -> int:
    """Wait until every fabric link is up; give the process of the device, on a core of its own."""

    def is_up() -> bool:
        speak(0)
        return all(up for _, _, up in standing.paths())

    if not fabric.until(is_up, 10):
        raise SystemExit("the links did not come up")
    process = standing.process("dut")
    assert process is not None
    os.sched_setaffinity(process.pid, cores()[1])
    return process.pid


def cores() -> tuple[set[int], set[int]]:
    """Return the core of the sender and that of what is measured, the same one where there is only one."""
    known = range(os.cpu_count() or 1)
    return {known[0]}, {known[-1]}


def best(figures: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Return the best of each figure."""
    clock, cpu = zip(*figures, strict=True)
    return max(clock), max(cpu)


def silence(_sent: int) -> None:
    """Say nothing."""


PATHS: dict[str, Callable[[int, int], tuple[float, float]]] = {
    "kernel bridge": bridge,
    "bare Python": forwarder,
    "live GSF": gsf,
    "live GSP, from a host": ingress,
    "live GSP, to a host": egress,
}


def main(rounds: int = 5) -> None:
    """Measure every path at three frame sizes by turns, and print the best of `rounds`; needs root."""
    try:
        namespaces.is_privileged()
    except InputError as fault:
        raise SystemExit(str(fault)) from fault
    os.sched_setaffinity(0, cores()[0])
    hurry()
    cells = list(product(PATHS, SIZES))
    measured = [[PATHS[name](size, TURNS) for name, size in cells] for _ in range(rounds)]
    found = {cell: best(figures) for cell, figures in zip(cells, zip(*measured, strict=True), strict=True)}
    columns = (title for size in SIZES for title in (f"{size} octets", "by CPU time", "of bridge"))
    table = Table("thousand frames/s", *columns)
    for name in PATHS:
        row = []
        for size in SIZES:
            clock, cpu = found[name, size]
            bridged, _ = found[next(iter(PATHS)), size]
            row += [f"{clock:,.0f}", f"{cpu:,.0f}", f"{clock / bridged:.2f}"]
        table.add_row(name, *row)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


if __name__ == "__main__":
    typer.run(main)
