"""Rates as a device measures them."""

import pytest

from reference_impl.parts.meter import Meter


def test_a_slow_rate_is_told_in_fractions_of_mbit_per_s():
    meter = Meter(40_000_000)
    gap = 1_000_000
    for number in range(100):
        meter.add(614, number * gap)
    assert meter.rate_mbps(100 * gap) == pytest.approx(614 * 8000 / gap, rel=0.04)
