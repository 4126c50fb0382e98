"""The suite and the reference under other wire profiles: the verdicts are those under open-1."""

import subprocess
import sys
from pathlib import Path

import pytest

from conformance.api.binding import BindingOptions
from conformance.bindings.reference import ReferenceBinding
from conformance.checkout import ROOT
from conformance.judge.invariants import INVARIANTS
from reports.results import read_results
from spec.verdict import Verdict
from spec.wire import bundled
from tests.wire_profiles import FILES

SAMPLE = (
    "conformance/cases/forwarding/test_messages.py",
    "conformance/cases/forwarding/test_format.py",
    "conformance/cases/ordering/test_generations.py",
    "conformance/cases/spraying/test_hello.py",
    "conformance/cases/grant/test_expiry.py",
    "conformance/cases/grant/test_merging.py",
    "conformance/cases/dgsq/test_congestion.py",
    "conformance/cases/pktc/test_numbering.py",
)
"""Cases that look closely at messages; `make profiles` plays all."""
GSE_CTS = str(Path(sys.executable).with_name("gse-cts"))
OTHERS = [name for name in bundled() if name != "open-1"]


def verdicts(tmp_path, profile, *words, cases=SAMPLE):
    """Play cases, and give the verdict and reason of every record."""
    folder = tmp_path / Path(profile).stem
    command = [
        GSE_CTS,
        "run",
        *cases,
        "--workers=0",
        "--no-allure",
        "--evidence=failed",
    ]
    command += [f"--wire-profile={profile}", f"--out={folder}", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    return {
        (record.case, record.clause): (record.verdict, record.reason)
        for record in read_results(folder).verdicts
    }


@pytest.fixture(scope="module")
def under_open_1(tmp_path_factory):
    return verdicts(tmp_path_factory.mktemp("runs"), "open-1")


@pytest.mark.parametrize("profile", OTHERS)
def test_another_profile_changes_no_verdict(tmp_path, under_open_1, profile):
    found = verdicts(tmp_path, profile)
    assert {case for case, _ in found} == {case for case, _ in under_open_1}
    unlike = found.keys() ^ under_open_1.keys()  # an invariant judges only where lengths let it see enough
    assert {clause for _, clause in unlike} <= INVARIANTS.keys()
    assert {verdict for verdict, _ in found.values()} == {Verdict.PASS}


@pytest.mark.parametrize(
    ("name", "lacks"),
    [
        (
            "lean",
            {"BACKPRESSURE message", "UNGOVERNED flag", "LAST flag", "checksum", "port_id in its HELLO"},
        ),
        ("header-sum", {"checksum over more than its header"}),
        ("last-only", {"previous_frames in its DATA"}),
    ],
)
def test_what_a_profile_lacks_limits_the_tester_and_fails_nobody(tmp_path, name, lacks):
    found = verdicts(tmp_path, str(FILES / f"{name}.yaml"))
    limited = {reason for verdict, reason in found.values() if verdict is Verdict.TESTER_LIMITED}
    assert {verdict for verdict, _ in found.values()} == {Verdict.PASS, Verdict.TESTER_LIMITED}
    assert {reason.partition(" has no ")[2] for reason in limited} == lacks


@pytest.mark.parametrize(
    ("profile", "device", "case"),
    [
        ("rows-2", "ClaimsAnUnknownRole", "conformance/cases/spraying/test_hello.py"),
        ("rows-2", "GspReadsAnyVersion", "conformance/cases/forwarding/test_messages.py"),
        ("tags-3", "SetsAnUnknownFlag", "conformance/cases/forwarding/test_format.py"),
        ("tags-3", "KeepsTheHopLimit", "conformance/cases/forwarding/test_messages.py"),
    ],
)
def test_a_flaw_is_seen_in_any_profile(tmp_path, profile, device, case):
    clause = ReferenceBinding(BindingOptions()).mutants[device]
    found = verdicts(tmp_path, profile, f"--device=mutant:{device}", cases=[case])
    assert Verdict.FAIL in {verdict for (_, about), (verdict, _) in found.items() if about == clause}


def test_a_profile_that_is_wrong_is_refused_before_anything_is_played(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(
        (FILES / "lean.yaml").read_text(encoding="utf-8").replace("name: index", "name: place"),
        encoding="utf-8",
    )
    command = [
        GSE_CTS,
        "run",
        f"--wire-profile={path}",
        f"--out={tmp_path / 'run'}",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 4
    assert (
        f"{path}: messages.DATA.fields[index]: is missing; add it; the suite reads it by this name."
        in done.stderr
    )
    assert not (tmp_path / "run").exists()
