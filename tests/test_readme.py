"""The worked examples of the README, tried on a copy of the checkout."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("spec", "conformance", "reference_impl", "traffic", "reports", "pyproject.toml", "README.md")
EXAMPLE = re.compile(r"<!-- append to (\S+) -->\n```\w+\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy with the examples in place."""
    copy = tmp_path_factory.mktemp("checkout")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, copy / part, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
        else:
            shutil.copy(source, copy / part)
    for path, text in EXAMPLE.findall((ROOT / "README.md").read_text(encoding="utf-8")):
        file = copy / path
        before = file.read_text(encoding="utf-8") + "\n" if file.exists() else ""
        file.write_text(before + text, encoding="utf-8")
    return copy


def gse_cts(checkout, *words):
    # a Python of no checkout: that of this one's environment would be refused
    command = [os.path.realpath(sys.executable), "-c", "from conformance.cli import main; main()", *words]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PYTHONPATH"] = os.pathsep.join((str(checkout), sysconfig.get_path("purelib")))
    return subprocess.run(  # noqa: S603 - the command is this suite's own
        command, cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )


def test_there_is_an_example_of_each_kind():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    packages = [path.split("/")[0] for path, _ in EXAMPLE.findall(text)]
    assert packages == ["spec", "conformance", "reference_impl"]


def test_the_lint_is_content(checkout):
    done = gse_cts(checkout, "lint")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_reference_passes_the_case(checkout):
    done = gse_cts(checkout, "run", "--clause=FWD-PAUSE-CONSUMED", "--workers=0", "--no-allure", "--out=out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_the_case_kills_the_mutant(checkout):
    done = gse_cts(checkout, "kill-matrix", "--clause=FWD-PAUSE-CONSUMED", "--workers=0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FloodsPause" in done.stdout
