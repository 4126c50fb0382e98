"""Scapy layers made from a wire profile, to craft and to show single frames; judge and peers use neither.

Lengths, counts and checksums are not filled in, and units are those of the profile: what the author writes
is what is built. A field whose name is a word of Python ends in an underscore (`class_`).
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
    StrLenField,
    XBitField,
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
        spoken = {"version": profile.version}
        fields = [self._field(part, spoken.get(part.name, 0)) for part in profile.header.fields]
        self.header = self._class("GSE", fields)
        bind_bottom_up(Ether, self.header, type=profile.ethertype)
        bind_top_down(Ether, self.header, type=profile.ethertype)
        self.messages = {name: self._message(message) for name, message in profile.messages.items()}
        setattr(self.header, "guess_payload_class", lambda packet, octets: self._next(packet, octets))  # noqa: B010, PLW0108 - a method of the class, which mypy would not let us set

    def _message(self, message: Message) -> type[Packet]:
        fields = [self._field(part, message.constants.get(part.name, part.minimum)) for part in message.ahead]
        if message.repeated is not None:
            parts = [self._field(part, 0) for part in message.repeated.fields]
            entry = self._class(f"{message.name} entry", parts, inner=True)
            fields.append(
                PacketListField("entries", [], entry, count_from=lambda packet: packet.getfieldval("count"))
            )
        if message.tlvs is not None:
            counted = message.tlvs.octets
            fields.append(StrLenField("tlvs", b"", length_from=lambda packet: packet.getfieldval(counted)))
        fields += [self._field(part, 0) for part in message.fields.fields[len(message.ahead) :]]
        made = self._class(message.name, fields, payload=Ether if message.payload else Padding)
        inside = {name: value for name, value in message.constants.items() if name in self._names}
        bind_top_down(self.header, made, type=message.type_code, hop_limit=message.hop_limit, **inside)
        return made

    @property
    def _names(self) -> tuple[str, ...]:
        return self.profile.header.names

    def _next(self, packet: Any, octets: bytes) -> type[Packet]:  # noqa: ANN401 - a packet of `header`
        """Return the class of the message behind a header, by its type code and what else tells it apart."""
        sharing = self.profile.sharing(packet.type)
        name = self.profile.distinction(packet.type)
        for message in sharing:
            made = self.messages[message.name]
            if name is None:
                return made
            value = packet.getfieldval(name) if name in self._names else made(octets).getfieldval(name)
            if value == message.constants[name]:
                return made
        return Padding

    def _field(self, part: Field, default: int) -> Any:  # noqa: ANN401 - one of Scapy's field classes
        name = part.name + "_" * iskeyword(part.name)
        whole = not part.offset_bits % 8 and not part.width_bits % 8
        width = -part.width_bits if self.profile.little_endian and whole else part.width_bits
        if part.name == "flags":
            names = {value: name for name, value in self.profile.flags.items()}
            bits = [names.get(1 << bit, f"bit{bit}") for bit in range(part.width_bits)]
            return FlagsField(name, default, part.width_bits, bits)
        if part.name == "crc":
            return XBitField(name, default, width)
        if part.values and width == 8:
            return ByteEnumField(name, default, dict(part.values))
        if part.values:
            return BitEnumField(name, default, width, dict(part.values))
        if width in _WHOLE and whole:
            return _WHOLE[width](name, default)
        return BitField(name, default, width)

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
def layers(profile: str) -> Layers:
    """Return the layers of a wire profile by its name or path."""
    return Layers(load_profile(profile))


def dissect(frame: bytes, profile: str) -> str:
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
