"""What a wire profile says, once it is checked: fields, layouts, messages and code points.

The suite counts time in ns, rates in Mbit/s and credit in octets everywhere; a field in another unit has a
`scale`, by which the codecs convert, and nobody else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from spec.checksum import Checksum
from spec.model import Text

HEADER_FIELDS = ("version", "type", "class", "flags", "source", "destination", "port", "hop_limit")
FLAGS = ("LAST", "UNGOVERNED")
MESSAGE_FIELDS: Mapping[str, tuple[str, ...]] = {
    "DATA": ("sequence", "generation", "index", "previous_frames", "fill"),
    "REQUEST": ("generation", "demand", "sent", "forfeited"),
    "GRANT": ("generation", "granted", "expired", "validity"),
    "BACKPRESSURE": ("about", "level", "validity"),
    "HELLO": ("role", "port_id", "sequence", "rate", "heard_node", "heard_sequence", "count"),
    "FAULT": ("code", "node", "port_id", "origin", "sequence"),
}
REPEATED_FIELDS: Mapping[str, tuple[str, ...]] = {"HELLO": ("node", "rate")}
OPTIONAL: Final = frozenset(
    {"BACKPRESSURE", "FAULT", *FLAGS, "DATA.previous_frames", "HELLO.port_id", "FAULT.port_id", "FAULT.code"}
)
"""Messages, flags and fields that a profile may do without, if it lists them under `absent`."""
CODES: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("HELLO", "role"): ("GSP", "GSF"),
    ("FAULT", "code"): ("node unreachable",),
}
"""Values that have to have a name, for the suite asks for them by it."""


class NotInProfile(Exception):  # noqa: N818 - it is the fact, not an error of the program
    """Something that the wire profile of the play has no message, field or flag for."""

    def __init__(self, profile: str, what: str) -> None:
        super().__init__(f"the wire profile {profile} has no {what}")


@dataclass(frozen=True)
class Field:
    """A field of a layout; offsets count bits from the start of its layout, most significant first.

    `minimum`, `maximum` and `values` are as they stand on the wire, where one is `scale` of the suite's.
    """

    name: str
    width_bits: int
    offset_bits: int
    meaning: Text
    values: Mapping[int, str]
    minimum: int
    maximum: int
    unit: str = ""
    scale: int = 1
    rounding: Literal["down", "up"] = "down"

    def legal(self, value: int) -> bool:
        """Say whether a value may stand in the field."""
        return self.minimum <= value <= self.maximum and (not self.values or value in self.values)

    def kept(self, value: int) -> int:
        """Return what is left of a value of the suite's once it is rounded to the unit of the field."""
        return (-(-value // self.scale) if self.rounding == "up" else value // self.scale) * self.scale

    @property
    def least(self) -> int:
        """The lowest legal value, in the suite's unit."""
        return min(self.values, default=self.minimum) * self.scale

    @property
    def most(self) -> int:
        """The largest value that the field can tell, in the suite's unit."""
        return self.maximum * self.scale

    def illegal(self, most: int = 16) -> list[int]:
        """Return values that may not stand in the field: all, or `most` that are likely to be mistaken.

        Those are the neighbours of the legal ones, their single flipped bits, and both ends.
        """
        top = (1 << self.width_bits) - 1
        if self.width_bits <= 8:
            found = [value for value in range(top + 1) if not self.legal(value)]
            if len(found) <= most:
                return found
        legal = sorted(self.values) or [self.minimum, self.maximum]
        near = [value + step for value in legal for step in (1, -1)]
        flipped = [value ^ 1 << bit for value in legal for bit in range(self.width_bits)]
        likely = dict.fromkeys([*near, 0, top, *flipped])
        return [value for value in likely if 0 <= value <= top and not self.legal(value)][:most]

    def code(self, name: str) -> int:
        """Return the value that has a name; KeyError when none has."""
        for value, known in self.values.items():
            if known == name:
                return value
        raise KeyError(name)


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
        """Return a field by name; KeyError when there is none."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)


@dataclass(frozen=True)
class Tlvs:
    """A run of type, length and value in front of the checksum.

    Each length counts the octets of its value, the field `octets` all octets of the run.
    """

    octets: str
    type_bits: int
    length_bits: int
    values: Mapping[int, str]


@dataclass(frozen=True)
class Message:
    """A message type; behind the fixed fields of its extension stand its entries, then its TLVs.

    Messages that share a type code differ in one of their `constants`. Where the checksum stands at the end
    of the extension, it is the last of `fields`, and entries and TLVs stand in front of it.
    """

    name: str
    type_code: int
    meaning: Text
    fields: Layout
    repeated: Layout | None
    payload: bool
    hop_limit: int
    constants: Mapping[str, int]
    tlvs: Tlvs | None = None

    @property
    def ahead(self) -> tuple[Field, ...]:
        """Fields of the extension without a checksum at its end."""
        fields = self.fields.fields
        return fields[:-1] if fields and fields[-1].name == "crc" else fields

    @property
    def variable(self) -> bool:
        """Whether its length is not known before it is read."""
        return self.repeated is not None or self.tlvs is not None


@dataclass(frozen=True)
class WireProfile:
    """A checked profile; `digest` is that of its file.

    The checksum covers header and extension, or with `header_only` the header, and takes the fields `zeroed`
    as 0. It stands at the end of each extension, or, `in_header`, where it takes itself as 0, too.
    """

    name: str
    title: Text
    status: Text
    digest: str
    ethertype: int
    hello_address: bytes
    little_endian: bool
    checksum: Checksum | None
    header_only: bool
    zeroed: tuple[str, ...]
    header: Layout
    messages: Mapping[str, Message]
    flags: Mapping[str, int]

    @property
    def in_header(self) -> bool:
        """Whether the checksum is a field of the header."""
        return "crc" in self.header.names

    @property
    def version(self) -> int:
        """The version that is spoken: the least that the header may have."""
        field = self.header.field("version")
        return min(field.values, default=field.minimum)

    def checked(self, *, whole: bool = False) -> Checksum:
        """Return the checksum, over the `whole` message where that is asked; NotInProfile without one."""
        if self.checksum is None:
            raise NotInProfile(self.name, "checksum")
        if whole and self.header_only:
            raise NotInProfile(self.name, "checksum over more than its header")
        return self.checksum

    def unassigned(self, most: int = 16) -> list[int]:
        """Return type codes that no message has: all, or `most` that are likely to be mistaken."""
        codes = {message.type_code: message.name for message in self.messages.values()}
        field = self.header.field("type")
        return replace(field, values=codes, minimum=0, maximum=(1 << field.width_bits) - 1).illegal(most)

    def sharing(self, type_code: int) -> list[Message]:
        """Return the messages of a type code: none when it is not assigned, several that it stands for."""
        return [message for message in self.messages.values() if message.type_code == type_code]

    def distinction(self, type_code: int) -> str | None:
        """Return the field by which messages of one type code differ; None where it has one at most."""
        found = self.sharing(type_code)
        return next(iter(found[0].constants)) if len(found) > 1 else None

    def message(self, name: str) -> Message:
        """Return a message; NotInProfile when there is none."""
        if name not in self.messages:
            raise NotInProfile(self.name, f"{name} message")
        return self.messages[name]

    def field(self, message: str, name: str) -> Field:
        """Return a field of the header or of an extension; NotInProfile when there is none."""
        for field in (*self.header.fields, *self.message(message).fields.fields):
            if field.name == name:
                return field
        raise NotInProfile(self.name, f"{name} in its {message}")

    def reserved(self, message: str) -> list[Field]:
        """List the fields of a message, those of its header included, that have one value and no meaning."""
        layout = self.message(message)
        named = {*HEADER_FIELDS, *MESSAGE_FIELDS[message], *layout.constants}
        return [
            field
            for field in (*self.header.fields, *layout.fields.fields)
            if field.name not in named and field.minimum == field.maximum
        ]

    def has(self, message: str, name: str) -> bool:
        """Say whether there is such a message and it has such a field."""
        return message in self.messages and name in self.messages[message].fields.names

    def flag(self, name: str) -> int:
        """Return the bit of a flag; NotInProfile when there is none."""
        if name not in self.flags:
            raise NotInProfile(self.name, f"{name} flag")
        return self.flags[name]

    def code(self, message: str, field: str, name: str) -> int:
        """Return the value of a field that has a name; NotInProfile when none has."""
        try:
            return self.field(message, field).code(name)
        except KeyError:
            raise NotInProfile(self.name, f"{name} as {field} of its {message}") from None

    def after(self, generation: int, steps: int = 1) -> int:
        """Return the generation that is `steps` after another; the least one follows the largest."""
        field = self.field("DATA", "generation")
        return (generation - field.minimum + steps) % (field.maximum - field.minimum + 1) + field.minimum

    def numbers(self, message: str = "DATA", field: str = "sequence") -> int:
        """Return how many numbers there are before a counter begins again at 0 (RFC 1982)."""
        return 1 << self.field(message, field).width_bits
