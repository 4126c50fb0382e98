"""The judge's decoder: all fabric frames of a recording in one pass of numpy, from the wire profile.

It shares no code with any encoder of the suite. Columns have the suite's units: ns and Mbit/s.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spec.layout import MESSAGE_FIELDS, Field, Layout, Message, NotInProfile, WireProfile
from traffic.frames.host import OVERHEAD, SHORTEST

Rows = NDArray[np.int64]
Column = NDArray[np.integer[Any]]
Octets = NDArray[np.uint8]

ETHERNET = 14


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

    profile: str
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
        if name not in self.columns and name in (*MESSAGE_FIELDS.get(self.name, ()), "crc"):
            raise NotInProfile(self.profile, f"{name} in its {self.name}")
        return self.columns[name]

    def where(self, chosen: NDArray[np.bool_] | Rows) -> "Table":
        """Return the table of the chosen positions (a mask or indices) alone, without repeated parts."""
        return Table(
            profile=self.profile,
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
    """A field of a sound message whose value, as it stands there, the wire profile does not allow."""

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
        if name not in self.tables and name in MESSAGE_FIELDS:
            raise NotInProfile(self.profile.name, f"{name} message")
        return self.tables[name]

    def faults(self, *kinds: Fault) -> Rows:
        """Return the rows with one of these faults, or with any fault."""
        wanted = np.isin(self.fault, kinds) if kinds else self.fault != Fault.SOUND
        return self.rows[wanted]

    def illegal(self) -> list[Illegal]:
        """List the fields of frames with a valid checksum that hold a value outside the profile."""
        return self._illegal

    @cached_property
    def _illegal(self) -> list[Illegal]:
        return list(self._outside())

    def _outside(self) -> Iterator[Illegal]:
        known = sum(self.profile.flags.values())
        for name, table in self.tables.items():
            message = self.profile.messages[name]
            for item in (*self.profile.header.fields, *message.fields.fields):
                column = table[item.name] // item.scale
                wrong = ~_legal(item, column)
                if item.name == "flags":
                    wrong |= column & (known if message.payload else 0) != column
                if item.name in message.constants:
                    wrong |= column != message.constants[item.name]
                for position in np.flatnonzero(table.valid_crc & wrong):
                    yield Illegal(int(table.rows[position]), name, item.name, int(column[position]))
            for item in message.repeated.fields if message.repeated is not None else ():
                column = table.entries[item.name] // item.scale
                for entry in np.flatnonzero(table.valid_crc[table.owner] & ~_legal(item, column)):
                    row = int(table.rows[table.owner[entry]])
                    yield Illegal(row, name, item.name, int(column[entry]))


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
    header = _columns(profile, profile.header.fields, octets, scaled=False)
    known = _legal(profile.header.field("version"), header["version"])
    fault[there[~known]] = Fault.VERSION
    fault[there[known]] = Fault.TYPE
    for name, message in profile.messages.items():
        chosen = there[known & (header["type"] == message.type_code)]
        chosen = chosen[_chosen(profile, message, buffer, base[chosen], size[chosen])]
        extent = _extent(profile, message, buffer, base[chosen], size[chosen])
        fault[chosen] = np.where(extent < 0, Fault.TRUNCATED, Fault.SOUND)
        chosen, extent = chosen[extent >= 0], extent[extent >= 0]
        batch = _Batch(buffer, rows[chosen], base[chosen], size[chosen], extent)
        tables[name] = _table(profile, message, batch)
        fault[chosen[~tables[name].valid_crc]] = Fault.CHECKSUM
    return Decoded(profile, rows, fault, tables)


def _chosen(
    profile: WireProfile, message: Message, buffer: Octets, base: Rows, size: Rows
) -> NDArray[np.bool_]:
    """Tell which frames with the type code of a message are of that message; one cut short is of any."""
    name = profile.distinction(message.type_code)
    if name is None:
        return np.ones(len(base), bool)
    inside = name in profile.header.names
    item = (profile.header if inside else message.fields).field(name)
    start = ETHERNET + (0 if inside else profile.header.octets)
    end = -(-(item.offset_bits + item.width_bits) // 8)
    mine = size < start + end
    whole = np.flatnonzero(~mine)
    value = _column(item, _gather(buffer, base[whole] + start, end), little=profile.little_endian)
    mine[whole] = value == message.constants[name]
    return mine


def _extent(profile: WireProfile, message: Message, buffer: Octets, base: Rows, size: Rows) -> Rows:
    """Octets of header, extension, entries and TLVs of each message; -1 where the frame is too short."""
    fixed = profile.header.octets + message.fields.octets
    extent = np.full(len(base), fixed, np.int64)
    extent[size < ETHERNET + fixed] = -1
    if message.variable:
        whole = np.flatnonzero(extent >= 0)
        octets = _gather(buffer, base[whole] + ETHERNET + profile.header.octets, message.fields.octets)
        columns = _columns(profile, message.ahead, octets, scaled=False)
        if message.repeated is not None:
            extent[whole] += columns["count"].astype(np.int64) * message.repeated.octets
        if message.tlvs is not None:
            extent[whole] += columns[message.tlvs.octets].astype(np.int64)
        extent[size < ETHERNET + extent] = -1
    if message.payload:
        extent[size < ETHERNET + extent + ETHERNET] = -1
    return extent


def _table(profile: WireProfile, message: Message, batch: _Batch) -> Table:
    """Read every field of messages that are long enough."""
    buffer, base = batch.buffer, batch.base
    head = profile.header.octets
    ahead = sum(item.width_bits for item in message.ahead) // 8
    octets = _gather(buffer, base + ETHERNET, head + ahead)
    columns = _columns(profile, profile.header.fields, octets[:head])
    columns |= _columns(profile, message.ahead, octets[head:])
    start = base + ETHERNET + batch.extent
    own = message.fields.octets - ahead
    if own:
        checksum = _gather(buffer, start - own, own)
        columns["crc"] = _whole(checksum[::-1] if profile.little_endian else checksum)
    owner, entries = np.empty(0, np.int64), dict[str, Column]()
    if message.repeated is not None:
        place = base + ETHERNET + head + ahead
        owner, entries = _entries(profile, message.repeated, buffer, columns["count"], place)
    return Table(
        profile=profile.name,
        name=message.name,
        rows=batch.rows,
        valid_crc=_valid(profile, batch, octets, start - own, columns.get("crc")),
        columns=columns,
        start=start,
        octets=base + batch.size - start if message.payload else np.zeros_like(base),
        owner=owner,
        entries=entries,
    )


def _valid(
    profile: WireProfile, batch: _Batch, octets: Octets, end: Rows, said: Column | None
) -> NDArray[np.bool_]:
    """Tell which messages, `octets` without entries and TLVs, have the right checksum; all without any."""
    checksum = profile.checksum
    if checksum is None or said is None:
        return np.ones(len(batch.rows), bool)
    width = profile.header.octets if profile.header_only else len(octets)
    raw = (octets[:width].T & _protected(profile, width)).tobytes()
    found = [checksum.of(raw[at : at + width]) for at in range(0, len(raw), width)]
    if not profile.header_only:
        tail = (batch.base + ETHERNET + width).tolist()
        for place, (first, last) in enumerate(zip(tail, end.tolist(), strict=True)):
            if first < last:
                whole = raw[place * width : (place + 1) * width] + batch.buffer[first:last].tobytes()
                found[place] = checksum.of(whole)
    valid: NDArray[np.bool_] = np.array(found, np.int64) == said
    return valid


def _protected(profile: WireProfile, width: int) -> Octets:
    """Return a mask over octets that takes out the fields which the checksum reads as zero."""
    mask = np.full(width, 0xFF, np.uint8)
    for item in profile.header.fields:
        if item.name in profile.zeroed or item.name == "crc":
            for bit in range(item.offset_bits, item.offset_bits + item.width_bits):
                mask[bit // 8] &= 0xFF ^ (0x80 >> bit % 8)
    return mask


def _entries(
    profile: WireProfile, layout: Layout, buffer: Octets, count: Column, start: Rows
) -> tuple[Rows, dict[str, Column]]:
    """Read the repeated part: the position that owns each entry, and the fields of all entries."""
    times = count.astype(np.int64)
    owner = np.repeat(np.arange(len(times)), times)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(times) - times, times)
    octets = _gather(buffer, start[owner] + within * layout.octets, layout.octets)
    return owner, _columns(profile, layout.fields, octets)


def _gather(buffer: Octets, start: Rows, width: int) -> Octets:
    """Return octets as an array of shape (width, frames)."""
    if not len(start):
        return np.empty((width, 0), np.uint8)
    return np.ascontiguousarray(buffer[start[:, None] + np.arange(width)].T)


def _columns(
    profile: WireProfile, fields: Iterable[Field], octets: Octets, *, scaled: bool = True
) -> dict[str, Column]:
    """Read the fields of a layout out of octets of shape (octet, frame), `scaled` to the suite's units."""
    found = {item.name: (item, _column(item, octets, little=profile.little_endian)) for item in fields}
    return {
        name: column * item.scale if scaled and item.scale != 1 else column
        for name, (item, column) in found.items()
    }


def _column(item: Field, octets: Octets, *, little: bool) -> Column:
    """Read a field, at whatever bit it starts, out of octets of shape (octet, frame)."""
    first, bit = divmod(item.offset_bits, 8)
    last = (item.offset_bits + item.width_bits - 1) // 8
    if not bit and not item.width_bits % 8:
        whole = octets[first : last + 1]
        return _whole(whole[::-1] if little else whole)
    value: Column = np.zeros(octets.shape[1], np.uint64 if item.width_bits > 63 else np.int64)
    left = item.width_bits
    for octet in octets[first : last + 1]:
        taken = min(left, 8 - bit)
        part = octet >> (8 - bit - taken) & ((1 << taken) - 1)
        value = value << np.uint8(taken) | part
        left, bit = left - taken, 0
    return value


def _whole(octets: Octets) -> Column:
    """Read a number of whole octets, the first one most significant."""
    value: Column = np.zeros(octets.shape[1], np.uint64 if len(octets) > 7 else np.int64)
    for octet in octets:
        value = value << np.uint8(8) | octet
    return value


def _legal(item: Field, column: Column) -> NDArray[np.bool_]:
    """Tell for each value whether the profile allows it."""
    legal = (column >= item.minimum) & (column <= item.maximum)
    return legal & np.isin(column, list(item.values)) if item.values else legal
