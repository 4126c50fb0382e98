"""Frame-hops a second of the virtual-time network on one core, with the full devices and with bare ones.

A hop: one device receives and handles one frame of real octets, and sends it on where it is not for itself.
Two leaves and two spines carry the traffic of one host a leaf, both ways, at 90 % of the link rate. REQUEST,
GRANT and HELLO are frames, too; `control` is their part of the hops. Every link has its taps, and what they
saw is let go every 100 us. The bare network has the same hosts and links, and devices that pass octets on.
"""

from collections.abc import Sequence
from time import process_time_ns
from typing import Literal

import typer
from rich.console import Console
from rich.table import Table

from reference_impl import codec
from reference_impl.config import DeviceConfig, PortConfig, Settings
from reference_impl.device import Device, Send
from reference_impl.port import NEVER
from reference_impl.roles.gsf import Gsf
from reference_impl.roles.gsp import Gsp
from reference_impl.virtual.network import Network
from spec.wire import load_profile

codec.use(load_profile("open-1"))

Kind = Literal["host", "fabric"]

RATE = 8000
WARM_UP = 300_000
BURST = 32
HOSTS = (bytes.fromhex("020000000100"), bytes.fromhex("020000000101"))


class Host:
    """Sends one frame over and over at 90 % of the link rate, and counts what it receives."""

    def __init__(self, frame: bytes, count: int) -> None:
        self.frame = frame
        self.left = count
        self.due = WARM_UP
        self.received = 0

    def receive(self, port: int, frame: bytes, now: int) -> Sequence[Send]:  # noqa: ARG002
        """Count a frame."""
        self.received += 1
        return ()

    def wake(self, now: int) -> Sequence[Send]:
        """Send a burst, which the link spaces out."""
        burst = min(BURST, self.left)
        self.left -= burst
        self.due = now + BURST * (len(self.frame) + 24) * 10 // 9 if self.left else NEVER
        return [(0, self.frame)] * burst

    def carrier(self, port: int, up: bool, now: int) -> Sequence[Send]:  # noqa: ARG002
        """Take no notice."""
        return ()


class Relay:
    """Passes the octets it receives on a port to the next of the ports that port leads to."""

    due = NEVER

    def __init__(self, ways: dict[int, tuple[int, ...]]) -> None:
        self.ways = ways
        self.turn = 0

    def receive(self, port: int, frame: bytes, now: int) -> Sequence[Send]:  # noqa: ARG002
        """Pass a frame on."""
        self.turn += 1
        ways = self.ways[port]
        return ((ways[self.turn % len(ways)], frame),)

    def wake(self, now: int) -> Sequence[Send]:  # noqa: ARG002
        """Do nothing."""
        return ()

    def carrier(self, port: int, up: bool, now: int) -> Sequence[Send]:  # noqa: ARG002
        """Take no notice."""
        return ()


def device(role: type[Gsp] | type[Gsf], name: str, node: int, kinds: Sequence[Kind]) -> Gsp | Gsf:
    """Make a device with one port a kind."""
    macs = [bytes((2, 0x47, node >> 8, node & 255, 0, index)) for index in range(len(kinds))]
    ports = tuple(PortConfig(kind, RATE, mac) for kind, mac in zip(kinds, macs, strict=True))
    table = {mac: (index + 1, 0) for index, mac in enumerate(HOSTS)}
    return role(DeviceConfig(name, node, ports, Settings(), table, seed=node))


def world(size: int, count: int, bare: bool) -> tuple[Network, tuple[Host, Host]]:
    """Build the network; `size` counts the FCS."""
    network = Network(seed=1)
    payload = b"\x08\x00" + bytes(size - 4 - 14)
    hosts = Host(HOSTS[1] + HOSTS[0] + payload, count), Host(HOSTS[0] + HOSTS[1] + payload, count)
    if bare:
        leaves: list[Gsp | Gsf | Relay] = [Relay({0: (1, 2), 1: (0,), 2: (0,)}) for _ in range(2)]
        spines: list[Gsp | Gsf | Relay] = [Relay({0: (1,), 1: (0,)}) for _ in range(2)]
    else:
        leaves = [device(Gsp, f"gsp{i}", i + 1, ("host", "fabric", "fabric")) for i in range(2)]
        spines = [device(Gsf, f"gsf{i}", 0x0100 + i, ("fabric", "fabric")) for i in range(2)]
    for node in (*hosts, *leaves, *spines):
        network.add(node)
    for i in range(2):
        network.link(f"h{i}", (hosts[i], 0), (leaves[i], 0), rate_mbps=RATE)
        for j in range(2):
            network.link(f"gsp{i}-gsf{j}", (leaves[i], 1 + j), (spines[j], i), rate_mbps=RATE)
    return network, hosts


def handled(network: Network) -> int:
    """Count the frames that the devices of a network have received."""
    counters = [seat.node.counters() for seat in network.seats if isinstance(seat.node, Device)]
    return sum(each["rx_frames"] + each["rx_fabric_frames"] for each in counters)


def measure(size: int, count: int, bare: bool) -> tuple[float, float]:
    """Return the CPU ns a hop and the share of control frames in the hops; every frame has to arrive."""
    network, hosts = world(size, count, bare)
    network.start()
    network.run(WARM_UP - 1)
    before = handled(network)
    limit = WARM_UP + count * (size + 24) * 2 + 2_000_000
    began = process_time_ns()
    while network.now < limit and sum(host.received for host in hosts) < 2 * count:
        network.run(network.now + 100_000)
        network.tapped.clear()
    spent = process_time_ns() - began
    received = sum(host.received for host in hosts)
    if received != 2 * count:
        raise SystemExit(f"{2 * count} frames were sent and {received} arrived")
    data_hops = 3 * received
    hops = data_hops if bare else handled(network) - before
    return spent / hops, 1 - data_hops / hops


def main(frames: int = 10_000, repeats: int = 5) -> None:
    """Measure at three frame sizes, `frames` each way, and print the best of `repeats`."""
    table = Table(
        "frame size", "hops/s", "CPU ns a hop", "control", "bare hops/s", "bare CPU ns a hop", "ratio"
    )
    for size in (64, 1500, 9000):
        full, bare = [], []
        for _ in range(repeats):
            full.append(measure(size, frames, bare=False))
            bare.append(measure(size, frames, bare=True))
        (cost, control), (least, _) = min(full), min(bare)
        figures = [f"{figure:,.0f}" for figure in (1e9 / cost, cost, 1e9 / least, least)]
        table.add_row(str(size), *figures[:2], f"{control:.0%}", *figures[2:], f"{cost / least:.1f}")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
