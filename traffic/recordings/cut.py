"""Received frames that end before their own headers say: cut by a device, or by the tester itself."""

import struct
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from traffic.recordings.recording import Recording

TAGS: Final = frozenset({b"\x81\x00", b"\x88\xa8"})
IPV4: Final = b"\x08\x00"
IPV6: Final = b"\x86\xdd"
IPV6_HEADER: Final = 40


class Cut(NamedTuple):
    """A frame with fewer octets than it claims, neither counting FCS; `row` is that of the recording."""

    row: int
    octets: int
    claimed: int


def claimed(frame: bytes) -> int | None:
    """Return how many octets a frame has, by its IPv4 or IPv6 header; None where nothing says."""
    at = 12
    while frame[at : at + 2] in TAGS:
        at += 4
    kind, at = frame[at : at + 2], at + 2
    if kind == IPV4 and len(frame) >= at + 4:
        return at + int(struct.unpack_from(">H", frame, at + 2)[0])
    if kind == IPV6 and len(frame) >= at + 6:
        return at + IPV6_HEADER + int(struct.unpack_from(">H", frame, at + 4)[0])
    return None


def cut_short(recording: Recording, arriving: Mapping[str, int], whole: int) -> tuple[int, list[Cut]]:
    """Find frames that were cut, and whose cutting cannot be the devices' with what is known of the tester.

    `arriving` has the direction in which frames reach the tester, by link; `whole` is the longest frame, in
    octets, that it is known to receive whole. Returns that length as this recording raises it, and the cut
    frames that are no shorter: whoever receives more than a cut frame has did not cut it.
    """
    columns = recording.columns
    way = np.array([arriving.get(link.name, -1) for link in recording.links] or [-1], np.int8)
    rows = np.flatnonzero(way[columns.link] == columns.direction)
    found: list[Cut] = []
    for row in rows[np.argsort(-columns.length[rows], kind="stable")].tolist():
        octets = int(columns.length[row])
        if octets <= whole:
            break
        inner = _host_frame(recording, row)
        says = None if inner is None else claimed(inner)
        if inner is not None and says is not None:
            if says <= len(inner) or inner in _sent(recording):
                return max(whole, octets), [cut for cut in found if cut.octets >= octets]
            found.append(Cut(row, octets, octets + says - len(inner)))
    return whole, found


def _host_frame(recording: Recording, row: int) -> bytes | None:
    """Return the host frame that a row is or carries, None for other messages of the fabric."""
    if not recording.links[int(recording.columns.link[row])].fabric:
        return recording.frame(row)
    message = recording.fabric.message_at(row)
    return recording.fabric.payload(row) if message is not None and message.name == "DATA" else None


def _sent(recording: Recording) -> frozenset[bytes]:
    """Return the frames that hosts sent, some of which may claim more than they have."""
    return frozenset(frame.frame for frame in recording.hosts.frames())
