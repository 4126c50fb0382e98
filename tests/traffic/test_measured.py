"""Rates and ratios carry what whole frames at the ends of their windows leave uncertain."""

import pickle

import pytest

from traffic.recordings.measured import Measured, jain, off_of


def test_a_rate_is_uncertain_by_a_frame_at_each_end():
    rate = Measured.over(100 * 1000, 1000, 100_000)
    assert rate == 8000
    assert off_of(rate) == 160


def test_a_ratio_carries_the_uncertainty_of_both():
    ratio = Measured(99, 1) / Measured(100, 2)
    assert ratio == 0.99
    assert off_of(ratio) == pytest.approx((1 + 0.99 * 2) / 100)
    assert off_of(1 / Measured(4, 1)) == pytest.approx(1 / 16)


def test_sums_differences_and_factors_carry_it():
    one, other = Measured(10, 1), Measured(4, 2)
    assert (off_of(one + other), off_of(one - other), off_of(one * 3), off_of(abs(0 - one))) == (3, 3, 3, 1)
    assert off_of(sum([one, other])) == 3
    assert off_of(pickle.loads(pickle.dumps(one))) == 1  # noqa: S301 - our own octets


def test_fairness_is_uncertain_by_what_nearer_shares_would_make_it():
    assert off_of(jain([Measured(100, 0), Measured(80, 0)])) == 0
    even = jain([Measured(100, 10), Measured(80, 10)])
    assert even + off_of(even) == 1
    far = jain([Measured(100, 1), Measured(50, 1)])
    assert far < 0.91
    assert far + off_of(far) < 0.92
