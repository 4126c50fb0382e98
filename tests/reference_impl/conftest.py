"""A small fabric of real GSFs whose leaves only say hello and keep what reaches them."""

from typing import Any

import pytest

from reference_impl import codec
from reference_impl.assembly import assemble
from reference_impl.config import DeviceConfig, PortConfig, Settings
from reference_impl.device import Device, Resolve, Role, as_it_is
from reference_impl.parts.paths import PathTable
from reference_impl.roles.gsf import Gsf, Spine
from reference_impl.virtual.network import Network
from spec.wire import load_profile

OPEN = load_profile("open-1")
codec.use(OPEN)


@pytest.fixture(autouse=True)
def speak_open_1() -> None:
    """Whatever another test made this process speak."""
    codec.use(OPEN)


class Leaf(Device):
    """A GSP without data path."""

    role = Role.GSP

    def __init__(self, config: DeviceConfig, resolve: Resolve = as_it_is) -> None:
        super().__init__(config, resolve)
        self.paths = self.make(PathTable, self)
        self.got: list[tuple[int, int, bytes]] = []
        self.faults: list[tuple[int, int]] = []

    def started(self, now: int) -> None:
        self.paths.start(now)

    def handle(self, port: int, frame: bytes, now: int) -> None:
        cause = codec.verify(frame)
        if cause:
            self.drop(cause)
            return
        kind = codec.peek(frame)[0]
        if kind == codec.HELLO:
            self.paths.hear(port, frame, now)
        elif kind == codec.FAULT:
            self.faults.append((now, port))
            self.paths.take_fault(port, frame, now)
        else:
            self.got.append((now, port, frame))

    def carrier_changed(self, port: int, up: bool, now: int) -> None:
        self.paths.carrier(port, up, now)

    def rate_changed(self, port: int, now: int) -> None:
        self.paths.rate_changed(port, now)

    def manage_send(self, now: int, port: int, frames: list[bytes]) -> None:
        for frame in frames:
            self.ports[port].send(frame, now)

    def messages(self, kind: int) -> list[bytes]:
        return [frame for _, _, frame in self.got if codec.peek(frame)[0] == kind]


def mac(node: int, port: int) -> bytes:
    return bytes((0x02, 0x47, node >> 8, node & 0xFF, 0, port))


class Fabric:
    """`gsps` leaves and `gsfs` GSFs, fully meshed with `parallel` links each."""

    def __init__(
        self,
        gsps: int = 2,
        gsfs: int = 2,
        parallel: int = 1,
        settings: dict[str, Any] | None = None,
        flaw: type | None = None,
    ) -> None:
        self.settings = Settings.of(settings or {})
        self.flaw = flaw
        self.network = Network(seed=1)
        self.gsps = [self.device(Leaf, f"gsp{i}", i + 1, gsfs * parallel) for i in range(gsps)]
        self.gsfs = [self.device(Gsf, f"gsf{i}", 0x0100 + i, gsps * parallel) for i in range(gsfs)]
        for i, gsp in enumerate(self.gsps):
            for j, gsf in enumerate(self.gsfs):
                for k in range(parallel):
                    name = f"gsp{i}-gsf{j}" + (f".{k}" if k else "")
                    self.network.link(name, (gsp, j * parallel + k), (gsf, i * parallel + k))

    def device(self, kind: type[Any], name: str, node: int, ports: int) -> Any:
        fabric = tuple(PortConfig("fabric", 8000, mac(node, port)) for port in range(ports))
        made = assemble(kind, DeviceConfig(name, node, fabric, self.settings, seed=node), self.flaw)
        self.network.add(made)
        return made

    def up(self) -> "Fabric":
        self.network.start()
        self.network.run(50_000)
        return self

    def send(self, gsp: int, port: int, *frames: bytes, at: int | None = None) -> None:
        when = self.network.now if at is None else at
        self.network.manage(when, self.gsps[gsp], "send", {"port": port, "frames": list(frames)})


@pytest.fixture
def fabric() -> type[Fabric]:
    return Fabric


@pytest.fixture
def spine() -> type[Spine]:
    return Spine
