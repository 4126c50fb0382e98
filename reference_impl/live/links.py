"""The carrier of network interfaces: the kernel tells it over rtnetlink, and an ioctl switches it."""

import errno
import socket
import struct
from collections.abc import Iterator
from fcntl import ioctl
from typing import Final

RTMGRP_LINK: Final = 1
RTM_NEWLINK: Final = 16
RTM_GETLINK: Final = 18
NLM_F_REQUEST: Final = 0x001
NLM_F_DUMP: Final = 0x300
IFF_UP: Final = 1 << 0
IFF_RUNNING: Final = 1 << 6
IFF_LOWER_UP: Final = 1 << 16
SIOCGIFFLAGS: Final = 0x8913
SIOCSIFFLAGS: Final = 0x8914

HEADER: Final = struct.Struct("=IHHII")
LINK: Final = struct.Struct("=BxHiII")
"""struct ifinfomsg: family, kind, index, flags, change."""
FLAGS: Final = struct.Struct("=16sH22x")
"""struct ifreq: name, flags."""


class Carriers:
    """Listens to the kernel of one network namespace; the first answers are the carriers as they are."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self.socket.setblocking(False)
        self.socket.bind((0, RTMGRP_LINK))
        self.ask()

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self.socket.fileno()

    def ask(self) -> None:
        """Have the kernel tell of every interface."""
        size = HEADER.size + LINK.size
        request = HEADER.pack(size, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 0, 0)
        self.socket.send(request + LINK.pack(0, 0, 0, 0, 0))

    def changes(self) -> Iterator[tuple[int, bool]]:
        """Return (interface index, carrier) for all that the kernel has told since the last call."""
        while True:
            try:
                answer = self.socket.recv(1 << 16)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.ask()
                continue
            yield from messages(answer)

    def close(self) -> None:
        """Listen no more."""
        self.socket.close()


def messages(answer: bytes) -> Iterator[tuple[int, bool]]:
    """Take the interfaces and their carriers out of one datagram of the kernel."""
    at = 0
    while at + HEADER.size <= len(answer):
        size, kind, _, _, _ = HEADER.unpack_from(answer, at)
        if kind == RTM_NEWLINK:
            _, _, index, flags, _ = LINK.unpack_from(answer, at + HEADER.size)
            yield index, bool(flags & IFF_LOWER_UP and flags & IFF_RUNNING)
        at += max(HEADER.size, size + 3 & ~3)


def switch(interface: str, *, up: bool) -> None:
    """Switch an interface of this namespace on or off; its peer loses its carrier with it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        name, flags = FLAGS.unpack(ioctl(control, SIOCGIFFLAGS, FLAGS.pack(interface.encode(), 0)))
        ioctl(control, SIOCSIFFLAGS, FLAGS.pack(name, flags | IFF_UP if up else flags & ~IFF_UP))
