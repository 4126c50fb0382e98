"""A frame that came cut is a device's only where the tester is known to receive longer ones whole."""

import struct

import pytest

from tests.traffic.test_recording import MACS, data, play
from traffic.recordings.cut import claimed, cut_short
from traffic.scenario import DOWN, UP

WAYS = {"h2": DOWN, "gsp0-gsf0": UP}


def ipv4(number, octets, source="h0", destination="h2", tag=b""):
    header = struct.pack(">BBHI", 0x45, 0, octets - 14 - len(tag), number)
    return (MACS[destination] + MACS[source] + tag + b"\x08\x00" + header).ljust(octets, b"x")


def ipv6(octets):
    return (bytes(12) + b"\x86\xdd" + struct.pack(">IH", 0x60000000, octets - 54)).ljust(octets, b"x")


@pytest.mark.parametrize("tag", [b"", b"\x81\x00\0\1", b"\x88\xa8\0\1\x81\x00\0\1"])
def test_a_frame_claims_what_its_own_header_says(tag):
    assert claimed(ipv4(1, 900, tag=tag)) == claimed(ipv4(1, 900, tag=tag)[:100]) == 900


def test_ipv6_claims_too_and_others_claim_nothing():
    assert claimed(ipv6(900)[:80]) == 900
    assert claimed(bytes(12) + b"\x88\xb5" + bytes(50)) is None
    assert claimed(bytes(12) + b"\x08\x00") is None


def test_what_is_cut_where_the_tester_receives_no_more_is_nobodys():
    frames = ipv4(1, 400), ipv4(2, 900)
    recording = play((1, "h0", UP, frames[0]), (2, "h0", UP, frames[1]), (3, "h2", DOWN, frames[0]),
                     (4, "h2", DOWN, frames[1][:700]))  # fmt: skip
    whole, found = cut_short(recording, WAYS, 0)
    assert (whole, [(cut.row, cut.octets, cut.claimed) for cut in found]) == (400, [(3, 700, 900)])


def test_what_is_cut_below_that_is_the_devices():
    frames = ipv4(1, 400), ipv4(2, 900)
    recording = play((1, "h2", DOWN, frames[1]), (2, "h2", DOWN, frames[0][:300]))
    assert cut_short(recording, WAYS, 0) == (900, [])
    assert cut_short(play((2, "h2", DOWN, frames[0][:300])), WAYS, 1000) == (1000, [])


def test_a_cut_frame_inside_a_container_is_found():
    whole = data(0, 0, ipv4(1, 900))
    recording = play((1, "gsp0-gsf0", UP, whole[:800]))
    _, (cut,) = cut_short(recording, WAYS, 0)
    assert (cut.octets, cut.claimed) == (800, len(whole))


def test_a_frame_that_was_sent_claiming_more_is_whole():
    odd = ipv4(1, 900)[:700]
    recording = play((1, "h0", UP, odd), (2, "h2", DOWN, odd))
    assert cut_short(recording, WAYS, 0) == (700, [])


def test_what_the_tester_sends_says_nothing():
    assert cut_short(play((1, "h2", UP, ipv4(1, 900)[:700])), WAYS, 0) == (0, [])
