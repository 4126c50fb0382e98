import pytest

from spec.errors import InputError
from traffic.frames.codec import codec
from traffic.frames.crafted import Container, data_frames, message
from traffic.frames.roce import host_addresses, identify

HOSTS = host_addresses(4, per_gsp=2)
A, B = "gsp0-gsf0", "gsp0-gsf1"


def read(scenario):
    return [(frame.at, frame.port, codec("open-1").decode(frame.frame)) for frame in scenario.frames]


def test_out_of_order_containers_say_what_they_are():
    scenario = data_frames(
        "h2", "h1", [Container(B, 1, at=0), Container(A, 0, at=5_000, frames=3)], HOSTS, profile="open-1"
    )
    seen = read(scenario)
    assert [(at, port) for at, port, _ in seen] == [(0, B)] * 2 + [(5_000, A)] * 3
    assert all(message.valid_crc and message.message == "DATA" for _, _, message in seen)
    names = ("source", "destination", "port", "sequence", "index", "previous_frames", "fill", "flags")
    assert [tuple(m.fields[name] for name in names) for _, _, m in seen] == [
        (2, 1, 1, 1, 0, 3, 0, 0),
        (2, 1, 1, 1, 1, 3, 1020, 1),
        (2, 1, 1, 0, 0, 0, 0, 0),
        (2, 1, 1, 0, 1, 0, 1020, 0),
        (2, 1, 1, 0, 2, 0, 2040, 1),
    ]


def test_sequence_numbers_of_the_host_frames_ascend_in_the_right_order():
    containers = [Container(A, 1, generation=2), Container(A, 0, generation=1), Container(A, 0, generation=2)]
    seen = read(data_frames("h2", "h0", containers, HOSTS, profile="open-1", stream=9))
    key = {2: 0, 1: 1}
    ordered = sorted(
        seen, key=lambda e: (key[e[2].fields["generation"]], e[2].fields["sequence"], e[2].fields["index"])
    )
    assert [identify(m.payload) for _, _, m in ordered] == [(9, n) for n in range(6)]


def test_host_frames_count_on_across_the_wrap_of_the_sequence():
    sequences = (0xFFFFFFFF, 1, 0, 0xFFFFFFFE)
    seen = read(
        data_frames(
            "h2", "h0", [Container(A, number, frames=1) for number in sequences], HOSTS, profile="open-1"
        )
    )
    assert [identify(m.payload) for _, _, m in seen] == [(1, 1), (1, 3), (1, 2), (1, 0)]
    assert [m.fields["previous_frames"] for _, _, m in seen] == [1, 1, 1, 1]


def test_a_container_given_twice_is_the_same_again():
    seen = read(data_frames("h2", "h0", [Container(A, 0), Container(B, 0, at=100)], HOSTS, profile="open-1"))
    assert [m.payload for _, _, m in seen[:2]] == [m.payload for _, _, m in seen[2:]]


def test_frames_may_be_left_out_spaced_marked_and_lied_about():
    odd = Container(A, 4, frames=4, indices=(3, 1), gap=700, previous_frames=77, ungoverned=True, last=False)
    seen = read(data_frames("h2", "h0", [odd], HOSTS, profile="open-1", cls=5))
    assert [at for at, _, _ in seen] == [0, 700]
    assert [m.fields["index"] for _, _, m in seen] == [3, 1]
    assert {(m.fields["previous_frames"], m.fields["flags"], m.fields["class"]) for _, _, m in seen} == {
        (77, 2, 5)
    }


@pytest.mark.parametrize("pair", [("h9", "h0"), ("h0", "h9")])
def test_unknown_host_is_refused(pair):
    with pytest.raises(InputError, match="'h9' is no host here"):
        data_frames(*pair, [Container(A, 0)], HOSTS, profile="open-1")


def test_a_single_message_may_be_wrong():
    (frame,) = message(
        A, "GRANT", {"port": 0, "granted": 5, "version": 3}, profile="open-1", at=9, crc_error=1
    ).frames
    decoded = codec("open-1").decode(frame.frame)
    assert (frame.at, decoded.fields["version"], decoded.valid_crc) == (9, 3, False)
