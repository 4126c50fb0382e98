"""How a run ends before its time: by a signal to it or to a worker, and by the death of either."""

import os
import signal
from contextlib import suppress
from functools import partial

import pytest

from spec.errors import Exit

CASES = """
@clause("PKTC-ONE-PATH")
@testbed(LeafSpine())
def test_a_short_one(bed, expect):
    expect.that(True, "it", 1, 1)


@clause("PKTC-ONE-PATH")
@testbed(LeafSpine(hosts=2))
def test_a_stuck_one(bed, expect):
    import os, time
    draft = f"draft{os.getpid()}"
    open(draft, "w").write(str(os.getpid()))
    os.rename(draft, "stuck")
    while not os.path.exists("again"):
        time.sleep(0.05)  # no single long wait: a signal just before it would be heard after it alone
    expect.that(True, "it", 1, 1)


@clause("PKTC-ONE-PATH")
@testbed(LeafSpine(hosts=3))
def test_another_short_one(bed, expect):
    expect.that(True, "it", 1, 1)
"""
SHORT, STUCK, OTHER = (
    f"test_it.py::test_{name}" for name in ("a_short_one", "a_stuck_one", "another_short_one")
)
ALONE, WORKERS = ("-n0",), ("-n2",)


@pytest.fixture
def stuck(bench):
    """Starts a run of which the second case never ends; gives it and the number of that case's process."""
    started = []

    def start(*words, **options):
        bench.cases(test_it=CASES)
        run = bench.begin(*words, **options)
        started.append(run)
        mark = bench.path / "stuck"
        bench.until(lambda: run.poll() is not None or (mark.exists() and SHORT in bench.verdicts()))
        assert run.poll() is None, (bench.path / "log").read_text()
        return run, int(mark.read_text())

    yield start
    for run in started:
        with suppress(ProcessLookupError):
            run.kill()
        run.wait()


@pytest.mark.parametrize("words", [ALONE, WORKERS], ids=["one process", "workers"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_what_ctrl_c_leaves(bench, stuck, number, words):
    run, pid = stuck(*words)
    run.send_signal(number)
    assert run.wait(60) == Exit.INTERRUPTED
    assert {line["kind"] for line in bench.lines()} == {"header", "verdict"}
    assert bench.verdicts()[SHORT] == "PASS"
    assert STUCK not in bench.verdicts()
    assert (bench.path / "left").exists()
    assert (bench.path / "cleared").exists()
    bench.until(lambda: not bench.lives(pid))


def test_a_second_signal_does_not_break_the_ending_off(bench, stuck):
    run, _ = stuck(*ALONE)
    run.send_signal(signal.SIGTERM)
    run.send_signal(signal.SIGHUP)
    assert run.wait(60) == Exit.INTERRUPTED
    assert (bench.path / "left").exists()


def test_a_run_that_is_to_outlive_its_terminal_does(bench, stuck):
    run, _ = stuck(*ALONE, preexec_fn=partial(signal.signal, signal.SIGHUP, signal.SIG_IGN))
    run.send_signal(signal.SIGHUP)
    run.send_signal(signal.SIGTERM)
    assert run.wait(60) == Exit.INTERRUPTED
    assert "SIGTERM" in (bench.path / "log").read_text()


def test_a_signal_to_a_worker_ends_the_run(bench, stuck):
    run, pid = stuck(*WORKERS)
    os.kill(pid, signal.SIGTERM)
    assert run.wait(60) == Exit.INTERRUPTED
    assert STUCK not in bench.verdicts()
    assert bench.lines()[-1]["kind"] != "footer"


def test_the_case_of_a_worker_that_is_killed_is_an_error_and_the_run_goes_on(bench, stuck):
    run, pid = stuck(*WORKERS)
    os.kill(pid, signal.SIGKILL)
    assert run.wait(60) == Exit.FAILED
    assert bench.verdicts() == {SHORT: "PASS", STUCK: "ERROR", OTHER: "PASS"}
    assert bench.lines()[-1]["kind"] == "footer"


def test_workers_do_not_outlive_a_run_that_is_killed(bench, stuck):
    run, pid = stuck(*WORKERS)
    run.kill()
    run.wait()
    bench.until(lambda: not bench.lives(pid))
    assert (bench.path / "left").exists()
    assert STUCK not in bench.verdicts()
