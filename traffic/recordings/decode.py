"""The judge's decoder: all fabric frames of a recording in one pass of numpy, from the wire profile.

It shares no code with any encoder of the suite.
"""

from binascii import crc_hqx
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spec.wire import Field, Layout, Message, WireProfile
from traffic.frames.host import OVERHEAD, SHORTEST

Rows = NDArray[np.int64]
Column = NDArray[np.integer[Any]]
Octets = NDArray[np.uint8]

ETHERNET = 14
CRC_START = 0xFFFF


class Fault(IntEnum):
    """Why a frame on a fabric link is not a sound message; the first that applies."""

    SOUND = 0
    FOREIGN = 1
    TRUNCATED = 2
    VERSION = 3
    TYPE = 4
    CHECKSUM = 5


@dataclass(frozen=True, eq=False)
class Table:
    """All messages of one type that are long enough to read, one position a frame, in order of time.

    `columns` has the fields of header and extension by name. The payload lies at `start` of the blob and is
    `octets` long. Entry e of a repeated part belongs to position `owner[e]`.
    """

    name: str
    rows: Rows
    valid_crc: NDArray[np.bool_]
    columns: dict[str, Column]
    start: Rows
    octets: Rows
    owner: Rows
    entries: dict[str, Column] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def where(self, chosen: NDArray[np.bool_] | Rows) -> "Table":
        """Return the table of the chosen positions (a mask or indices) alone, without repeated parts."""
        return Table(
            name=self.name,
            rows=self.rows[chosen],
            valid_crc=self.valid_crc[chosen],
            columns={name: column[chosen] for name, column in self.columns.items()},
            start=self.start[chosen],
            octets=self.octets[chosen],
            owner=np.empty(0, np.int64),
        )


@dataclass(frozen=True, eq=False)
class Illegal:
    """A field of a sound message whose value the wire profile does not allow."""

    row: int
    message: str
    field: str
    value: int


@dataclass(frozen=True, eq=False)
class Decoded:
    """Fabric frames decoded: a `fault` for each of `rows`, and a table for each message of the profile."""

    profile: WireProfile
    rows: Rows
    fault: NDArray[np.int8]
    tables: dict[str, Table]

    def __getitem__(self, name: str) -> Table:
        return self.tables[name]

    def faults(self, *kinds: Fault) -> Rows:
        """Return the rows with one of these faults, or with any fault."""
        wanted = np.isin(self.fault, kinds) if kinds else self.fault != Fault.SOUND
        return self.rows[wanted]

    def illegal(self) -> Iterator[Illegal]:
        """Yield each field of a frame with a valid checksum that holds a value outside the profile."""
        for name, table in self.tables.items():
            message = self.profile.messages[name]
            for item in (*self.profile.header.fields, *message.fields.fields):
                column = table[item.name]
                for position in np.flatnonzero(table.valid_crc & ~_legal(item, column)):
                    yield Illegal(int(table.rows[position]), name, item.name, int(column[position]))


def credit_bytes(length: Rows) -> Rows:
    """Bytes that count for credit and fill: the frame, at least 60, plus 24 for FCS, preamble and gap."""
    return np.maximum(length, SHORTEST) + OVERHEAD


@dataclass(frozen=True, eq=False)
class _Batch:
    """Frames of one message type: where each lies in the buffer, and how far its headers extend."""

    buffer: Octets
    rows: Rows
    base: Rows
    size: Rows
    extent: Rows


def decode(profile: WireProfile, blob: bytes, offset: Rows, length: NDArray[np.int32], rows: Rows) -> Decoded:
    """Decode the frames of `rows`, whose bytes lie in `blob` at `offset` over `length`."""
    buffer = np.frombuffer(blob, np.uint8)
    base, size = offset[rows], length[rows].astype(np.int64)
    fault = np.zeros(len(rows), np.int8)
    tables = {}

    fault[size < ETHERNET] = Fault.TRUNCATED
    there = np.flatnonzero(size >= ETHERNET)
    kind = _gather(buffer, base[there] + 12, 2)
    foreign = (kind[0].astype(np.int64) << 8 | kind[1]) != profile.ethertype
    fault[there[foreign]] = Fault.FOREIGN
    there = there[~foreign]
    fault[there[size[there] < ETHERNET + profile.header.octets]] = Fault.TRUNCATED
    there = there[size[there] >= ETHERNET + profile.header.octets]

    octets = _gather(buffer, base[there] + ETHERNET, profile.header.octets)
    header = {item.name: _column(item, octets) for item in profile.header.fields}
    known = _legal(profile.header.field("version"), header["version"])
    fault[there[~known]] = Fault.VERSION
    codes = [message.type_code for message in profile.messages.values()]
    fault[there[known & ~np.isin(header["type"], codes)]] = Fault.TYPE

    for name, message in profile.messages.items():
        chosen = there[known & (header["type"] == message.type_code)]
        extent = _extent(profile, message, buffer, base[chosen], size[chosen])
        fault[chosen[extent < 0]] = Fault.TRUNCATED
        chosen, extent = chosen[extent >= 0], extent[extent >= 0]
        batch = _Batch(buffer, rows[chosen], base[chosen], size[chosen], extent)
        tables[name] = _table(profile, message, batch)
        fault[chosen[~tables[name].valid_crc]] = Fault.CHECKSUM
    return Decoded(profile, rows, fault, tables)


def _extent(profile: WireProfile, message: Message, buffer: Octets, base: Rows, size: Rows) -> Rows:
    """Octets of header, extension and repeated part of each message; -1 where the frame is too short."""
    fixed = profile.header.octets + message.fields.octets
    extent = np.full(len(base), fixed, np.int64)
    extent[size < ETHERNET + fixed] = -1
    if message.repeated is not None:
        whole = np.flatnonzero(extent >= 0)
        octets = _gather(buffer, base[whole] + ETHERNET + profile.header.octets, message.fields.octets)
        count = _column(message.fields.field("count"), octets).astype(np.int64)
        extent[whole] += count * message.repeated.octets
        extent[size < ETHERNET + extent] = -1
    if message.payload:
        extent[size < ETHERNET + extent + ETHERNET] = -1
    return extent


def _table(profile: WireProfile, message: Message, batch: _Batch) -> Table:
    """Read every field of messages that are long enough."""
    buffer, base, extent = batch.buffer, batch.base, batch.extent
    head, crc = profile.header.octets, message.fields.fields[-1]
    ahead = message.fields.octets - crc.width_bits // 8
    octets = _gather(buffer, base + ETHERNET, head + ahead)
    columns = {item.name: _column(item, octets[:head]) for item in profile.header.fields}
    columns |= {item.name: _column(item, octets[head:]) for item in message.fields.fields[:-1]}
    checksum = _gather(buffer, base + ETHERNET + extent - 2, 2)
    columns[crc.name] = checksum[0].astype(np.int64) << 8 | checksum[1]

    protected = octets.T & _protected(profile, head + ahead)
    raw, width = protected.tobytes(), head + ahead
    start = base + ETHERNET + extent
    owner, entries = np.empty(0, np.int64), dict[str, Column]()
    if message.repeated is None:
        computed = [crc_hqx(raw[at : at + width], CRC_START) for at in range(0, len(raw), width)]
    else:
        tail = (start - 2).tolist()
        body = (base + ETHERNET + width).tolist()
        computed = [
            crc_hqx(buffer[first:last].tobytes(), crc_hqx(raw[at : at + width], CRC_START))
            for at, first, last in zip(range(0, len(raw), width), body, tail, strict=True)
        ]
        owner, entries = _entries(message.repeated, buffer, columns["count"], base + ETHERNET + width)
    return Table(
        name=message.name,
        rows=batch.rows,
        valid_crc=np.array(computed, np.int64) == columns[crc.name],
        columns=columns,
        start=start,
        octets=base + batch.size - start if message.payload else np.zeros_like(base),
        owner=owner,
        entries=entries,
    )


def _protected(profile: WireProfile, width: int) -> Octets:
    """Return a mask over octets that takes out the fields which the checksum reads as zero."""
    mask = np.full(width, 0xFF, np.uint8)
    for item in map(profile.header.field, profile.zeroed):
        start, stop = item.offset_bits, item.offset_bits + item.width_bits
        for bit in range(start, stop):
            mask[bit // 8] &= 0xFF ^ (0x80 >> bit % 8)
    return mask


def _entries(layout: Layout, buffer: Octets, count: Column, start: Rows) -> tuple[Rows, dict[str, Column]]:
    """Read the repeated part: the position that owns each entry, and the fields of all entries."""
    times = count.astype(np.int64)
    owner = np.repeat(np.arange(len(times)), times)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(times) - times, times)
    octets = _gather(buffer, start[owner] + within * layout.octets, layout.octets)
    return owner, {item.name: _column(item, octets) for item in layout.fields}


def _gather(buffer: Octets, start: Rows, width: int) -> Octets:
    """Return octets as an array of shape (width, frames)."""
    if not len(start):
        return np.empty((width, 0), np.uint8)
    return np.ascontiguousarray(buffer[start[:, None] + np.arange(width)].T)


def _column(item: Field, octets: Octets) -> Column:
    """Read a big-endian field, whole octets or inside one, out of octets of shape (octet, frame)."""
    first = item.offset_bits // 8
    if item.width_bits < 8:
        part = octets[first] >> (8 - item.offset_bits % 8 - item.width_bits)
        inside: Column = (part & ((1 << item.width_bits) - 1)).astype(np.int64)
        return inside
    value: Column = np.zeros(octets.shape[1], np.uint64 if item.width_bits > 63 else np.int64)
    for octet in octets[first : first + item.width_bits // 8]:
        value = value << np.uint8(8) | octet
    return value


def _legal(item: Field, column: Column) -> NDArray[np.bool_]:
    """Tell for each value whether the profile allows it."""
    legal = (column >= item.minimum) & (column <= item.maximum)
    return legal & np.isin(column, list(item.values)) if item.values else legal
