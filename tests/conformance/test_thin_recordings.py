"""A device that shows little or nothing gets a verdict from every case, and never an ERROR of the suite."""

import json
import os
import subprocess
import sys

import pytest

from conformance.checkout import ROOT

VARIANT = """
import random
import sys
import pytest
from conformance.bindings import reference
from traffic.recordings.recording import UP, Recording

def first(links, taps, part):
    last = max((tap[0] for tap in taps), default=0)
    return [tap for tap in taps if tap[0] <= last * part]

def some(taps, of):
    chance = random.Random(1)
    return [tap for tap in taps if chance.random() < of]

KEPT = {
    "nothing": lambda links, taps: [],
    "only-what-hosts-sent": lambda links, taps: [
        tap for tap in taps if not links[tap[1]].fabric and tap[2] == UP
    ],
    "only-hosts": lambda links, taps: [tap for tap in taps if not links[tap[1]].fabric],
    "only-fabric": lambda links, taps: [tap for tap in taps if links[tap[1]].fabric],
    "only-upwards": lambda links, taps: [tap for tap in taps if tap[2] == UP],
    "only-downwards": lambda links, taps: [tap for tap in taps if tap[2] != UP],
    "only-short-frames": lambda links, taps: [tap for tap in taps if len(tap[3]) <= 60],
    "the-first-tenth": lambda links, taps: first(links, taps, 0.1),
    "the-first-third": lambda links, taps: first(links, taps, 0.3),
    "a-twentieth": lambda links, taps: some(taps, 0.05),
    "half": lambda links, taps: some(taps, 0.5),
    "the-first-frame": lambda links, taps: taps[:1],
}
kept, of_taps = KEPT[sys.argv[1]], Recording.of_taps
reference.Recording.of_taps = staticmethod(
    lambda links, taps, **more: of_taps(links, kept(links, taps), **more)
)
reference.ReferenceBinding.check = lambda *_: None
sys.exit(pytest.main(sys.argv[2:]))
"""
WHOLE = "GSE_WHOLE"
KINDS = (
    "nothing",
    "only-what-hosts-sent",
    "only-hosts",
    "only-fabric",
    "only-upwards",
    "only-downwards",
    "only-short-frames",
    "the-first-tenth",
    "the-first-third",
    "a-twentieth",
    "half",
    "the-first-frame",
)


BY_COUNTERS = {
    "test_idle_queues_are_released_in_time",
    "test_created_and_released_balance",
    "test_a_gsp_obeys_no_damaged_message",
    "test_a_gsf_obeys_no_damaged_message",
    "test_a_gsp_obeys_no_other_version",
    "test_a_gsp_counts_what_is_cut",
    "test_stray_control_is_not_obeyed",
}
"""Cases that look at counters alone, which such a device still shows."""
SAMPLED = {"nothing", "only-fabric"}


def sampled(kind):
    """Leave most for make whole."""
    skip = pytest.mark.skipif(WHOLE not in os.environ, reason="make whole does it")
    return pytest.param(kind, marks=() if kind in SAMPLED else skip)


@pytest.mark.parametrize("kind", [sampled(kind) for kind in KINDS])
def test_too_little_is_no_error(kind, tmp_path):
    words = ["conformance", f"--out={tmp_path / 'out'}", "-q", "-p", "no:allure_pytest", "--tb=no"]
    subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-c", VARIANT, kind, *words, "-p", "no:cacheprovider", "--evidence=failed"],
        cwd=ROOT,
        check=False,
        timeout=300,
        stdout=subprocess.DEVNULL,
    )
    lines = (tmp_path / "out" / "results.jsonl").read_text(encoding="utf-8").splitlines()
    records = [record for record in map(json.loads, lines) if record["kind"] == "verdict"]
    errors = [(record["case"], record["reason"]) for record in records if record["verdict"] == "ERROR"]
    assert errors == []
    assert len(records) > 100
    if kind == "nothing":
        passed = [record for record in records if record["verdict"] == "PASS" and not record["invariant"]]
        assert {record["case"].rpartition("::")[2] for record in passed} == BY_COUNTERS
