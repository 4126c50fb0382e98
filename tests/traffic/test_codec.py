import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import spec.wire
from spec.wire import load_profile
from traffic.frames.codec import Codec, codec

OPEN = codec("open-1")
ETHERNET = "000000000000000000000000" + "88b5"

# (message, values, entries, payload, octets after the Ethernet header before any padding)
GOLDEN = [
    (
        "DATA",
        {"class": 5, "flags": 1, "source": 2, "destination": 1, "port": 9, "sequence": 0x01020304}
        | {"generation": 0x1111, "index": 3, "previous_frames": 5, "fill": 0x0A0B0C},
        (),
        bytes(range(60)),
        "10a10002000109040102030411110003000" + "50a0b0c00" + "{crc}" + bytes(range(60)).hex(),
    ),
    (
        "REQUEST",
        {"source": 1, "destination": 2, "generation": 7, "demand": 1 << 40, "sent": 5, "forfeited": 6},
        (),
        b"",
        "1100000100020004" + "0007" + "0000010000000000" + "0000000000000005" + "0000000000000006" + "{crc}",
    ),
    (
        "GRANT",
        {"source": 2, "destination": 1, "generation": 7, "granted": 3, "expired": 2, "validity": 200_000},
        (),
        b"",
        "1200000200010004" + "0007" + "0000000000000003" + "0000000000000002" + "000000c8" + "{crc}",
    ),
    (
        "BACKPRESSURE",
        {"source": 0x100, "destination": 1, "about": 2, "level": 255, "validity": 100_000},
        (),
        b"",
        "1300010000010004" + "0002" + "ff" + "00000064" + "{crc}",
    ),
    (
        "HELLO",
        {"source": 0x100, "role": 2, "port_id": 1, "sequence": 9, "rate": 8000}
        | {"heard_node": 1, "heard_sequence": 4},
        ({"node": 2, "rate": 8000}, {"node": 3, "rate": 4000}),
        b"",
        "1400010000000001" + "0201" + "00000009" + "00001f40" + "0001" + "00000004" + "0002"
        "0002" + "00001f40" + "0003" + "00000fa0" + "{crc}",
    ),
    (
        "FAULT",
        {"source": 0x100, "code": 1, "node": 3, "port_id": 2, "origin": 0x100, "sequence": 1},
        (),
        b"",
        "1500010000000001" + "01" + "0003" + "02" + "0100" + "00000001" + "{crc}",
    ),
]


def crc_bit_by_bit(octets):
    register = 0xFFFF
    for octet in octets:
        register ^= octet << 8
        for _ in range(8):
            register = (register << 1 ^ 0x1021 if register & 0x8000 else register << 1) & 0xFFFF
    return register


def test_checksum_is_ccitt_false():
    assert crc_bit_by_bit(b"123456789") == 0x29B1


@pytest.mark.parametrize(("message", "values", "entries", "payload", "golden"), GOLDEN)
def test_golden_octets(message, values, entries, payload, golden):
    covered = bytearray.fromhex(golden.split("{crc}")[0])
    covered[7] = 0
    golden = bytes.fromhex(golden.replace("{crc}", f"{crc_bit_by_bit(covered):04x}"))
    frame = OPEN.encode(message, values, entries=entries, payload=payload)
    destination = "0180c200000e" if message == "HELLO" else "000000000000"
    assert frame[:14].hex() == destination + "00000000000088b5"
    assert frame[14 : 14 + len(golden)] == golden
    assert len(frame) == max(60, 14 + len(golden))
    decoded = OPEN.decode(frame)
    assert decoded.message == message
    assert decoded.valid_crc
    assert decoded.entries == entries
    assert decoded.payload == payload
    assert {name: decoded.fields[name] for name in values} == values


def test_grant_is_a_literal():
    frame = OPEN.encode("GRANT", GOLDEN[2][1])
    assert frame.hex() == (
        "00000000000000000000000088b5"
        "1200000200010004000700000000000000030000000000000002000000c81c110000000000000000000000000000"
    )


@st.composite
def messages(draw):
    name = draw(st.sampled_from(sorted(OPEN.profile.messages)))
    message = OPEN.profile.messages[name]
    fields = (*OPEN.profile.header.fields, *message.fields.fields)
    values = {
        f.name: draw(st.integers(0, (1 << f.width_bits) - 1)) * f.scale
        for f in fields
        if f.name not in {"crc", "type", "count", "version"}
    }
    entries = ()
    if message.repeated:
        one = st.fixed_dictionaries(
            {f.name: st.integers(0, (1 << f.width_bits) - 1) for f in message.repeated.fields}
        )
        entries = tuple(draw(st.lists(one, max_size=4)))
    return name, values, entries, draw(st.binary(min_size=60, max_size=80)) if message.payload else b""


@given(messages())
def test_decode_undoes_encode(drawn):
    name, values, entries, payload = drawn
    decoded = OPEN.decode(OPEN.encode(name, values, entries=entries, payload=payload))
    assert decoded.valid_crc
    assert (decoded.message, decoded.entries, decoded.payload) == (name, entries, payload)
    assert {key: decoded.fields[key] for key in values} == values


@given(messages(), st.data())
def test_any_flipped_bit_but_the_hop_limit_breaks_the_checksum(drawn, data):
    name, values, entries, payload = drawn
    frame = bytearray(OPEN.encode(name, values, entries=entries, payload=payload))
    end = 14 + OPEN._forms[name].octets + len(entries) * 6
    bit = data.draw(st.integers(14 * 8, end * 8 - 1).filter(lambda b: not 21 * 8 <= b < 22 * 8))
    frame[bit // 8] ^= 1 << bit % 8
    decoded = OPEN.decode(bytes(frame))
    assert decoded is None or not decoded.valid_crc


def test_hop_limit_may_change_on_the_way():
    frame = OPEN.encode(*GOLDEN[2][:2])
    passed = OPEN.passed_on(frame)
    before, after = OPEN.decode(frame), OPEN.decode(passed)
    assert after.valid_crc
    assert after.fields == before.fields | {"hop_limit": before.fields["hop_limit"] - 1}


def test_bad_messages_on_purpose():
    values = GOLDEN[2][1]
    assert not OPEN.decode(OPEN.encode("GRANT", values, crc_error=1)).valid_crc
    assert OPEN.decode(OPEN.encode("GRANT", values | {"crc": 0x1234})).fields["crc"] == 0x1234
    assert OPEN.decode(OPEN.encode("GRANT", values | {"version": 7})).fields["version"] == 7
    assert OPEN.decode(OPEN.encode("GRANT", values | {"type": 15})) is None
    assert OPEN.decode(OPEN.encode("GRANT", values, octets=20)) is None
    assert len(OPEN.encode("GRANT", values, octets=20)) == 34
    promised = OPEN.encode("HELLO", {"count": 9000}, entries=({"node": 2, "rate": 1},))
    assert OPEN.decode(promised) is None


@pytest.mark.parametrize("length", range(14, 52))
def test_a_cut_message_is_none_and_no_exception(length):
    frame = OPEN.encode("DATA", GOLDEN[0][1], payload=bytes(60))
    if length < 38:
        assert OPEN.decode(frame[:length]) is None
    else:
        assert OPEN.decode(frame[:length]).payload == frame[38:length]


def test_host_frames_are_no_messages():
    assert OPEN.decode(bytes(60)) is None
    assert OPEN.name_of(bytes(60)) == "HOST"


def test_wrong_field_or_value_is_refused():
    with pytest.raises(KeyError, match="grantd"):
        OPEN.encode("GRANT", {"grantd": 1})
    with pytest.raises(struct.error):
        OPEN.encode("GRANT", {"class": 8})


def test_another_profile_needs_no_code(tmp_path):
    text = (Path(spec.wire.__file__).parent / "wire" / "open-1.yaml").read_text()
    pad = "{name: pad, bits: 24, meaning: {en: x, zh: x}}"
    moved = text.replace("{name: version, bits: 4", pad + "\n  - {name: version, bits: 4")
    assert moved != text
    path = tmp_path / "other.yaml"
    path.write_text(moved)
    other = Codec(load_profile(path))
    frame = other.encode(*GOLDEN[2][:2])
    assert frame[14:18].hex() == "00000012"
    assert other.decode(frame).fields["granted"] == 3
    assert other.decode(frame).valid_crc
