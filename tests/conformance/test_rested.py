"""What a device shows is judged by when it was read, not by when it was to be read."""

import pytest

from conformance.cases.dgsq.queues import read_after, read_within, rested
from conformance.judge.expect import Expect
from spec.verdict import Verdict
from tests.traffic.test_recording import FRAMES, play
from traffic.scenario import DOWN, UP


def recording(first, last):
    frames = [(100, "h0", UP, FRAMES[0]), (300, "h0", UP, FRAMES[1]), (310, "h0", DOWN, FRAMES[1])]
    return play(*frames, read=(first, last))


def test_the_rest_is_from_the_last_frame_of_a_host_to_both_ends_of_the_reading():
    assert rested(recording(1000, 1400), UP) == (700, 1100)
    assert rested(recording(1000, 1400), DOWN) == (690, 1090)
    assert rested(play(read=(1000, 1400)), UP) is None


@pytest.mark.parametrize(
    ("question", "limit", "sure"),
    [
        (read_within, 1091, True),
        (read_within, 1090, False),
        (read_after, 700, True),
        (read_after, 701, False),
    ],
)
def test_a_reading_that_may_be_on_either_side_says_nothing(question, limit, sure):
    expect = Expect()
    assert question(expect, recording(1000, 1400), limit) is sure
    expect.that(True, "it", 1, 1)
    assert expect.verdict()[0] is (Verdict.PASS if sure else Verdict.INCONCLUSIVE)
