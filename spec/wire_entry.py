"""Wire profiles as they are written: the shape of the YAML file, whose sense `spec.wire` checks."""

from typing import Annotated, Literal

from pydantic import Field as Constraint
from pydantic import StringConstraints

from spec.formats import FIELD_NAME, Mac
from spec.model import Record, Text, Words


class FieldEntry(Record):
    """A field as written; `bit` is its offset in its layout, by default where the last field ends."""

    name: Annotated[str, StringConstraints(pattern=FIELD_NAME)]
    bits: Annotated[int, Constraint(ge=1, le=64)]
    bit: Annotated[int, Constraint(ge=0)] | None = None
    meaning: Text
    values: dict[int, Words] = Constraint(default_factory=dict)
    min: int | None = None
    max: int | None = None
    unit: Words | None = None
    rounding: Literal["down", "up"] = "down"


class TlvsEntry(Record):
    """A run of type, length and value as written: the field with its length, and the widths of both."""

    octets: Words
    type_bits: Literal[8, 16]
    length_bits: Literal[8, 16]
    values: dict[int, Words] = Constraint(default_factory=dict)


class MessageEntry(Record):
    """A message type as written."""

    type: int
    hop_limit: int
    meaning: Text
    payload: bool = False
    constants: dict[str, int] = Constraint(default_factory=dict)
    fields: tuple[FieldEntry, ...]
    repeated: tuple[FieldEntry, ...] = ()
    tlvs: TlvsEntry | None = None


class FlagEntry(Record):
    """A flag as written."""

    value: int
    meaning: Text


class ChecksumEntry(Record):
    """The checksum as written; `over` a message is over common header and extension."""

    algorithm: Words
    over: Literal["message", "header"] = "message"
    zeroed: tuple[str, ...] = ()


class ProfileEntry(Record):
    """A wire profile as written."""

    name: Words
    title: Text
    status: Text
    outer: Words = "ethernet"
    ethertype: Annotated[int, Constraint(ge=0x0600, le=0xFFFF)]
    hello_address: Mac
    byte_order: Literal["big", "little"] = "big"
    checksum: ChecksumEntry
    absent: tuple[Words, ...] = ()
    flags: dict[str, FlagEntry]
    header: tuple[FieldEntry, ...]
    messages: dict[str, MessageEntry]
