"""The tester's own codec of fabric messages, made from the wire profile; it writes bad ones, too.

Times in ns and rates in Mbit/s become the units of the profile here, rounded as it says, and come back.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Final, Literal, NamedTuple

from spec.layout import MESSAGE_FIELDS, Field, NotInProfile, WireProfile
from spec.wire import load_profile

ETHERNET: Final = 14
NEIGHBOUR: Final = bytes(6)
"""As destination or source address: the tester fills in the right one when the frame leaves."""
_CODES: Final = {8: "B", 16: "H", 32: "I", 64: "Q"}
Order = Literal["big", "little"]
Tlv = tuple[int, bytes]
"""Type and value."""


class Decoded(NamedTuple):
    """A fabric message: header and extension fields by name, entries, the payload behind, and its TLVs."""

    message: str
    fields: dict[str, int]
    entries: tuple[dict[str, int], ...]
    payload: bytes
    valid_crc: bool
    tlvs: tuple[Tlv, ...] = ()


class Form:
    """A struct for a run of fields; neighbouring fields share a word of 8, 16, 32 or 64 bits."""

    def __init__(self, fields: Sequence[Field], order: Order) -> None:
        code = ">" if order == "big" else "<"
        names: list[str] = []
        self._order = order
        self._scaled = tuple(field for field in fields if field.scale != 1)
        self._shared: list[tuple[int, int, tuple[tuple[str, int, int], ...]]] = []
        self._octets: dict[int, list[dict[str, int]]] = {}
        while fields:
            taken, width = _word(fields) if order == "big" else _run(fields)
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
        if self._scaled:
            values = {**values, **{field.name: _scaled(field, values[field.name]) for field in self._scaled}}
        words: list[int | bytes] = [values[name] for name in self._names]
        for place, octets, parts in self._shared:
            word = 0
            for name, shift, mask in parts:
                if values[name] > mask:
                    raise struct.error(f"{name} is {values[name]}, at most {mask}")
                word |= values[name] << shift
            words[place] = word.to_bytes(octets, self._order) if octets else word
        return self._struct.pack(*words)

    def unpack(self, octets: bytes, offset: int) -> dict[str, int]:
        """Read the fields; struct.error when the octets end early."""
        words = self._struct.unpack_from(octets, offset)
        values: dict[str, int] = dict(zip(self._names, words, strict=True))
        for place, size, parts in self._shared:
            word = int.from_bytes(words[place], self._order) if size else words[place]
            if place in self._octets:
                values.update(self._octets[place][word])
            else:
                values.update({name: word >> shift & mask for name, shift, mask in parts})
        for field in self._scaled:
            values[field.name] *= field.scale
        return values


def _scaled(field: Field, value: int) -> int:
    """Count a value in the unit of its field, rounded as the profile says."""
    return -(-value // field.scale) if field.rounding == "up" else value // field.scale


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


def _run(fields: Sequence[Field]) -> tuple[int, int]:
    """Count the leading fields, and their bits, that fill octets: those whose octets may be swapped."""
    width = 0
    for number, part in enumerate(fields, 1):
        width += part.width_bits
        if width % 8 == 0:
            return number, width
    return 0, 0


class Codec:
    """Encodes and decodes every message of a wire profile."""

    def __init__(self, profile: WireProfile) -> None:
        self.profile = profile
        self.ethertype = profile.ethertype.to_bytes(2, "big")
        self._order: Order = "little" if profile.little_endian else "big"
        header = profile.header.fields
        self._header = Form(header, self._order)
        self._forms: dict[str, Form] = {}
        self._repeated: dict[str, Form] = {}
        self._defaults: dict[str, dict[str, int]] = {}
        self._entries: dict[str, dict[str, int]] = {}
        for name, message in profile.messages.items():
            fields = (*header, *message.ahead)
            self._forms[name] = Form(fields, self._order)
            if message.repeated is not None:
                self._repeated[name] = Form(message.repeated.fields, self._order)
                parts = {part.name: part.least for part in message.repeated.fields}
                self._entries[name] = parts
            own = {"version": profile.version, "type": message.type_code, "hop_limit": message.hop_limit}
            lowest = {field.name: field.least for field in fields if field.name != "crc"}
            self._defaults[name] = lowest | own | dict(message.constants)
        self._names = {
            message.type_code: self._chooser(message.type_code) for message in profile.messages.values()
        }
        self._type = profile.header.field("type")
        self._sum = profile.checksum
        self._end = 0 if profile.checksum is None or profile.in_header else profile.checksum.octets
        bits = self._header.octets * 8
        self._covered = (1 << bits) - 1
        for name in (*profile.zeroed, *(["crc"] if profile.in_header else [])):
            part = profile.header.field(name)
            shift = bits - part.offset_bits - part.width_bits
            self._covered &= ~(((1 << part.width_bits) - 1) << shift)

    def _chooser(self, code: int) -> tuple[Field | None, bool, dict[int, str]]:
        """Return what tells the messages of a type code apart: a field, whether the header's, and names."""
        sharing = self.profile.sharing(code)
        name = self.profile.distinction(code)
        if name is None:
            return None, False, {0: sharing[0].name}
        inside = name in self.profile.header.names
        layout = self.profile.header if inside else sharing[0].fields
        return layout.field(name), inside, {message.constants[name]: message.name for message in sharing}

    def _read(self, field: Field, frame: bytes, start: int) -> int:
        """Read one field of a layout that begins at an octet."""
        first, bit = divmod(field.offset_bits, 8)
        octets = -(-(bit + field.width_bits) // 8)
        word = int.from_bytes(frame[start + first : start + first + octets], self._order)
        return word >> (octets * 8 - bit - field.width_bits) & ((1 << field.width_bits) - 1)

    def checksum(self, body: bytes) -> int:
        """Compute the checksum of header and extension up to where it would stand itself; 0 without one."""
        if self._sum is None:
            return 0
        octets = self._header.octets
        head = (int.from_bytes(body[:octets], "big") & self._covered).to_bytes(octets, "big")
        return self._sum.of(head if self.profile.header_only else head + body[octets:])

    def encode(
        self,
        message: str,
        values: Mapping[str, int] | None = None,
        *,
        payload: bytes = b"",
        entries: Sequence[Mapping[str, int]] = (),
        tlvs: Iterable[Tlv] = (),
        crc_error: int = 0,
        destination: bytes | None = None,
        source: bytes = NEIGHBOUR,
        octets: int | None = None,
    ) -> bytes:
        """Write an Ethernet frame of at least 60 octets; fields not in `values` are as low as is legal.

        `values` may set any field, `version`, `type`, `count` and `crc` among them; `crc_error` is added
        (exclusive or) to the right checksum; `octets` cuts the message short, without padding.
        KeyError for an unknown field, struct.error for a value that its field cannot hold, NotInProfile for
        a message that the profile has not, for a field of its own that it leaves out, and for a
        `crc_error` without checksum.
        """
        described = self.profile.message(message)
        fields = self._defaults[message].copy()
        if entries:
            fields["count"] = len(entries)
        run = b""
        if described.tlvs is not None:
            sizes = described.tlvs.type_bits // 8, described.tlvs.length_bits // 8
            for kind, value in tlvs:
                numbers = zip((kind, len(value)), sizes, strict=True)
                run += b"".join(number.to_bytes(size, self._order) for number, size in numbers) + value
            fields[described.tlvs.octets] = len(run)
        if values:
            fields.update(values)
            if len(fields) > len(self._defaults[message]) + ("crc" in fields):
                raise self._unknown(message, set(values) - set(self._defaults[message]))
        crc = fields.get("crc")
        if (crc_error or crc is not None) and self._sum is None:
            raise NotInProfile(self.profile.name, "checksum")
        if not self._end:
            fields["crc"] = 0
        body = self._forms[message].pack(fields)
        if entries:
            pack, parts = self._repeated[message].pack, self._entries[message]
            body += b"".join(pack({**parts, **entry}) for entry in entries)
        body += run
        body = self._sealed(body, self.checksum(body) ^ crc_error if crc is None else crc)
        if destination is None:
            destination = self.profile.hello_address if message == "HELLO" else NEIGHBOUR
        body = b"".join((destination, source, self.ethertype, body, payload))
        return body.ljust(60, b"\0") if octets is None else body[: ETHERNET + octets]

    def _unknown(self, message: str, names: set[str]) -> KeyError | NotInProfile:
        missing = sorted(names & set(MESSAGE_FIELDS.get(message, ())))
        if missing:
            return NotInProfile(self.profile.name, f"{missing[0]} in its {message}")
        return KeyError(f"{message} has no field {sorted(names)}")

    def _sealed(self, body: bytes, crc: int) -> bytes:
        """Put a checksum where it stands."""
        if self._sum is None:
            return body
        octets = crc.to_bytes(self._sum.octets, self._order)
        if self._end:
            return body + octets
        start = self.profile.header.field("crc").offset_bits // 8
        return body[:start] + octets + body[start + len(octets) :]

    def name_of(self, frame: bytes) -> str | None:
        """Return the message of a frame, HOST when it has no fabric header, None when it is not assigned."""
        if frame[12:14] != self.ethertype:
            return "HOST"
        start = ETHERNET + self._header.octets
        if len(frame) < start:
            return None
        chosen = self._names.get(self._read(self._type, frame, ETHERNET))
        if chosen is None:
            return None
        field, inside, names = chosen
        if field is None:
            return names[0]
        if not inside and len(frame) < start + -(-(field.offset_bits + field.width_bits) // 8):
            return None
        return names.get(self._read(field, frame, ETHERNET if inside else start))

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
        described = self.profile.messages[name]
        tlvs: tuple[Tlv, ...] | None = ()
        if described.tlvs is not None:
            start, end = end, end + values[described.tlvs.octets]
            tlvs = _tlvs(
                frame[start:end], described.tlvs.type_bits // 8, described.tlvs.length_bits // 8, self._order
            )
        if tlvs is None or len(frame) < end + self._end:
            return None
        right = self.checksum(frame[ETHERNET:end])
        if self._end:
            values["crc"] = int.from_bytes(frame[end : end + self._end], self._order)
        valid = values.get("crc", right) == right
        payload = frame[end + self._end :] if described.payload else b""
        return Decoded(name, values, entries, payload, valid, tlvs)

    def covered_octets(self, message: Decoded) -> int:
        """Length of header and extension of a message, without a checksum at their end."""
        entries = self._repeated[message.message].octets * len(message.entries) if message.entries else 0
        tlvs = self.profile.messages[message.message].tlvs
        run = message.fields[tlvs.octets] if tlvs is not None else 0
        return self._forms[message.message].octets + entries + run

    def passed_on(self, frame: bytes) -> bytes:
        """Return a message as a hop passes it on: one less in its hop limit, and all that follows from it."""
        end = ETHERNET + self._header.octets
        head = self._header.unpack(frame, ETHERNET)
        head["hop_limit"] -= 1
        body = self._header.pack(head)
        if self._sum is not None and not self._end and "hop_limit" not in self.profile.zeroed:
            body = self._sealed(body, self.checksum(body))
        return frame[:ETHERNET] + body + frame[end:]


def _tlvs(run: bytes, kind: int, length: int, order: Order) -> tuple[Tlv, ...] | None:
    """Read a run of type, length and value; None when it does not end where its last value does."""
    found = []
    at = 0
    while at < len(run):
        value = at + kind + length
        end = value + int.from_bytes(run[at + kind : value], order)
        if value > len(run) or end > len(run):
            return None
        found.append((int.from_bytes(run[at : at + kind], order), run[value:end]))
        at = end
    return tuple(found)


@cache
def codec(profile: str) -> Codec:
    """Return the codec of a wire profile by its name or path."""
    return Codec(load_profile(profile))
