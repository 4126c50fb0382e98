"""Node ids are taken apart in one place, as pytest does."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec.node_id import NodeId

ROOT = Path(__file__).parents[2]
PARAMETERS = (
    "fe80::1",
    "a::b[c]",
    "a/b",
    "x]",
    "[",
    "]",
    "",
    "a b",
    "-1",
    "mutant=X",
    "..//./",
    "全",
    "a.py::b[c]",
)


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_parameters_are_their_own(parameters):
    text = f"conformance/cases/pktc/test_a.py::One::Two::test_it[{parameters}]"
    node = NodeId.of(text)
    assert node == NodeId("conformance/cases/pktc/test_a.py", ("One", "Two", "test_it"), parameters)
    assert str(node) == text
    assert (node.function, node.classes) == ("test_it", ("One", "Two"))
    assert node.instance == f"test_it[{parameters}]"
    assert node.module == "conformance.cases.pktc.test_a"
    assert str(node.case) == "conformance/cases/pktc/test_a.py::One::Two::test_it"
    assert node.short == f"pktc/test_a.py::One::Two::test_it[{parameters}]"
    assert str(node.at("/x/y.py")) == f"/x/y.py::One::Two::test_it[{parameters}]"


@pytest.mark.parametrize("text", ["conformance/cases", "a[1]/b.py", "a.py::test_it", ""])
def test_files_and_functions_have_no_parameters(text):
    assert NodeId.of(text).parameters is None
    assert str(NodeId.of(text)) == text


@given(st.text(max_size=30))
def test_what_is_taken_apart_is_put_together_again(parameters):
    text = f"a.py::test_it[{parameters}]"
    assert str(NodeId.of(text)) == text
    assert NodeId.of(text).parameters == parameters


def test_a_label_is_taken_off_the_front_alone():
    of = NodeId.of
    assert str(of("a.py::f[mutant=X]").without("mutant=X")) == "a.py::f"
    assert str(of("a.py::f[mutant=X-mutant=X]").without("mutant=X")) == "a.py::f[mutant=X]"
    assert str(of("a.py::f[mutant=XY-1]").without("mutant=X")) == "a.py::f[mutant=XY-1]"
    assert str(of("a.py::f[mutant=X--1]").without("mutant=X")) == "a.py::f[-1]"
    assert str(of("a.py::f").without("mutant=X")) == "a.py::f"


def test_nobody_else_takes_one_apart():
    """The kind of fault: `::` and brackets looked for in an id by hand."""
    by_hand = re.compile(r"""partition\(["'](::|\[)|split\(["'](::|\[)|(removesuffix|endswith)\(["']\]""")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for package in ("spec", "conformance", "reference_impl", "traffic", "reports")
        for path in (ROOT / package).rglob("*.py")
        if path.name != "node_id.py" and "node_modules" not in path.parts
        for number, words in enumerate(path.read_text().splitlines(), start=1)
        if by_hand.search(words)
    ]
    assert found == []
