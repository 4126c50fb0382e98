"""Comparing runs over other benches with one that is trusted."""

import io

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from conformance.cli import agreement
from reports.views.agreement import compare, print_agreement
from spec.verdict import Verdict

CASES = (
    ("cases/a.py::one", "PKTC-ONE-PATH", "load"),
    ("cases/a.py::two", "PKTC-SIZE", "small"),
    ("cases/a.py::three", "PKTC-SIZE", "large"),
)


@pytest.fixture
def run(header, record, results):
    def make(verdicts, invariants=(), selection=CASES):
        records = [
            record(case, clause, verdict, part, reason=f"why {verdict}")
            for (case, clause, part), verdict in zip(CASES, verdicts, strict=False)
        ]
        records += [record(CASES[n][0], "PKTC-ORDER", verdict, invariant=True) for n, verdict in invariants]
        return results(header(*selection), *records)

    return make


def standings(trusted, other):
    return [comparison.standing for comparison in compare(trusted, other)]


def printed(trusted, *others, whole=False):
    page = io.StringIO()
    named = [(f"run {number}", other) for number, other in enumerate(others, start=2)]
    counts = print_agreement(("run 1", trusted), named, Console(file=page, width=200), whole=whole)
    return not counts["disagrees"], page.getvalue()


def test_equal_runs_agree(run):
    trusted = run([Verdict.PASS, Verdict.FAIL, Verdict.NOT_APPLICABLE], [(0, Verdict.PASS)])
    assert standings(trusted, trusted) == ["agrees"] * 4
    agreed, page = printed(trusted, trusted)
    assert agreed
    assert "what does not agree" not in page


@pytest.mark.parametrize(
    ("verdict", "standing"),
    [(Verdict.TESTER_LIMITED, "limited"), (Verdict.INCONCLUSIVE, "inconclusive")],
)
def test_what_a_bench_cannot_tell_contradicts_nothing_and_is_listed(run, verdict, standing):
    trusted = run([Verdict.PASS, Verdict.PASS])
    other = run([verdict, Verdict.PASS])
    assert standings(trusted, other) == [standing, "agrees"]
    agreed, page = printed(trusted, other)
    assert agreed
    assert f"why {verdict}" in page
    assert "a.py::two" not in page


@pytest.mark.parametrize(
    ("here", "there"),
    [
        (Verdict.PASS, Verdict.FAIL),
        (Verdict.FAIL, Verdict.PASS),
        (Verdict.PASS, Verdict.ERROR),
        (Verdict.NOT_APPLICABLE, Verdict.PASS),
    ],
)
def test_another_verdict_is_a_disagreement(run, here, there):
    trusted, other = run([here]), run([there])
    assert standings(trusted, other) == ["disagrees"]
    assert not printed(trusted, other)[0]


def test_a_case_that_ended_without_a_verdict_is_a_disagreement(run):
    assert standings(run([Verdict.PASS, Verdict.PASS]), run([Verdict.PASS])) == ["agrees", "disagrees"]


def test_a_case_that_was_not_selected_was_not_played(run):
    trusted = run([Verdict.PASS, Verdict.PASS], [(1, Verdict.PASS)])
    other = run([Verdict.PASS], selection=CASES[:1])
    assert standings(trusted, other) == ["agrees", "not played", "not played"]
    assert printed(trusted, other)[0]


def test_an_invariant_is_limited_with_its_case_and_told_by_it(run):
    trusted = run([Verdict.PASS], [(0, Verdict.PASS)])
    other = run([Verdict.TESTER_LIMITED])
    assert standings(trusted, other) == ["limited", "limited"]
    assert "(invariant)" not in printed(trusted, other)[1]


def test_an_invariant_that_the_recording_could_not_show_is_limited(run):
    trusted = run([Verdict.PASS], [(0, Verdict.PASS)])
    assert standings(trusted, run([Verdict.PASS])) == ["agrees", "limited"]


def test_an_invariant_that_broke_elsewhere_is_a_disagreement_of_its_own(run):
    trusted = run([Verdict.PASS], [(0, Verdict.PASS)])
    other = run([Verdict.PASS], [(0, Verdict.FAIL)])
    assert standings(trusted, other) == ["agrees", "disagrees"]
    agreed, page = printed(trusted, other)
    assert not agreed
    assert "PKTC-ORDER (invariant)" in page


def test_several_runs_stand_side_by_side(run):
    trusted = run([Verdict.PASS, Verdict.PASS, Verdict.PASS])
    others = run([Verdict.PASS] * 3), run([Verdict.PASS, Verdict.TESTER_LIMITED, Verdict.PASS])
    agreed, page = printed(trusted, *others, whole=True)
    assert agreed
    assert "run 2" in page
    assert "run 3" in page
    assert all(case.partition("cases/")[2] in page for case, _, _ in CASES)


def test_too_many_inconclusive_ones_fail_the_command(run, monkeypatch):
    trusted, other = run([Verdict.PASS] * 3), run([Verdict.PASS, Verdict.PASS, Verdict.INCONCLUSIVE])
    monkeypatch.setattr(agreement, "read_results", lambda path: {"a": trusted, "b": other}[path.name])

    def code(*words):
        command = typer.Typer()
        command.command()(agreement.command)
        return CliRunner().invoke(command, ["a", "b", *words]).exit_code

    assert code() == 0
    assert code("--inconclusive", "0.4") == 0
    assert code("--inconclusive", "0.1") == 1
