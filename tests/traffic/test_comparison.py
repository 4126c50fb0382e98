from traffic.recordings.comparison import compare
from traffic.recordings.hosts import HostFrame


def frames(*octets, first):
    return [HostFrame(first + n, 0, "h0", 0, 1, frame) for n, frame in enumerate(octets)]


SENT = [bytes([n]) * 60 for n in range(1, 5)]


def test_equal_frames_are_paired_in_order_and_are_the_same():
    passages = compare(frames(SENT[0], SENT[0], first=0), frames(SENT[0], SENT[0], first=10))
    assert [passage.rows for passage in passages] == [(10, 0), (11, 1)]
    assert all(passage.same for passage in passages)


def test_a_difference_names_packet_lengths_and_octet():
    changed = SENT[1][:42] + b"\x1f" + SENT[1][43:]
    longer, shorter = SENT[2] + bytes(4), SENT[3][:50]
    found = compare(frames(*SENT, first=0), frames(SENT[0], shorter, longer, changed, b"x" * 60, first=16))
    assert [passage.same for passage in found] == [True, False, False, False, False]
    assert [str(passage) for passage in found[1:4]] == [
        "packet 20: 60 octets, sent 60 as packet 2; first difference at octet 42: got 0x1f, sent 0x02",
        "packet 19: 64 octets, sent 60 as packet 3; first difference at octet 60: got 0x00, sent its end",
        "packet 18: 50 octets, sent 60 as packet 4; first difference at octet 50: got its end, sent 0x04",
    ]
    assert str(found[4]).endswith(", which nobody sent")


def test_what_never_came_is_said_so():
    (passage,) = compare(frames(SENT[0], first=6), [])
    assert str(passage).startswith("never received, sent as packet 7 of h0: 60 octets, 01 01")
    assert not passage.same
