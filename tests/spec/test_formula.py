import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec.formula import FormulaError, formula, inequality


def test_arithmetic_has_its_usual_order():
    assert formula("(a + 2) * 8000 / b - min(a, 3)").value({"a": 6, "b": 100}) == 637


def test_names_stand_in_order_and_once():
    assert formula("max(b, a) + b * c").names() == ("b", "a", "c")
    assert inequality("a >= b + c / a").names() == ("a", "b", "c")


@given(st.integers(), st.integers())
def test_the_four_orders(left, right):
    values = {"a": left, "b": right}
    assert inequality("a <= b").holds(values) == (left <= right)
    assert inequality("a < b").holds(values) == (left < right)
    assert inequality("a >= b").holds(values) == (left >= right)
    assert inequality("a > b").holds(values) == (left > right)


@pytest.mark.parametrize(
    "text",
    ["", "a +", "a ** b", "a.b", "f(a)", "min()", "max(a, key=b)", "a if b else c", "'a'", "True", "a = b"],
)
def test_anything_else_is_refused(text):
    with pytest.raises(FormulaError):
        formula(text)


@pytest.mark.parametrize("text", ["a", "a == b", "a < b < c", "a != b", "a in b"])
def test_a_relation_is_two_formulas_in_an_order(text):
    with pytest.raises(FormulaError):
        inequality(text)


def test_what_has_no_number_is_named():
    with pytest.raises(FormulaError, match="b has no number"):
        formula("a + b").value({"a": 1})
    with pytest.raises(FormulaError, match="a is 0"):
        formula("1 / a").value({"a": 0})
