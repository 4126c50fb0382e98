"""A FAIL in real time counts when it repeats, an ERROR is played again, a bench that is gone ends the run."""

import json

import pytest

from reports.results import read_results
from spec.errors import Exit

REAL = """
Still.real_time = True
Still.takes = frozenset({"device", "recordings", "confirm"})


def take_confirm(self, options):
    self.confirm = 2 if options.confirm is None else options.confirm


Still.__init__ = take_confirm
Still.confirmations = lambda self, case: self.confirm
"""
CASES = """
from pathlib import Path
from conformance.api.outcomes import BenchError, BenchGone


def time_of(name):
    file = Path(name)
    file.write_text(file.read_text() + "x" if file.exists() else "x")
    return len(file.read_text())


@clause("PKTC-ONE-PATH")
@testbed(LeafSpine())
def test_it(bed, expect):
    bed.play(Scenario())
    wrong = {wrong}
    if wrong == "error":
        raise BenchError("the cable fell out")
    if wrong == "gone":
        raise BenchGone("nothing answered")
    expect.that(not wrong, "it", 1, 2)


@clause("PKTC-SIZE", "frame-sizes")
@testbed(LeafSpine(hosts=3))
def test_other(bed, expect):
    bed.play(Scenario())
    expect.that(True, "it", 1, 1)
"""
IT, OTHER = "test_it.py::test_it", "test_it.py::test_other"


@pytest.fixture
def real(bench):
    """Runs two cases on a bench in real time; the first goes wrong as an expression of its times says."""
    conftest = bench.path / "conftest.py"
    conftest.write_text(conftest.read_text() + REAL)

    def run(wrong, *words, resume=False):
        bench.cases(test_it=CASES.replace("{wrong}", wrong))
        return (bench.resume if resume else bench.run)(*words)

    return run


def played(bench):
    return len((bench.path / "it").read_text())


def own(bench, case=IT):
    (record,) = [line for line in bench.lines() if line.get("case") == case and not line["invariant"]]
    return record


@pytest.mark.parametrize("words", [(), ("-n1",)], ids=["here", "in a worker"])
def test_what_repeats_is_a_fail(bench, real, words):
    assert real('time_of("it") and True', *words).ret == Exit.FAILED
    record = own(bench)
    assert (record["verdict"], played(bench)) == ("FAIL", 3)
    assert "played 3 times: FAIL, then FAIL, then FAIL" in record["notes"]
    assert record["findings"][0]["recording"].endswith("/1.pcapng")
    names = [item["file"].rpartition("/")[2] for item in record["evidence"]]
    assert [name for name in names if name.endswith("g")] == ["1.pcapng", "2-1.pcapng", "3-1.pcapng"]
    assert own(bench, OTHER)["verdict"] == "PASS"


@pytest.mark.parametrize(("last", "plays"), [(1, 2), (2, 3)])
def test_what_does_not_repeat_is_inconclusive_and_shows_both_recordings(bench, real, last, plays):
    assert real(f'time_of("it") <= {last}').ret == Exit.FAILED
    record = own(bench)
    assert (record["verdict"], played(bench)) == ("INCONCLUSIVE", plays)
    folder = record["evidence"][0]["file"].rpartition("/")[0]
    assert f"{folder}/1.pcapng and {folder}/{plays}-1.pcapng" in record["reason"]
    assert all((bench.path / "run" / item["file"]).exists() for item in record["evidence"])
    assert "INCONCLUSIVE" in (bench.path / "run" / "results.jsonl").read_text()


def test_a_time_that_broke_confirms_nothing(bench, real):
    real('{1: True, 2: "error"}.get(time_of("it"), False)')
    assert own(bench)["verdict"] == "INCONCLUSIVE"
    assert "ERROR for the second" in own(bench)["reason"]


@pytest.mark.parametrize(("confirm", "plays"), [(0, 1), (1, 2), (4, 5)])
def test_the_run_says_how_often(bench, real, confirm, plays):
    real('time_of("it") and True', f"--confirm={confirm}")
    assert (own(bench)["verdict"], played(bench)) == ("FAIL", plays)


def test_nothing_is_repeated_in_virtual_time(bench):
    bench.cases(test_it=CASES.replace("{wrong}", 'time_of("it") and True'))
    bench.run()
    assert (own(bench)["verdict"], played(bench)) == ("FAIL", 1)
    assert own(bench)["notes"] == []


def test_an_error_is_played_again_at_the_end(bench, real):
    assert real('"error" if time_of("it") == 1 else ""').ret == Exit.OK
    assert [line["case"] for line in bench.lines()[1:-1]] == [OTHER, IT]
    record = own(bench)
    assert (record["verdict"], played(bench)) == ("PASS", 2)
    assert record["notes"] == ["played again, for it was ERROR before: the cable fell out"]


def test_an_error_that_stays_is_played_by_continue(bench, real):
    assert real('time_of("it") and "error"').ret == Exit.FAILED
    assert (own(bench)["verdict"], played(bench)) == ("ERROR", 2)
    assert bench.lines()[-1]["kind"] == "footer"
    assert real('""', resume=True).ret == Exit.OK
    assert (own(bench)["verdict"], own(bench, OTHER)["verdict"]) == ("PASS", "PASS")
    assert real('""', resume=True).ret == Exit.USAGE


def test_a_bench_that_is_gone_ends_the_run_at_once(bench, real):
    bench.cases(test_first=CASES.replace("{wrong}", 'time_of("first") and "gone"'))
    assert real('time_of("it") and False').ret == Exit.FAILED
    assert not (bench.path / "it").exists()
    verdicts = bench.verdicts()
    assert set(verdicts.values()) == {"ERROR"}
    assert len(verdicts) == 4
    assert own(bench)["reason"] == "not played, for the bench was gone: nothing answered"
    assert not read_results(bench.results).complete
    bench.cases(test_first=CASES.replace("{wrong}", '""'))
    assert real('""', resume=True).ret == Exit.OK
    assert set(bench.verdicts().values()) == {"PASS"}
    assert read_results(bench.results).complete


def test_what_was_played_more_than_once_is_judged_again_so(bench, real):
    """A replay gives each time its own recordings; the case fails the first."""
    real('time_of("it") <= 1')
    conftest = bench.path / "conftest.py"
    lines = "registry.entry_points = usual_points\n"
    text = conftest.read_text().replace(
        "import conformance.bindings.registry as registry",
        "import conformance.bindings.registry as registry\nusual_points = registry.entry_points",
    )
    conftest.write_text(text + lines)
    bench.cases(test_it=CASES.replace("{wrong}", 'time_of("judged") <= 1'))
    words = ("--binding=replay", "--recordings=run", "--out=again")
    bench.run(*words)
    again = [json.loads(line) for line in (bench.path / "again" / "results.jsonl").read_text().splitlines()]
    (record,) = [line for line in again if line.get("case") == IT and not line["invariant"]]
    assert record["verdict"] == "INCONCLUSIVE"
    assert len((bench.path / "judged").read_text()) == 2


def test_a_run_in_real_time_says_how_long_it_takes(real):
    result = real('""', "--confirm=0")
    result.stdout.fnmatch_lines(["2 cases to play, about * s"])


@pytest.mark.usefixtures("real")
def test_a_case_that_cannot_be_played_is_not_tried_twice(bench):
    """What a run expects of a case before it begins is no verdict on it."""
    conftest = bench.path / "conftest.py"
    conftest.write_text(conftest.read_text() + 'Still.limits = lambda self, *_: {"pfc": "no pauses"}\n')
    bench.cases(test_it=CASES.replace("@testbed", '@needs("pfc")\n@testbed', 1).replace("{wrong}", '""'))
    bench.run()
    record = own(bench)
    assert (record["verdict"], record["reason"], record["notes"]) == ("TESTER_LIMITED", "no pauses", [])
