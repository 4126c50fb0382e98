"""The commands: what they print about wrong input, and what the kill matrix calls a kill."""

import json
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from conformance import checkout, cli
from conformance.cli import kill_matrix
from reports.results import VerdictRecord
from spec.errors import Exit
from spec.verdict import Verdict


def call(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["gse-cts", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["clauses", "--nonsense"], "gse-cts: No such option: --nonsense; try gse-cts --help."),
        (["runn"], "gse-cts: No such command 'runn'."),
        (["explain", "X-Y"], "command line: X-Y: is no clause; "),
        (["rejudge", "nowhere"], "nowhere: file: cannot be read"),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_code_4(monkeypatch, capsys, words, sentence):
    assert call(monkeypatch, *words) == Exit.USAGE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(sentence)


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (BrokenPipeError(32, "Broken pipe"), Exit.INTERNAL, "gse-cts: file: cannot be used (Broken pipe); "),
        (
            OSError(28, "No space left on device", "x"),
            Exit.INTERNAL,
            "x: file: cannot be used (No space left",
        ),
        (PermissionError(13, "Permission denied", b"x"), Exit.USAGE, "x: file: cannot be used (Permission"),
        (RecursionError("deep"), Exit.INTERNAL, "gse-cts: internal error: RecursionError: deep; report it"),
    ],
)
def test_no_accident_has_the_exit_code_of_a_verdict(monkeypatch, capsys, error, code, sentence):
    def break_off(*_, **__):
        raise error

    monkeypatch.setattr("conformance.cli.clauses.load_catalogue", break_off)
    monkeypatch.setattr("conformance.cli.ref._runs", break_off)
    for words in (("clauses",), ("ref", "status")):
        assert call(monkeypatch, *words) == code
        assert capsys.readouterr().err.splitlines()[-1].startswith(sentence)


def test_no_command_is_answered_with_the_help_alone(monkeypatch, capsys):
    assert call(monkeypatch) == Exit.USAGE
    answer = capsys.readouterr()
    assert "kill-matrix" in answer.out
    assert answer.err == ""


@pytest.mark.parametrize("earlier", [None, "results.jsonl"])
def test_a_run_that_plays_nothing_leaves_the_folder_as_it_was(monkeypatch, tmp_path, earlier):
    folder, code = tmp_path / "run", Exit.EMPTY
    if earlier:
        folder.mkdir()
        (folder / earlier).write_text("of another run")
        code = Exit.USAGE
    words = ("--clause=FWD-*", "--chapter=pktc", "--workers=0", f"--out={folder}")
    assert call(monkeypatch, "run", *words) == code
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [earlier] * bool(earlier)


def test_packages_of_another_checkout_are_refused(monkeypatch, capsys, tmp_path):
    stranger = SimpleNamespace(origin=str(tmp_path / "spec" / "__init__.py"))
    monkeypatch.setattr(checkout, "find_spec", lambda _: stranger)
    assert call(monkeypatch, "clauses") == Exit.USAGE
    place = tmp_path / "spec"
    wanted = f"{checkout.ROOT}: spec: is found in {place}; use an environment of this checkout alone.\n"
    assert capsys.readouterr().err == wanted


def report(mutant, clause, verdict, *, invariant=False):
    record = VerdictRecord(
        case="test_it.py::test_it",
        clause=clause,
        verdict=verdict,
        invariant=invariant,
        seed=1,
        started=datetime.now(UTC),
        duration=0,
    )
    return SimpleNamespace(gse_device=mutant, gse_records=[record.model_dump_json()])


@pytest.mark.parametrize(
    ("clause", "verdict", "invariant", "killed"),
    [
        ("OWN-ONE", Verdict.FAIL, False, True),
        ("OWN-ONE", Verdict.FAIL, True, True),
        ("OWN-TWO", Verdict.FAIL, False, False),
        ("OWN-ONE", Verdict.ERROR, False, False),
        ("OWN-ONE", Verdict.INCONCLUSIVE, False, False),
        ("OWN-ONE", Verdict.PASS, False, False),
    ],
)
def test_only_a_fail_of_its_own_clause_kills_a_mutant(clause, verdict, invariant, killed):
    watch = kill_matrix.Watch({"Flaw": "OWN-ONE"})
    watch.pytest_runtest_logreport(report("Flaw", clause, verdict, invariant=invariant))
    assert watch.fates["Flaw"].killed is killed
    assert bool(watch.fates["Flaw"].collateral) is (clause == "OWN-TWO")
    assert watch.idle() == ([] if killed or invariant else ["test_it.py::test_it"])


def test_the_matrix_is_written(monkeypatch, tmp_path):
    out = tmp_path / "matrix.json"
    code = call(monkeypatch, "kill-matrix", "--clause=PKTC-FRAME-INDEX", "--workers=0", f"--out={out}")
    matrix = json.loads(out.read_text())
    assert code == Exit.OK
    assert matrix["mutants"]
    assert all(fate["clause"] == "PKTC-FRAME-INDEX" and fate["killed"] for fate in matrix["mutants"].values())
