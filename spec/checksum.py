"""Checksums that a wire profile may name: the arithmetic alone, by its published parameters.

Codec, judge and reference each decide for themselves what it covers; the check values of the catalogue of
CRCs hold the arithmetic (`tests/spec/test_checksum.py`).
"""

from binascii import crc32, crc_hqx
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Checksum:
    """A checksum of `bits` bits: `update(octets, value)` goes on from `start`, or from what it gave before.

    Of an `additive` one the value of a sum (exclusive or) of two texts follows from the values of both.
    """

    name: str
    bits: int
    start: int
    update: Callable[[bytes, int], int]
    additive: bool = True

    @property
    def octets(self) -> int:
        """Length in octets."""
        return self.bits // 8

    def of(self, octets: bytes) -> int:
        """Return the checksum of a text."""
        return self.update(octets, self.start)


def _reflected(value: int, bits: int) -> int:
    return int(f"{value:0{bits}b}"[::-1], 2)


def _crc(name: str, bits: int, polynomial: int, start: int, end: int, *, reflected: bool) -> Checksum:
    """Make a CRC from a table; `start` is the register before the text, `end` is added after it."""
    mask, top = (1 << bits) - 1, 1 << bits - 1
    table = []
    for octet in range(256):
        register = octet if reflected else octet << bits - 8
        for _ in range(8):
            if reflected:
                register = register >> 1 ^ (_reflected(polynomial, bits) if register & 1 else 0)
            else:
                register = (register << 1 & mask) ^ (polynomial if register & top else 0)
        table.append(register)

    def low_first(octets: bytes, value: int) -> int:
        register = value ^ end
        for octet in octets:
            register = register >> 8 ^ table[(register ^ octet) & 0xFF]
        return register ^ end

    def high_first(octets: bytes, value: int) -> int:
        register = value ^ end
        for octet in octets:
            register = (register << 8 & mask) ^ table[register >> bits - 8 ^ octet]
        return register ^ end

    return Checksum(name, bits, start ^ end, low_first if reflected else high_first)


def _internet(octets: bytes, value: int) -> int:
    """Go on with the one's complement of the one's complement sum of 16-bit words (RFC 1071)."""
    padded = octets + bytes(len(octets) % 2)
    total = (value ^ 0xFFFF) + sum(int.from_bytes(padded[at : at + 2]) for at in range(0, len(padded), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


CHECKSUMS: Final[Mapping[str, Checksum]] = {
    checksum.name: checksum
    for checksum in (
        Checksum("CRC-16/CCITT-FALSE", 16, 0xFFFF, crc_hqx),
        Checksum("CRC-16/XMODEM", 16, 0, crc_hqx),
        Checksum("CRC-32", 32, 0, crc32),
        _crc("CRC-32C", 32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, reflected=True),
        _crc("CRC-16/ARC", 16, 0x8005, 0, 0, reflected=True),
        _crc("CRC-8", 8, 0x07, 0, 0, reflected=False),
        Checksum("INTERNET", 16, 0xFFFF, _internet, additive=False),
    )
}
"""By the name that a profile gives; INTERNET is RFC 1071, the others those of the catalogue of CRCs."""
