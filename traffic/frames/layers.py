"""Scapy layers made from a wire profile, to craft and to show single frames; judge and peers use neither.

Lengths, counts and checksums are not filled in: what the author writes is what is built. A field
whose name is a word of Python ends in an underscore (`class_`).
"""

from collections.abc import Iterable, Mapping
from functools import cache
from keyword import iskeyword
from typing import Any, Final

import scapy.contrib.roce  # noqa: F401 - shows the RoCEv2 packet that DATA carries
from scapy.fields import (
    BitEnumField,
    BitField,
    ByteEnumField,
    ByteField,
    FlagsField,
    IntField,
    LongField,
    PacketListField,
    ShortField,
    XShortField,
)
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Padding, bind_bottom_up, bind_top_down

from spec.wire import Field, Message, WireProfile, load_profile
from traffic.frames.codec import ETHERNET, codec

_WHOLE: Final[Mapping[int, Any]] = {8: ByteField, 16: ShortField, 32: IntField, 64: LongField}


class Layers:
    """Scapy classes of a profile: `header` and, by message name, `messages`; bound to Ether."""

    def __init__(self, profile: WireProfile) -> None:
        self.profile = profile
        version = next(iter(profile.header.field("version").values), 1)
        fields = [self._field(part, version * (part.name == "version")) for part in profile.header.fields]
        self.header = self._class("GSE", fields)
        bind_bottom_up(Ether, self.header, type=profile.ethertype)
        bind_top_down(Ether, self.header, type=profile.ethertype)
        self.messages = {name: self._message(message) for name, message in profile.messages.items()}

    def _message(self, message: Message) -> type[Packet]:
        *fixed, checksum = message.fields.fields
        fields = [self._field(part, part.minimum) for part in fixed]
        if message.repeated is not None:
            parts = [self._field(part, 0) for part in message.repeated.fields]
            entry = self._class(f"{message.name} entry", parts, inner=True)
            fields.append(
                PacketListField("entries", [], entry, count_from=lambda packet: packet.getfieldval("count"))
            )
        fields.append(self._field(checksum, 0))
        made = self._class(message.name, fields, payload=Ether if message.payload else Padding)
        bind_bottom_up(self.header, made, type=message.type_code)
        bind_top_down(self.header, made, type=message.type_code, hop_limit=message.hop_limit)
        return made

    def _field(self, part: Field, default: int) -> Any:  # noqa: ANN401 - one of Scapy's field classes
        name = part.name + "_" * iskeyword(part.name)
        if part.name == "flags":
            names = {value: name for name, value in self.profile.flags.items()}
            bits = [names.get(1 << bit, f"bit{bit}") for bit in range(part.width_bits)]
            return FlagsField(name, default, part.width_bits, bits)
        if part.name == "crc" and part.width_bits == 16:
            return XShortField(name, default)
        if part.values and part.width_bits == 8:
            return ByteEnumField(name, default, dict(part.values))
        if part.values:
            return BitEnumField(name, default, part.width_bits, dict(part.values))
        if part.width_bits in _WHOLE:
            return _WHOLE[part.width_bits](name, default)
        return BitField(name, default, part.width_bits)

    @staticmethod
    def _class(
        name: str, fields: Iterable[Any], *, payload: type[Packet] | None = None, inner: bool = False
    ) -> type[Packet]:
        body: dict[str, Any] = {"name": name, "fields_desc": list(fields), "__module__": __name__}
        if payload is not None:
            body["default_payload_class"] = lambda _packet, _octets: payload
        if inner:
            body["extract_padding"] = lambda _packet, octets: (b"", octets)
        metaclass: Any = type(Packet)
        made: type[Packet] = metaclass(name.replace(" ", ""), (Packet,), body)
        return made


@cache
def layers(profile: str = "open-1") -> Layers:
    """Give the layers of a wire profile by its name or path."""
    return Layers(load_profile(profile))


def dissect(frame: bytes, profile: str = "open-1") -> str:
    """Write a frame field by field for a reader, and say so when the checksum of a message is wrong."""
    layers(profile)
    text = str(Ether(frame).show(dump=True)).rstrip()
    own = codec(profile)
    message = own.decode(frame)
    if message is None or message.valid_crc:
        return text
    octets = own.covered_octets(message)
    right = own.checksum(frame[ETHERNET : ETHERNET + octets])
    return f"{text}\nchecksum wrong: got {message.fields['crc']:#06x}, want {right:#06x}"
