"""What `expect` makes of odd values: a verdict on the device or none, never an accident of the suite."""

import math
from fractions import Fraction

import numpy as np
import pytest

from conformance.judge.expect import Expect

NAN, INF = math.nan, math.inf
PASS = {
    "infinite-limit": lambda e: e.at_most(1e300, INF, "rate"),
    "infinite-enough": lambda e: e.at_least(INF, 10, "rate"),
    "both-infinite": lambda e: e.at_most(INF, INF, "rate", "ns"),
    "array-all-true": lambda e: e.that(np.array([True, True]), "it", 1, 1),
    "numpy-bool": lambda e: e.that(np.bool_(True), "it", 1, 1),
    "equal-arrays": lambda e: e.equal(np.arange(3), np.arange(3), "it"),
    "array-and-list": lambda e: e.equal(np.arange(3), [0, 1, 2], "it"),
    "array-and-tuple": lambda e: e.equal((0, 1, 2), np.arange(3), "it"),
    "list-of-arrays": lambda e: e.equal([np.arange(2)], [[0, 1]], "it"),
    "empty-arrays": lambda e: e.equal(np.array([]), [], "it"),
    "array-below": lambda e: e.at_most(np.array([1, 2]), 2, "it", "octet"),
    "each-of-an-array": lambda e: e.each(np.arange(1, 4), "it", lambda item: item > 0, at_least=3),
    "each-with-array": lambda e: e.each([1], "it", lambda _: np.array([True, True])),
    "fraction": lambda e: e.at_most(Fraction(1, 3), 1, "share"),
    "given": lambda e: e.given(3.5, "something flows") and e.that(True, "it", 1, 1),
}
FAIL = {
    "infinite": lambda e: e.at_most(INF, 10, "rate", "Mbit/s"),
    "minus-infinite": lambda e: e.at_least(-INF, 10, "rate"),
    "infinite-within-no-uncertainty": lambda e: e.at_most(INF, 10, "rate", "ns"),
    "array-with-a-false": lambda e: e.that(np.array([True, False]), "it", 1, 1),
    "other-array": lambda e: e.equal(np.arange(3), np.arange(4), "it"),
    "other-items": lambda e: e.equal(np.array([1, 2]), np.array([1, 3]), "it"),
    "array-above": lambda e: e.at_most(np.array([1, 9, 2]), 2, "it"),
    "array-beneath": lambda e: e.at_least(np.array([1, 9, 2]), 2, "it"),
    "infinite-is-not-5": lambda e: e.equal(INF, 5, "it"),
    "none-is-not-5": lambda e: e.equal(None, 5, "it"),
    "each-of-an-array": lambda e: e.each(np.arange(3), "it", lambda item: item > 0),
}
INCONCLUSIVE = {
    "no-number": lambda e: e.at_most(NAN, 10, "rate"),
    "numpy-no-number": lambda e: e.at_least(np.float64("nan"), 10, "rate"),
    "no-limit": lambda e: e.at_most(10, NAN, "rate"),
    "no-least": lambda e: e.at_least(10, NAN, "rate"),
    "nothing-measured": lambda e: e.at_most(np.array([]), 10, "rate"),
    "hole-in-an-array": lambda e: e.at_most(np.array([1.0, NAN]), 10, "rate"),
    "equal-to-no-number": lambda e: e.equal(NAN, 5, "it"),
    "equal-with-a-hole": lambda e: e.equal(np.array([1.0, NAN]), np.array([1.0, 2.0]), "it"),
    "that-no-number": lambda e: e.that(NAN, "it", 1, 1),
    "that-of-nothing": lambda e: e.that(np.array([]) > 0, "it", 1, 1),
    "each-no-number": lambda e: e.each([1, 2], "it", lambda _: NAN),
    "each-of-nothing": lambda e: e.each(np.array([]), "it", bool),
    "not-given": lambda e: e.given(0.0, "something flows") or e.that(True, "it", 1, 1),
    "given-no-number": lambda e: e.given(NAN, "something flows"),
    "given-nothing": lambda e: e.given(np.array([]), "something flows"),
    "given-no-items": lambda e: e.given([], "something flows"),
}
TABLE = [
    pytest.param(verdict, judge, id=f"{verdict}-{name}")
    for verdict, table in (("PASS", PASS), ("FAIL", FAIL), ("INCONCLUSIVE", INCONCLUSIVE))
    for name, judge in table.items()
]


@pytest.mark.parametrize(("verdict", "judge"), TABLE)
@pytest.mark.filterwarnings("error")
def test_odd_values_have_a_verdict(verdict, judge):
    expect = Expect({"ns": 10})
    judge(expect)
    assert expect.verdict()[0] == verdict
    assert verdict != "FAIL" or all(finding.got and finding.expected for finding in expect.findings)


def test_a_measure_below_one_is_not_nothing():
    """A rate of 0.4 Mbit/s is a rate; what coerced it into a count called it none."""
    expect = Expect()
    assert expect.given(0.4, "the flow was carried")
    assert not expect.doubts


def test_what_was_not_given_is_the_reason():
    expect = Expect()
    expect.given([], "a GRANT was seen")
    assert expect.verdict()[1] == "it is not so that a GRANT was seen"
