"""Recordings on disk: frames as pcapng, everything else as JSON beside it, the same octets every time.

The pcapng is written and read here, because Scapy's writer knows microseconds alone; its reader is the check.
"""

import hashlib
import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import ConfigDict, Field, JsonValue, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from spec.errors import InputError
from spec.text import UNPAIRED
from traffic.recordings.recording import Columns, Event, Facts, Flow, Holds, Link, Recording, Trouble
from traffic.scenario import UP

_STRICT: Final = ConfigDict(extra="forbid", strict=True, ser_json_bytes="hex", val_json_bytes="hex")
_AGAIN: Final = "fetch the recording again or play the case again"
_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_EMPTY: Final = 12
"""Octets of a block without body."""
_BYTE_ORDER: Final = 0x1A2B3C4D
_COMMENT, _NAME, _APPLICATION, _SPEED, _RESOLUTION = 1, 2, 4, 8, 9
_ETHERNET: Final = 1
_NANOSECONDS: Final = b"\x09"
_PADDING: Final = (b"", b"\0", b"\0\0", b"\0\0\0")
_HEAD: Final = struct.Struct("<IIIIIII")
_WORD: Final = struct.Struct("<I")


@dataclass(frozen=True, config=_STRICT)
class _Capture:
    """The pcapng file that belongs to the JSON file."""

    file: str
    sha256: str
    frames: int


@dataclass(frozen=True, config=_STRICT)
class _Document:
    """What the JSON file holds; `delivered` has the rows whose number of delivered copies is not 1."""

    schema: Literal["gse-recording/1"]
    capture: _Capture
    links: tuple[Link, ...]
    facts: Facts
    holds: Holds
    scenario: str
    seed: int
    capture_losses: int
    counted: tuple[Flow, ...] = ()
    trouble: Trouble | None = None
    cut: str = ""
    read: tuple[int, int] = (0, 0)
    tardy: int = 0
    capabilities: tuple[str, ...] = ()
    counters: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    baseline: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    states: Mapping[str, JsonValue] = field(default_factory=dict)
    delivered: Mapping[int, Annotated[int, Field(ge=0, le=2**31 - 1)]] = field(default_factory=dict)


_DOCUMENT: Final = TypeAdapter(_Document)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save(recording: Recording, path: Path) -> dict[Path, str]:
    """Write `path`.pcapng and `path`.json, making the folder; return the SHA-256 of each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    capture, facts = _paths(path)
    octets = b"".join(_pcapng(recording.columns))
    digest = hashlib.sha256(octets).hexdigest()
    odd = np.flatnonzero(recording.columns.delivered != 1)
    document = _Document(
        schema="gse-recording/1",
        capture=_Capture(capture.name, digest, len(recording)),
        links=recording.links,
        facts=recording.facts,
        holds=recording.holds,
        counted=recording.columns.counted,
        scenario=recording.columns.scenario,
        seed=recording.columns.seed,
        capture_losses=recording.columns.capture_losses,
        trouble=recording.columns.trouble,
        cut=recording.columns.cut,
        read=recording.columns.read,
        tardy=recording.columns.tardy,
        capabilities=tuple(sorted(recording.columns.capabilities)),
        counters=recording.columns.counters,
        baseline=recording.columns.baseline,
        events=recording.columns.events,
        states=recording.columns.states,
        delivered=dict(zip(odd.tolist(), recording.columns.delivered[odd].tolist(), strict=True)),
    )
    values = _DOCUMENT.dump_python(document, mode="json")
    written = json.dumps(values, ensure_ascii=False, indent=1, sort_keys=True)
    text = UNPAIRED.sub(lambda found: rf"\\u{ord(found[0]):04x}", written).encode() + b"\n"
    capture.write_bytes(octets)
    facts.write_bytes(text)
    return {capture: digest, facts: hashlib.sha256(text).hexdigest()}


def load(path: Path) -> Recording:
    """Read a recording by its path, suffix or not; InputError if a file is missing or not as written."""
    capture, facts = _paths(path)
    document = _read_document(facts)
    octets = _read(capture)
    if hashlib.sha256(octets).hexdigest() != document.capture.sha256:
        raise InputError(capture, "sha256", f"is not the one that {facts.name} states", _AGAIN)
    try:
        link_way, time, offset, length = _frames(octets)
    except (IndexError, ValueError, struct.error):
        raise InputError(capture, "blocks", "are not as they were written", _AGAIN) from None
    if len(time) != document.capture.frames:
        raise InputError(facts, "capture.frames", f"is not {len(time)}, the packets of the capture", _AGAIN)
    if max(link_way, default=0) >= 2 * len(document.links):
        raise InputError(facts, "links", "are fewer than the capture has interfaces", _AGAIN)
    delivered = np.ones(len(time), np.int32)
    for row, copies in document.delivered.items():
        if not 0 <= row < len(time):
            raise InputError(facts, f"delivered[{row}]", "is no row of the capture", _AGAIN)
        delivered[row] = copies
    blob = b"".join(octets[first : first + size] for first, size in zip(offset, length, strict=True))
    sizes = np.array(length, np.int32)
    columns = Columns(
        links=document.links,
        time=np.array(time, np.uint64).astype(np.int64),
        link=(np.array(link_way, np.int64) >> 1).astype(np.int32),
        direction=(np.array(link_way, np.int64) & 1).astype(np.int8),
        delivered=delivered,
        offset=np.cumsum(sizes, dtype=np.int64) - sizes,
        length=sizes,
        blob=blob,
        facts=document.facts,
        counters=document.counters,
        baseline=document.baseline,
        events=document.events,
        states=document.states,
        capabilities=frozenset(document.capabilities),
        holds=document.holds,
        counted=document.counted,
        capture_losses=document.capture_losses,
        trouble=document.trouble,
        cut=document.cut,
        read=document.read,
        tardy=document.tardy,
        scenario=document.scenario,
        seed=document.seed,
    )
    return Recording(columns)


def _paths(path: Path) -> tuple[Path, Path]:
    stem = path.with_suffix("") if path.suffix in {".pcapng", ".json"} else path
    return stem.with_name(stem.name + ".pcapng"), stem.with_name(stem.name + ".json")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(path, "file", f"cannot be read ({error.strerror})", _AGAIN) from error


def _read_document(path: Path) -> _Document:
    try:
        return _DOCUMENT.validate_json(_read(path))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "file"
        raise InputError(path, key, f"is not as it was written ({first['msg']})", _AGAIN) from error


def _pcapng(columns: Columns) -> Iterator[bytes]:
    """Yield the blocks: a section, an interface for each link and direction, and a packet for each row."""
    section = struct.pack("<IHHq", _BYTE_ORDER, 1, 0, -1)
    yield _block(_SECTION, section + _options({_APPLICATION: b"gse-cts"}))
    for link in columns.links:
        for way in ("up", "down"):
            options = {
                _NAME: f"{link.name} {way}".encode(),
                _SPEED: struct.pack("<Q", link.rate_mbps * 10**6),
                _RESOLUTION: _NANOSECONDS,
            }
            yield _block(_INTERFACE, struct.pack("<HHI", _ETHERNET, 0, 0) + _options(options))
    blob = columns.blob
    values = (
        columns.offset,
        columns.length,
        columns.time.view(np.uint64),
        columns.link.astype(np.int64) * 2 + (columns.direction != UP),
        columns.delivered,
    )
    for start, length, time, interface, copies in zip(*(column.tolist() for column in values), strict=True):
        padding = _PADDING[-length % 4]
        comment = b"" if copies == 1 else _fate(copies)
        total = 32 + length + len(padding) + len(comment)
        yield _HEAD.pack(_PACKET, total, interface, time >> 32, time & 0xFFFFFFFF, length, length)
        yield blob[start : start + length]
        yield padding + comment + _WORD.pack(total)


def _fate(copies: int) -> bytes:
    return _options({_COMMENT: b"lost on the link" if copies == 0 else f"delivered {copies} times".encode()})


def _options(values: Mapping[int, bytes]) -> bytes:
    parts = (
        struct.pack("<HH", code, len(value)) + value + _PADDING[-len(value) % 4]
        for code, value in values.items()
    )
    return b"".join(parts) + bytes(4)


def _block(kind: int, body: bytes) -> bytes:
    total = _WORD.pack(len(body) + 12)
    return _WORD.pack(kind) + total + body + total


def _frames(octets: bytes) -> tuple[list[int], list[int], list[int], list[int]]:
    """Return interface, time, offset and length of each packet of a capture that `save` wrote.

    IndexError, ValueError or struct.error for one that is damaged.
    """
    interfaces, times, offsets, lengths = [], [], [], []
    position, unpack = 0, _HEAD.unpack_from
    while position < len(octets):
        if octets[position] == _PACKET:
            _, total, interface, high, low, length, _ = unpack(octets, position)
            if length > total - _HEAD.size - _WORD.size:
                raise ValueError(length)
            interfaces.append(interface)
            times.append(high << 32 | low)
            offsets.append(position + _HEAD.size)
            lengths.append(length)
        else:
            (total,) = _WORD.unpack_from(octets, position + 4)
        if total < _EMPTY or _WORD.unpack_from(octets, position + total - _WORD.size) != (total,):
            raise ValueError(total)
        position += total
    return interfaces, times, offsets, lengths
