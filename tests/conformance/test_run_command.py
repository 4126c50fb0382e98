"""`gse-cts run` on the reference: continued after a crash, and shown beforehand."""

import fcntl
import json
import os
import sys
import time

import pytest

from conformance import cli
from conformance.bindings.reference import ReferenceBinding
from reports.results import read_results
from reports.run_folder import JUNIT
from reports.views import junit
from spec.errors import Exit

TWO = ("--clause=PKTC-FRAME-INDEX", "--clause=PKTC-NO-PADDING", "--workers=0")


@pytest.fixture
def call(monkeypatch, tmp_path):
    """Runs a command in a folder of its own, and gives its exit code."""
    monkeypatch.chdir(tmp_path)

    def calling(*words):
        monkeypatch.setattr(sys, "argv", ["gse-cts", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code

    return calling


def test_every_report_of_a_continued_run_tells_the_whole_of_it(call, tmp_path, capsys):
    assert call("run", *TWO, "--seed=3", "--no-allure", "--out=run") == Exit.OK
    folder = tmp_path / "run"
    whole = read_results(folder)
    first = whole.header.selection[0]
    kept = [record.model_dump_json() for record in whole.verdicts if record.case == first]
    lines = [whole.header.model_dump_json(by_alias=True), *kept, '{"kind":"verd']
    (folder / "results.jsonl").write_text("\n".join(lines))
    (folder / JUNIT).unlink()
    assert call("run", "--continue=run", "--no-allure") == Exit.OK
    results = read_results(folder)
    assert results.complete
    assert [record.case for record in results.verdicts] == [record.case for record in whole.verdicts]
    assert {record.seed for record in results.verdicts} == {record.seed for record in whole.verdicts}
    assert junit.disagreements(results, folder / JUNIT) == ()
    assert "gse-cts run --continue=run --no-allure" in (folder / "compliance.html").read_text()
    answer = capsys.readouterr()
    assert "1 of 2 cases are left." in answer.out
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    assert call("run", "--continue=run") == Exit.USAGE
    assert capsys.readouterr().err.startswith("run/results.jsonl: --continue: the run is complete; ")


def test_a_zone_that_is_more_than_a_day_away_breaks_no_report(call, tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "XYZ-25:61")
    time.tzset()
    assert call("run", *TWO, "--no-allure", "--out=run") == Exit.OK
    assert 'timestamp="' in (tmp_path / "run" / JUNIT).read_text()


def test_another_suite_than_the_one_that_began_is_named(call, tmp_path, capsys):
    call("run", *TWO, "--no-allure", "--out=run")
    path = tmp_path / "run" / "results.jsonl"
    header, *_ = path.read_text().splitlines()
    entry = json.loads(header)
    entry["suite"] = {"version": "0.0.9", "digest": "d" * 64, "state": "clean", "commit": "c0ffee" * 6}
    path.write_text(json.dumps(entry) + "\n")
    assert call("run", "--continue=run", "--no-allure", "--workers=0") == Exit.OK
    assert (
        "The run was begun with version 0.0.9 at commit c0ffeec0ffee, files dddddddddddd and goes on with "
        in capsys.readouterr().out
    )


@pytest.fixture
def untouched(monkeypatch):
    """A bench that must not be touched, and that cannot count."""

    def touch(*_):
        raise AssertionError

    class Blind(ReferenceBinding):
        name = "blind"
        check = open = touch

        def limits(self, *_):
            return {"counters": "the binding blind counts nothing"}

    monkeypatch.setattr("conformance.run.context.load_binding", lambda _, options: Blind(options))


@pytest.mark.usefixtures("untouched")
def test_a_dry_run_says_what_would_be_played_and_touches_nothing(call, tmp_path, capsys):
    clauses = ("PKTC-NO-PADDING", "PKTC-OVERFLOW", "FWD-DROP-CAUSES-SUM")
    assert call("run", "--dry-run", *(f"--clause={name}" for name in clauses)) == Exit.OK
    *table, counts, time = capsys.readouterr().out.splitlines()
    rows = {line.split()[1]: line for line in table if line.startswith(clauses)}
    assert len(rows) == 6
    padding = rows["pktc/test_contents.py::test_nothing_is_padded"]
    assert "SoloGsp(hosts=2, uplinks=2, remotes=1)" in padding
    assert "?" in padding
    said = "".join(table)
    assert "NOT_APPLICABLE  GSP (yes) AND GSE2.0 (yes) AND" in said
    assert "(overflow_mode = overflow" in said
    assert "TESTER_LIMITED  the binding blind" in said
    assert counts == "6 cases: 3 would be played, 1 NOT_APPLICABLE, 2 TESTER_LIMITED"
    assert time == "about 0 s of play on one bed, not counting 3 cases of which no earlier run tells"
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_knows_the_times_of_earlier_runs_and_what_one_has_left(call, tmp_path, capsys):
    call("run", *TWO, "--no-allure", "--out=out/one")
    path = tmp_path / "out" / "one" / "results.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    taken = [record | {"duration": 100.0} if record["kind"] == "verdict" else record for record in records]
    path.write_text("".join(json.dumps(record) + "\n" for record in taken))
    capsys.readouterr()
    assert call("run", "--dry-run", "--clause=PKTC-NO-PADDING", "--clause=PKTC-SINGLE-FRAME") == Exit.OK
    assert (
        capsys.readouterr()
        .out.splitlines()[-1]
        .startswith("about 1 min 40 s of play on one bed, not counting 2")
    )
    path.write_text(path.read_text().splitlines()[0])
    assert call("run", "--dry-run", "--continue=out/one") == Exit.OK
    assert "2 cases: 2 would be played" in capsys.readouterr().out
    assert call("run", "--dry-run", "--clause=FWD-*", "--chapter=pktc") == Exit.EMPTY
    assert capsys.readouterr().err.startswith("command line: --clause, ")


def test_the_reports_of_a_run_that_goes_on_are_not_made(call, tmp_path, capsys):
    call("run", *TWO, "--no-allure", "--out=run")
    another = os.open(tmp_path / "run", os.O_RDONLY)
    fcntl.flock(another, fcntl.LOCK_EX)
    for words in (("report", "run"), ("run", *TWO, "--replace", "--out=run")):
        capsys.readouterr()
        assert call(*words) == Exit.USAGE
        assert capsys.readouterr().err == "run: folder: is in use by another run; wait for its end.\n"
    os.close(another)
    assert call("report", "run", "--no-allure") == Exit.OK


def test_an_interruption_outside_of_the_cases_has_the_same_exit_code(call, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(pytest, "main", interrupt)
    assert call("run", *TWO) == Exit.INTERRUPTED
