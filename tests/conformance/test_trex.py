"""The cases through a stand-in for TRex: a handful over each generation, and what befalls the server."""

import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from conformance.checkout import ROOT
from reports.results import read_results
from spec.verdict import Verdict
from tests.reference_impl.live.harness import need_bench
from traffic.trex.libraries import PACKAGE

CASES = ROOT / "conformance" / "cases"
MAIN = "from conformance.cli import main; main()"
TESTERS = ("trex-4.8", "trex-5.1")


@pytest.fixture(scope="module", autouse=True)
def possible():
    need_bench()


@pytest.fixture
def play(tmp_path):
    """Start a run, and read its results once it has ended."""

    def playing(*cases, **options):
        if options["tester"].startswith("trex-5"):
            pytest.importorskip(PACKAGE)
        words = [f"--{name}={value}" for name, value in {"binding": "live", **options}.items()]
        command = [sys.executable, "-W", "ignore", "-c", MAIN, "run"]
        command += [
            *(str(CASES / case) for case in cases),
            *words,
            "--no-allure",
            f"--out={tmp_path / 'run'}",
        ]
        return subprocess.Popen(  # noqa: S603 - our own command
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def ended(process):
        words, _ = process.communicate()
        assert (tmp_path / "run" / "results.jsonl").exists(), words
        return read_results(tmp_path / "run")

    playing.ended = ended
    return playing


def own(results):
    return {item.case.rpartition("::")[2]: item.verdict for item in results.verdicts if not item.invariant}


@pytest.mark.parametrize("tester", TESTERS)
def test_cases_agree_with_virtual_time(play, tester):
    cases = (
        "forwarding/test_transparency.py::test_code_points_stay",
        "forwarding/test_transparency.py::test_tags_stay",
        "forwarding/test_messages.py::test_a_gsp_stops_damaged_data",
        "pktc/test_closing.py::test_a_lone_frame_arrives_in_time",
    )
    results = play.ended(play(*cases, tester=tester))
    verdicts = own(results)
    assert verdicts.pop("test_tags_stay") is Verdict.TESTER_LIMITED
    assert set(verdicts.values()) <= {Verdict.PASS, Verdict.INCONCLUSIVE}  # on a machine that has no time
    assert len(verdicts) == len(cases) - 1
    assert f"--tester {tester}" in results.verdicts[0].reproduce


def test_nothing_is_left_of_a_server_when_its_run_is_killed(play):
    process = play("grant/test_incast.py", tester="trex-4.8")
    server, name = until(lambda: next(iter(servers(process.pid)), None))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    until(lambda: not Path(f"/proc/{server}").exists())
    down = [sys.executable, "-c", MAIN, "ref", "down", "--run", name]
    assert subprocess.run(down, check=True, capture_output=True).stdout  # noqa: S603 - our own


def servers(parent):
    """Return number, and name of the run, of each stand-in that a process started."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (folder / "cmdline").read_text().split("\0")
            above = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if "traffic.trex_stand_in" in words and above == parent:
                space = Path(words[words.index("--netns") + 1]).name
                yield int(folder.name), space.removesuffix("-tester")


def until(predicate, seconds=20):
    end = time.monotonic() + seconds
    while not (found := predicate()):
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)
    return found


FAULTS = ("cut=1000", "push=1000", "stream=1000", "fetch=100", "start=200", "lag=300", "jitter=500")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_falls_short_fails_no_device(play, fault):
    """A sample: what is longer than passes is beyond the tester, and no device is blamed."""
    cases = (
        "forwarding/test_transparency.py::test_frames_arrive_as_sent",
        "forwarding/test_messages.py::test_a_gsp_stops_damaged_data",
        "pktc/test_closing.py::test_a_lone_frame_arrives_in_time",
    )
    results = play.ended(play(*cases, tester=f"trex-5.1:{fault}"))
    assert not {item.clause for item in results.verdicts if item.verdict is Verdict.FAIL}
    verdicts = own(results)
    assert Verdict.ERROR not in verdicts.values(), [item.reason for item in results.verdicts]
    words = {item.reason for item in results.verdicts if item.verdict is Verdict.TESTER_LIMITED}
    telling = {"cut": "octets", "stream": "streamed"}.get(fault.partition("=")[0])
    if telling is not None:
        assert any(telling in reason for reason in words), verdicts


@pytest.mark.parametrize("tester", ["trex-4.8:cut=9214,jitter=500", "trex-5.1:start=200,lag=300"])
def test_a_flaw_fails_its_clause_through_a_server_that_falls_short(play, tester):
    case = "forwarding/test_messages.py::test_a_gsp_stops_damaged_data"
    results = play.ended(play(case, tester=tester, device="mutant:GspTrustsChecksums"))
    assert set(own(results).values()) <= {Verdict.FAIL, Verdict.INCONCLUSIVE}  # on a machine that has no time
