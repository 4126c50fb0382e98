"""The tester's own codec of fabric messages, made from the wire profile; it writes bad ones, too."""

import struct
from binascii import crc_hqx
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple

from spec.errors import InputError
from spec.wire import Field, WireProfile, load_profile

ETHERNET: Final = 14
NEIGHBOUR: Final = bytes(6)
"""As destination or source address: the tester fills in the right one when the frame leaves."""
_CODES: Final = {8: "B", 16: "H", 32: "I", 64: "Q"}


class Decoded(NamedTuple):
    """A fabric message: header and extension fields by name, repeated entries, the payload behind."""

    message: str
    fields: dict[str, int]
    entries: tuple[dict[str, int], ...]
    payload: bytes
    valid_crc: bool


class Form:
    """A struct for a run of fields; neighbouring fields share a word of 8, 16, 32 or 64 bits."""

    def __init__(self, fields: Sequence[Field]) -> None:
        code = ">"
        names: list[str] = []
        self._shared: list[tuple[int, int, tuple[tuple[str, int, int], ...]]] = []
        self._octets: dict[int, list[dict[str, int]]] = {}
        while fields:
            taken, width = _word(fields)
            if taken > 1 or width not in _CODES:
                shift = width
                parts = []
                for part in fields[:taken]:
                    shift -= part.width_bits
                    parts.append((part.name, shift, (1 << part.width_bits) - 1))
                self._shared.append((len(names), 0 if width in _CODES else width // 8, tuple(parts)))
                if width == 8:
                    self._octets[len(names)] = [
                        {name: octet >> shift & mask for name, shift, mask in parts} for octet in range(256)
                    ]
            code += _CODES.get(width, f"{width // 8}s")
            names.append(fields[0].name)
            fields = fields[taken:]
        self._struct = struct.Struct(code)
        self._names = tuple(names)
        self.octets = self._struct.size

    def pack(self, values: Mapping[str, int]) -> bytes:
        """Write the fields; KeyError for one without value, struct.error for one that is too large."""
        words: list[int | bytes] = [values[name] for name in self._names]
        for place, octets, parts in self._shared:
            word = 0
            for name, shift, mask in parts:
                if values[name] > mask:
                    raise struct.error(f"{name} is {values[name]}, at most {mask}")
                word |= values[name] << shift
            words[place] = word.to_bytes(octets, "big") if octets else word
        return self._struct.pack(*words)

    def unpack(self, octets: bytes, offset: int) -> dict[str, int]:
        """Read the fields; struct.error when the octets end early."""
        words = self._struct.unpack_from(octets, offset)
        values: dict[str, int] = dict(zip(self._names, words, strict=True))
        for place, size, parts in self._shared:
            word = int.from_bytes(words[place], "big") if size else words[place]
            if place in self._octets:
                values.update(self._octets[place][word])
            else:
                values.update({name: word >> shift & mask for name, shift, mask in parts})
        return values


def _word(fields: Sequence[Field]) -> tuple[int, int]:
    """Count the leading fields, and their bits, that make a word of a struct, or else of whole octets."""
    width = 0
    whole = (0, 0)
    for number, part in enumerate(fields, 1):
        width += part.width_bits
        if width in _CODES:
            return number, width
        if width % 8 == 0 and not whole[0]:
            whole = (number, width)
    return whole


class Codec:
    """Encodes and decodes every message of a wire profile."""

    def __init__(self, profile: WireProfile) -> None:
        if profile.checksum != "CRC-16/CCITT-FALSE":
            mend = "teach it to the codec of the tester"
            raise InputError(profile.name, "checksum", f"{profile.checksum} is unknown", mend)
        self.profile = profile
        self.ethertype = profile.ethertype.to_bytes(2, "big")
        header = profile.header.fields
        self._header = Form(header)
        self._forms: dict[str, Form] = {}
        self._repeated: dict[str, Form] = {}
        self._defaults: dict[str, dict[str, int]] = {}
        for name, message in profile.messages.items():
            fields = (*header, *(f for f in message.fields.fields if f.name != "crc"))
            self._forms[name] = Form(fields)
            if message.repeated is not None:
                self._repeated[name] = Form(message.repeated.fields)
            self._defaults[name] = {f.name: f.minimum for f in fields} | {
                "version": next(iter(profile.header.field("version").values), 1),
                "type": message.type_code,
                "hop_limit": message.hop_limit,
            }
        self._names = {message.type_code: name for name, message in profile.messages.items()}
        kind = profile.header.field("type")
        octet, bit = divmod(kind.offset_bits, 8)
        self._type = (ETHERNET + octet, 8 - bit - kind.width_bits, (1 << kind.width_bits) - 1)
        bits = self._header.octets * 8
        self._covered = (1 << bits) - 1
        for name in profile.zeroed:
            part = profile.header.field(name)
            shift = bits - part.offset_bits - part.width_bits
            self._covered &= ~(((1 << part.width_bits) - 1) << shift)

    def checksum(self, body: bytes) -> int:
        """CRC of header and extension octets, with the header fields that the profile zeroes taken as 0."""
        octets = self._header.octets
        head = (int.from_bytes(body[:octets], "big") & self._covered).to_bytes(octets, "big")
        return crc_hqx(body[octets:], crc_hqx(head, 0xFFFF))

    def encode(
        self,
        message: str,
        values: Mapping[str, int] | None = None,
        *,
        payload: bytes = b"",
        entries: Sequence[Mapping[str, int]] = (),
        crc_error: int = 0,
        destination: bytes | None = None,
        source: bytes = NEIGHBOUR,
        octets: int | None = None,
    ) -> bytes:
        """Write an Ethernet frame of at least 60 octets; fields not in `values` are as low as is legal.

        `values` may set any field, `version`, `type`, `count` and `crc` among them; `crc_error` is added
        (exclusive or) to the right checksum; `octets` cuts the message short, without padding.
        KeyError for an unknown field, struct.error for a value that its field cannot hold.
        """
        fields = self._defaults[message].copy()
        if entries:
            fields["count"] = len(entries)
        if values:
            fields.update(values)
            if len(fields) > len(self._defaults[message]) + ("crc" in fields):
                unknown = sorted(set(values) - set(self._defaults[message]))
                raise KeyError(f"{message} has no field {unknown}")
        body = self._forms[message].pack(fields)
        if entries:
            body += b"".join(map(self._repeated[message].pack, entries))
        crc = fields.get("crc")
        if crc is None:
            crc = self.checksum(body) ^ crc_error
        if destination is None:
            destination = self.profile.hello_address if message == "HELLO" else NEIGHBOUR
        body = b"".join((destination, source, self.ethertype, body, crc.to_bytes(2, "big"), payload))
        return body.ljust(60, b"\0") if octets is None else body[: ETHERNET + octets]

    def name_of(self, frame: bytes) -> str | None:
        """Message name of a frame, HOST when it has no fabric header, None when its type is not assigned."""
        if frame[12:14] != self.ethertype:
            return "HOST"
        if len(frame) < ETHERNET + self._header.octets:
            return None
        octet, shift, mask = self._type
        return self._names.get(frame[octet] >> shift & mask)

    def decode(self, frame: bytes) -> Decoded | None:
        """Read a frame; None when it carries no message of the profile or ends inside one."""
        name = self.name_of(frame)
        if name is None or name == "HOST":
            return None
        entries: tuple[dict[str, int], ...] = ()
        form = self._forms[name]
        end = ETHERNET + form.octets
        try:
            values = form.unpack(frame, ETHERNET)
            if name in self._repeated:
                repeated = self._repeated[name]
                start, end = end, end + values["count"] * repeated.octets
                entries = tuple(repeated.unpack(frame, at) for at in range(start, end, repeated.octets))
        except struct.error:
            return None
        if len(frame) < end + 2:
            return None
        values["crc"] = crc = int.from_bytes(frame[end : end + 2], "big")
        payload = frame[end + 2 :] if self.profile.messages[name].payload else b""
        return Decoded(name, values, entries, payload, self.checksum(frame[ETHERNET:end]) == crc)

    def covered_octets(self, message: Decoded) -> int:
        """Length of header and extension of a message up to its checksum."""
        entries = self._repeated[message.message].octets * len(message.entries) if message.entries else 0
        return self._forms[message.message].octets + entries

    def with_fields(self, frame: bytes, **values: int) -> bytes:
        """Change header fields of a message and nothing else, the checksum included."""
        end = ETHERNET + self._header.octets
        head = self._header.unpack(frame, ETHERNET) | values
        return frame[:ETHERNET] + self._header.pack(head) + frame[end:]


@cache
def codec(profile: str = "open-1") -> Codec:
    """Give the codec of a wire profile by its name or path."""
    return Codec(load_profile(profile))
