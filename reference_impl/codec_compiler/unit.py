"""What a codec is compiled from: a wire profile, the functions written so far, and the names they use."""

from collections.abc import Iterable, Mapping
from functools import cache
from struct import Struct
from typing import Any

from reference_impl.codec_compiler.words import START, Seal, Words
from spec.layout import Field, WireProfile

STATED = ("class", "flags", "source", "destination", "port")
"""Fields of the header that a sender says."""
SHARED = 1 << 16
"""Kinds of messages that share their type code begin here."""


class BadFrame(Exception):  # noqa: N818 - it names what is wrong
    """A frame that is to be dropped, with the drop cause."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Unit:
    """Collects the source of the functions of one profile, and compiles it."""

    def __init__(self, profile: WireProfile) -> None:
        self.profile = profile
        self.seal = Seal(profile)
        self.quick = self.seal.quick
        self.start = START + profile.header.octets
        self.header = self.words(profile.header.fields)
        self.kinds = self.numbered()
        self.names: dict[str, Any] = {
            "BadFrame": BadFrame,
            "seal": self.seal.sealed,
            "sound": self.seal.sound,
            "HEADER": self.header.struct,
        }
        if self.quick:
            assert profile.checksum is not None
            self.names["update"] = profile.checksum.update
            self.names["CRC"] = Struct(">H")
            self.names["table_of"] = cache(self.seal.residues)
        self.source: list[str] = []
        self.functions: list[str] = []

    def words(self, fields: Iterable[Field]) -> Words:
        """Group fields into words."""
        return Words(fields, little=self.profile.little_endian)

    def numbered(self) -> dict[str, int]:
        """Map every message to the number of its kind."""
        shared = {
            message.name: self.profile.distinction(message.type_code) is not None
            for message in self.profile.messages.values()
        }
        return {
            name: SHARED + place if shared[name] else message.type_code
            for place, (name, message) in enumerate(self.profile.messages.items())
        }

    def function(self, signature: str, *lines: str) -> None:
        """Add one function."""
        self.functions.append(signature.partition("(")[0])
        self.source.append(f"def {signature}:\n" + "".join(f"    {line}\n" for line in lines))

    def read(self, field: Field, start: int) -> str:
        """Write the expression that reads a field of a layout that begins at an octet of the frame."""
        first, bit = divmod(field.offset_bits, 8)
        octets = -(-(bit + field.width_bits) // 8)
        at = start + first
        word = f"frame[{at}]"
        if octets > 1:
            word = f"int.from_bytes(frame[{at}:{at + octets}], {self.header.order!r})"
        shift = octets * 8 - bit - field.width_bits
        return f"({word} >> {shift} & {(1 << field.width_bits) - 1:#x})"

    def compile(self) -> dict[str, Any]:
        """Return the functions by name."""
        exec(compile("\n".join(self.source), f"<codec of {self.profile.name}>", "exec"), self.names)  # noqa: S102 - the source is made here, from numbers and field names the profile's loader has checked
        return {name: self.names[name] for name in self.functions}


def codes_of(field: Field, words: Mapping[int, str]) -> dict[int, int]:
    """Return the codes of a field, where it has one, by the number that the reference has for each."""
    return {number: field.code(word) for number, word in words.items() if word in field.values.values()}
