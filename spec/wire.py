"""Wire profiles: header layouts and code points as data, checked before any codec is made from them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field as Constraint
from pydantic import StringConstraints

from spec.documents import did_you_mean, find, load
from spec.errors import InputError
from spec.files import digest
from spec.formats import FIELD_NAME, Mac
from spec.model import Record, Text, Words

FOLDER = Path(__file__).parent / "wire"
CHECKSUMS: Mapping[str, int] = {"CRC-16/CCITT-FALSE": 16}
HEADER_FIELDS = ("version", "type", "class", "flags", "source", "destination", "port", "hop_limit")
FLAGS = ("LAST", "UNGOVERNED")
MESSAGE_FIELDS: Mapping[str, tuple[str, ...]] = {
    "DATA": ("sequence", "generation", "index", "previous_frames", "fill"),
    "REQUEST": ("generation", "demand", "sent", "forfeited"),
    "GRANT": ("generation", "granted", "expired", "validity_us"),
    "BACKPRESSURE": ("about", "level", "validity_us"),
    "HELLO": ("role", "port_id", "sequence", "rate_mbps", "heard_node", "heard_sequence", "count"),
    "FAULT": ("code", "node", "port_id", "origin", "sequence"),
}
REPEATED_FIELDS: Mapping[str, tuple[str, ...]] = {"HELLO": ("node", "rate_mbps")}


@dataclass(frozen=True)
class Field:
    """A field of a layout; offsets count bits from the start of its layout, most significant first."""

    name: str
    width_bits: int
    offset_bits: int
    meaning: Text
    values: Mapping[int, str]
    minimum: int
    maximum: int

    def legal(self, value: int) -> bool:
        """Say whether a value may stand in the field."""
        return self.minimum <= value <= self.maximum and (not self.values or value in self.values)


@dataclass(frozen=True)
class Layout:
    """Fields without gap or overlap that fill whole octets."""

    fields: tuple[Field, ...]

    @property
    def octets(self) -> int:
        """Length in octets."""
        return sum(field.width_bits for field in self.fields) // 8

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the fields in wire order."""
        return tuple(field.name for field in self.fields)

    def field(self, name: str) -> Field:
        """Give a field by name; KeyError when there is none."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)


@dataclass(frozen=True)
class Message:
    """A message type: its extension ends in the checksum, before which the repeated entries stand."""

    name: str
    type_code: int
    meaning: Text
    fields: Layout
    repeated: Layout | None
    payload: bool
    hop_limit: int


@dataclass(frozen=True)
class WireProfile:
    """A checked profile; `digest` is that of its file, `zeroed` the fields the checksum takes as 0."""

    name: str
    title: Text
    status: Text
    digest: str
    ethertype: int
    hello_address: bytes
    checksum: str
    zeroed: tuple[str, ...]
    header: Layout
    messages: Mapping[str, Message]
    flags: Mapping[str, int]

    def message_of(self, type_code: int) -> Message | None:
        """Give the message of a type code, None when it is not assigned."""
        return next((message for message in self.messages.values() if message.type_code == type_code), None)


class FieldEntry(Record):
    """A field as written; `bit` is its offset in its layout, by default where the last field ends."""

    name: Annotated[str, StringConstraints(pattern=FIELD_NAME)]
    bits: Annotated[int, Constraint(ge=1, le=64)]
    bit: Annotated[int, Constraint(ge=0)] | None = None
    meaning: Text
    values: dict[int, Words] = Constraint(default_factory=dict)
    min: int | None = None
    max: int | None = None


class MessageEntry(Record):
    """A message type as written."""

    type: int
    hop_limit: int
    meaning: Text
    payload: bool = False
    fields: tuple[FieldEntry, ...]
    repeated: tuple[FieldEntry, ...] = ()


class FlagEntry(Record):
    """A flag as written."""

    value: int
    meaning: Text


class ChecksumEntry(Record):
    """The checksum over common header and extension as written."""

    algorithm: Words
    zeroed: tuple[str, ...] = ()


class ProfileEntry(Record):
    """A wire profile as written."""

    name: Words
    title: Text
    status: Text
    ethertype: Annotated[int, Constraint(ge=0x0600, le=0xFFFF)]
    hello_address: Mac
    checksum: ChecksumEntry
    flags: dict[str, FlagEntry]
    header: tuple[FieldEntry, ...]
    messages: dict[str, MessageEntry]


@cache
def load_profile(name_or_path: str | Path = "open-1") -> WireProfile:
    """Load a profile by the name of a bundled one or by path; InputError when anything in it is wrong."""
    path = profile_path(name_or_path)
    entry = load(ProfileEntry, path)
    return _Check(path, entry).profile()


def profile_path(name_or_path: str | Path) -> Path:
    """Return the file of a profile; InputError when no bundled one has the name."""
    return find(name_or_path, FOLDER, "wire profile")


class _Check:
    """Turns the entry of one file into a profile, or raises its first fault."""

    def __init__(self, path: Path, entry: ProfileEntry) -> None:
        self.path = path
        self.entry = entry

    def error(self, key: str, fault: str, mend: str) -> InputError:
        return InputError(self.path, key, fault, mend)

    def profile(self) -> WireProfile:
        entry = self.entry
        width = self.checksum_width()
        header = self.layout("header", entry.header, HEADER_FIELDS)
        self.require_names("messages.{}", entry.messages, MESSAGE_FIELDS, closed=True)
        messages = {
            name: self.message(name, message, header, width) for name, message in entry.messages.items()
        }
        self.unique_types(header)
        for name in entry.checksum.zeroed:
            if name not in header.names:
                raise self.error(
                    f"checksum.zeroed[{name}]", "is no field of the header", did_you_mean(name, header.names)
                )
        return WireProfile(
            name=entry.name,
            title=entry.title,
            status=entry.status,
            digest=digest(self.path),
            ethertype=entry.ethertype,
            hello_address=bytes.fromhex(entry.hello_address.replace(":", "")),
            checksum=entry.checksum.algorithm,
            zeroed=entry.checksum.zeroed,
            header=header,
            messages=messages,
            flags=self.flags(header.field("flags")),
        )

    def checksum_width(self) -> int:
        algorithm = self.entry.checksum.algorithm
        if algorithm not in CHECKSUMS:
            raise self.error(
                "checksum.algorithm", f"{algorithm} is unknown", did_you_mean(algorithm, CHECKSUMS)
            )
        return CHECKSUMS[algorithm]

    def require_names(
        self, place: str, names: Iterable[str], required: Iterable[str], closed: bool = False
    ) -> None:
        names = list(names)
        required = list(required)
        if closed:
            for name in names:
                if name not in required:
                    raise self.error(place.format(name), "is unknown", did_you_mean(name, required))
        for name in required:
            if name not in names:
                raise self.error(place.format(name), "is missing", "add it; the suite reads it by this name")

    def layout(self, key: str, entries: tuple[FieldEntry, ...], required: Iterable[str]) -> Layout:
        fields: list[Field] = []
        position = 0
        for entry in entries:
            place = f"{key}[{entry.name}]"
            if entry.name in {field.name for field in fields}:
                raise self.error(place, "stands a second time in its layout", "rename one of the two")
            offset = position if entry.bit is None else entry.bit
            if offset < position:
                fault = (
                    f"starts at bit {offset} and overlaps {fields[-1].name}, which ends at bit {position - 1}"
                )
                raise self.error(f"{place}.bit", fault, f"start it at bit {position}")
            if offset > position:
                fault = f"starts at bit {offset} and leaves a gap from bit {position}"
                raise self.error(f"{place}.bit", fault, "fill the gap with a reserved field")
            fields.append(self.field(place, entry, offset))
            position += entry.bits
        self.require_names(f"{key}[{{}}]", (field.name for field in fields), required)
        if position % 8:
            raise self.error(key, f"has {position} bits, not whole octets", "add a reserved field")
        self.aligned(key, fields)
        return Layout(tuple(fields))

    def aligned(self, key: str, fields: Iterable[Field]) -> None:
        """Fields of an octet or more start on an octet; smaller ones stay inside one."""
        for field in fields:
            place = f"{key}[{field.name}]"
            if field.width_bits >= 8 and (field.offset_bits % 8 or field.width_bits % 8):
                fault = (
                    f"has {field.width_bits} bits from bit {field.offset_bits}, not whole octets on an octet"
                )
                raise self.error(place, fault, "align it with a reserved field")
            if field.width_bits < 8 and field.offset_bits % 8 + field.width_bits > 8:
                fault = f"crosses an octet with {field.width_bits} bits from bit {field.offset_bits}"
                raise self.error(place, fault, "align it with a reserved field")

    def field(self, place: str, entry: FieldEntry, offset: int) -> Field:
        largest = (1 << entry.bits) - 1
        minimum = 0 if entry.min is None else entry.min
        maximum = largest if entry.max is None else entry.max
        if not 0 <= minimum <= maximum <= largest:
            fault = f"has the range {minimum}..{maximum} in {entry.bits} bits, which hold 0..{largest}"
            raise self.error(place, fault, "correct min and max or the width")
        for value in entry.values:
            if not minimum <= value <= maximum:
                fault = f"is outside {minimum}..{maximum}"
                raise self.error(f"{place}.values.{value}", fault, "correct the value or the width")
        return Field(entry.name, entry.bits, offset, entry.meaning, entry.values, minimum, maximum)

    def message(self, name: str, entry: MessageEntry, header: Layout, checksum_bits: int) -> Message:
        key = f"messages.{name}"
        fields = self.layout(f"{key}.fields", entry.fields, (*MESSAGE_FIELDS[name], "crc"))
        crc = fields.fields[-1]
        if crc.name != "crc" or crc.width_bits != checksum_bits:
            fault = f"ends in {crc.name} of {crc.width_bits} bits"
            raise self.error(f"{key}.fields", fault, f"end it in crc of {checksum_bits} bits")
        if not header.field("hop_limit").legal(entry.hop_limit):
            raise self.error(
                f"{key}.hop_limit", f"is {entry.hop_limit}", "give a value that the field can hold"
            )
        if not header.field("type").legal(entry.type):
            raise self.error(f"{key}.type", f"is {entry.type}", "give a value that the field can hold")
        repeated = None
        if name in REPEATED_FIELDS or entry.repeated:
            repeated = self.layout(f"{key}.repeated", entry.repeated, REPEATED_FIELDS.get(name, ()))
            if fields.names[-2:-1] != ("count",):
                raise self.error(f"{key}.fields", "has entries but no count before its crc", "add count")
        if entry.payload != (name == "DATA"):
            raise self.error(
                f"{key}.payload", f"is {entry.payload}", "let DATA, and nothing else, carry a payload"
            )
        return Message(name, entry.type, entry.meaning, fields, repeated, entry.payload, entry.hop_limit)

    def unique_types(self, header: Layout) -> None:
        seen: dict[int, str] = {}
        for name, message in self.entry.messages.items():
            if message.type in seen:
                fault = f"is {message.type}, the code of {seen[message.type]}"
                raise self.error(f"messages.{name}.type", fault, "give each message its own code")
            seen[message.type] = name
        for value in header.field("type").values:
            if value not in seen:
                raise self.error(f"header[type].values.{value}", "has no message", "define it in messages")

    def flags(self, field: Field) -> dict[str, int]:
        self.require_names("flags.{}", self.entry.flags, FLAGS)
        seen: dict[int, str] = {}
        for name, flag in self.entry.flags.items():
            key = f"flags.{name}.value"
            if re.fullmatch(r"[A-Z][A-Z0-9_]*", name) is None:
                raise self.error(f"flags.{name}", "is not in capitals", f"write {name.upper()}")
            if flag.value.bit_count() != 1 or not 0 < flag.value <= field.maximum:
                raise self.error(key, f"is {flag.value}", f"give one bit of 1..{field.maximum}")
            if flag.value in seen:
                raise self.error(key, f"is the bit of {seen[flag.value]}", "give each flag its own bit")
            seen[flag.value] = name
        return {name: flag.value for name, flag in self.entry.flags.items()}
