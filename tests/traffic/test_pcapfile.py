import gzip
import struct

import pytest

from spec.errors import InputError
from traffic.frames.pcapfile import read_packets

FRAME = bytes.fromhex("020000000102020000000101") + b"\x08\x00" + bytes(range(60))
FCS = b"\xde\xad\xbe\xef"
SECTION, INTERFACE, OBSOLETE, SIMPLE, STATISTICS, ENHANCED, SECRETS = 0x0A0D0D0A, 1, 2, 3, 5, 6, 10


def block(kind, body, order="<", again=None):
    body += bytes(-len(body) % 4)
    total = len(body) + 12
    return struct.pack(f"{order}II", kind, total) + body + struct.pack(f"{order}I", again or total)


def option(code, value, order="<"):
    return struct.pack(f"{order}HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order="<", major=1):
    return block(SECTION, struct.pack(f"{order}IHHq", 0x1A2B3C4D, major, 0, -1), order)


def interface(order="<", link_type=1, snapshot=0, options=b""):
    return block(INTERFACE, struct.pack(f"{order}HHI", link_type, 0, snapshot) + options, order)


def enhanced(time=1, *, octets=FRAME, order="<", number=0, length=None, options=b"", kind=ENHANCED):
    form, ids = ("IIIII", (number,)) if kind == ENHANCED else ("HHIIII", (number, 0))
    length = len(octets) if length is None else length
    head = struct.pack(order + form, *ids, time >> 32, time & 0xFFFFFFFF, len(octets), length)
    return block(kind, head + octets + bytes(-len(octets) % 4) + options, order)


def simple(octets=FRAME, length=None, order="<"):
    return block(SIMPLE, struct.pack(f"{order}I", len(octets) if length is None else length) + octets, order)


def classic(*packets, order="<", magic=0xA1B2C3D4, network=1, version=(2, 4)):
    head = struct.pack(f"{order}IHHiIII", magic, *version, 0, 0, 65535, network)
    return head + b"".join(
        struct.pack(f"{order}IIII", 1, 5, len(octets), len(octets)) + octets for octets in packets
    )


def read(tmp_path, octets):
    path = tmp_path / "x.cap"
    path.write_bytes(octets)
    return list(read_packets(path))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("magic", "unit"), [(0xA1B2C3D4, 1000), (0xA1B23C4D, 1)])
def test_classic_files_of_every_kind(tmp_path, order, magic, unit):
    (packet,) = read(tmp_path, classic(FRAME, order=order, magic=magic))
    assert (packet.number, packet.time, packet.octets) == (1, 1_000_000_000 + 5 * unit, FRAME)


@pytest.mark.parametrize("bits", [0x24000000, 0x44000000])
def test_an_fcs_that_the_link_type_announces_is_no_payload(tmp_path, bits):
    (packet,) = read(tmp_path, classic(FRAME + FCS, network=1 | bits))
    assert (packet.link_type, packet.length, packet.octets) == (1, len(FRAME), FRAME)


def test_an_fcs_that_is_not_announced_stays(tmp_path):
    (packet,) = read(tmp_path, classic(FRAME + FCS))
    assert packet.octets == FRAME + FCS


def test_an_fcs_that_an_interface_or_a_packet_announces_is_no_payload(tmp_path):
    announced = interface(options=option(13, b"\4"))
    flags = option(2, struct.pack("<I", 4 << 5))
    kinds = enhanced(octets=FRAME + FCS) + enhanced(octets=FRAME + FCS, kind=OBSOLETE) + simple(FRAME + FCS)
    assert [p.octets for p in read(tmp_path, section() + announced + kinds)] == [FRAME] * 3
    (packet,) = read(tmp_path, section() + interface() + enhanced(octets=FRAME + FCS, options=flags))
    assert packet.octets == FRAME
    (cut,) = read(tmp_path, section() + announced + enhanced(octets=FRAME + FCS[:1], length=len(FRAME) + 4))
    assert (cut.octets, cut.length) == (FRAME, len(FRAME))


def test_sections_have_their_own_byte_order_and_interfaces(tmp_path):
    first = (
        section() + interface(link_type=101) + interface() + enhanced(octets=b"ip") + enhanced(2, number=1)
    )
    second = section(">") + interface(">") + enhanced(3, order=">")
    found = read(tmp_path, first + second)
    assert [(p.number, p.link_type, p.time) for p in found] == [(1, 101, 1000), (2, 1, 2000), (3, 1, 3000)]


@pytest.mark.parametrize(
    ("options", "time"),
    [
        (b"", 1_000_000),
        (option(9, b"\x09"), 1000),
        (option(9, b"\x8a"), 976_562_500),
        (option(9, b"\x09") + option(14, struct.pack("<q", -2)), 1000 - 2_000_000_000),
    ],
)
def test_times_are_in_ns_whatever_the_resolution(tmp_path, options, time):
    (packet,) = read(tmp_path, section() + interface(options=options + option(0, b"")) + enhanced(1000))
    assert packet.time == time


def test_simple_packets_have_no_time_and_end_at_the_snapshot_length(tmp_path):
    file = section() + interface(snapshot=70) + simple(FRAME[:60]) + simple(FRAME[:70], length=74)
    found = read(tmp_path, file)
    assert [(p.time, len(p.octets), p.length) for p in found] == [(None, 60, 60), (None, 70, 74)]


def test_what_is_no_packet_is_passed_over(tmp_path):
    others = block(STATISTICS, bytes(12)) + block(SECRETS, b"abcd") + block(0x40000BAD, b"custom")
    found = read(tmp_path, section() + interface() + enhanced(1) + others + enhanced(2))
    assert [p.number for p in found] == [1, 2]


def test_long_frames_and_gzip(tmp_path):
    (packet,) = read(tmp_path, gzip.compress(classic(FRAME[:14] + bytes(100_000))))
    assert len(packet.octets) == 100_014


GOOD = section() + interface() + enhanced(1)


@pytest.mark.parametrize(
    ("octets", "fault"),
    [
        (GOOD + block(ENHANCED, b"abcd") + enhanced(3), "octet 156, after packet 1: a packet is cut short"),
        (
            GOOD + block(INTERFACE, b"abcd"),
            "octet 156, after packet 1: the description of an interface is cut",
        ),
        (GOOD + block(SIMPLE, b"") + enhanced(3), "a simple packet is cut short"),
        (GOOD + block(ENHANCED, bytes(40), again=99), "states 52 octets at its begin and 99 at its end"),
        (GOOD + enhanced(2)[:-4], "a block of 108 octets is cut short or damaged, 104 are left"),
        (GOOD + b"\6\0", "a block is cut short"),
        (GOOD + bytes(16), "a block states a length of 0, which none has"),
        (GOOD + enhanced(number=1), "a packet is of interface 1, which is not described"),
        (GOOD + simple(FRAME, length=900), "a packet states 900 octets, and its block has room for 76"),
        (
            GOOD + interface(options=struct.pack("<HHI", 9, 50, 0)),
            "option 9 of a block reaches beyond its end",
        ),
        (GOOD + interface(options=option(9, b"ab")), "option 9 of a block is 2 octets long"),
        (GOOD + block(SECTION, bytes(20)), "a section states no byte order"),
        (section(major=2), "octet 0, before the first packet: a section is of pcapng version 2, not 1"),
        (section() + simple(), "a packet is of interface 0, which is not described"),
        (classic(FRAME, FRAME)[:-80], "octet 114, after packet 1: the header of a packet is cut short"),
        (classic(FRAME)[:-1], "a packet of 74 octets is cut short or damaged, 73 are left"),
        (classic()[:20], "the header of the file is cut short"),
        (classic(version=(2, 9)), "is of pcap version 2.9, not 2.4; convert it with editcap -F pcapng"),
        (classic(magic=0xA1B2CD34), "is of a modified pcap format, Kuznetzov's; convert it"),
        (classic(magic=0xA1B2CD34, order=">"), "is of a modified pcap format, Kuznetzov's; convert it"),
        (gzip.compress(classic(FRAME), mtime=0)[:-9], "is cut short or damaged"),
    ],
)
def test_a_walk_that_ends_early_says_where(tmp_path, octets, fault):
    with pytest.raises(InputError) as caught:
        read(tmp_path, octets)
    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)
