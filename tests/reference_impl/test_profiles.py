"""The reference's codec speaks any wire profile, as the tester's does, with which it shares no code."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impl import codec
from spec.wire import load_profile
from tests.wire_profiles import GOLDEN, MESSAGE, NAMES, PROFILES
from traffic.frames.codec import Codec

HOST = bytes(range(60))
ARGUMENTS = {
    "DATA": ("sequence", "generation", "index", "previous_frames", "fill"),
    "REQUEST": ("generation", "demand", "sent", "forfeited"),
    "GRANT": ("generation", "granted", "expired", "validity"),
    "BACKPRESSURE": ("about", "level", "validity"),
    "HELLO": ("role", "port_id", "sequence", "rate", "heard_node", "heard_sequence"),
    "FAULT": ("code", "node", "port_id", "origin", "sequence"),
}
"""Arguments behind the header's, as the docstring of the codec has them."""


@pytest.fixture(params=PROFILES, ids=NAMES)
def profile(request):
    made = load_profile(request.param)
    codec.use(made)
    return made


def prefix(profile):
    return bytes(range(12)) + profile.ethertype.to_bytes(2, "big")


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_octets(name):
    codec.use(load_profile(name))
    ethertype, octets, left = GOLDEN[name]
    head = bytes(12) + ethertype.to_bytes(2, "big")
    said = [MESSAGE[field] for field in ("class", "source", "destination")]
    frame = codec.encode_backpressure(head, *said, 0, 2, 255, 100_001)
    assert frame == head + octets
    assert codec.verify(frame) == ""
    assert codec.decode_backpressure(frame) == (2, 255, left)


def drawn(data, profile, message, name):
    """A value as the reference has it, and as the wire has it."""
    if not profile.has(message, name):
        return 0, None
    field = profile.field(message, name)
    if (message, name) == ("FAULT", "code"):
        return 1, field.code("node unreachable")
    if (message, name) == ("HELLO", "role"):
        number = data.draw(st.sampled_from(list(codec.ROLE_CODES)))
        return codec.ROLE_CODES[number], codec.ROLE_CODES[number]
    value = data.draw(st.integers(field.minimum, field.maximum)) * field.scale
    return value, value


@pytest.mark.parametrize("name", PROFILES, ids=NAMES)
@pytest.mark.parametrize("message", ARGUMENTS)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_reference_and_tester_write_the_same_and_read_it_back(name, message, data):
    profile = load_profile(name)
    codec.use(profile)
    if message not in profile.messages:
        assert getattr(codec, message) is None
        return
    tester = Codec(profile)
    head = {
        name: data.draw(st.integers(profile.header.field(name).minimum, profile.header.field(name).maximum))
        for name in ("class", "source", "destination", "port")
    }
    flags = data.draw(st.integers(0, sum(profile.flags.values()))) if message == "DATA" else 0
    pairs = [drawn(data, profile, message, name) for name in ARGUMENTS[message]]
    wire = {
        name: value for name, (_, value) in zip(ARGUMENTS[message], pairs, strict=True) if value is not None
    }
    own = [value for value, _ in pairs]
    entries = [(1, 8000), (2, 4000)] if message == "HELLO" else []
    stated = [
        head["class"],
        *([flags] if message == "DATA" else []),
        *(head[n] for n in ("source", "destination", "port")),
    ]
    frame = getattr(codec, f"encode_{message.lower()}")(
        prefix(profile),
        *stated,
        *own,
        *([entries] if message == "HELLO" else []),
        *([HOST] if message == "DATA" else []),
    )
    wanted = tester.encode(
        message,
        head | wire | ({"flags": flags} if flags else {}),
        entries=[{"node": node, "rate": rate} for node, rate in entries],
        payload=HOST if message == "DATA" else b"",
        destination=bytes(range(6)),
        source=bytes(range(6, 12)),
    )
    assert frame.ljust(60, b"\0") == wanted
    assert codec.verify(frame) == ""
    assert codec.parse(frame) == (
        codec.KINDS[message], head["class"], flags, head["source"], head["destination"], head["port"],
        profile.messages[message].hop_limit,
    )  # fmt: skip
    known = [value if shown is not None else 0 for value, (_, shown) in zip(own, pairs, strict=True)]
    if message == "DATA":
        assert codec.unwrap(frame) == (*known, HOST)
        assert (
            codec.continue_data(prefix(profile), codec.begin_data(*stated, *own[:2]), *own[2:], HOST) == frame
        )
        assert codec.container(frame) == (
            head["source"], head["destination"], head["port"], head["class"], own[1], own[0]
        )  # fmt: skip
    elif message == "HELLO":
        numbers = {code: number for number, code in codec.ROLE_CODES.items()}
        assert codec.decode_hello(frame) == (numbers[known[0]], *known[1:], entries)
    elif message == "FAULT":
        assert codec.decode_fault(frame) == (1 if profile.has("FAULT", "code") else 0, *known[1:])
    else:
        assert getattr(codec, f"decode_{message.lower()}")(frame) == tuple(known)
    passed = codec.forward(frame, prefix(profile))
    assert codec.verify(passed) == ""
    assert passed.ljust(60, b"\0") == tester.passed_on(wanted)


def test_every_protected_bit_is_missed_when_it_flips(profile):
    frame = codec.encode_grant(prefix(profile), 1, 2, 3, 1, codec.GENERATIONS.start, 500, 20, 200_000)
    bits = codec.protected(frame)
    assert bool(bits) == (profile.checksum is not None)
    for bit in bits:
        damaged = bytearray(frame)
        damaged[bit // 8] ^= 0x80 >> bit % 8
        assert codec.verify(bytes(damaged)) in {"bad_checksum", "bad_version", "bad_message"}, bit


def test_times_that_a_field_cannot_tell_are_the_longest_there(profile):
    frame = codec.encode_grant(prefix(profile), 0, 2, 1, 0, codec.GENERATIONS.start, 5, 0, 1 << 62)
    assert codec.decode_grant(frame)[3] == profile.field("GRANT", "validity").most


def test_generations_go_round(profile):
    first, last = codec.GENERATIONS[0], codec.GENERATIONS[-1]
    assert codec.next_generation(last) == first == profile.after(last)
    assert codec.next_generation(first, -1) == last == profile.after(first, -1)
