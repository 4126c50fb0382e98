"""A file or number that cannot be meant ends a command in one sentence and exit code 4."""

import subprocess
import sys
from pathlib import Path

import pytest

from conformance.checkout import ROOT

COMMAND = Path(sys.executable).with_name("gse-cts")
DEEP = "a: " + "[" * 30_000
LONG = "a: " + "1" * 400


def refused(*words):
    done = subprocess.run([COMMAND, *words], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    said = done.stdout + done.stderr
    assert done.returncode == 4, said
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) == 1
    return said


@pytest.mark.parametrize("option", ["--ics", "--profile", "--wire-profile", "--binding"])
@pytest.mark.parametrize("text", [DEEP, LONG, "on: 1", "a: !!bool maybe"], ids=["deep", "long", "on", "tag"])
def test_a_file(tmp_path, option, text):
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    assert "odd.yaml: " in refused("run", "--dry-run", option, str(path))


@pytest.mark.parametrize("text", ["011000", "1_000", "1" * 5000, "0b1", "153:36", "nan", "1e400"])
def test_a_number(text):
    assert "--parameter container_bytes: " in refused(
        "run", "--dry-run", "--parameter", f"container_bytes={text}"
    )
