"""What remains of a run that ended well, badly or half-way: nothing."""

import errno
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
from pyroute2.netlink.exceptions import NetlinkError

from conformance import cli
from conformance.api.testbeds import GSF_NODE_BASE, port_mac
from conformance.bindings.live import plan as live
from reference_impl.live import fabric, namespaces
from reference_impl.live.processes import Process
from spec.errors import Exit, InputError
from tests.reference_impl.live.harness import left_behind, plan

COMMAND = [sys.executable, "-c", "from conformance.cli import main; main()", "ref"]


def call(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["gse-cts", "ref", *map(str, words)])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code or Exit.OK


@pytest.fixture
def folder(privileged, tmp_path):
    yield tmp_path
    for run in live.running(tmp_path):
        run.down()


def test_status_and_down_after_a_device_was_killed(monkeypatch, capsys, folder):
    run = live.up(plan("solo-gsf"), folder=folder)
    record = run.run
    assert call(monkeypatch, "status", "--folder", folder) == Exit.OK
    said = capsys.readouterr().out
    for part in (
        run.name,
        str(run.folder),
        "gsf0",
        port_mac(GSF_NODE_BASE, 1).hex(":"),
        "gsf0.log",
        "-tester",
    ):
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
    up = subprocess.Popen([*COMMAND, "up", "--hold", "--folder", folder], stdout=subprocess.PIPE, text=True)
    assert fabric.until(lambda: any(run.is_recorded for run in live.running(folder)), 20)
    (run,) = live.running(folder)
    record = run.run
    up.send_signal(number)
    up.communicate()
    for remaining in live.running(folder):
        assert number == signal.SIGKILL
        remaining.down()
    assert fabric.until(lambda: left_behind(run.name, record.spaces, run.folder) == [], 10)
    if number != signal.SIGKILL:
        assert up.returncode == Exit.INTERRUPTED


def test_a_user_namespace_does_as_well_and_ends_with_its_processes(tmp_path):
    entering = [sys.executable, "-m", "reference_impl.live.namespaces"]
    line = [*entering, *COMMAND[1:], "up", "--topology", "solo-gsf", "--folder", tmp_path]
    said = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    (run,) = live.running(tmp_path)
    assert "in a user namespace" in said
    shell = said.splitlines()[-1].partition("ends: ")[2].removesuffix(" sh").split()
    links = subprocess.run(
        [*shell, "cat", "/proc/net/dev"], capture_output=True, text=True, check=True
    ).stdout
    assert all(f"gsp{number}-gsf0:" in links for number in range(3))
    assert run.counters()["gsf0"]["hellos_sent"] > 0
    run.down()
    assert left_behind(run.name, run.run.spaces, run.folder) == []


def test_a_machine_that_refuses_is_told_in_one_sentence(monkeypatch, capsys, folder):
    monkeypatch.setattr(namespaces, "capable", lambda: False)
    monkeypatch.setenv(namespaces.ENTERED, "1000")
    assert call(monkeypatch, "up", "--folder", folder) == Exit.USAGE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("this machine: network namespaces: cannot be made, ")
    assert line.endswith("; run as root or allow unprivileged user namespaces.")
    assert list(folder.iterdir()) == []


def test_an_interpreter_that_cannot_be_started_anew_is_told_in_one_sentence(monkeypatch, capsys, tmp_path):
    (tmp_path / "python").touch(mode=0o600)
    monkeypatch.setattr(namespaces, "capable", lambda: False)
    monkeypatch.delenv(namespaces.ENTERED, raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert call(monkeypatch, "up", "--folder", tmp_path) == Exit.USAGE
    (line,) = capsys.readouterr().err.splitlines()
    assert f"cannot be made, since {tmp_path}/python cannot be started anew (Permission denied); " in line


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["--topology", "leaf-spine-2x3"],
            "there is no topology leaf-spine-2x3; did you mean leaf-spine-2x2?",
        ),
        (["--device", "mutant:SpraysFrame"], "did you mean mutant:SpraysFrames?"),
        (["--parameter", "hello_interval=1"], "hello_interval: is 1 ns, outside"),
    ],
)
def test_wrong_words_are_told_in_one_sentence(monkeypatch, capsys, folder, words, sentence):
    assert call(monkeypatch, "up", "--folder", folder, *words) == Exit.USAGE
    (line,) = capsys.readouterr().err.splitlines()
    assert sentence in line


def test_a_build_that_fails_leaves_nothing(monkeypatch, folder):
    broken = plan("solo-gsf", device="reference")
    record = {}

    def fail(_, spaces):
        record.update(spaces)
        raise OSError(12, "no memory")

    monkeypatch.setattr("reference_impl.live.wires.lay", fail)
    with pytest.raises(InputError, match=r"cannot be built .*no memory"):
        live.up(broken, folder=folder)
    assert len(record) == 2
    assert left_behind("gse-never", record, folder / "gse-never") == []
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (
            errno.EOPNOTSUPP,
            "this machine: veth: the kernel has no such kind of interface; load it with modprobe",
        ),
        (errno.ENOSPC, "this machine: network namespaces: cannot be built .*No space left on device"),
    ],
)
def test_a_kernel_without_veth_is_told_in_one_sentence(monkeypatch, folder, number, sentence):
    class Refusing:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def link(self, *_, **__):
            raise NetlinkError(number, "no")

    monkeypatch.setattr("reference_impl.live.wires.IPRoute", Refusing)
    with pytest.raises(InputError, match=sentence):
        live.up(plan("solo-gsf"), folder=folder)
    assert list(folder.iterdir()) == []


def test_a_device_that_cannot_start_is_told_and_leaves_nothing(folder):
    broken = plan("solo-gsf")
    (device,) = broken.devices
    with pytest.raises(live.DeviceFailed, match="there is no mutant Nonsense"):
        live.up(replace(broken, devices=(replace(device, flaw="Nonsense"),)), folder=folder)
    assert list(folder.iterdir()) == []


def test_a_stranger_with_the_number_of_a_device_is_left_alone(tmp_path):
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        Process(stranger.pid, 1).end()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
