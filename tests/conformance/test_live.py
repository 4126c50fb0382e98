"""The cases over network interfaces: a handful of them, and a flaw that shows there too."""

import subprocess
import sys

import pytest

from conformance.checkout import ROOT
from reports.results import read_results
from spec.verdict import Verdict
from tests.reference_impl.live.harness import need_bench

CASES = ROOT / "conformance" / "cases"
TRANSPARENCY = "forwarding/test_transparency.py"


@pytest.fixture(scope="module", autouse=True)
def possible():
    need_bench()


@pytest.fixture
def play(tmp_path):
    def playing(*cases, **options):
        words = [f"--{name}={value}" for name, value in {"binding": "live", **options}.items()]
        out = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
        command = [sys.executable, "-c", "from conformance.cli import main; main()", "run"]
        command += [*(str(CASES / case) for case in cases), *words, "--no-allure", f"--out={out}"]
        done = subprocess.run(  # noqa: S603 - our own command
            command, capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert (out / "results.jsonl").exists(), done.stdout + done.stderr
        return out, read_results(out)

    return playing


def own(results):
    return {item.case.rpartition("::")[2]: item.verdict for item in results.verdicts if not item.invariant}


def test_cases_agree_with_virtual_time_and_can_be_judged_again(play):
    cases = (
        f"{TRANSPARENCY}::test_a_capture_arrives_as_recorded",
        f"{TRANSPARENCY}::test_tags_stay",
        f"{TRANSPARENCY}::test_every_size_passes",
        "forwarding/test_drops.py::test_causes_make_the_total",
        "forwarding/test_messages.py::test_a_gsf_stops_damaged_messages",
        "forwarding/test_messages.py::test_a_gsp_stops_damaged_data",
    )
    out, results = play(*cases, evidence="all")
    assert set(own(results).values()) <= {Verdict.PASS, Verdict.INCONCLUSIVE}  # where there is no time
    assert len(own(results)) == len(cases)
    _, again = play(*cases, binding="replay", recordings=out)
    assert own(again) == own(results)


def test_what_the_wires_cannot_do_is_no_fault_of_the_device(play):
    _, results = play("grant/test_recovery.py::test_lost_requests_are_made_good")
    assert own(results) == {"test_lost_requests_are_made_good": Verdict.TESTER_LIMITED}


def test_a_flaw_fails_its_clause(play):
    _, results = play(f"{TRANSPARENCY}::test_tags_stay", device="mutant:StripsTags")
    assert own(results)["test_tags_stay"] in {Verdict.FAIL, Verdict.INCONCLUSIVE}  # where there is no time
