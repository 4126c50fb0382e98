import ast

import pytest

from conformance.checkout import ROOT
from conformance.mutation.places import Source, head, selected, sources


def changes(text, operator=None):
    places = Source("made_up.py", text).places
    return [(place.was, place.becomes) for place in places if operator in {None, place.operator}]


@pytest.mark.parametrize(
    ("operator", "text", "becomes"),
    [
        ("bound", "ok = a < b", "ok = a <= b"),
        ("bound", "ok = a >= b", "ok = a > b"),
        ("bound", "ok = a is None", "ok = a is not None"),
        ("bound", "ok = a not in b", "ok = a in b"),
        ("arithmetic", "x = a + b", "x = a - b"),
        ("arithmetic", "x = a << b", "x = a >> b"),
        ("arithmetic", "x += b", "x -= b"),
        ("arithmetic", "x = -b", "x = b"),
        ("constant", "x = 7", "x = 8"),
        ("constant", "x = True", "x = False"),
        ("condition", "ok = a and b", "ok = a or b"),
        ("dropped statement", "work(a)", "pass"),
        ("swapped arguments", "x = work(a, b, c)", "x = work(b, a, c)"),
    ],
)
def test_an_operator_changes_one_thing(operator, text, becomes):
    assert changes(text, operator) == [(text, becomes)]


def test_each_side_of_a_chain_is_a_place():
    assert changes("ok = a <= b < c") == [
        ("ok = a <= b < c", "ok = a < b < c"),
        ("ok = a <= b < c", "ok = a <= b <= c"),
    ]


def test_a_condition_is_turned_round():
    assert changes("if ready:\n    stay = a", "condition") == [("if ready:", "if not ready:")]
    assert changes("while self.left():\n    pass", "condition") == [
        ("while self.left():", "while not self.left():")
    ]


def test_an_early_return_is_dropped_and_the_last_is_not():
    text = "def f(a):\n    if a:\n        return early\n    return late\n"
    assert changes(text, "dropped return") == [("return early", "pass")]


def test_attributes_are_dropped_where_they_change_and_not_where_they_begin():
    text = "class A:\n    def __init__(self):\n        self.x = y\n    def reset(self):\n        self.x = y\n"
    (place,) = [place for place in Source("a.py", text).places if place.operator == "dropped statement"]
    assert (place.scope, place.lines, place.becomes) == ("A.reset", (5, 5), "pass")


@pytest.mark.parametrize(
    "text",
    [
        "'a text'",
        "import a",
        "assert a < b",
        "x: int | None",
        "def f(a: int | None) -> int | str: pass",
        "if TYPE_CHECKING:\n    x = 1",
        "class P(Protocol):\n    x = 1",
        "cause = 'drop.' + name",
        "raise ValueError(a + b) from c",
        "x = max(a, b)",
        "x = a if a > b else b",
        "if time < self.due:\n    self.due = time",
        "x = f'{a + 1}'",
    ],
)
def test_what_does_nothing_or_changes_nothing_is_left_alone(text):
    assert not [change for change in changes(text) if change[1] != "pass"]


def test_a_changed_tree_differs_in_its_place_alone():
    text = "def f(a):\n    b = a + 1\n    return b + 1\n"
    source = Source("made_up.py", text)
    for place in source.places:
        tree = source.changed(place)
        different = [
            (head(old), head(new))
            for old, new in zip(ast.parse(text).body[0].body, tree.body[0].body, strict=True)
            if ast.dump(old) != ast.dump(new)
        ]
        assert different == [(place.was, place.becomes)]
        compile(tree, "made_up.py", "exec")


def test_places_that_read_the_same_are_numbered():
    text = "def f():\n    work(a)\n    work(a)\n"
    assert [place.number for place in Source("a.py", text).places] == [1, 2]


def test_every_place_of_the_reference_has_a_name_of_its_own_and_compiles():
    every = [place for source in sources(ROOT) for place in source.places]
    assert len({place.key for place in every}) == len(every) > 3000
    small = next(source for source in sources(ROOT) if source.name == "parts/meter.py")
    for place in small.places:
        compile(small.changed(place), place.file, "exec")
    assert selected(every, ["parts/meter.py"]) == list(small.places)
    assert {place.file.split("/")[0] for place in selected(every, ["parts/"])} == {"parts"}
