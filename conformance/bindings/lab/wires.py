"""The tester's wires as the file names them: interfaces of this machine, or ports of a TRex server."""

import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fcntl import ioctl
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from conformance.api.outcomes import BenchError
from conformance.bindings.lab.bench import LabBench
from conformance.bindings.lab.model import InterfacesTester, TrexTester
from traffic.scenario import HostAddress, Scenario
from traffic.tester.tester import TesterPort
from traffic.trex.client import connect
from traffic.trex.reach import Reach
from traffic.trex.trex import Trex
from traffic.trex.wires import TrexWires
from traffic.wires.afpacket import SOL_PACKET, Interfaces, Sender, Tap, open_interfaces
from traffic.wires.player import PortView, Wires

PACKET_ADD_MEMBERSHIP: Final = 1
PACKET_MR_PROMISC: Final = 1
SIOCGIFFLAGS: Final = 0x8913
IFF_RUNNING: Final = 0x40
REQUEST: Final = struct.Struct("16sH14x")
"""struct ifreq: name of the interface, flags."""
REACTION: Final = 2_000_000
"""What software on interfaces takes to answer, in ns, where the file does not declare it."""
UNCERTAINTY: Final = 1_000_000
"""How far, in ns, the time of a frame on interfaces may be off, where the file does not declare it."""


class MeasuredWires(Wires, Protocol):
    """Wires that know how quick they answer and how well they tell the time, both in ns."""

    reaction: int
    uncertainty: int


class LabInterfaces(Interfaces):
    """Interfaces that take frames for any address, and that tell of a carrier they lost."""

    reaction = REACTION
    uncertainty = UNCERTAINTY

    def __init__(
        self,
        lines: Sequence[PortView],
        names: Sequence[str],
        taps: Sequence[Tap],
        senders: Mapping[int, Sender],
    ) -> None:
        super().__init__(lines, taps, senders)
        self.names = names
        self.darkened: frozenset[str] = frozenset()
        for name, tap in zip(names, taps, strict=True):
            member = struct.pack("iHH8x", index_of(tap.socket, name), PACKET_MR_PROMISC, 0)
            tap.socket.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, member)

    def begin(self, scenario: Scenario, *, ahead: bool) -> tuple[int, Scenario]:
        """Forget what has passed; the tester plays all of the scenario."""
        self.darkened = frozenset(event.link for event in scenario.links)
        return super().begin(scenario, ahead=ahead)

    def trouble(self) -> str | None:  # type: ignore[override]  # the base knows of none
        """Say which interface has no carrier that the scenario did not take."""
        for line, name, tap in zip(self.lines, self.names, self.taps, strict=True):
            if line.name not in self.darkened and not runs(tap.socket, name):
                return f"the interface {name} of the tester ({line.name}) has no carrier"
        return None


def index_of(opened: socket.socket, name: str) -> int:
    """Return the number of an interface in the namespace of a socket."""
    answer = ioctl(opened, 0x8933, struct.pack("16s16x", name.encode()))
    return int(struct.unpack_from("=16xi", answer)[0])


def runs(opened: socket.socket, name: str) -> bool:
    """Whether an interface has a carrier, in the namespace of a socket."""
    _, flags = REQUEST.unpack(ioctl(opened, SIOCGIFFLAGS, REQUEST.pack(name.encode(), 0)))
    return bool(flags & IFF_RUNNING)


def lab_interfaces(lines: Sequence[PortView], names: Sequence[str]) -> LabInterfaces:
    """Open a tap and a sender on each interface; BenchError for one that is not there."""
    try:
        return open_interfaces(
            lambda found, taps, senders: LabInterfaces(found, names, taps, senders),
            zip(lines, names, strict=True),
        )
    except OSError as error:
        link = next(
            (line.name for line, name in zip(lines, names, strict=True) if name == error.filename), ""
        )
        raise BenchError(
            f"the interface {error.filename} of the tester ({link}) cannot be opened ({error.strerror})"
        ) from error


def connect_trex(tester: TrexTester) -> Trex:
    """Connect to the TRex server that the file names; TrexError when that fails."""
    return connect(
        tester.host,
        rpc_port=tester.rpc_port,
        async_port=tester.async_port,
        user=tester.user,
        client=Path(tester.client) if tester.client else None,
        timeout=tester.timeout,
    )


@dataclass(frozen=True)
class TesterSide:
    """What the tester is on a testbed: its lines, what its end of each is called, its ports, all hosts."""

    lines: Sequence[PortView]
    ends: Sequence[int | str]
    described: Sequence[TesterPort]
    hosts: Mapping[str, HostAddress]
    profile: str


def open_wires(bench: LabBench, side: TesterSide, known: dict[int, Reach]) -> MeasuredWires:
    """Open the wires of the tester; what the file declares of it rules.

    `known` is the reach of TRex ports that were measured before, and gets that of the others.

    BenchError or TrexError when that fails.
    """
    tester = bench.file.tester
    wires: MeasuredWires
    if isinstance(tester, InterfacesTester):
        wires = lab_interfaces(side.lines, [str(name) for name in side.ends])
    else:
        ports = {
            line.port: int(end)
            for line, end in zip(side.lines, side.ends, strict=True)
            if line.port is not None
        }
        wires = TrexWires(
            connect_trex(tester),
            side.lines,
            ports,
            side.described,
            side.hosts,
            profile=side.profile,
            again=partial(connect_trex, tester),
            known=known,
        )
    declared = tester.limits
    if declared.reaction_ns is not None:
        wires.reaction = declared.reaction_ns
    if declared.timestamps_ns is not None:
        wires.uncertainty = declared.timestamps_ns
    if declared.whole_octets is not None and wires.whole is not None:
        wires.whole = declared.whole_octets
    return wires
