"""What is made of what the cases said, and how an entry of the equivalents is found to be wrong."""

import os
import signal

import pytest

from conformance.mutation.equivalents import Equivalent, gone, load_equivalents, noticed
from conformance.mutation.places import Source
from conformance.mutation.runner import InChild, Order
from conformance.mutation.table import document, survivors, tally
from conformance.mutation.trial import Fate, Mutant, Outcome, Trial
from spec.errors import InputError

TEXT = "def f(a):\n    b = a + 1\n    return b < 7\n"
SOURCE = Source("made_up.py", TEXT)
PLACES = SOURCE.places


def entry(place, **others):
    names = ("file", "scope", "was", "becomes", "number")
    given = {name: getattr(place, name) for name in names} | {"reason": "nobody ever looks at it"}
    return Equivalent(**given | others)


def told(*texts, number=None):
    reading, writing = os.pipe()
    os.close(writing)
    child = os.fork()
    if not child:
        if number is not None:
            os.kill(os.getpid(), number)
        os._exit(0)
    mutant = Mutant(SOURCE, PLACES[0], (), None)
    return Trial(mutant, child, reading, "".join(f"{text}\n" for text in texts).encode()).end()


PASSED = '{"case": 0, "verdict": "PASS", "acted": true}'
SAME = '{"case": 4, "verdict": "PASS", "acted": false}'
ERROR = '{"case": 1, "verdict": "ERROR", "reason": "broke"}'
DOUBT = '{"case": 2, "verdict": "INCONCLUSIVE", "reason": "too few"}'
FAIL = '{"case": 3, "verdict": "FAIL", "clause": "A", "reason": "wrong"}'


@pytest.mark.parametrize(
    ("texts", "fate", "reason"),
    [
        ([PASSED, SAME], Fate.SURVIVED, ""),
        ([SAME, SAME], Fate.IDLE, ""),
        ([PASSED, DOUBT, ERROR], Fate.ERROR, "broke"),
        ([PASSED, DOUBT], Fate.INCONCLUSIVE, "too few"),
        ([ERROR, DOUBT, FAIL], Fate.FAIL, "wrong"),
        (['{"fate": "STILLBORN", "reason": "no device"}'], Fate.STILLBORN, "no device"),
    ],
)
def test_the_worst_of_what_cases_say_decides(texts, fate, reason):
    outcome = told(*texts)
    assert (outcome.fate, outcome.reason) == (fate, reason)


def test_a_child_that_the_system_ended_hangs_unless_a_case_failed():
    assert told(PASSED, number=signal.SIGXCPU).fate is Fate.HANG
    assert told(PASSED, FAIL, number=signal.SIGXCPU).fate is Fate.FAIL


def test_shares_leave_equivalents_and_stillborn_out():
    fates = [Fate.FAIL, Fate.FAIL, Fate.ERROR, Fate.SURVIVED, Fate.STILLBORN]
    every = Source("many.py", "def f(a):\n" + "".join(f"    work{number}(a)\n" for number in range(5))).places
    outcomes = [Outcome(place, fate) for place, fate in zip(every, fates, strict=True)]
    found = tally(outcomes, {every[3].key})
    assert (found.judged, found.equivalent) == (3, 1)
    assert found.killed == pytest.approx(200 / 3)
    assert found.detected == pytest.approx(100 / 3)
    assert len(survivors(outcomes, {every[3].key})) == 1
    data = document(outcomes, {every[3].key}, {"many.py": "A"}, {})
    assert data["chapters"]["A"] == data["all"]
    assert [item["equivalent"] for item in data["mutants"]] == [False, False, False, True, False]


def test_an_equivalent_whose_place_is_gone_is_a_finding():
    listed = {item.key: item for item in (entry(PLACES[0]), entry(PLACES[1], was="b = a + 2"))}
    (finding,) = gone(listed, [SOURCE])
    assert (finding.rule, finding.key) == ("equivalents-survive", str(entry(PLACES[1], was="b = a + 2")))
    assert "no place" in finding.message
    assert not gone(listed, [Source("another.py", TEXT)])


def test_an_equivalent_that_is_noticed_is_a_finding():
    listed = {entry(place).key: entry(place) for place in PLACES[:2]}
    outcomes = [Outcome(PLACES[0], Fate.SURVIVED), Outcome(PLACES[1], Fate.FAIL, case="a case")]
    (finding,) = noticed(listed, outcomes)
    assert finding.key == str(entry(PLACES[1]))
    assert "is noticed (FAIL of a case)" in finding.message


def test_an_equivalent_has_a_reason(tmp_path):
    file = tmp_path / "equivalents.yaml"
    file.write_text(
        "equivalents:\n  - {file: a.py, scope: f, was: a, becomes: b, reason: so}\n", encoding="utf-8"
    )
    with pytest.raises(InputError, match="reason"):
        load_equivalents(file)


def test_cases_that_killed_nearby_come_first_then_the_quick_ones():
    order = Order([1.0, 0.1, 0.2])
    numbers = frozenset({0, 1, 2})
    assert order.sort(PLACES[0], numbers) == [1, 2, 0]
    for _ in range(3):
        order.learn(PLACES[0], 2)
    assert order.sort(PLACES[1], numbers) == [2, 1, 0]
    assert order.sort(PLACES[1], frozenset({0})) == [0]


def test_a_child_tells_what_it_found_or_that_it_found_nothing(capfd):
    assert InChild(lambda: [1, 2]).result() == [1, 2]
    with pytest.raises(RuntimeError, match="without a word"):
        InChild(lambda: 1 // 0).result()
    assert "ZeroDivisionError" in capfd.readouterr().err
