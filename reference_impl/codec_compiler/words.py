"""What the codec is made of: fields as words of a struct, and the checksum of a profile."""

from collections.abc import Callable, Iterable, Mapping
from struct import Struct
from typing import Any

from spec.layout import Field, WireProfile

START = 14
"""The octet of a frame at which the common header starts."""
WORDS = {8: "B", 16: "H", 32: "I", 64: "Q"}
LINEAR = frozenset({"CRC-16/CCITT-FALSE", "CRC-16/XMODEM"})
"""Checksums of which that of a message and its own checksum behind is the same for every message."""


class Words:
    """Fields grouped into words of whole octets, and the expressions that pack and unpack them.

    A group is closed as soon as it makes a machine word, or with the last of its fields that does; others
    are octets. In little-endian order each group is the shortest that has whole octets.
    """

    def __init__(self, fields: Iterable[Field], *, little: bool) -> None:
        self.order = "little" if little else "big"
        self.groups: list[tuple[int, list[Field]]] = []
        left = list(fields)
        while left:
            taken = self.taken(left, little=little)
            self.groups.append((sum(field.width_bits for field in left[:taken]), left[:taken]))
            left = left[taken:]
        codes = "".join(WORDS.get(width, f"{width // 8}s") for width, _ in self.groups)
        self.struct = Struct(("<" if little else ">") + codes)
        self.targets = ", ".join(f"w{index}" for index in range(len(self.groups))) + ","

    @staticmethod
    def taken(fields: list[Field], *, little: bool) -> int:
        """Say how many of the fields make the first group."""
        width = whole = 0
        for number, field in enumerate(fields, 1):
            width += field.width_bits
            if width in WORDS or (little and width % 8 == 0):
                return number
            if width % 8 == 0 and not whole:
                whole = number
        return whole

    def since(self, names: Iterable[str]) -> int:
        """Return the first group with one of these fields."""
        wanted = set(names)
        hits = (at for at, (_, group) in enumerate(self.groups) if wanted & {field.name for field in group})
        return next(hits, len(self.groups))

    def part(self, start: int, end: int | None = None) -> "Words":
        """Return some of the groups as words of their own."""
        fields = [field for _, group in self.groups[start:end] for field in group]
        return Words(fields, little=self.order == "little")

    def packing(self, values: Mapping[str, str]) -> str:
        """Write one expression a word, with the expression of each field; a field without is 0."""
        result = []
        for width, group in self.groups:
            shift = width
            terms = []
            for field in group:
                shift -= field.width_bits
                value = values.get(field.name, "0")
                if value != "0":
                    terms.append(f"({value}) << {shift}" if shift else f"({value})")
            word = " | ".join(terms) or "0"
            result.append(word if width in WORDS else f"({word}).to_bytes({width // 8}, {self.order!r})")
        return ", ".join(result)

    def unpacking(self) -> dict[str, str]:
        """Write the expression that takes each field out of its word `w<n>`."""
        result = {}
        for index, (width, group) in enumerate(self.groups):
            word = f"w{index}" if width in WORDS else f"int.from_bytes(w{index}, {self.order!r})"
            shift = width
            for field in group:
                shift -= field.width_bits
                moved = f"{word} >> {shift}" if shift else word
                inside = shift + field.width_bits < width
                result[field.name] = f"{moved} & {(1 << field.width_bits) - 1:#x}" if inside else moved
        return result


class Join(dict[int, Callable[..., bytes]]):
    """What joins the parts of a DATA frame, by the octets of the host frame: faster than adding them up."""

    def __init__(self, parts: str) -> None:
        super().__init__()
        self.parts = parts

    def __missing__(self, octets: int) -> Callable[..., bytes]:
        pack = self[octets] = Struct(f"{self.parts}{octets}s").pack
        return pack


class Seal:
    """The checksum of a profile: how it gets into a message, and how it is checked."""

    def __init__(self, profile: WireProfile) -> None:
        self.profile = profile
        self.sum = profile.checksum
        self.order: Any = "little" if profile.little_endian else "big"
        self.own = 0 if self.sum is None or profile.in_header else self.sum.octets
        self.head = profile.header.octets
        bits = self.head * 8
        self.mask = (1 << bits) - 1
        for name in (*profile.zeroed, *(["crc"] if profile.in_header else [])):
            field = profile.header.field(name)
            shift = bits - field.offset_bits - field.width_bits
            self.mask &= ~(((1 << field.width_bits) - 1) << shift)

    @property
    def quick(self) -> bool:
        """Whether a message may be checked octet by octet, its own checksum included, for any hop limit."""
        hop = self.profile.header.field("hop_limit")
        whole = hop.width_bits == 8 and hop.offset_bits % 8 == 0
        plain = self.own > 0 and not self.profile.header_only and self.order == "big"
        linear = self.sum is not None and self.sum.name in LINEAR
        return linear and plain and whole and self.profile.zeroed == ("hop_limit",)

    def residues(self, octets: int) -> tuple[int, ...]:
        """Return what each hop limit adds to the checksum of `octets` octets; the profile takes it as 0."""
        assert self.sum is not None
        place = self.profile.header.field("hop_limit").offset_bits // 8
        of, none = self.sum.of, self.sum.of(bytes(octets))
        return tuple(
            of(bytes(place) + bytes([value]) + bytes(octets - place - 1)) ^ none for value in range(256)
        )

    def value(self, body: bytes) -> int:
        """Compute the checksum of header and extension, up to where it stands behind them."""
        assert self.sum is not None
        head = (int.from_bytes(body[: self.head], "big") & self.mask).to_bytes(self.head, "big")
        return self.sum.of(head if self.profile.header_only else head + body[self.head :])

    def sealed(self, body: bytes) -> bytes:
        """Put its checksum into, or behind, header and extension."""
        if self.sum is None:
            return body
        octets = self.value(body).to_bytes(self.sum.octets, self.order)
        if self.own:
            return body + octets
        at = self.profile.header.field("crc").offset_bits // 8
        return body[:at] + octets + body[at + len(octets) :]

    def sound(self, frame: bytes, end: int) -> bool:
        """Say whether the checksum of a message is right that ends at an octet of its frame."""
        if self.sum is None:
            return True
        octets = self.sum.octets
        at = end - octets if self.own else START + self.profile.header.field("crc").offset_bits // 8
        said = int.from_bytes(frame[at : at + octets], self.order)
        return self.value(frame[START : end - self.own]) == said

    def renewed(self, frame: bytes) -> bytes:
        """Make the checksum of a changed header right, where it covers the header alone and stands there."""
        if self.sum is None or "hop_limit" in self.profile.zeroed:
            return frame
        end = START + self.head
        return frame[:START] + self.sealed(frame[START:end]) + frame[end:]
