"""A rate that whole frames make look too low is no breach; one that is too low by more is."""

from conformance.judge.expect import Expect
from spec.verdict import Verdict
from traffic.recordings.measured import Measured


def judged(value, limit, relation="at_least"):
    expect = Expect()
    getattr(expect, relation)(value, limit, "rate", "Mbit/s")
    return expect.verdict()


def test_whole_frames_make_no_fail():
    before, during = Measured.over(1_003_250, 9236, 1_000_000), Measured.over(992_000, 9236, 1_000_000)
    verdict, reason = judged(during, before * 0.99)
    assert verdict is Verdict.INCONCLUSIVE
    assert "by less than whole frames of its window tell, 294.074 Mbit/s" in reason


def test_a_rate_below_that_is_a_breach():
    before, during = Measured.over(1_000_000, 9236, 1_000_000), Measured.over(900_000, 9236, 1_000_000)
    assert judged(during, before * 0.99)[0] is Verdict.FAIL


def test_a_rate_that_keeps_its_limit_passes():
    assert judged(Measured(100, 50), 100) == (Verdict.PASS, "")
    assert judged(Measured(0.1, 0.5), 0.1, "at_most") == (Verdict.PASS, "")


def test_what_is_too_much_is_judged_alike():
    assert judged(Measured(0.12, 0.03), 0.1, "at_most")[0] is Verdict.INCONCLUSIVE
    assert judged(Measured(0.12, 0.01), 0.1, "at_most")[0] is Verdict.FAIL
