"""Host frames as octets, unique by stream and number: RoCEv2 (InfiniBand annex A17) and plain Ethernet."""

import struct
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

from spec.errors import InputError
from traffic.frames.host import VLAN
from traffic.scenario import FCS, HostAddress, Stream

PORT = 4791
RC_SEND_ONLY = 0x04
TEST_ETHERTYPE = 0x88B6
"""IEEE 802 local experimental EtherType 2, of the plain Ethernet streams."""
_TAG = 0x8100
_PATTERN = bytes(range(256)) * 40


class Template(NamedTuple):
    """A frame around its 3-octet PSN; `base` is the ICRC for PSN 0, `tables` what each PSN octet adds."""

    head: bytes
    tail: bytes
    base: int
    tables: tuple[list[int], list[int], list[int]]
    padding: bytes


def host_addresses(count: int, per_gsp: int = 1, first_node: int = 1) -> dict[str, HostAddress]:
    """Addresses of hosts h0.. that sit on GSPs of `per_gsp` host ports each, in order."""
    return {
        f"h{i}": HostAddress(
            f"h{i}",
            (0x0200_0000_0100 + i).to_bytes(6, "big"),
            (0xC612_0001 + i).to_bytes(4, "big"),
            first_node + i // per_gsp,
            i % per_gsp,
        )
        for i in range(count)
    }


def frame_maker(stream: Stream, hosts: Mapping[str, HostAddress]) -> Callable[[int], bytes]:
    """Return the function from a running number to the stream's frame (octets without FCS) of that number."""
    make = _frame_maker(stream, hosts)
    first = stream.first
    return (lambda number: make(first + number)) if first else make


def _frame_maker(stream: Stream, hosts: Mapping[str, HostAddress]) -> Callable[[int], bytes]:
    if stream.source not in hosts:
        raise _unknown(stream, "source", stream.source)
    source = hosts[stream.source]
    mac, ip = _resolve(stream, hosts)
    ethernet = mac + source.mac
    if stream.cls:
        ethernet += struct.pack(">HH", _TAG, stream.cls << 13)
    if stream.kind == "ethernet":
        return _plain(stream, ethernet)
    templates = [
        _template(ethernet, source.ip, ip, stream.id, size - FCS - len(ethernet)) for size in stream.sizes
    ]
    if len(templates) > 1:
        return lambda number: _fill(templates[number % len(templates)], number)
    head, tail, base, (high, middle, low), padding = templates[0]
    join = b"".join

    def make(number: int) -> bytes:
        icrc = base ^ high[number >> 16 & 255] ^ middle[number >> 8 & 255] ^ low[number & 255]
        return join((head, (number & 0xFFFFFF).to_bytes(3, "big"), tail, icrc.to_bytes(4, "little"), padding))

    return make


def frames(stream: Stream, hosts: Mapping[str, HostAddress]) -> Iterator[bytes]:
    """Yield all frames of a stream in order, octets without FCS."""
    return map(frame_maker(stream, hosts), range(stream.count))


def identify(frame: bytes) -> tuple[int, int] | None:
    """Read (stream id, running number) back from a frame of a stream; None when it is none."""
    offset = 16 if frame[12:14] == VLAN else 12
    ethertype = frame[offset : offset + 2]
    if ethertype == TEST_ETHERTYPE.to_bytes(2, "big"):
        stream, number = struct.unpack_from(">II", frame, offset + 2)
        return stream, number
    bth = offset + 30
    if ethertype == b"\x08\x00" and len(frame) >= bth + 16 and frame[bth - 6 : bth - 4] == b"\x12\xb7":
        return int.from_bytes(frame[bth + 5 : bth + 8], "big"), int.from_bytes(
            frame[bth + 9 : bth + 12], "big"
        )
    return None


def priority_pause(source: bytes, classes: Mapping[int, int]) -> bytes:
    """Build a PFC frame (IEEE 802.1Qbb) from class to time in quanta of 512 bit times."""
    enabled = sum(1 << cls for cls in classes)
    times = [classes.get(cls, 0) for cls in range(8)]
    head = bytes.fromhex("0180c2000001") + source + struct.pack(">HHH8H", 0x8808, 0x0101, enabled, *times)
    return head.ljust(60, b"\0")


def _unknown(stream: Stream, key: str, name: str) -> InputError:
    mend = "name a host of the testbed, or for a destination a MAC address like 02:00:00:00:01:00"
    return InputError("scenario", f"streams[{stream.id}].{key}", f"{name!r} is no host here", mend)


def _resolve(stream: Stream, hosts: Mapping[str, HostAddress]) -> tuple[bytes, bytes]:
    """Find MAC and IPv4 address of the destination; a MAC of no host gets 198.19.x.y or 239.x.y.z."""
    name = stream.destination
    if name in hosts:
        return hosts[name].mac, hosts[name].ip
    try:
        mac = bytes.fromhex(name.replace(":", ""))
    except ValueError:
        mac = b""
    if len(mac) != 6 or name.count(":") != 5:
        raise _unknown(stream, "destination", name)
    if mac == b"\xff" * 6:
        return mac, b"\xff" * 4
    if mac[0] & 1:
        return mac, bytes((239, mac[3] & 0x7F, mac[4], mac[5]))
    return mac, bytes((198, 19, mac[4], mac[5]))


def _plain(stream: Stream, ethernet: bytes) -> Callable[[int], bytes]:
    head = ethernet + struct.pack(">HI", TEST_ETHERTYPE, stream.id)
    tails = [_PATTERN[: max(0, size - FCS - len(head) - 4)] for size in stream.sizes]
    return lambda number: b"".join((head, number.to_bytes(4, "big"), tails[number % len(tails)]))


def _template(ethernet: bytes, source: bytes, destination: bytes, queue_pair: int, room: int) -> Template:
    """Lay out a RoCEv2 packet in `room` octets after the addresses and tag; under 4 are left as padding."""
    payload = _PATTERN[: (room - 2 - 28 - 12 - 4) & ~3]
    datagram = 8 + 12 + len(payload) + 4
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + datagram, 0, 0x4000, 64, 17, 0) + source + destination
    ip = ip[:10] + _checksum(ip).to_bytes(2, "big") + ip[12:]
    udp = struct.pack(">HHHH", 0xC000 | queue_pair & 0x3FFF, PORT, datagram, 0)
    bth = struct.pack(">BBHII", RC_SEND_ONLY, 0, 0xFFFF, queue_pair, 0)
    masked = (
        b"\xff" * 8
        + struct.pack(">BBHHHBBH", 0x45, 255, 20 + datagram, 0, 0x4000, 255, 17, 0xFFFF)
        + source
        + destination
        + udp[:6]
        + b"\xff\xff"
        + bth[:4]
        + b"\xff"
        + bth[5:]
    )
    padding = bytes(room - 2 - 28 - 12 - 4 - len(payload))
    head = ethernet + b"\x08\x00" + ip + udp + bth[:9]
    return Template(head, payload, crc32(masked + payload), _icrc_tables(len(payload)), padding)


def _fill(template: Template, number: int) -> bytes:
    head, tail, base, (high, middle, low), padding = template
    icrc = base ^ high[number >> 16 & 255] ^ middle[number >> 8 & 255] ^ low[number & 255]
    return b"".join((head, (number & 0xFFFFFF).to_bytes(3, "big"), tail, icrc.to_bytes(4, "little"), padding))


@lru_cache(maxsize=256)
def _icrc_tables(following: int) -> tuple[list[int], list[int], list[int]]:
    """Tabulate what each value of the three PSN octets changes in the ICRC, `following` octets on.

    CRC-32 is affine: the change of some bits changes it by the same amount whatever the other bits are.
    """
    zero = crc32(bytes(3 + following))
    tables = []
    for octet in range(3):
        table = [0]
        for bit in range(8):
            changed = bytearray(3 + following)
            changed[octet] = 1 << bit
            delta = crc32(changed) ^ zero
            table += [value ^ delta for value in table]
        tables.append(table)
    return tables[0], tables[1], tables[2]


def _checksum(header: bytes) -> int:
    total: int = sum(struct.unpack(f">{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
