"""The frames are literals; their checksums were worked out bit by bit, apart from all code of the suite."""

import struct
from binascii import crc_hqx

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec.wire import load_profile
from traffic.recordings.decode import Decoded, Fault, credit_bytes, decode

ETHERNET = "02470001000202470100000088b5"
HOST = bytes.fromhex("0200000001010200000001000800" + "00" * 46)
DATA = bytes.fromhex(ETHERNET + "1061000100020304" + "0000000700a50003000b0011b900" + "54db") + HOST
REQUEST = bytes.fromhex(
    ETHERNET + "1160000100020304" + "00a50000000000030d4000000000000186a00000000000000064" + "84b3"
)
GRANT = bytes.fromhex(ETHERNET + "1260000200010304" + "00a500000000000249f00000000000000032000000c8" + "0565")
BACKPRESSURE = bytes.fromhex(ETHERNET + "1300010000010004" + "00028000000064" + "4cf8")
HELLO = bytes.fromhex(
    ETHERNET + "1400000100000001" + "01020000002a00001f400100000000290002000100001f40000200000fa0" + "280d"
)
FAULT = bytes.fromhex(ETHERNET + "1500010000000001" + "01000201010000000009" + "93ed")


def decoded(*frames: bytes) -> Decoded:
    length = np.array([len(frame) for frame in frames], np.int32)
    offset = np.cumsum(length, dtype=np.int64) - length
    return decode(load_profile("open-1"), b"".join(frames), offset, length, np.arange(len(frames)))


def fields(result: Decoded, name: str) -> dict[str, int]:
    table = result[name]
    assert table.valid_crc.tolist() == [True]
    return {field: int(column[0]) for field, column in table.columns.items()}


def test_data():
    result = decoded(DATA)
    assert fields(result, "DATA") == {
        "version": 1,
        "type": 0,
        "class": 3,
        "flags": 1,
        "source": 1,
        "destination": 2,
        "port": 3,
        "hop_limit": 4,
        "sequence": 7,
        "generation": 0xA5,
        "index": 3,
        "previous_frames": 11,
        "fill": 4537,
        "reserved": 0,
        "crc": 0x54DB,
    }
    table = result["DATA"]
    assert DATA[table.start[0] : table.start[0] + table.octets[0]] == HOST


def test_request_and_grant():
    request, grant = fields(decoded(REQUEST), "REQUEST"), fields(decoded(GRANT), "GRANT")
    assert request.items() >= {"generation": 165, "demand": 200000, "sent": 100000, "forfeited": 100}.items()
    assert grant.items() >= {"generation": 165, "granted": 150000, "expired": 50, "validity": 200_000}.items()


def test_backpressure_and_fault():
    assert fields(decoded(BACKPRESSURE), "BACKPRESSURE").items() >= {"about": 2, "level": 128}.items()
    expected = {"code": 1, "node": 2, "port_id": 1, "origin": 256, "sequence": 9, "hop_limit": 1}
    assert fields(decoded(FAULT), "FAULT").items() >= expected.items()


def test_hello_entries():
    table = decoded(HELLO, HELLO)["HELLO"]
    assert table["heard_node"].tolist() == [256, 256]
    assert table.owner.tolist() == [0, 0, 1, 1]
    assert table.entries["node"].tolist() == [1, 2, 1, 2]
    assert table.entries["rate"].tolist() == [8000, 4000, 8000, 4000]
    assert table.valid_crc.all()


def test_padding_is_no_part_of_a_message():
    assert fields(decoded(FAULT + bytes(60 - len(FAULT))), "FAULT")["sequence"] == 9
    assert fields(decoded(HELLO + b"\xff" * 8), "HELLO")["count"] == 2


def test_the_hop_limit_is_outside_the_checksum():
    hopped = bytearray(DATA)
    hopped[21] = 2
    assert fields(decoded(bytes(hopped)), "DATA")["hop_limit"] == 2


@pytest.mark.parametrize(
    ("frame", "fault"),
    [
        (DATA, Fault.SOUND),
        (DATA[:12] + b"\x08\x00" + DATA[14:], Fault.FOREIGN),
        (DATA[:9], Fault.TRUNCATED),
        (DATA[:20], Fault.TRUNCATED),
        (DATA[:40], Fault.TRUNCATED),
        (GRANT[:-1], Fault.TRUNCATED),
        (HELLO[:-1], Fault.TRUNCATED),
        (DATA[:14] + b"\x20" + DATA[15:], Fault.VERSION),
        (DATA[:14] + b"\x1f" + DATA[15:], Fault.TYPE),
        (DATA[:25] + b"\x08" + DATA[26:], Fault.CHECKSUM),
        (HELLO[:40] + b"\x07" + HELLO[41:], Fault.CHECKSUM),
    ],
)
def test_faults(frame, fault):
    result = decoded(DATA, frame, GRANT)
    assert result.fault.tolist() == [Fault.SOUND, fault, Fault.SOUND]
    assert result.faults().tolist() == ([] if fault is Fault.SOUND else [1])
    assert result.faults(fault).tolist() == ([0, 1, 2] if fault is Fault.SOUND else [1])


def test_a_wrong_checksum_stays_readable():
    table = decoded(DATA[:25] + b"\x08" + DATA[26:])["DATA"]
    assert (table["sequence"].tolist(), table.valid_crc.tolist()) == ([8], [False])


def test_fields_outside_the_profile():
    body = bytes.fromhex("1061000100020300" + "0000000700a50003000b0011b905")
    frame = bytes.fromhex(ETHERNET) + body + crc_hqx(body, 0xFFFF).to_bytes(2, "big") + HOST
    found = list(decoded(DATA, frame).illegal())
    assert [(item.row, item.message, item.field, item.value) for item in found] == [
        (1, "DATA", "reserved", 5)
    ]


def test_nothing_to_decode():
    result = decoded()
    assert all(len(table) == 0 for table in result.tables.values())
    assert result.faults().tolist() == []


def test_credit_counts_short_frames_as_60():
    assert credit_bytes(np.array([14, 60, 61, 1514])).tolist() == [84, 84, 85, 1538]


@given(st.lists(st.binary(max_size=80).map(lambda tail: bytes.fromhex(ETHERNET) + tail), max_size=8))
def test_any_octets_are_read_without_error(frames):
    result = decoded(*frames)
    assert len(result.fault) == len(frames)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_64_bit_values_are_exact(granted, expired):
    body = bytes.fromhex("1260000200010300") + struct.pack(">HQQI", 1, granted, expired, 5)
    frame = bytes.fromhex(ETHERNET) + body + crc_hqx(body, 0xFFFF).to_bytes(2, "big")
    values = fields(decoded(frame), "GRANT")
    assert (values["granted"], values["expired"]) == (granted, expired)
