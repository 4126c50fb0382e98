import contextlib
import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec.applicability import And, ApplicabilityError, Comparison, Fact, FactType, Not, Or, parse

FLAGS = ("GSP", "GSE2.0", "UNSOLICITED")
NUMBERS = ("container_bytes", "dgsq_max")
NAMES = {
    **{name: FactType("bool") for name in FLAGS},
    **{name: FactType("integer") for name in NUMBERS},
    "overflow_mode": FactType("enum", ("close-early", "overflow", "overflow-borrow")),
    "role": FactType("enum", ("GSP", "NIC")),
}
PYTHON = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

leaves = st.sampled_from(FLAGS).map(Fact) | st.builds(
    Comparison, st.sampled_from(NUMBERS), st.sampled_from(sorted(PYTHON)), st.integers(-9, 9)
)
expressions = st.recursive(
    leaves,
    lambda inner: (
        st.builds(Not, inner)
        | st.lists(inner, min_size=2, max_size=3).map(lambda terms: And(tuple(terms)))
        | st.lists(inner, min_size=2, max_size=3).map(lambda terms: Or(tuple(terms)))
    ),
    max_leaves=12,
)
facts = st.fixed_dictionaries(
    {**{name: st.booleans() for name in FLAGS}, **{name: st.integers(-9, 9) for name in NUMBERS}}
)


def python_says(expression, values):
    match expression:
        case Fact(name):
            return values[name]
        case Comparison(name, sign, operand):
            return PYTHON[sign](values[name], operand)
        case Not(term):
            return not python_says(term, values)
        case And(terms):
            return all(python_says(term, values) for term in terms)
        case Or(terms):
            return any(python_says(term, values) for term in terms)
    raise AssertionError(expression)


@given(expressions)
def test_text_parses_to_the_same_expression(expression):
    assert parse(str(expression), NAMES) == expression


@given(expressions, facts)
def test_evaluation_is_that_of_logic(expression, values):
    assert parse(str(expression)).evaluate(values) == python_says(expression, values)


@given(expressions, facts)
def test_explanation_ends_in_the_outcome(expression, values):
    explanation = expression.explain(values)
    assert explanation.endswith(" = yes" if expression.evaluate(values) else " = no")
    assert all(f"{name}" in explanation for name in expression.names())


@given(st.text(max_size=40))
def test_any_text_parses_or_is_refused(text):
    with contextlib.suppress(ApplicabilityError):
        assert parse(str(parse(text))) == parse(text)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("ALWAYS", True),
        ("NOT ALWAYS", False),
        ("GSP AND NOT UNSOLICITED", True),
        ("GSP OR UNSOLICITED AND UNSOLICITED", True),
        ("(GSP OR UNSOLICITED) AND UNSOLICITED", False),
        ("NOT GSP OR GSE2.0", True),
        ("role = GSP", True),
        ("role != GSP", False),
        ("container_bytes>9216", True),
        ("overflow_mode = overflow", True),
        ("overflow_mode = overflow-borrow", False),
        ("overflow_mode != overflow-borrow", True),
    ],
)
def test_evaluate(text, holds):
    values = {
        "GSP": True,
        "GSE2.0": True,
        "UNSOLICITED": False,
        "role": "GSP",
        "container_bytes": 16384,
        "overflow_mode": ("close-early", "overflow"),
    }
    assert parse(text, NAMES).evaluate(values) is holds


def test_explain_shows_the_facts():
    values = {
        "GSP": True,
        "UNSOLICITED": True,
        "container_bytes": 9000,
        "overflow_mode": ("close-early", "overflow"),
    }
    assert parse("GSP AND NOT UNSOLICITED").explain(values) == "GSP (yes) AND NOT UNSOLICITED (yes) = no"
    assert (
        parse("NOT (GSP AND container_bytes > 9216) OR overflow_mode = overflow").explain(values)
        == "NOT (GSP (yes) AND container_bytes > 9216 (9000))"
        " OR overflow_mode = overflow (close-early, overflow) = yes"
    )
    assert parse("UNSOLICITED OR GSF").explain(values) == "UNSOLICITED (yes) OR GSF (not declared) = yes"


def test_names():
    assert parse("GSP AND (dgsq_max > 3 OR NOT role = NIC)").names() == {"GSP", "dgsq_max", "role"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the end stands in column 1"),
        ("GSP AND", "the end stands in column 8; expected is a name"),
        ("GSP GSF", "GSF stands in column 5; expected is AND, OR or the end"),
        ("(GSP", "expected is a closing bracket"),
        ("GSP)", ") stands in column 4"),
        ("AND GSP", "AND stands in column 1"),
        ("GSP & GSF", "'&' in column 5 is not understood"),
        ("GSP AND 7", "7 stands in column 9; expected is a name"),
        ("container_bytes > ", "expected is an integer"),
        ("container_bytes > overflow", "overflow stands in column 19; expected is an integer"),
        ("container_bytes = AND", "expected is an integer or a word"),
        ("container_bytes > 12k", "'12k' in column 19 is not understood"),
        ("UNSOLICITTED", "the name UNSOLICITTED is unknown; did you mean UNSOLICITED?"),
        ("gsp", "did you mean GSP?"),
        ("QQQQ", "the name QQQQ is unknown; use one of GSE2.0, GSP, "),
        ("container_bytes", "container_bytes is not yes or no; compare it with a value"),
        ("GSP = 1", "GSP is yes or no; write GSP or NOT GSP"),
        ("container_bytes = overflow", "container_bytes is an integer, overflow is not"),
        ("overflow_mode = overflow-borow", "did you mean overflow-borrow?"),
        ("overflow_mode > 3", "the words of overflow_mode have no order"),
        ("overflow_mode = 3", "overflow_mode is never 3"),
        ("NOT " * 60 + "GSP", "nested more than 50 deep"),
        ("(" * 5000 + "GSP", "nested more than 50 deep"),
    ],
)
def test_wrong_expressions(text, words):
    with pytest.raises(ApplicabilityError) as caught:
        parse(text, NAMES)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "values", "words"),
    [
        ("GSP", {"GSPS": True}, "the facts do not say GSP; did you mean GSPS?"),
        ("GSP", {}, "the facts do not say GSP; none is defined"),
        ("mode", {"mode": "a"}, "mode is a, not yes or no"),
        ("mode = 3", {"mode": "a"}, "mode is a, compared with 3"),
        ("mode = a", {"mode": 3}, "mode is 3, compared with a"),
        ("GSP = a", {"GSP": True}, "write GSP or NOT GSP"),
    ],
)
def test_wrong_facts(text, values, words):
    with pytest.raises(ApplicabilityError) as caught:
        parse(text).evaluate(values)
    assert words in str(caught.value)


def test_an_undeclared_fact_is_asked_only_where_it_decides():
    assert parse("GSP OR QUEUES > 3").evaluate({"GSP": True})
    with pytest.raises(ApplicabilityError):
        parse("GSP OR QUEUES > 3").evaluate({"GSP": False})
