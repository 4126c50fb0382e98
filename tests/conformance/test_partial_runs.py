"""What is left out of a run, by whatever option, is in its results, and it never reads as whole."""

from types import SimpleNamespace

import pytest

from conformance.run.plan import plan_of
from reports.assessment import clause_verdicts
from reports.results import read_results
from spec.loader import load_catalogue
from spec.verdict import Verdict

CASE = """
@clause("PKTC-ONE-PATH")
@testbed(LeafSpine())
def test_{name}(bed, expect):
    bed.play(Scenario())
    expect.that(True, "it", 1, 1)
"""
SWEPT = """
@clause("PKTC-ONE-PATH")
@testbed(LeafSpine())
@sweep("container_bytes")
def test_swept(bed, expect, container_bytes):
    bed.play(Scenario())
    expect.that(True, "it", 1, 1)
"""
CLAUSE = "PKTC-ONE-PATH"


@pytest.fixture(autouse=True)
def suite_without_cases(bench):
    """Let the suite have no case but those of the folder."""
    bench.pytester.makeconftest(
        (bench.path / "conftest.py").read_text()
        + "\nfrom types import SimpleNamespace\nimport conformance.run.plan\n"
        + "conformance.run.plan.scan = lambda _: SimpleNamespace(cases=())\n"
    )


def verdict(bench):
    results = read_results(bench.path / "run")
    found = clause_verdicts(results, load_catalogue())[CLAUSE]
    return found.verdict, found.reason


def test_a_whole_run_passes(bench):
    bench.cases(test_a=CASE.format(name="one") + CASE.format(name="two") + SWEPT)
    bench.run()
    assert verdict(bench) == (Verdict.PASS, "")


LEFT_OUT = {
    "keyword": ("-k", "not two"),
    "mark": ("-m", "not sweep"),
    "deselected": ("--deselect", "test_a.py::test_two"),
    "a case": ("test_a.py::test_one",),
    "an instance": ("test_a.py::test_swept[container_bytes=min]",),
    "cut short": ("--maxfail=1", "-k", "two"),
}


@pytest.mark.parametrize("words", LEFT_OUT.values(), ids=LEFT_OUT)
@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_part_of_a_purpose_is_not_the_purpose(bench, words, workers):
    bench.cases(test_a=CASE.format(name="one") + CASE.format(name="two") + SWEPT)
    bench.run(workers, *words)
    found, reason = verdict(bench)
    assert found is Verdict.NOT_TESTED
    assert "cases played; the others were not selected" in reason


def test_what_the_suite_has_elsewhere_counts(monkeypatch):
    catalogue = load_catalogue()
    plan = plan_of((), (), catalogue)
    purposes = {(clause, purpose) for _, clause, purpose in plan.cases}
    assert ("FWD-BYTE-EXACT", "captured-traffic") in purposes
    known = {(clause.id, purpose.id) for clause in catalogue.clauses.values() for purpose in clause.purposes}
    assert purposes <= known
    files = {case.partition("::")[0] for case, _, _ in plan.cases}
    monkeypatch.setattr("conformance.run.plan.scan", lambda _: pytest.fail("nothing is elsewhere"))
    clause = next(iter(catalogue.clauses.values()))
    collected = [SimpleNamespace(id=f"{file}::test", clause=clause, purpose=None) for file in files]
    assert len(plan_of(collected, (), catalogue).cases) == len(files)


def test_variables_of_the_environment_are_noted(bench, monkeypatch):
    bench.cases(test_a=CASE.format(name="one") + CASE.format(name="two"))
    monkeypatch.setenv("PYTEST_ADDOPTS", "--deselect test_a.py::test_two")
    bench.run()
    header, *_ = bench.lines()
    assert header["environment"]["PYTEST_ADDOPTS"] == "--deselect test_a.py::test_two"
    assert verdict(bench) == (Verdict.NOT_TESTED, "1 of 2 cases played; the others were not selected")


@pytest.mark.parametrize(
    "words", [("--collect-only",), ("--collect-only", "-n2"), ("-m", "nothing"), ("-k", "nothing")]
)
def test_a_session_that_plays_nothing_writes_nothing(bench, words):
    bench.cases(test_a=CASE.format(name="one"))
    bench.run(*words)
    assert not (bench.path / "run").exists()


def test_without_allure_a_run_is_a_run(bench):
    bench.cases(test_a=CASE.format(name="one"))
    bench.run("-p", "no:allure_pytest").assert_outcomes(passed=1)
    assert verdict(bench) == (Verdict.PASS, "")
    assert not (bench.path / "run" / "allure-results").exists()
