"""A copied checkout runs itself or says in a sentence what it would run instead."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from conformance import checkout
from conformance.checkout import ROOT, SIGN, stranger


@pytest.fixture
def other(tmp_path):
    """A folder that is another checkout, as far as can be seen."""
    sign = tmp_path / "the copy 副本" / SIGN
    sign.parent.mkdir(parents=True)
    sign.touch()
    return tmp_path / "the copy 副本"


def test_everything_is_of_this_checkout_here(tmp_path, monkeypatch):
    assert stranger() is None
    monkeypatch.chdir(tmp_path)
    assert stranger() is None


@pytest.mark.parametrize("below", [".", "conformance", "out/x"])
def test_work_in_another_checkout_is_refused(monkeypatch, other, below):
    (other / below).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(other / below)
    wanted = f"{ROOT}: the current folder: is of another checkout, {other}; "
    assert (stranger() or "").startswith(wanted)
    assert str(stranger()).endswith(f"call make in {other} and use its .venv, or work in {ROOT}.")


def test_the_command_of_a_copy_is_refused(monkeypatch, other):
    monkeypatch.setattr(sys, "argv", [str(other / ".venv" / "bin" / "gse-cts"), "run"])
    assert f"the command: is of another checkout, {other};" in str(stranger())


def test_the_environment_of_a_copy_is_refused(monkeypatch, other):
    monkeypatch.setattr(sys, "prefix", str(other / ".venv"))
    assert f"the environment: is of another checkout, {other};" in str(stranger())


def test_links_and_other_names_of_one_checkout_are_no_other(monkeypatch, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(ROOT)
    monkeypatch.chdir(link)
    monkeypatch.setattr(sys, "argv", [str(link / ".venv" / "bin" / "gse-cts")])
    assert stranger() is None
    monkeypatch.setattr(checkout, "ROOT", link)
    monkeypatch.setattr(checkout, "PACKAGES", ())
    assert stranger() is None


def test_a_current_folder_that_is_gone_is_no_other_checkout(monkeypatch, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert stranger() is None


@pytest.mark.parametrize(
    "command", ["gse-cts run --out={out} --workers=0", "pytest {copy}/conformance --out={out}"]
)
def test_a_real_copy_is_refused_before_anything_is_played(tmp_path, command):
    copy, out = tmp_path / "copy", tmp_path / "run"
    for part in ("spec", "conformance", "reference_impl", "traffic", "reports"):
        shutil.copytree(
            ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__", "node_modules")
        )
    shutil.copy(ROOT / "pyproject.toml", copy)
    program, *words = command.format(out=out, copy=copy).split()
    done = subprocess.run(  # noqa: S603
        [str(Path(sysconfig.get_path("scripts")) / program), *words],
        cwd=copy,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 4, done.stdout + done.stderr
    assert f"the current folder: is of another checkout, {copy};" in done.stdout + done.stderr
    assert not (out / "results.jsonl").exists()
