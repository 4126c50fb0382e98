"""A GSP alone on a bench, and whole fabrics with hosts in virtual time."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from reference_impl import codec
from reference_impl.assembly import assemble
from reference_impl.config import DeviceConfig, PortConfig, Settings
from reference_impl.device import Device, Send
from reference_impl.roles.gsf import Gsf
from reference_impl.roles.gsp import Gsp
from reference_impl.virtual.network import Network

NEVER = 1 << 62


def mac(node: int, port: int) -> bytes:
    return bytes((0x02, 0x47, node >> 8, node & 0xFF, 0, port))


def host_mac(host: int) -> bytes:
    return bytes((2, 0, 0, 0, 1, host))


def host_frame(destination: int, source: int = 0, size: int = 1000, mark: int = 0, cls: int = 0) -> bytes:
    """A host frame of RFC 2544 `size` (with the FCS that it has not), told apart by `mark`."""
    tag = b"\x81\x00" + bytes((cls << 5, 1)) if cls else b""
    head = host_mac(destination) + host_mac(source) + tag + b"\x88\xb6"
    return head + mark.to_bytes(4, "big") + bytes(size - 8 - len(head))


def credit(frame: bytes) -> int:
    return max(len(frame), 60) + 24


class Bench:
    """GSP 1 with `hosts` host ports and uplinks to the emulated GSFs 0x100 and 0x101; nodes 2 and 3 behind.

    Every call advances time; what the GSP sent is in `sent` as (time, port, frame).
    """

    def __init__(self, hosts: int = 2, uplinks: int = 2, flaw: type | None = None, **settings: Any) -> None:
        self.hosts = hosts
        ports = [PortConfig("host", 8000, mac(1, port)) for port in range(hosts)]
        ports += [PortConfig("fabric", 8000, mac(1, hosts + port)) for port in range(uplinks)]
        table = {host_mac(host): (1, host) for host in range(hosts)}
        table |= {host_mac(16 * node + port): (node, port) for node in (2, 3) for port in range(hosts)}
        config = DeviceConfig("gsp0", 1, tuple(ports), Settings.of(settings), table, seed=7)
        self.gsp: Any = assemble(Gsp, config, flaw)
        self.now = 0
        self.sent: list[tuple[int, int, bytes]] = []
        self.hellos = [0] * uplinks
        self.note(self.gsp.start(0))
        for _ in range(2):
            self.hello()
        self.next_hello = 50_000
        self.run(10_000)
        self.sent.clear()

    def note(self, sends: Iterable[Send]) -> None:
        self.sent += [(self.now, port, frame) for port, frame in sends]

    def hello(self, nodes: tuple[int, ...] = (2, 3), only: int | None = None) -> None:
        for index in range(len(self.hellos)):
            if only not in {None, index}:
                continue
            port = self.hosts + index
            heard = self.gsp.paths.links[port].sequence
            self.hellos[index] += 1
            frame = codec.encode_hello(
                codec.HELLO_ADDRESS + mac(0x100 + index, 0) + codec.ETHERTYPE,
                0, 0x100 + index, 0, 0, 2, 0, self.hellos[index], 8000, 1, heard,
                [(node, 8000) for node in nodes],
            )  # fmt: skip
            self.note(self.gsp.receive(port, frame, self.now))

    def run(self, until: int) -> None:
        while min(self.gsp.due, self.next_hello) <= until:
            self.now = max(self.now, min(self.gsp.due, self.next_hello))
            if self.next_hello <= self.now:
                self.next_hello += 50_000
                self.hello()
            else:
                self.note(self.gsp.wake(self.now))
        self.now = until

    def host(self, port: int, *frames: bytes) -> None:
        for frame in frames:
            self.note(self.gsp.receive(port, frame, self.now))

    def fabric(self, frame: bytes, uplink: int = 0) -> None:
        self.note(self.gsp.receive(self.hosts + uplink, frame, self.now))

    def prefix(self, uplink: int = 0) -> bytes:
        return mac(1, self.hosts + uplink) + mac(0x100 + uplink, 0) + codec.ETHERTYPE

    def grant(
        self, granted: int, expired: int = 0, *, validity: int = 200_000, node: int = 2, port: int = 0,
        cls: int = 0, generation: int | None = None, uplink: int = 0,
    ) -> None:  # fmt: skip
        if generation is None:
            generation = self.gsp.dgsqs.queues[node, port, cls].generation
        self.fabric(
            codec.encode_grant(
                self.prefix(uplink), cls, node, 1, port, generation, granted, expired, validity
            ),
            uplink,
        )

    def request(
        self, demand: int, sent: int = 0, forfeited: int = 0, *, node: int = 2, port: int = 0, cls: int = 0,
        generation: int = 5, uplink: int = 0,
    ) -> None:  # fmt: skip
        self.fabric(
            codec.encode_request(
                self.prefix(uplink), cls, node, 1, port, generation, demand, sent, forfeited
            ),
            uplink,
        )

    def data(
        self, frame: bytes, *, sequence: int = 0, index: int = 0, previous: int = 0, fill: int = 0,
        last: bool = False, node: int = 2, port: int = 0, cls: int = 0, generation: int = 5,
        governed: bool = True, uplink: int = 0,
    ) -> None:  # fmt: skip
        flags = (codec.LAST if last else 0) | (0 if governed else codec.UNGOVERNED)
        self.fabric(
            codec.encode_data(
                self.prefix(uplink),
                cls,
                flags,
                node,
                1,
                port,
                sequence,
                generation,
                index,
                previous,
                fill,
                frame,
            ),
            uplink,
        )

    def backpressure(self, level: int, reporter: int, about: int = 2, validity: int = 100_000) -> None:
        self.fabric(codec.encode_backpressure(self.prefix(), 0, reporter, 1, 0, about, level, validity))

    def of(self, kind: int) -> list[tuple[int, int, bytes]]:
        """What was sent to the fabric of one message type."""
        return [
            (time, port, frame)
            for time, port, frame in self.sent
            if port >= self.hosts and codec.peek(frame)[0] == kind
        ]

    def tags(self) -> list[codec.Data]:
        return [codec.decode_data(frame) for _, _, frame in self.of(codec.DATA)]

    def requests(self) -> list[tuple[int, int, int, int]]:
        return [codec.decode_request(frame) for _, _, frame in self.of(codec.REQUEST)]

    def grants(self) -> list[tuple[int, int, int, int]]:
        return [codec.decode_grant(frame) for _, _, frame in self.of(codec.GRANT)]

    def delivered(self, port: int = 0) -> list[bytes]:
        return [frame for _, out, frame in self.sent if out == port]

    def counter(self, name: str) -> int:
        return self.gsp.counters()[name]


class Host:
    """A host that sends frames back to back from given times on, and keeps what it gets."""

    def __init__(self, rate_mbps: int = 8000) -> None:
        self.rate_mbps = rate_mbps
        self.plan: list[tuple[int, bytes]] = []
        self.got: list[tuple[int, bytes]] = []
        self.free_at = 0
        self.due = NEVER

    def send(self, at: int, frames: Iterable[bytes]) -> None:
        time = at
        for frame in frames:
            self.plan.append((time, frame))
            time += -(-credit(frame) * 8000 // self.rate_mbps)
        self.plan.sort(key=lambda item: item[0], reverse=True)
        self.due = self.plan[-1][0]

    def receive(self, _port: int, frame: bytes, now: int) -> list[Send]:
        self.got.append((now, frame))
        return []

    def wake(self, now: int) -> list[Send]:
        sends = []
        while self.plan and self.plan[-1][0] <= now:
            sends.append((0, self.plan.pop()[1]))
        self.due = self.plan[-1][0] if self.plan else NEVER
        return sends

    def carrier(self, _port: int, _up: bool, _now: int) -> list[Send]:
        return []


class Pod:
    """`gsps` GSPs with `hosts` hosts each under `gsfs` GSFs, meshed; host i sits on GSP i // hosts."""

    def __init__(
        self, gsps: int = 2, gsfs: int = 2, hosts: int = 1, *, flaw: type | None = None,
        rates: dict[str, int] | None = None, delays: dict[str, int] | None = None, **settings: Any,
    ) -> None:  # fmt: skip
        rates, delays = rates or {}, delays or {}
        self.network = Network(seed=1)
        self.hosts = [Host() for _ in range(gsps * hosts)]
        table = {host_mac(host): (host // hosts + 1, host % hosts) for host in range(gsps * hosts)}
        made = Settings.of(settings)
        self.gsps: list[Any] = []
        self.gsfs: list[Device] = []
        for index in range(gsps):
            ports = [PortConfig("host", 8000, mac(index + 1, port)) for port in range(hosts)]
            ports += [
                PortConfig("fabric", rates.get(f"gsp{index}-gsf{j}", 8000), mac(index + 1, hosts + j))
                for j in range(gsfs)
            ]
            config = DeviceConfig(f"gsp{index}", index + 1, tuple(ports), made, table, seed=index)
            self.gsps.append(assemble(Gsp, config, flaw))
        for index in range(gsfs):
            ports = [
                PortConfig("fabric", rates.get(f"gsp{i}-gsf{index}", 8000), mac(0x100 + index, i))
                for i in range(gsps)
            ]
            config = DeviceConfig(f"gsf{index}", 0x100 + index, tuple(ports), made, seed=100 + index)
            self.gsfs.append(Gsf(config))
        for node in (*self.hosts, *self.gsps, *self.gsfs):
            self.network.add(node)
        for index, host in enumerate(self.hosts):
            self.network.link(f"h{index}", (host, 0), (self.gsps[index // hosts], index % hosts))
        for i, gsp in enumerate(self.gsps):
            for j, gsf in enumerate(self.gsfs):
                name = f"gsp{i}-gsf{j}"
                self.network.link(
                    name, (gsp, hosts + j), (gsf, i),
                    rate_mbps=rates.get(name, 8000), delay_ns=delays.get(name, 500),
                )  # fmt: skip
        self.network.start()
        self.network.run(500_000)

    def total(self, name: str) -> int:
        return sum(device.counters()[name] for device in (*self.gsps, *self.gsfs))

    def sent(self, link: str, direction: int, kind: int) -> list[tuple[int, bytes]]:
        index = self.network.link_names.index(link)
        return [
            (time, frame)
            for time, where, way, frame, _ in self.network.taps
            if where == index and way == direction and codec.peek(frame)[0] == kind
        ]


@pytest.fixture(scope="session")
def bench() -> type[Bench]:
    return Bench


@pytest.fixture(scope="session")
def pod() -> type[Pod]:
    return Pod


@pytest.fixture(scope="session")
def frame() -> Callable[..., bytes]:
    return host_frame
