import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec.verdict import Verdict, merge

verdicts = st.sampled_from(list(Verdict))


def test_order():
    assert [str(verdict) for verdict in sorted(Verdict, reverse=True)] == [
        "FAIL",
        "ERROR",
        "INCONCLUSIVE",
        "TESTER_LIMITED",
        "NOT_TESTED",
        "PASS",
        "NOT_APPLICABLE",
    ]


def test_nothing_is_not_tested():
    assert merge([]) is Verdict.NOT_TESTED


@given(st.lists(verdicts, min_size=1))
def test_merge_is_the_maximum(many):
    merged = merge(many)
    assert merged in many
    assert all(verdict <= merged for verdict in many)


@given(st.lists(verdicts, min_size=1), st.lists(verdicts, min_size=1))
def test_merge_of_merges_is_the_merge(some, others):
    assert merge([merge(some), merge(others)]) is merge([*others, *some])


@given(verdicts, verdicts)
def test_comparisons_agree(left, right):
    assert (left < right, left > right) == (left.severity < right.severity, left.severity > right.severity)
    assert (left <= right) == (not left > right)
    assert (left >= right) == (not left < right)


def test_a_verdict_is_not_compared_with_other_words():
    with pytest.raises(ValueError, match="PASSED"):
        _ = Verdict.FAIL < "PASSED"
