"""What make hands on, to a stand-in for the suite that notes what it was called with."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ODD = (
    "a b  c", "全调度 以太网", "it's", 'say "hi"', "$HOME", "a$$b", "$(shell touch made)", "`touch made`",
    "; touch made", "&& touch made #", "a\nb", "-x", "--help", "*", "a\\b", "a,b)", "a#b", "~", "%", "a=b",
)  # fmt: skip
STAND_IN = """#!{python}
import sys
with open("called", "a", encoding="utf-8", errors="surrogateescape") as file:
    print(*sys.argv[1:], sep="\\0", end="\\0\\0", file=file)
"""
SET_UP = """
import sys
with open("set-up", "a") as file:
    print(*sys.argv[1:], sys.executable, sep="\\0", file=file)
"""


@pytest.fixture
def checkout(tmp_path):
    """A folder with the Makefile alone; the command and the set-up in it only note how they were called."""
    folder = tmp_path / "GSE 全调度"
    (folder / "conformance" / "environment").mkdir(parents=True)
    (folder / "conformance" / "environment" / "__main__.py").write_text(SET_UP, encoding="utf-8")
    shutil.copy(ROOT / "Makefile", folder)
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    command = programs / "gse-cts"
    command.write_text(STAND_IN.format(python=os.path.realpath(sys.executable)), encoding="utf-8")
    command.chmod(0o755)
    (programs / "python").symlink_to(os.path.realpath(sys.executable))
    return folder


def make(folder, *words, program=("make",), **environment):
    plain = {
        name: value
        for name, value in os.environ.items()
        if "MAKE" not in name and name not in ("OUT", "PYTHON")
    }
    return subprocess.run(  # noqa: S603
        [*program, *words],
        cwd=folder,
        env=plain | {"LC_ALL": "C"} | environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def called(folder):
    """The words of each call of the command."""
    path = folder / "called"
    calls = path.read_text(encoding="utf-8").split("\0\0")[:-1] if path.exists() else []
    path.unlink(missing_ok=True)
    return [call.split("\0") for call in calls]


@pytest.mark.parametrize("name", ODD)
def test_a_folder_of_any_name_reaches_the_command_to_the_letter(checkout, name):
    done = make(checkout, f"OUT={name}", "conformance", "kill-matrix", "agreement")
    assert done.returncode == 0, done.stderr
    run, matrix, *runs, compared = called(checkout)
    assert run == ["run", "--workers", "auto", "--replace", f"--out={name}"]
    assert matrix[-1] == f"--out={name}/kill-matrix.json"
    testers = [f"{name}/agreement/{tester}" for tester in ("virtual", "af-packet", "trex-4.8", "trex-5.1")]
    assert [words[-1] for words in runs] == [f"--out={tester}" for tester in testers]
    assert all("--replace" in words for words in runs)
    assert compared[-5:] == ["--", *testers]
    assert not (checkout / "made").exists()


def test_make_itself_deletes_nothing(checkout, tmp_path):
    foreign = tmp_path / "GSE results"
    for folder in (
        tmp_path / "GSE",
        foreign / "recordings",
        foreign / "agreement",
        checkout / "out" / "allure",
    ):
        folder.mkdir(parents=True)
        (folder / "thesis.txt").write_text("mine")
    done = make(checkout, f"OUT={foreign}", "conformance", "agreement", "kill-matrix", "clean", "-k")
    assert done.returncode == 0, done.stderr
    assert make(checkout, "conformance", "agreement").returncode == 0
    assert len(list(tmp_path.rglob("thesis.txt"))) == 4


@pytest.mark.parametrize("flags", [[], ["-e"], ["-e", "-j8"]])
def test_the_environment_has_no_say_in_what_the_command_line_names(checkout, flags):
    named = {
        "OUT": "/elsewhere",
        "PYTHON": "/no/python",
        "BIN": "/bin",
        "SMOKE": "touch",
        "GSE_OUT": "/elsewhere",
    }
    done = make(
        checkout, *flags, "conformance", **named, GSE_PYTHON="/no/python", READY="x", SHELL="/bin/false"
    )
    assert done.returncode == 0, done.stderr
    assert called(checkout) == [["run", "--workers", "auto", "--replace", "--out=out"]]


@pytest.mark.parametrize("word", ["OUT=", "OUT=  ", "PYTHON=", "PYTHON=\t"])
def test_an_empty_value_is_refused_in_a_sentence(checkout, word):
    done = make(checkout, word, "conformance")
    assert done.returncode == 2
    assert f"{word.partition('=')[0]} is empty; name a" in done.stderr
    assert called(checkout) == []


def test_another_folder_is_refused_in_a_sentence(checkout, tmp_path):
    done = make(tmp_path, "-f", str(checkout / "Makefile"), "conformance")
    assert done.returncode == 2
    assert "this is not the folder of the checkout; call make there" in done.stderr
    assert make(tmp_path, "-C", str(checkout), "conformance").returncode == 0


def test_every_make_asks_whether_the_set_up_is_that_of_the_checkout(checkout):
    for _ in range(2):
        assert make(checkout, "conformance", "kill-matrix", "-j2").returncode == 0
    asked = (checkout / "set-up").read_text().splitlines()
    assert [line.split("\0")[0] for line in asked] == ["ready", "ready"]


def test_a_python_of_any_name_is_taken_from_the_command_line(checkout):
    python = checkout / "my $(HOME) python; touch made"
    python.symlink_to(os.path.realpath(sys.executable))
    assert make(checkout, f"PYTHON={python}", "conformance").returncode == 0
    assert (checkout / "set-up").read_text() == f"ready\0{python}\n"
    assert not (checkout / "made").exists()


@pytest.mark.parametrize("python", ["/no/python", "-x", "false", "no such; touch made"])
def test_a_python_that_is_none_is_refused_in_a_sentence(checkout, python):
    done = make(checkout, f"PYTHON={python}", "conformance")
    mend = "name one with make PYTHON=python3.11."
    assert done.stderr.startswith(f"Makefile: PYTHON: {python} is not Python 3.11, 3.12 or 3.13; {mend}\n")
    assert "Error 4" in done.stderr
    assert called(checkout) == []
    assert not (checkout / "made").exists()


def test_where_the_environment_has_no_python_another_makes_it(checkout, tmp_path):
    (checkout / ".venv" / "bin" / "python").unlink()
    path = tmp_path / "bin"
    path.mkdir()
    (path / "python3").symlink_to(os.path.realpath(sys.executable))
    done = make(checkout, "conformance", PATH=f"{path}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode == 0, done.stderr
    assert (checkout / "set-up").read_text() == f"ready\0{path / 'python3'}\n"


@pytest.mark.parametrize("said", ["0", "no"])
def test_names_of_files_are_utf_8_whatever_the_locale(checkout, said):
    show = "import sys; print(sys.flags.utf8_mode)"
    (checkout / "conformance" / "environment" / "__main__.py").write_text(show, encoding="utf-8")
    command = checkout / ".venv" / "bin" / "gse-cts"
    command.write_text(f"#!{os.path.realpath(sys.executable)}\n{show}\n", encoding="utf-8")
    done = make(checkout, "-s", "-e", "conformance", LC_ALL="POSIX.ISO-8859-1", PYTHONUTF8=said)
    assert done.stdout.splitlines() == ["1", "1"]


def test_a_bundle_goes_where_out_says(checkout):
    assert make(checkout, "OUT=a b", "bundle-offline").returncode == 0
    assert (checkout / "set-up").read_text().startswith("bundle\0a b\0")
