"""What a port of the stand-in TRex server is plugged into: an in-memory pipe or a network interface."""

import ctypes
import os
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

from spec.errors import InputError

Arrival = tuple[int, bytes]
"""Monotonic time in ns, and the frame without FCS."""

_SOL_PACKET: Final = 263
_ADD_MEMBERSHIP: Final = 1
_AUXDATA: Final = 8
_STATISTICS: Final = 6
_PROMISCUOUS: Final = 1
_IGNORE_OUTGOING: Final = 23
_OUTGOING: Final = 4
_TIMESTAMPNS: Final = 35
_VLAN_VALID: Final = 1 << 4
_ETH_P_ALL: Final = 3
_BURST: Final = 256
_LONGEST: Final = 16_384
_SPEED: Final = 10_000
_CLONE_NEWNET: Final = 0x40000000
_OWN: Final = Path("/proc/thread-self/ns/net")


class Wire(Protocol):
    """One end of a cable, read by the server's thread when `fileno` is readable."""

    mac: bytes
    speed_mbps: int
    name: str

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when a frame waits."""
        ...

    def send(self, frame: bytes) -> None:
        """Put a frame on the cable; OSError if it does not go."""
        ...

    def receive(self) -> list[Arrival]:
        """Take the frames that wait, oldest first; with many waiting, some of them."""
        ...

    def drops(self) -> int:
        """Count the frames lost before they could be read, since this was last asked."""
        ...

    def close(self) -> None:
        """Unplug."""
        ...


class Pipe:
    """A port in memory: what it sends goes to `far`, what `deliver` gets it receives; any thread may call."""

    def __init__(
        self, name: str, mac: bytes, speed_mbps: int = 10_000, far: Callable[[bytes], None] | None = None
    ) -> None:
        self.name = name
        self.mac = mac
        self.speed_mbps = speed_mbps
        self.far = far
        self._waiting: deque[Arrival] = deque()
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when a frame waits."""
        return self._woken.fileno()

    def deliver(self, frame: bytes) -> None:
        """Let a frame arrive."""
        self._waiting.append((time.monotonic_ns(), frame))
        try:
            self._wake.send(b"\0")
        except OSError:
            return  # full: the reader is awake anyway; closed: nobody reads

    def send(self, frame: bytes) -> None:
        """Put a frame on the cable."""
        if self.far is not None:
            self.far(frame)

    def receive(self) -> list[Arrival]:
        """Take the frames that wait."""
        with suppress(BlockingIOError):
            self._woken.recv(4096)
        return [self._waiting.popleft() for _ in range(len(self._waiting))]

    def drops(self) -> int:
        """Nothing is lost in memory."""
        return 0

    def close(self) -> None:
        """Unplug."""
        self._wake.close()
        self._woken.close()


def cable(*names: str) -> tuple[Pipe, Pipe]:
    """Join two ports; what one sends the other receives."""
    first, second = (
        Pipe(name, bytes.fromhex(f"0254520000{index:02x}"))
        for index, name in enumerate(names or ("pipe0", "pipe1"))
    )
    first.far, second.far = second.deliver, first.deliver
    return first, second


class Interface:
    """A port on a network interface (AF_PACKET), promiscuous, with the kernel's receive times.

    A tag that the kernel took out is put back as 0x8100, whatever it was: so does TRex over AF_PACKET.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        except PermissionError as error:
            mend = "start as root, or with 'unshare -Urn'"
            raise InputError("trex stand-in", name, "raw sockets are not allowed here", mend) from error
        try:
            index = socket.if_nametoindex(name)
        except OSError as error:
            self._socket.close()
            mend = f"name one of {', '.join(sorted(n for _, n in socket.if_nameindex()))}"
            raise InputError("trex stand-in", name, "there is no such interface", mend) from error
        box = self._socket
        box.setsockopt(_SOL_PACKET, _AUXDATA, 1)
        box.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
        box.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)
        box.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 23)
        box.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, struct.pack("IHH8s", index, _PROMISCUOUS, 0, b""))
        box.bind((name, _ETH_P_ALL))
        box.setblocking(False)
        self.mac: bytes = box.getsockname()[4][:6]
        self.speed_mbps = self._speed()

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when a frame waits."""
        return self._socket.fileno()

    def send(self, frame: bytes) -> None:
        """Put a frame on the cable."""
        self._socket.send(frame)

    def receive(self) -> list[Arrival]:
        """Take frames that wait, at most a burst."""
        arrivals = []
        behind = time.time_ns() - time.monotonic_ns()
        for _ in range(_BURST):
            try:
                frame, notes, _, address = self._socket.recvmsg(_LONGEST, 128)
            except OSError:
                break
            if address[2] == _OUTGOING:
                continue
            at = time.monotonic_ns()
            for level, kind, data in notes:
                if level == _SOL_PACKET and kind == _AUXDATA:
                    status, tag = struct.unpack_from("I12xH", data)
                    if status & _VLAN_VALID:
                        frame = b"".join((frame[:12], b"\x81\x00", tag.to_bytes(2, "big"), frame[12:]))
                elif level == socket.SOL_SOCKET and kind == _TIMESTAMPNS:
                    seconds, nanoseconds = struct.unpack_from("qq", data)
                    at = seconds * 1_000_000_000 + nanoseconds - behind
            arrivals.append((at, frame))
        return arrivals

    def drops(self) -> int:
        """Count the frames that the socket had no room for, since this was last asked."""
        _, drops = struct.unpack("II", self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 8))
        return int(drops)

    def close(self) -> None:
        """Unplug."""
        self._socket.close()

    def _speed(self) -> int:
        try:
            speed = int(Path(f"/sys/class/net/{self.name}/speed").read_text(encoding="ascii"))
        except (OSError, ValueError):  # not every interface has one
            speed = 0
        return speed if speed > 0 else _SPEED


@contextmanager
def inside(namespace: Path | None) -> Iterator[None]:
    """Be in a network namespace for a while (None: stay); InputError when it cannot be entered."""
    if namespace is None:
        yield
        return
    try:
        home, there = (os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in (_OWN, namespace))
    except OSError as error:
        mend = "name the file of a network namespace"
        raise InputError("trex stand-in", "--netns", f"{namespace}: {error.strerror}", mend) from error
    try:
        if ctypes.CDLL(None, use_errno=True).setns(there, _CLONE_NEWNET) < 0:
            fault = f"{namespace} cannot be entered ({os.strerror(ctypes.get_errno())})"
            raise InputError("trex stand-in", "--netns", fault, "start as root, or with 'unshare -Urn'")
        yield
    finally:
        ctypes.CDLL(None).setns(home, _CLONE_NEWNET)
        os.close(home)
        os.close(there)
