"""What remains of a run that ended well, badly or half-way: nothing."""

import os
import signal
import subprocess
import sys

import pytest

from conformance import cli
from conformance.bindings import live
from reference_impl.live import fabric
from spec.errors import Exit
from tests.reference_impl.live.harness import left_behind, plan


def call(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["gse-cts", "ref", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code or Exit.OK


@pytest.fixture
def folder(tmp_path):
    yield tmp_path
    for run in live.standing(tmp_path):
        run.down()


def test_status_and_down_after_a_device_was_killed(monkeypatch, capsys, folder):
    run = live.up(plan("solo-gsf"), folder=folder)
    record = run.run
    assert call(monkeypatch, "status", "--folder", folder) == Exit.OK
    said = capsys.readouterr().out
    for part in (run.name, str(run.folder), "gsf0", "02:47:01:00:00:01", "gsf0.log", "-tester"):
        assert part in said
    os.kill(run.process("gsf0").pid, signal.SIGKILL)
    assert fabric.until(lambda: not run.is_alive("gsf0"), 10)
    assert call(monkeypatch, "status", "--folder", folder) == Exit.FAILED
    assert "is gone" in capsys.readouterr().out
    assert call(monkeypatch, "down", "--run", "gse-none", "--folder", folder) == Exit.USAGE
    assert call(monkeypatch, "down", "--run", run.name, "--folder", folder) == Exit.OK
    assert left_behind(run.name, record.spaces, run.folder) == []
    assert call(monkeypatch, "status", "--folder", folder) == Exit.EMPTY


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_an_up_that_is_ended_leaves_nothing(folder, number):
    line = [sys.executable, "-c", "from conformance.cli import main; main()", "ref", "up", "--hold"]
    up = subprocess.Popen([*line, "--folder", folder], stdout=subprocess.PIPE, text=True)
    assert fabric.until(lambda: any(run.is_recorded for run in live.standing(folder)), 20)
    (run,) = live.standing(folder)
    record = run.run
    up.send_signal(number)
    up.communicate()
    for remaining in live.standing(folder):
        assert number == signal.SIGKILL
        remaining.down()
    assert fabric.until(lambda: left_behind(run.name, record.spaces, run.folder) == [], 10)
    if number != signal.SIGKILL:
        assert up.returncode == Exit.INTERRUPTED
