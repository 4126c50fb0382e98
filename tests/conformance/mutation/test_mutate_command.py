"""The whole way on a few places of the reference: collected, mapped, changed in memory, played, told."""

import json
import subprocess

import pytest

from conformance.checkout import ROOT
from conformance.mutation.installation import Recompiling
from conformance.mutation.places import Source

COMMAND = [ROOT / ".venv" / "bin" / "gse-cts", "mutate"]


def mutate(*words, cwd):
    return subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, *words], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mutants")
    run = mutate("sizes.py", "parts/container.py", "--sample=6", "--chapter=pktc", "--least=99", cwd=folder)
    return folder, run, json.loads((folder / "out" / "mutants.json").read_text(encoding="utf-8"))


def test_changes_reach_the_devices(tried):
    _, run, data = tried
    assert "internal error" not in run.stderr
    assert "FAIL" in {item["fate"] for item in data["mutants"]}


def test_a_generated_text_is_compiled_from_its_changed_tree_and_no_other_is():
    source = Source("codec of mine (generated)", "x = 7")
    (place,) = source.places
    compiling = Recompiling(source.name, source.changed(place))
    for name, value in (("<codec of mine>", 8), ("<codec of another>", 7)):
        found = {}
        exec(compiling(source.text, name, "exec"), found)  # noqa: S102 - made above
        assert found["x"] == value


def test_only_cases_that_come_by_are_played_and_none_after_a_fail(tried):
    _, _, data = tried
    assert all(item["played"] <= item["cases"] for item in data["mutants"])
    assert any(item["played"] < item["cases"] for item in data["mutants"] if item["fate"] == "FAIL")
    assert all(item["played"] == item["cases"] for item in data["mutants"] if item["fate"] == "SURVIVED")


def test_nothing_is_written_but_the_outcomes(tried):
    folder, run, _ = tried
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["mutants.json"]
    assert run.returncode == 1
    assert "is below 99 %" in run.stdout


def test_what_is_wrong_is_a_sentence(tmp_path):
    (tmp_path / "notes.json").write_text("{}", encoding="utf-8")
    other = mutate("--out=notes.json", cwd=tmp_path)
    assert (other.returncode, "holds no outcomes" in other.stderr) == (4, True)
