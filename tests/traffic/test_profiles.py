"""Tester and judge speak any wire profile, and agree on it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec.wire import NotInProfile, load_profile
from tests.wire_profiles import GOLDEN, MESSAGE, NAMES, PROFILES
from traffic.frames.codec import codec
from traffic.recordings.decode import Fault, decode

HOST = bytes(range(60))


def judged(profile, *frames):
    length = np.array([len(frame) for frame in frames], np.int32)
    offset = np.cumsum(length, dtype=np.int64) - length
    return decode(load_profile(profile), b"".join(frames), offset, length, np.arange(len(frames)))


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_octets(name):
    ethertype, octets, left = GOLDEN[name]
    frame = codec(name).encode("BACKPRESSURE", MESSAGE)
    assert frame == (bytes(12) + ethertype.to_bytes(2, "big") + octets).ljust(60, b"\0")
    table = judged(name, frame)["BACKPRESSURE"]
    got = {field: int(table[field][0]) for field in MESSAGE}
    assert got == MESSAGE | {"validity": left}
    assert table.valid_crc.all()


def values_of(draw, fields, skipped):
    return {
        field.name: draw(st.integers(field.minimum, field.maximum)) * field.scale
        for field in fields
        if field.name not in skipped and not field.values
    }


@st.composite
def messages(draw, profile):
    own = load_profile(profile)
    message = draw(st.sampled_from(sorted(own.messages.values(), key=lambda item: item.name)))
    skipped = {"crc", "count", "type", "version", *message.constants}
    skipped |= {message.tlvs.octets} if message.tlvs else set()
    values = values_of(draw, (*own.header.fields, *message.ahead), skipped)
    entries = ()
    if message.repeated:
        entries = tuple(values_of(draw, message.repeated.fields, ()) for _ in range(draw(st.integers(0, 4))))
    tlvs = st.tuples(st.integers(0, 255), st.binary(max_size=5))
    run = tuple(draw(st.lists(tlvs, max_size=3))) if message.tlvs else ()
    return message.name, values, entries, run, HOST if message.payload else b""


@pytest.mark.parametrize("profile", PROFILES, ids=NAMES)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_the_judge_reads_what_the_tester_writes(profile, data):
    name, values, entries, run, payload = data.draw(messages(profile))
    own = codec(profile)
    frame = own.encode(name, values, entries=entries, tlvs=run, payload=payload)
    decoded = own.decode(frame)
    assert (decoded.message, decoded.valid_crc, decoded.payload) == (name, True, payload)
    assert (decoded.tlvs, [dict(entry) for entry in decoded.entries]) == (run, [*entries])
    assert {field: decoded.fields[field] for field in values} == values
    found = judged(profile, frame)
    assert found.fault.tolist() == [Fault.SOUND]
    table = found[name]
    assert {field: int(table[field][0]) for field in values} == values
    for field in entries[0] if entries else ():
        assert table.entries[field].tolist() == [entry[field] for entry in entries]
    assert bytes(frame[int(table.start[0]) :][: int(table.octets[0])]) == payload
    assert not list(found.illegal()) or values["flags"]


@pytest.mark.parametrize("profile", PROFILES, ids=NAMES)
def test_damage_is_seen_where_the_profile_protects(profile):
    own, said = codec(profile), load_profile(profile)
    frame = own.encode("GRANT", {"source": 2, "destination": 1, "granted": 5})
    if said.checksum is None:
        with pytest.raises(NotInProfile, match="has no checksum"):
            own.encode("GRANT", crc_error=1)
        return
    assert judged(profile, own.encode("GRANT", crc_error=1)).fault.tolist() == [Fault.CHECKSUM]
    field = said.header.field("destination")
    damaged = bytearray(frame)
    damaged[14 + field.offset_bits // 8] ^= 0x80 >> field.offset_bits % 8
    assert judged(profile, bytes(damaged)).fault.tolist() == [Fault.CHECKSUM]
    assert judged(profile, own.passed_on(frame)).fault.tolist() == [Fault.SOUND]
    assert judged(profile, own.passed_on(frame))["GRANT"]["hop_limit"].tolist() == [
        said.messages["GRANT"].hop_limit - 1
    ]


@pytest.mark.parametrize("profile", PROFILES, ids=NAMES)
def test_other_versions_types_and_lengths_are_told(profile):
    own, said = codec(profile), load_profile(profile)
    versions = [own.encode("GRANT", {"version": v}) for v in said.header.field("version").illegal()]
    types = [own.encode("GRANT", {"type": code}) for code in said.unassigned()]
    short = [own.encode("GRANT", octets=said.header.octets + 1)]
    found = judged(profile, *versions, *types, *short)
    want = [Fault.VERSION] * len(versions) + [Fault.TYPE] * len(types) + [Fault.TRUNCATED]
    assert found.fault.tolist() == want
    assert versions
    assert types
    assert all(own.decode(frame) is None for frame in (*types, *short))


@pytest.mark.parametrize(
    ("profile", "message", "values", "field"),
    [
        ("open-1", "DATA", {"generation": 0}, "generation"),
        ("open-1", "HELLO", {"role": 9}, "role"),
        ("rows-2", "GRANT", {"reserved_2": 0}, "reserved_2"),
        ("rows-2", "DATA", {"flags": 1}, "flags"),
        ("tags-3", "REQUEST", {"class": 8}, "class"),
        ("tags-3", "REQUEST", {"magic": 1}, "magic"),
        ("tags-3", "FAULT", {"code": 8}, "code"),
    ],
)
def test_illegal_values_are_told(profile, message, values, field):
    legal = {"role": load_profile(profile).code("HELLO", "role", "GSP")} if message == "HELLO" else {}
    legal |= (
        {"code": load_profile(profile).code("FAULT", "code", "node unreachable")}
        if message == "FAULT"
        else {}
    )
    frame = codec(profile).encode(message, legal | values, payload=HOST if message == "DATA" else b"")
    assert [(item.message, item.field) for item in judged(profile, frame).illegal()] == [(message, field)]


def test_an_illegal_entry_is_told():
    entry = {"node": 1, "rate": 10, "spare": 3}
    role = load_profile("rows-2").code("HELLO", "role", "GSP")
    frame = codec("rows-2").encode("HELLO", {"role": role}, entries=(entry,))
    assert [item.field for item in judged("rows-2", frame).illegal()] == ["spare"]


@pytest.mark.parametrize(
    ("ask", "missing"),
    [
        (lambda own: own.encode("FAULT"), "FAULT message"),
        (lambda own: own.encode("HELLO", {"port_id": 1}), "port_id in its HELLO"),
        (lambda own: own.profile.flag("LAST"), "LAST flag"),
        (lambda own: own.profile.checked(), "checksum"),
    ],
)
def test_what_a_profile_has_not_is_told_in_its_name(ask, missing):
    own = codec(next(path for path in PROFILES if path.endswith("lean.yaml")))
    with pytest.raises(NotInProfile, match=f"^the wire profile lean has no {missing}$"):
        ask(own)
