"""What a peer chooses leaves nothing behind: whatever it sends, a device forgets it once it is silent."""

from collections import deque

import pytest

from reference_impl import codec, device
from reference_impl.assembly import assemble
from reference_impl.config import DeviceConfig, PortConfig, Settings
from reference_impl.parts import backpressure, forwarding, paths, streams, transit

FLOOD = 3000
"""Peers that a forger pretends to be."""
SLACK = 600
"""Entries that a device may have more than before: what it remembers by a fixed bound, few here."""
NODE = 1
MAC = bytes.fromhex("024700010000")
PEER = bytes.fromhex("024701000000")
HELLO = codec.HELLO_ADDRESS + PEER + codec.ETHERTYPE
MINUTE = 60_000_000_000


def entries(root):
    """Count what is in every container that can be reached from a device."""
    seen, waiting, total = set(), [root], 0
    while waiting:
        item = waiting.pop()
        if id(item) in seen or isinstance(item, type | str | bytes | int | float | None.__class__):
            continue
        seen.add(id(item))
        if isinstance(item, dict):
            total += len(item)
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list | tuple | set | frozenset | deque):
            total += len(item)
            waiting += item
        else:
            waiting += vars(item).values() if hasattr(item, "__dict__") else ()
            slots = [slot for kind in type(item).__mro__ for slot in getattr(kind, "__slots__", ())]
            waiting += [getattr(item, slot) for slot in slots if hasattr(item, slot)]
            if callable(item) and hasattr(item, "__self__"):
                waiting.append(item.__self__)
    return total


class World:
    """A device with a host and two neighbours that say hello, and are heard."""

    def __init__(self, role, monkeypatch):
        for module in (device, backpressure, forwarding, paths, transit):
            for name in [name for name in vars(module) if name.startswith("REMEMBERED_")]:
                monkeypatch.setattr(module, name, min(32, getattr(module, name)))
        ports = [
            PortConfig("host", 8000, MAC),
            *(PortConfig("fabric", 8000, MAC[:-1] + bytes([p])) for p in (1, 2)),
        ]
        settings = Settings(bp_threshold=9240, buffer_bytes=1 << 20)
        table = {bytes.fromhex("020000000001"): (2, 0)}
        config = DeviceConfig("device", NODE, tuple(ports[role == "GSF" :]), settings, table)
        self.device = assemble(role, config)
        self.fabric = [port.index for port in self.device.ports if port.kind == "fabric"]
        self.reach = dict.fromkeys(self.fabric, (2, 3))
        self.now = 0
        self.next_hello = 50_000
        self.sequence = 0
        self.device.start(0)
        self.greet()
        self.greet()

    def greet(self):
        """Hear HELLO of both neighbours."""
        for port in self.fabric:
            self.device.receive(port, self.hello(self.reach[port], port), self.now)

    def hello(self, nodes, port=None):
        """Make the HELLO of a neighbour that reaches some nodes."""
        self.sequence += 1
        port = self.fabric[0] if port is None else port
        heard = (NODE, self.device.paths.links[port].sequence)
        entries = [(node, 8000) for node in nodes]
        return codec.encode_hello(HELLO, 0, 0x100 + port, 0, 0, 4, 0, self.sequence, 8000, *heard, entries)

    def run(self, duration):
        """Let time pass, with HELLO as it is due."""
        until = self.now + duration
        while True:
            due = min(self.device.due, self.next_hello)
            if due > until:
                break
            self.now = max(self.now, due)
            if self.next_hello <= self.now:
                self.greet()
                self.next_hello += 50_000
            self.device.wake(self.now)
        self.now = until

    def receive(self, frame, port=None):
        """Take a frame, 1 µs after the last."""
        self.run(1000)
        self.device.receive(self.fabric[0] if port is None else port, frame, self.now)


def prefix(world):
    return world.device.ports[world.fabric[0]].mac + PEER + codec.ETHERTYPE


def destination(world):
    return NODE if world.device.role.name == "GSP" else 2


def data(world, n, **change):
    fields = {"sequence": 0, "generation": 1} | change
    place = (4 + n, destination(world), 0, fields["sequence"], fields["generation"])
    return codec.encode_data(prefix(world), 0, 0, *place, 0, 0, 0, bytes(60))


FORGERIES = {
    "DATA of many sources": data,
    "DATA of many sources, each from the middle of a stream": lambda world, n: data(world, n, sequence=7),
    "ever new generations of one source": lambda world, n: data(world, 0, generation=1 + n),
    "ever new sequences of one source": lambda world, n: data(world, 0, sequence=2 * n),
    "containers that come with a gap": lambda world, n: data(world, 0, sequence=3 * n + 1),
    "REQUEST of many sources": lambda world, n: codec.encode_request(
        prefix(world), 0, 4 + n, destination(world), 0, 1, 9000, 0, 0
    ),
    "GRANT of many nodes": lambda world, n: codec.encode_grant(
        prefix(world), 0, 4 + n, destination(world), 0, 1, 9000, 0, 200_000
    ),
    "BACKPRESSURE of many reporters": lambda world, n: codec.encode_backpressure(
        prefix(world), 0, 4 + n, destination(world), 0, 2, 128, MINUTE
    ),
    "BACKPRESSURE about many nodes": lambda world, n: codec.encode_backpressure(
        prefix(world), 0, 3, destination(world), 0, 4 + n, 128, MINUTE
    ),
    "BACKPRESSURE of the neighbour about many nodes": lambda world, n: codec.encode_backpressure(
        prefix(world), 0, 0x100 + world.fabric[0], destination(world), 0, 4 + n, 128, MINUTE
    ),
    "the same BACKPRESSURE again and again": lambda world, n: codec.encode_backpressure(  # noqa: ARG005
        prefix(world), 0, 3, destination(world), 0, 2, 128, MINUTE
    ),
    "the same BACKPRESSURE of the neighbour again and again": lambda world, n: codec.encode_backpressure(  # noqa: ARG005
        prefix(world), 0, 0x100 + world.fabric[0], destination(world), 0, 2, 128, MINUTE
    ),
    "FAULT about many nodes": lambda world, n: codec.encode_fault(
        prefix(world), 0, 0x100 + world.fabric[0], NODE, 0, 1, 4 + n, 0, 7, n
    ),
    "HELLO of many neighbours": lambda world, n: codec.encode_hello(  # noqa: ARG005
        HELLO, 0, 0x400 + n, 0, 0, 4, 0, n, 8000, NODE, 0, []
    ),
    "HELLO of its own node": lambda world, n: codec.encode_hello(  # noqa: ARG005
        HELLO, 0, NODE, 0, 0, 4, 0, n, 8000, NODE, 0, []
    ),
    "HELLO of ever other nodes": lambda world, n: world.hello((2, 4 + n)),
}  # fmt: skip


@pytest.mark.parametrize("role", ["GSP", "GSF"])
@pytest.mark.parametrize("forgery", FORGERIES)
def test_what_was_forged_is_forgotten(role, forgery, monkeypatch):
    world = World(role, monkeypatch)
    world.run(2_000_000)
    before = entries(world.device)
    for n in range(FLOOD):
        world.receive(FORGERIES[forgery](world, n))
    world.run(5_000_000)
    assert entries(world.device) < before + SLACK


def test_a_host_that_sends_to_many_leaves_nothing(monkeypatch):
    world = World("GSP", monkeypatch)
    world.run(2_000_000)
    before = entries(world.device)
    for n in range(FLOOD):
        world.receive(bytes.fromhex("020000000001") + n.to_bytes(6, "big") + bytes(48), port=0)
    assert len(world.device.dgsqs.queues[2, 0, 0].frames) == FLOOD, "nobody grants"
    world.device.manage("table_withdraw", {"mac": "02:00:00:00:00:01"}, world.now)
    world.run(5_000_000)
    assert entries(world.device) < before + SLACK


def test_sources_of_a_paused_host_are_forgotten(monkeypatch):
    world = World("GSP", monkeypatch)
    world.run(2_000_000)
    before = entries(world.device)
    pause = bytes.fromhex("0180c2000001 020000000099 8808 0101 0001 ffff") + bytes(44)
    for n in range(FLOOD):
        if n % 1000 == 0:
            world.receive(pause, port=0)
        world.receive(data(world, n))
    assert world.device.ports[0].queued > 100_000
    world.run(9_000_000)
    assert world.device.ports[0].queued == 0
    assert entries(world.device) < before + SLACK


def test_sources_that_congest_a_link_are_forgotten(monkeypatch):
    world = World("GSF", monkeypatch)
    world.reach[world.fabric[0]] = (3,)
    world.run(2_000_000)
    before = entries(world.device)
    world.device.rate(world.fabric[1], 10, world.now)
    for n in range(FLOOD):
        world.receive(data(world, n))
    assert world.device.ports[world.fabric[1]].queued > 100_000
    assert sum(len(episode.sources) for episode in world.device.backpressure.episodes.values()) < 32
    world.device.rate(world.fabric[1], 8000, world.now)
    world.run(5_000_000)
    assert entries(world.device) < before + SLACK


def test_streams_are_bounded_in_number_however_fast_they_come(monkeypatch):
    monkeypatch.setattr(streams, "REMEMBERED_STREAMS", 100)
    world = World("GSP", monkeypatch)
    for n in range(500):
        world.device.receive(world.fabric[0], data(world, n), world.now)
        assert len(world.device.egress.reorderer.streams) <= 100
    assert world.device.counters()["dropped_frames"] == 0
