"""Network interfaces of this machine as taps and ports: whole Ethernet frames, with times of the kernel."""

import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from itertools import islice
from mmap import mmap
from select import select
from time import CLOCK_REALTIME, clock_gettime_ns, monotonic_ns
from typing import Final, TypeVar

from traffic.scenario import Scenario
from traffic.wires.player import PortView, Seen

SOL_PACKET: Final = 263
PACKET_RX_RING: Final = 5
PACKET_STATISTICS: Final = 6
PACKET_VERSION: Final = 10
TPACKET_V2: Final = 1
ETH_P_ALL: Final = 3
OUTGOING: Final = 4

SLOT: Final = 10240
SLOTS: Final = 2048
TURN: Final = 64
"""Frames that one interface may have passed on before the next one has its turn."""
WORD: Final = 8
"""Octets that hold status and length of a slot, given back at once."""
USER: Final = 1 << 0
TAGGED: Final = 1 << 4
TAG_TYPE_KNOWN: Final = 1 << 6
HEADER: Final = struct.Struct("=IIIHHIIHH")
"""struct tpacket2_hdr: status, length, captured, where MAC and network begin, s, ns, tag, its type."""
KIND_AT: Final = 42
"""Where struct sockaddr_ll, which follows the header, says whether the frame left or arrived."""


class Tap:
    """Sees all frames that leave and arrive at an interface of this network namespace.

    VLAN tags that the kernel took off are put back. OSError when there is no such interface.
    """

    def __init__(self, interface: str) -> None:
        self.missed = 0
        self.slot = 0
        self.offset = 0
        with ExitStack() as opened:
            self.socket = opened.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
            self.socket.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V2)
            block = 2 * SLOT
            self.socket.setsockopt(
                SOL_PACKET, PACKET_RX_RING, struct.pack("IIII", block, SLOTS * SLOT // block, SLOT, SLOTS)
            )
            self.ring = opened.enter_context(mmap(self.socket.fileno(), SLOTS * SLOT))
            self.words = opened.enter_context(memoryview(self.ring).cast("Q"))
            self.synchronise()
            self.socket.bind((interface, ETH_P_ALL))
            self.opened = opened.pop_all()

    def synchronise(self) -> None:
        """Measure how far the kernel's stamps are ahead of the monotonic clock."""
        before = monotonic_ns()
        stamp = clock_gettime_ns(CLOCK_REALTIME)
        self.offset = stamp - (before + monotonic_ns()) // 2

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self.socket.fileno()

    def take(self) -> Iterator[Seen]:
        """Take what has passed since the last call, at most one ring full."""
        ring, words = self.ring, self.words
        for _ in range(SLOTS):
            at = self.slot * SLOT
            if not words[at // WORD] & USER:
                return
            status, octets, length, start, _, seconds, rest, tag, tag_type = HEADER.unpack_from(ring, at)
            self.missed += octets > length
            frame = ring[at + start : at + start + length]
            if status & TAGGED:
                kind = tag_type if status & TAG_TYPE_KNOWN else 0x8100
                frame = frame[:12] + struct.pack(">HH", kind, tag) + frame[12:]
            seen = Seen(seconds * 1_000_000_000 + rest - self.offset, ring[at + KIND_AT] == OUTGOING, frame)
            words[at // WORD] = 0
            self.slot = (self.slot + 1) % SLOTS
            yield seen

    def calm(self) -> None:
        """Hear that the interface went down if that is why the descriptor is ready, which it would remain."""
        if not self.words[self.slot * SLOT // WORD] & USER:
            self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def discard(self) -> None:
        """Forget what has passed, and what was missed meanwhile."""
        for _ in self.take():
            pass
        self.lost()
        self.missed = 0

    def lost(self) -> int:
        """Frames that passed while the ring was full, since the last `discard`."""
        _, drops = struct.unpack("II", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self.missed += drops
        return self.missed

    def close(self) -> None:
        """Look no more."""
        self.opened.close()


class Sender:
    """Sends frames on an interface of this network namespace; `unsent` counts what it refused."""

    def __init__(self, interface: str) -> None:
        self.unsent = 0
        with ExitStack() as opened:
            self.socket = opened.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
            self.socket.bind((interface, 0))
            opened.pop_all()

    def send(self, frame: bytes) -> None:
        """Send a frame; an interface that is down or full refuses it."""
        try:
            self.socket.send(frame)
        except OSError:
            self.unsent += 1

    def close(self) -> None:
        """Send no more."""
        self.socket.close()


class Interfaces:
    """Interfaces of this machine as the tester's wires: a tap on every line, a sender for each own port."""

    busy = False
    latest = 0
    apart = 0
    whole: int | None = None

    def __init__(self, lines: Sequence[PortView], taps: Sequence[Tap], senders: Mapping[int, Sender]) -> None:
        self.lines = lines
        self.taps = taps
        self.senders = senders

    def prepare(self, scenario: Scenario) -> None:
        """Need nothing in advance."""

    def begin(self, scenario: Scenario, *, ahead: bool) -> tuple[int, Scenario]:  # noqa: ARG002
        """Forget what has passed; the tester plays all of the scenario."""
        for tap in self.taps:
            tap.discard()
            tap.synchronise()
        for sender in self.senders.values():
            sender.unsent = 0
        return monotonic_ns(), scenario

    def passing(self, seconds: float) -> Iterator[tuple[int, Seen]]:
        """Return what passes, in the order of the lines, a few frames of each at a time."""
        ready, _, _ = select(self.taps, (), (), seconds)
        for number, tap in enumerate(self.taps):
            if tap in ready:
                tap.calm()
                for seen in islice(tap.take(), TURN):
                    yield number, seen

    def send(self, port: int, frame: bytes) -> None:
        """Send a frame at once."""
        self.senders[port].send(frame)

    def counted(self) -> None:
        """Keep every frame."""

    def lost(self) -> int:
        """Frames that passed while a ring was full."""
        return sum(tap.lost() for tap in self.taps)

    def unsent(self) -> int:
        """Frames that interfaces refused."""
        return sum(sender.unsent for sender in self.senders.values())

    def trouble(self) -> None:
        """Know of nothing else."""

    def mend(self) -> None:
        """Have nothing that can break half."""

    def close(self) -> None:
        """Close all sockets."""
        with ExitStack() as closing:
            for tap in self.taps:
                closing.callback(tap.close)
            for sender in self.senders.values():
                closing.callback(sender.close)


T = TypeVar("T", bound=Interfaces)


def open_interfaces(
    make: Callable[[Sequence[PortView], Sequence[Tap], Mapping[int, Sender]], T],
    ends: Iterable[tuple[PortView, str]],
    place: Callable[[PortView], AbstractContextManager[None]] = lambda _: nullcontext(),
) -> T:
    """Open a tap on the interface of each line, and a sender where it has a port, and make wires of them.

    `place` brings this thread to where the interface of a line is. OSError names the interface that cannot be
    opened; then, and where the wires cannot be made, nothing stays open.
    """
    lines: list[PortView] = []
    taps: list[Tap] = []
    senders: dict[int, Sender] = {}
    with ExitStack() as opened:
        for line, name in ends:
            lines.append(line)
            try:
                with place(line):
                    taps.append(Tap(name))
                    opened.callback(taps[-1].close)
                    if line.port is not None:
                        senders[line.port] = Sender(name)
                        opened.callback(senders[line.port].close)
            except OSError as error:
                raise OSError(error.errno, error.strerror, name) from error
        made = make(lines, taps, senders)
        opened.pop_all()
    return made
