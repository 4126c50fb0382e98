"""A strict walker over capture files: classic pcap and pcapng, plain or gzipped.

Every packet of the file comes out, whatever it is; a walk that cannot reach the end of the file is an
InputError that says at which packet and octet. Formats: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
"""

import gzip
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NoReturn

from spec.errors import InputError

ETHERNET: Final = 1
"""LINKTYPE_ETHERNET."""
SECOND: Final = 1_000_000_000
_WHOLE: Final = "(whole)"
_COPY: Final = "copy the file again, whole, or cut it there with editcap"
_CAPTURE: Final = "capture with tcpdump or Wireshark"
_GZIP: Final = b"\x1f\x8b"
_SECTION, _INTERFACE, _OBSOLETE, _SIMPLE, _ENHANCED = 0x0A0D0D0A, 1, 2, 3, 6
_BLOCK: Final = 12
"""Octets of a block without its body: type, length, and the length again."""
_FLAGS, _RESOLUTION, _FCS_LENGTH, _OFFSET = 2, 9, 13, 14
"""Codes of options; the first of a packet, the others of an interface."""
_CLASSIC: Final = {
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\x3c\x4d": (">", 1),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
}
"""Byte order and ns in the unit of the fraction of a second, by magic number."""
_MODIFIED: Final = {
    0xA1B2CD34: "Kuznetzov's",
    0xA1E2CB12: "Nokia's",
    0x1C0001AC: "IXIA's (hardware)",
    0x1C0001AB: "IXIA's (software)",
    0xA12B3C4D: "Navtel's",
}


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet of a capture file, `number` from 1; `octets` and `length` are without an announced FCS.

    `length` is what it had on the wire, `octets` what was kept of it; `time` in ns, None where none was kept.
    """

    number: int
    time: int | None
    link_type: int
    length: int
    octets: bytes


@dataclass(frozen=True, slots=True)
class _Interface:
    """What a section says of an interface: `resolution` in units a second, `offset` in seconds."""

    link_type: int
    snapshot: int
    resolution: int = 1_000_000
    offset: int = 0
    fcs: int = 0


def read_packets(path: str | Path) -> Iterator[Packet]:
    """Yield every packet of a regular file; InputError where it cannot be read to its end."""
    data = _content(Path(path))
    magic = data[:4]
    if magic in _CLASSIC:
        yield from _Classic(path, data).packets()
    elif magic == _SECTION.to_bytes(4):
        yield from _Blocks(path, data).packets()
    elif not data:
        raise InputError(path, _WHOLE, "is empty", "capture some traffic")
    else:
        for order in (int.from_bytes(magic, "big"), int.from_bytes(magic, "little")):
            if order in _MODIFIED:
                fault = f"is of a modified pcap format, {_MODIFIED[order]}"
                raise InputError(path, _WHOLE, fault, "convert it with editcap -F pcapng")
        raise InputError(path, _WHOLE, "is no pcap or pcapng file", _CAPTURE)


def without_fcs(octets: bytes, length: int, fcs: int) -> tuple[bytes, int]:
    """Take an announced FCS off what was kept of a packet and off its length on the wire."""
    return octets[: max(length - fcs, 0)], max(length - fcs, 0)


class _Walk:
    """A place in the octets of a file, and the number of the packet there."""

    def __init__(self, path: str | Path, data: bytes) -> None:
        self.path = path
        self.data = data
        self.at = 0
        self.number = 0

    def broken(self, fault: str) -> NoReturn:
        """Say where the walk ends."""
        after = f"after packet {self.number}" if self.number else "before the first packet"
        raise InputError(self.path, f"octet {self.at}, {after}", fault, _COPY)

    def packet(self, time: int | None, interface: _Interface, octets: bytes, length: int, fcs: int) -> Packet:
        """Count a packet."""
        self.number += 1
        if interface.link_type == ETHERNET:
            octets, length = without_fcs(octets, length, fcs)
        return Packet(self.number, time, interface.link_type, length, octets)


class _Classic(_Walk):
    """A classic pcap file."""

    def packets(self) -> Iterator[Packet]:
        """Yield every packet."""
        data = self.data
        order, unit = _CLASSIC[data[:4]]
        if len(data) < 24:
            self.broken("the header of the file is cut short")
        major, minor, _, _, snapshot, network = struct.unpack_from(f"{order}HHiIII", data, 4)
        if (major, minor) != (2, 4):
            fault = f"is of pcap version {major}.{minor}, not 2.4"
            raise InputError(self.path, _WHOLE, fault, "convert it with editcap -F pcapng")
        fcs = _octets_of_fcs(network >> 28, words=True) if network & 1 << 26 else 0
        interface = _Interface(network & 0xFFFF, snapshot, fcs=fcs)
        head = struct.Struct(f"{order}IIII")
        self.at = 24
        while self.at < len(data):
            if self.at + head.size > len(data):
                self.broken("the header of a packet is cut short")
            second, fraction, kept, length = head.unpack_from(data, self.at)
            start = self.at + head.size
            if start + kept > len(data):
                self.broken(
                    f"a packet of {kept} octets is cut short or damaged, {len(data) - start} are left"
                )
            octets = data[start : start + kept]
            yield self.packet(second * SECOND + fraction * unit, interface, octets, length, fcs)
            self.at = start + kept


class _Blocks(_Walk):
    """A pcapng file: sections, each of its own byte order and with its own interfaces."""

    def __init__(self, path: str | Path, data: bytes) -> None:
        super().__init__(path, data)
        self.order: Literal["<", ">"] = "<"
        self.interfaces: list[_Interface] = []

    def packets(self) -> Iterator[Packet]:
        """Yield every packet; blocks that hold none and describe no interface are passed over."""
        while self.at < len(self.data):
            kind, body = self.block()
            match kind:
                case _ if kind == _SECTION:
                    self.section(body)
                case _ if kind == _INTERFACE:
                    self.interfaces.append(self.described(body))
                case _ if kind == _SIMPLE:
                    yield self.simple(body)
                case _ if kind in {_ENHANCED, _OBSOLETE}:
                    yield self.timed(kind, body)
            self.at += len(body) + _BLOCK

    def block(self) -> tuple[int, bytes]:
        """Return type and body of the block here, whose two lengths agree."""
        data, at = self.data, self.at
        if at + _BLOCK > len(data):
            self.broken("a block is cut short")
        section = data[at : at + 4] == _SECTION.to_bytes(4)
        if section:
            orders: dict[bytes, Literal["<", ">"]] = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
            found = orders.get(data[at + 8 : at + 12])
            if found is None:
                self.broken("a section states no byte order")
            self.order = found
        kind, total = self.unpack("II", data, at)
        if total < _BLOCK or total % 4:
            self.broken(f"a block states a length of {total}, which none has")
        if at + total > len(data):
            self.broken(f"a block of {total} octets is cut short or damaged, {len(data) - at} are left")
        (again,) = self.unpack("I", data, at + total - 4)
        if again != total:
            self.broken(f"a block states {total} octets at its begin and {again} at its end")
        return kind, data[at + 8 : at + total - 4]

    def section(self, body: bytes) -> None:
        """Begin a section."""
        if len(body) < 16:
            self.broken("the header of a section is cut short")
        major, _ = self.unpack("HH", body, 4)
        if major != 1:
            self.broken(f"a section is of pcapng version {major}, not 1")
        self.interfaces = []

    def described(self, body: bytes) -> _Interface:
        """Read the description of an interface."""
        if len(body) < 8:
            self.broken("the description of an interface is cut short")
        link_type, _, snapshot = self.unpack("HHI", body, 0)
        options = self.options(body, 8)
        resolution, fcs = (self.number_of(options, code, "B") for code in (_RESOLUTION, _FCS_LENGTH))
        units = 1_000_000
        if resolution is not None:
            units = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
        offset = self.number_of(options, _OFFSET, "q") or 0
        return _Interface(link_type, snapshot, units, offset, _octets_of_fcs(fcs or 0, words=False))

    def simple(self, body: bytes) -> Packet:
        """Read a packet that has a length and octets alone; it is of the first interface."""
        if len(body) < 4:
            self.broken("a simple packet is cut short")
        (length,) = self.unpack("I", body, 0)
        interface = self.interface(0)
        kept = min(length, interface.snapshot or length)
        return self.packet(None, interface, self.kept(body, 4, kept), length, interface.fcs)

    def timed(self, kind: int, body: bytes) -> Packet:
        """Read an enhanced packet, or one of its obsolete predecessor."""
        if len(body) < 20:
            self.broken("a packet is cut short")
        number, high, low, kept, length = self.unpack("IIIII", body, 0)
        if kind == _OBSOLETE:
            number, _ = self.unpack("HH", body, 0)
        interface = self.interface(number)
        octets = self.kept(body, 20, kept)
        flags = self.number_of(self.options(body, 20 + kept + -kept % 4), _FLAGS, "I") or 0
        time = (high << 32 | low) * SECOND // interface.resolution + interface.offset * SECOND
        return self.packet(time, interface, octets, length, flags >> 5 & 0xF or interface.fcs)

    def interface(self, number: int) -> _Interface:
        """Return an interface of this section."""
        if number >= len(self.interfaces):
            self.broken(f"a packet is of interface {number}, which is not described")
        return self.interfaces[number]

    def kept(self, body: bytes, start: int, octets: int) -> bytes:
        """Return what was kept of a packet."""
        if start + octets > len(body):
            self.broken(f"a packet states {octets} octets, and its block has room for {len(body) - start}")
        return body[start : start + octets]

    def options(self, body: bytes, at: int) -> dict[int, bytes]:
        """Read the options at the end of a block."""
        found = {}
        while at + 4 <= len(body):
            code, size = self.unpack("HH", body, at)
            if not code:
                break
            if at + 4 + size > len(body):
                self.broken(f"option {code} of a block reaches beyond its end")
            found[code] = body[at + 4 : at + 4 + size]
            at += 4 + size + -size % 4
        return found

    def number_of(self, options: dict[int, bytes], code: int, form: str) -> int | None:
        """Return the number in an option, None where there is no such option."""
        octets = options.get(code)
        if octets is None:
            return None
        if len(octets) != struct.calcsize(f"={form}"):
            self.broken(f"option {code} of a block is {len(octets)} octets long")
        return int(self.unpack(form, octets, 0)[0])

    def unpack(self, form: str, octets: bytes, at: int) -> tuple[int, ...]:
        """Read numbers in the byte order of the section."""
        return struct.unpack_from(self.order + form, octets, at)


def _octets_of_fcs(stated: int, *, words: bool) -> int:
    """Read how long an FCS is: pcap counts 16-bit words, pcapng octets; writers also count octets and bits.

    An Ethernet FCS has 4 octets, so 2 words, 4 octets and 32 bits are the same.
    """
    return 4 if stated in {4, 32} else stated * 2 if words else stated


def _content(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "a pipe or device"
            fault = f"is {kind}, and a capture is read more than once"
            raise InputError(
                path, _WHOLE, fault, "name a regular file, and write what comes from a pipe into one"
            )
        data = path.read_bytes()
        return gzip.decompress(data) if data[:2] == _GZIP else data
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        fault = f"is cut short or damaged ({error})"
        raise InputError(path, _WHOLE, fault, "compress or copy it again") from error
    except OSError as error:
        fault = f"cannot be read ({error.strerror or error})"
        raise InputError(path, _WHOLE, fault, "name a capture file that you may read") from error
