"""When a play on a mutant needs no judge, and when a compiler of the codec is no other."""

from functools import cache, partial
from struct import Struct

import pytest

from conformance.mutation.places import Source
from conformance.mutation.playing import bench, collect
from conformance.mutation.products import told
from conformance.run.playing import CASES
from spec.verdict import Verdict


@cache
def played():
    playable = collect(places=[str(CASES / "forwarding" / "test_delivery.py")])[0]
    context = bench()
    return playable, context, playable.judged(context)


def test_plays_that_gave_what_is_known_of_them_are_not_judged():
    playable, context, first = played()
    assert (first.verdict, first.acted, bool(first.digests)) == (Verdict.PASS, True, True)
    again = playable.judged(context, first.digests)
    assert (again.verdict, again.acted, again.digests) == (Verdict.PASS, False, first.digests)


def test_plays_that_gave_anything_else_are_judged():
    playable, context, first = played()
    known = (*first.digests[:-1], "another")
    assert playable.judged(context, known).acted
    mutant = playable.judged(context.on("mutant:LosesFrames"), first.digests)
    assert (mutant.verdict, mutant.acted) == (Verdict.FAIL, True)
    assert mutant.digests != first.digests
    assert mutant.clause


class Made:
    __module__ = "reference_impl.made_up"

    def __init__(self, key):
        self.key = key

    def function(self):
        return self.key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"A": 1}, {"A": 2}),
        ([1, [2]], [1, 2]),
        (Struct(">H"), Struct("<H")),
        (Made(1).function, Made(2).function),
        (partial(max, 1), partial(max, 2)),
        (cache(Made(1).function), cache(Made(2).function)),
    ],
)
def test_what_is_made_is_told_apart(one, other):
    assert told(one, {}) != told(other, {})
    assert told(one, {}) == told(one, {})


def test_what_holds_itself_is_told():
    one, other = Made(1), Made(1)
    one.self, other.self = one, other
    assert told(one, {}) == told(other, {})


def test_what_no_play_can_show_is_no_place():
    text = "class Settings:\n    least: int = 1\n    def faults(self):\n        return 1 < 2\n"
    text += "    def window_time(self):\n        return 1 < 2\n"
    assert {place.scope for place in Source("config.py", text).places} == {"Settings.window_time"}
    assert len({place.scope for place in Source("other.py", text).places}) == 3
