import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.roce import BTH
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether

from spec.errors import InputError
from traffic.frames.roce import frame_maker, frames, host_addresses, identify, priority_pause
from traffic.scenario import Stream

HOSTS = host_addresses(4, per_gsp=2)


def test_addresses_follow_the_hosts_of_each_gsp():
    host = HOSTS["h3"]
    assert host.mac == bytes.fromhex("020000000103")
    assert host.ip == bytes((198, 18, 0, 4))
    assert (host.node, host.port) == (2, 1)


def test_shortest_frame_is_a_golden_one():
    frame = next(frames(Stream(7, "h0", "h3", (64,), 1), HOSTS))
    assert frame.hex() == (
        "02000000010302000000010008004500002c000040004011ae97c6120001c6120004"
        "c00712b7001800000400ffff00000007000000003580ffb40000"
    )


@pytest.mark.parametrize("size", [64, 65, 66, 67, 68, 594, 1518, 9216])
@pytest.mark.parametrize("number", [0, 1, 0x1234, 0xFFFFFF])
def test_scapy_agrees_with_lengths_checksum_and_icrc(size, number):
    frame = frame_maker(Stream(0xABCDE, "h0", "h3", (size,), 1 << 24), HOSTS)(number)
    assert len(frame) == size - 4
    shown = Ether(frame[: 14 + int.from_bytes(frame[16:18], "big")])
    assert shown[BTH].psn == number
    assert shown[BTH].dqpn == 0xABCDE
    again = shown.copy()
    del again[IP].chksum, again[IP].len, again[UDP].len, again[BTH].icrc
    again = Ether(bytes(again))
    assert again[IP].chksum == shown[IP].chksum
    assert again[UDP].len == shown[UDP].len
    assert again[BTH].icrc == shown[BTH].icrc


@pytest.mark.parametrize("sizes", [(64,), (64, 1518)])
def test_a_stream_may_start_at_any_number_and_wraps_its_psn(sizes):
    late = Stream(1, "h0", "h1", sizes, 3, first=0xFFFFFE)
    assert [identify(frame) for frame in frames(late, HOSTS)] == [(1, 0xFFFFFE), (1, 0xFFFFFF), (1, 0)]


def test_class_is_the_priority_of_an_outer_tag():
    frame = next(frames(Stream(1, "h0", "h1", (66,), 1, cls=5), HOSTS))
    assert Ether(frame)[Dot1Q].prio == 5
    assert Ether(frame)[BTH].dqpn == 1
    assert len(frame) == 62


@given(
    st.integers(1, (1 << 24) - 1),
    st.integers(0, (1 << 24) - 1),
    st.integers(66, 1518),
    st.integers(0, 7),
    st.sampled_from(["roce", "ethernet"]),
)
def test_every_frame_says_its_stream_and_number(stream, number, size, cls, kind):
    frame = frame_maker(Stream(stream, "h0", "h1", (size,), 1, cls=cls, kind=kind), HOSTS)(number)
    assert identify(frame) == (stream, number)
    assert len(frame) == size - 4


def test_sizes_repeat():
    lengths = [len(f) + 4 for f in frames(Stream(1, "h0", "h1", (64, 594, 1518), 5), HOSTS)]
    assert lengths == [64, 594, 1518, 64, 594]


def test_plain_ethernet_has_the_experimental_type():
    frame = next(frames(Stream(1, "h0", "h1", (64,), 1, kind="ethernet"), HOSTS))
    assert frame[12:22].hex() == "88b60000000100000000"


@pytest.mark.parametrize("mac", ["ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "02:aa:00:00:00:01"])
def test_destination_may_be_an_address(mac):
    frame = next(frames(Stream(1, "h0", mac, (64,), 1), HOSTS))
    assert frame[:6] == bytes.fromhex(mac.replace(":", ""))


@pytest.mark.parametrize("stream", [Stream(1, "h0", "h9", (64,), 1), Stream(1, "h9", "h0", (64,), 1)])
def test_unknown_host_is_named(stream):
    with pytest.raises(InputError, match=r"streams\[1\]\..*'h9' is no host here"):
        frames(stream, HOSTS)


def test_foreign_frames_are_not_identified():
    assert identify(bytes(60)) is None


def test_pause_frame_is_golden():
    frame = priority_pause(bytes.fromhex("020000000100"), {3: 0xFFFF, 0: 1})
    assert frame.hex() == (
        "0180c2000001020000000100880801010009" + "0001" + "0000" * 2 + "ffff" + "0000" * 4 + "00" * 26
    )


def test_odd_octets_are_ethernet_padding():
    frame = frame_maker(Stream(1, "h0", "h1", (69,), 1), HOSTS)(0)
    assert int.from_bytes(frame[16:18], "big") == 48
    assert frame[62:] == bytes(3)
