from binascii import crc_hqx
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import spec
from reference_impl import codec
from spec.wire import load_profile

PREFIX = bytes.fromhex("024701000000 024700010002 88b5")
HOST = bytes.fromhex("020000000101 020000000100 0800 45") + bytes(45)

GOLDEN = {
    "DATA": (
        codec.encode_data(PREFIX, 5, 3, 1, 2, 3, 0x01020304, 0x0506, 0x0708, 0x090A, 0x0B0C0D, b""),
        "10a3000100020304 01020304 0506 0708 090a 0b0c0d 00 1a54",
    ),
    "REQUEST": (
        codec.encode_request(PREFIX, 5, 1, 2, 3, 0x0506, 0x1122334455667788, 0x99, 0x0A),
        "11a0000100020304 0506 1122334455667788 0000000000000099 000000000000000a fff3",
    ),
    "GRANT": (
        codec.encode_grant(PREFIX, 5, 2, 1, 3, 0x0506, 0x1122334455667788, 0x99, 200_000),
        "12a0000200010304 0506 1122334455667788 0000000000000099 000000c8 ca49",
    ),
    "BACKPRESSURE": (
        codec.encode_backpressure(PREFIX, 0, 256, 1, 0, 2, 128, 100_000),
        "1300010000010004 0002 80 00000064 4cf8",
    ),
    "HELLO": (
        codec.encode_hello(PREFIX, 0, 256, 0, 0, 2, 3, 7, 8000, 1, 9, [(1, 8000), (2, 4000)]),
        "1400010000000001 02 03 00000007 00001f40 0001 00000009 0002 0001 00001f40 0002 00000fa0 8229",
    ),
    "FAULT": (
        codec.encode_fault(PREFIX, 0, 256, 1, 0, 1, 2, 3, 256, 7),
        "1500010000010001 01 0002 03 0100 00000007 57a3",
    ),
}


def test_the_checksum_is_ccitt_false():
    assert crc_hqx(b"123456789", 0xFFFF) == 0x29B1


@pytest.mark.parametrize("name", GOLDEN)
def test_encoding_is_the_golden_one(name):
    frame, golden = GOLDEN[name]
    assert frame == PREFIX + bytes.fromhex(golden)
    assert codec.verify(frame) == ""
    assert codec.verify(frame + bytes(18)) == "", "padding is no fault"


def test_data_carries_the_host_frame_untouched():
    frame = codec.encode_data(PREFIX, 0, 0, 1, 2, 0, 0, 1, 0, 0, 0, HOST)
    assert codec.host_frame(frame) == HOST
    assert len(frame) == codec.DATA_HEADER_OCTETS + len(HOST)


def test_forward_changes_the_macs_and_the_hop_limit_alone():
    frame = codec.encode_data(PREFIX, 5, 1, 1, 2, 3, 4, 5, 6, 7, 8, HOST)
    other = bytes.fromhex("aaaaaaaaaaaa bbbbbbbbbbbb 88b5")
    passed = codec.forward(frame, other)
    assert passed == other + frame[14:21] + b"\x03" + frame[22:]
    assert codec.verify(passed) == ""


@given(st.sampled_from(sorted(GOLDEN)), st.data())
def test_one_flipped_bit_is_seen_except_in_the_hop_limit(name, data):
    frame, _ = GOLDEN[name]
    bit = data.draw(st.integers(14 * 8, len(frame) * 8 - 1))
    damaged = bytearray(frame)
    damaged[bit // 8] ^= 0x80 >> bit % 8
    cause = codec.verify(bytes(damaged))
    if bit // 8 == codec.START + 7:
        assert cause == ""
    else:
        assert cause in {"bad_version", "bad_message", "bad_checksum"}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_frame_cut_short_is_a_bad_message(name):
    frame, _ = GOLDEN[name]
    for length in range(len(frame)):
        assert codec.verify(frame[:length]) in {"bad_message", "bad_checksum"}
    assert codec.verify(frame[:-1]) == "bad_message"


def test_an_unassigned_type_and_another_version_are_named():
    frame, _ = GOLDEN["GRANT"]
    assert codec.verify(frame[:14] + b"\x1f" + frame[15:]) == "bad_message"
    assert codec.verify(frame[:14] + b"\x22" + frame[15:]) == "bad_version"


def bits(width):
    return st.integers(0, (1 << width) - 1)


@given(
    st.tuples(bits(3), bits(5), bits(16), bits(16), bits(8)),
    st.tuples(bits(32), bits(16), bits(16), bits(16), bits(24)),
    st.binary(max_size=200),
)
def test_data_round_trip(header, extension, host):
    frame = codec.encode_data(PREFIX, *header, *extension, host)
    assert codec.verify(frame) == ""
    *place, index, previous, fill = extension
    alike = codec.begin_data(*header, *place)
    assert codec.continue_data(PREFIX, alike, index, previous, fill, host) == frame
    assert codec.unwrap(frame) == (*extension, host)
    assert codec.decode_data(frame) == (*header, 4, *extension)
    assert codec.host_frame(frame) == host
    cls, _, source, destination, port = header
    assert codec.container(frame) == (source, destination, port, cls, extension[1], extension[0])
    assert codec.peek(frame) == (codec.DATA, *header, 4)


CONTROL = {
    "request": ((16, 1), (64, 1), (64, 1), (64, 1)),
    "grant": ((16, 1), (64, 1), (64, 1), (32, 1000)),
    "backpressure": ((16, 1), (8, 1), (32, 1000)),
    "fault": ((1, 0), (16, 1), (8, 1), (16, 1), (32, 1)),
}


def counted(width, unit):
    """Values of a field; with the unit 0, its one code."""
    return bits(width).map(lambda value: value * unit) if unit else st.just(1)


@pytest.mark.parametrize("name", CONTROL)
@given(data=st.data())
def test_control_round_trip(name, data):
    header = data.draw(st.tuples(bits(3), bits(16), bits(16), bits(8)))
    extension = data.draw(st.tuples(*(counted(*pair) for pair in CONTROL[name])))
    frame = getattr(codec, f"encode_{name}")(PREFIX, *header, *extension)
    assert codec.verify(frame) == ""
    assert getattr(codec, f"decode_{name}")(frame) == extension
    cls, source, destination, port = header
    hops = 1 if name == "fault" else 4
    assert codec.peek(frame) == (getattr(codec, name.upper()), cls, 0, source, destination, port, hops)


@given(
    st.tuples(st.integers(1, 4), bits(8), bits(32), bits(32), bits(16), bits(32)),
    st.lists(st.tuples(bits(16), bits(32)), max_size=20),
)
def test_hello_round_trip(extension, entries):
    frame = codec.encode_hello(PREFIX, 0, 9, 0, 0, *extension, entries)
    assert codec.verify(frame) == ""
    assert codec.decode_hello(frame) == (*extension, entries)


@pytest.fixture
def other_profile(tmp_path):
    text = (Path(spec.__file__).parent / "wire" / "open-1.yaml").read_text(encoding="utf-8")
    text = text.replace('bits: 4, meaning: {en: "Version', 'bits: 8, meaning: {en: "Version')
    text = text.replace('bits: 4, meaning: {en: "Type', 'bits: 8, meaning: {en: "Type')
    text = text.replace("- {name: fill, bits: 24", "- {name: fill, bits: 32")
    text = text.replace("- {name: reserved, bits: 8, max: 0", "- {name: reserved, bits: 16, max: 0")
    path = tmp_path / "other.yaml"
    path.write_text(text, encoding="utf-8")
    codec.use(load_profile(path))
    yield
    codec.use(load_profile("open-1"))


@pytest.mark.usefixtures("other_profile")
def test_another_profile_needs_no_other_code():
    frame = codec.encode_data(PREFIX, 5, 3, 1, 2, 3, 4, 5, 6, 7, 0x01020304, HOST)
    assert frame[14:16] == b"\x01\x00"
    assert len(frame) == codec.DATA_HEADER_OCTETS + len(HOST) == 14 + 9 + 18 + len(HOST)
    assert codec.verify(frame) == ""
    assert codec.decode_data(frame) == (5, 3, 1, 2, 3, 4, 4, 5, 6, 7, 0x01020304)
    assert codec.host_frame(frame) == HOST
    assert codec.peek(codec.forward(frame, PREFIX))[6] == 3
    assert codec.verify(codec.forward(frame, PREFIX)) == ""
    hello = codec.encode_hello(PREFIX, 0, 9, 0, 0, 2, 1, 2, 3, 4, 5, [(6, 7)])
    assert codec.verify(hello) == ""
    assert codec.verify(hello[:14] + b"\x02" + hello[15:]) == "bad_version"
