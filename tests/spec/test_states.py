import pytest
from pydantic import ValidationError

from spec.loader import load_catalogue
from spec.states import Machine, load_machines

WORDS = {"en": "a", "zh": "b"}


def machine(**change):
    whole = {
        "title": WORDS,
        "clauses": (),
        "initial": "off",
        "states": {"off": WORDS, "on": WORDS},
        "transitions": ({"from": ("off",), "event": "press", "to": "on", "meaning": WORDS},),
    }
    return Machine.model_validate(whole | change)


def test_the_bundled_tables_name_clauses_that_exist():
    clauses = load_catalogue().clauses
    for table in load_machines().values():
        assert table.clauses
        assert set(table.clauses) <= clauses.keys()


def test_a_table_says_what_follows():
    assert machine().steps == {("off", "press"): "on"}
    assert list(machine().lines("en")) == ["off *: a", "on: a", "off --press--> on: a"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"initial": "of"}, "of is no state"),
        ({"states": {"off": WORDS, "on": WORDS, "broken": WORDS}}, "nothing leads to broken"),
        (
            {"transitions": 2 * ({"from": ("off",), "event": "press", "to": "on", "meaning": WORDS},)},
            "an event leads to two states",
        ),
        ({"transitions": ({"from": (), "event": "press", "to": "on", "meaning": WORDS},)}, "at least 1 item"),
        ({"finals": ()}, "Extra inputs"),
    ],
)
def test_a_table_that_is_not_whole_is_refused(change, fault):
    with pytest.raises(ValidationError, match=fault):
        machine(**change)
