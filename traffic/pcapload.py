"""A capture file as the load of a host."""

import gzip
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final, Literal

from scapy.error import Scapy_Exception
from scapy.utils import RawPcapNgReader, RawPcapReader

from spec.errors import InputError
from traffic.scenario import HostAddress, ManagementEvent, Scenario, TimedFrame

ETHERNET: Final = 1
"""LINKTYPE_ETHERNET."""
_PCAPNG: Final = b"\x0a\x0d\x0d\x0a"
_LITTLE: Final = {b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"}
_MAGIC: Final = {_PCAPNG, b"\xa1\xb2\xc3\xd4", b"\xa1\xb2\x3c\x4d"} | _LITTLE


def pcap_load(
    path: str | Path,
    source: str,
    destination: str,
    hosts: Mapping[str, HostAddress],
    *,
    tables: Sequence[str] = (),
    pace: Literal["recorded", "back to back"] = "recorded",
    stretch: float = 1.0,
    start: int = 1_000,
    rewrite: bool = False,
) -> Scenario:
    """Play a pcap or pcapng file (also gzipped) into the port of `source`, for the host `destination`.

    The frames stay untouched: their destination addresses are set in the tables of the GSPs `tables`
    (names) to lead to `destination`. With `rewrite` they carry the addresses of the two hosts instead.
    Times are as recorded, times `stretch`, or back to back; the first frame leaves at `start` ns. InputError
    for a file that cannot be read whole or holds anything but whole Ethernet frames.
    """
    target = hosts[destination]
    captured = list(read_frames(path))
    first = captured[0][0]
    frames = []
    for time, frame in captured:
        octets = target.mac + hosts[source].mac + frame[12:] if rewrite else frame
        offset = round(max(0, time - first) * stretch) if pace == "recorded" else 0
        frames.append(TimedFrame(start + offset, source, octets))
    stations = {} if rewrite else {f[:6]: None for _, f in captured if not f[0] & 1 and f[:6] != target.mac}
    management = tuple(
        ManagementEvent(
            0, table, "table_set", {"mac": mac.hex(":"), "node": target.node, "port": target.port}
        )
        for table in tables
        for mac in stations
    )
    return Scenario(frames=tuple(frames), management=management, name=f"pcap {Path(path).name}")


def read_frames(path: str | Path) -> Iterator[tuple[int, bytes]]:
    """Yield time (ns) and octets of every frame of a pcap or pcapng file; InputError as `pcap_load`."""
    data = _content(path)
    _check_whole(path, data)
    reader: Any
    try:
        reader = (RawPcapNgReader if data[:4] == _PCAPNG else RawPcapReader)(BytesIO(data))  # type: ignore[arg-type]
    except Scapy_Exception as error:
        raise InputError(path, "(whole)", f"cannot be read ({error})", "capture it again") from error
    number = 0
    for number, (frame, meta) in enumerate(reader, 1):
        link_type = meta.linktype if data[:4] == _PCAPNG else reader.linktype
        if link_type != ETHERNET:
            raise InputError(
                path, f"packet {number}", f"has link type {link_type}", "capture on an Ethernet port"
            )
        if len(frame) < meta.wirelen:
            fault = f"was cut to {len(frame)} of {meta.wirelen} octets"
            raise InputError(path, f"packet {number}", fault, "capture with a snapshot length of 0")
        if len(frame) < 14:
            raise InputError(
                path, f"packet {number}", f"has {len(frame)} octets", "leave out what is no frame"
            )
        yield _nanoseconds(reader, meta), frame
    if not number:
        raise InputError(path, "(whole)", "holds no packet", "capture some traffic")


def _content(path: str | Path) -> bytes:
    try:
        data = Path(path).read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except OSError as error:
        fault = f"cannot be read ({error.strerror or error})"
        raise InputError(path, "(whole)", fault, "name a capture file that you may read") from error
    except (EOFError, zlib.error) as error:
        raise InputError(path, "(whole)", "is cut short or damaged", "compress or copy it again") from error


def _nanoseconds(reader: Any, meta: Any) -> int:  # noqa: ANN401 - Scapy's reader has no types
    if hasattr(meta, "tsresol"):
        return int((meta.tshigh << 32) + meta.tslow) * 1_000_000_000 // int(meta.tsresol)
    return int(meta.sec) * 1_000_000_000 + int(meta.usec) * (1 if reader.nano else 1000)


def _check_whole(path: str | Path, data: bytes) -> None:
    """Walk over the records, since the reader ends silently where a file is cut."""
    if not data:
        raise InputError(path, "(whole)", "is empty", "capture some traffic")
    if data[:4] not in _MAGIC:
        raise InputError(path, "(whole)", "is no pcap or pcapng file", "capture with tcpdump or Wireshark")
    if data[:4] == _PCAPNG:
        order = "<" if data[8:12] == b"\x4d\x3c\x2b\x1a" else ">"
        offset, head, place, extra = 0, 8, 4, 0
    else:
        order = "<" if data[:4] in _LITTLE else ">"
        offset, head, place, extra = 24, 16, 8, 16
    number = 0
    while offset < len(data):
        number += 1
        whole = offset + head <= len(data)
        length = struct.unpack_from(f"{order}I", data, offset + place)[0] + extra if whole else 0
        offset += length
        if not whole or length < head or offset > len(data):
            raise InputError(
                path, f"record {number}", "is cut short or damaged", "copy the file again, whole"
            )
