"""One network interface as a port: whole Ethernet frames in and out, many a system call."""

import ctypes
import errno
import os
import socket
import struct
from array import array
from collections.abc import Iterator
from mmap import mmap
from time import CLOCK_REALTIME, clock_gettime_ns
from typing import Final

from spec.errors import InputError

SOL_PACKET: Final = 263
PACKET_RX_RING: Final = 5
PACKET_STATISTICS: Final = 6
PACKET_AUXDATA: Final = 8
PACKET_VERSION: Final = 10
PACKET_IGNORE_OUTGOING: Final = 23
TPACKET_V2: Final = 1
ETH_P_ALL: Final = 3

SLOT: Final = 10240
"""Octets of a slot of the ring, room for the longest frame."""
FRAME_AT: Final = 66
"""Where the frame begins in a slot: header and address of TPACKET_V2, aligned so that what follows MAC is."""
SLOTS: Final = 1024
BATCH: Final = 64

USER: Final = 1 << 0
TAGGED: Final = 1 << 4
TAG_TYPE_KNOWN: Final = 1 << 6
TAG_AT: Final = 24
WORD: Final = 8
"""Octets that hold status and length of a slot, read and given back at once."""
STAMP: Final = 2
"""The word of a slot that holds seconds and ns of the time of day when the frame arrived."""
PLACES: Final = [(slot * SLOT // WORD, slot * SLOT + FRAME_AT) for slot in range(SLOTS)]
"""For each slot of a ring, its first word and where its frame begins."""

LOST: Final = frozenset({errno.ENETDOWN, errno.ENXIO, errno.ENOBUFS, errno.ENODEV, errno.EMSGSIZE})
"""What `sendmmsg` says of a frame that the interface does not take, as a dark link would not."""


class PacketPort:
    """An AF_PACKET socket with a TPACKET_V2 ring for reception and `sendmmsg` for sending.

    `unsent` counts the frames that the interface refused. OSError when there is no such interface.
    """

    def __init__(self, interface: str) -> None:
        self.interface = interface
        self.unsent = 0
        self.missed = 0
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V2)
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        block = 2 * SLOT
        request = struct.pack("IIII", block, SLOTS * SLOT // block, SLOT, SLOTS)
        self.socket.setsockopt(SOL_PACKET, PACKET_RX_RING, request)
        self.ring = mmap(self.socket.fileno(), SLOTS * SLOT)
        self.words = memoryview(self.ring).cast("Q")
        self.slot = 0
        self.stamp = 0
        self.outbox = Outbox(self.socket.fileno())
        self.socket.bind((interface, ETH_P_ALL))

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self.socket.fileno()

    def take(self) -> list[bytes]:
        """Take up to `BATCH` frames that have arrived, VLAN tags back in their place."""
        frames: list[bytes] = []
        ring, words = self.ring, self.words
        first = PLACES[self.slot][0]
        if not words[first] & USER:
            return frames
        self.stamp = words[first + STAMP]
        for word_at, frame_at in PLACES[self.slot : self.slot + BATCH]:
            word = words[word_at]
            if not word & USER:
                break
            if word & TAGGED:
                frames.append(self.tagged(word_at * WORD, word))
            else:
                frames.append(ring[frame_at : frame_at + (word >> 32)])
            words[word_at] = 0
        self.slot = (self.slot + len(frames)) % SLOTS
        return frames

    def clear_error(self) -> None:
        """Hear that the interface went down if that is why the descriptor is ready, which it would remain."""
        if not self.words[PLACES[self.slot][0]] & USER:
            self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def waited(self) -> int:
        """Return how long, in ns, the first of the frames that were taken last has waited until now."""
        seconds, rest = self.stamp & 0xFFFFFFFF, self.stamp >> 32
        return clock_gettime_ns(CLOCK_REALTIME) - seconds * 1_000_000_000 - rest

    def tagged(self, at: int, word: int) -> bytes:
        """Take the frame of one slot, and put back the tag that the kernel took off."""
        frame = self.ring[at + FRAME_AT : at + FRAME_AT + (word >> 32)]
        control, kind = struct.unpack_from("HH", self.ring, at + TAG_AT)
        tag = struct.pack(">HH", kind if word & TAG_TYPE_KNOWN else 0x8100, control)
        return frame[:12] + tag + frame[12:]

    def put(self, frames: list[bytes]) -> None:
        """Send frames in order; those that the interface does not take are lost and counted."""
        for first in range(0, len(frames), BATCH):
            self.unsent += self.outbox.send(frames[first : first + BATCH])

    def lost(self) -> int:
        """Frames that arrived while the ring was full, since the start."""
        _, drops = struct.unpack("II", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self.missed += drops
        return self.missed

    def close(self) -> None:
        """Give the interface back."""
        self.words.release()
        self.ring.close()
        self.socket.close()


SIZE: Final = "L"
"""The unsigned long of Linux is as wide as its size_t."""


class Vector(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class Header(ctypes.Structure):
    """struct msghdr."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.POINTER(Vector)),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class Message(ctypes.Structure):
    """struct mmsghdr."""

    _fields_ = (("header", Header), ("sent", ctypes.c_uint))


sendmmsg = ctypes.CDLL(None, use_errno=True).sendmmsg
sendmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)


class Outbox:
    """Messages for `sendmmsg`, laid out once; they point at the octets of the frames themselves."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.vectors = (Vector * BATCH)()
        self.messages = (Message * BATCH)()
        for message, vector in zip(self.messages, self.vectors, strict=True):
            message.header.vectors = ctypes.pointer(vector)
            message.header.vector_count = 1
        self.address = ctypes.addressof(self.messages)
        words = memoryview(self.vectors).cast("B").cast(SIZE)
        self.places, self.lengths = words[::2], words[1::2]
        self.frame = ctypes.c_char_p()
        self.place = ctypes.c_size_t.from_buffer(self.frame)
        """Where the octets of `frame` are."""

    def send(self, frames: list[bytes]) -> int:
        """Send up to `BATCH` frames; give how many of them the interface did not take."""
        frame, place = self.frame, self.place
        self.places[: len(frames)] = array(SIZE, [place.value for frame.value in frames])
        self.lengths[: len(frames)] = array(SIZE, [*map(len, frames)])
        done = sendmmsg(self.descriptor, self.address, len(frames), 0)
        return 0 if done == len(frames) else sum(self.resume(max(done, 0), len(frames), done < 0))

    def resume(self, done: int, total: int, failed: bool) -> Iterator[int]:
        """Go on after a frame that was not taken, and give 1 for each such."""
        while done < total:
            if failed:
                error = ctypes.get_errno()
                if error in LOST:
                    done += 1
                    yield 1
                elif error != errno.EINTR:
                    raise OSError(error, os.strerror(error))
            if done < total:
                rest = self.address + done * ctypes.sizeof(Message)
                sent = sendmmsg(self.descriptor, rest, total - done, 0)
                failed = sent < 0
                done += max(sent, 0)


def supported() -> None:
    """InputError when the kernel has no packet sockets."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except OSError as error:
        raise InputError(
            "this machine",
            "packet sockets",
            f"cannot be opened ({error.strerror})",
            "load the module with modprobe af_packet or run as root",
        ) from error
