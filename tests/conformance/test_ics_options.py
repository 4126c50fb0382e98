"""A correct device that declares other options than the reference does passes: never FAIL, ERROR or doubt.

The reference is made as the statement says. Two statements that between them turn every option are played
here; each option alone and every pair of them with `make whole`.
"""

import json
import os
import subprocess
import sys
from itertools import combinations

import pytest
import yaml

from conformance.checkout import ROOT
from spec.ics import load_ics
from spec.loader import load_catalogue

REFERENCE = ROOT / "reference_impl" / "ics.yaml"
CLEAN = {"PASS", "NOT_APPLICABLE", "TESTER_LIMITED"}
CHANGES = {
    "no-unsolicited": ({"UNSOLICITED": False}, {"unsolicited_bytes": {"value": 0}}),
    "unsolicited-in-force": ({}, {"unsolicited_bytes": {"min": 0, "default": 20_000, "max": 20_000}}),
    "no-on-congestion": ({"ON_CONGESTION": False}, {"dgsq_mode": {"value": "on-first-frame"}}),
    "only-on-congestion": ({}, {"dgsq_mode": {"value": "on-congestion"}}),
    "no-flood": ({"FLOOD": False}, {"unknown_unicast": {"value": "drop"}}),
    "only-flood": ({}, {"unknown_unicast": {"value": "flood"}}),
    "no-multicast": ({"MULTICAST": False}, {}),
    "no-pfc": ({"PFC": False}, {}),
    "no-second-tier": ({"TWO_TIER": False}, {}),
    "learning": ({"LEARNING": True}, {}),
    "no-table-by-management": ({"TABLE_BY_MANAGEMENT": False}, {}),
    "no-counters": ({"COUNTERS": False}, {}),
    "no-events": ({"EVENTS": False}, {}),
    "only-close-early": ({}, {"overflow_mode": {"value": "close-early"}}),
    "only-overflow": ({}, {"overflow_mode": {"value": "overflow"}}),
    "only-overflow-borrow": ({}, {"overflow_mode": {"value": "overflow-borrow"}}),
}
"""Answers and declared parameters that differ from the reference's, a consistent set each."""
LEAST = [name for name in CHANGES if name.startswith("no-")]
"""Whatever can be answered with no is."""
OTHER = ["unsolicited-in-force", "only-on-congestion", "only-flood", "learning", "only-overflow-borrow"]
PAIRS = [
    pair for pair in combinations(CHANGES, 2) if not CHANGES[pair[0]][1].keys() & CHANGES[pair[1]][1].keys()
]
whole = pytest.mark.skipif("GSE_WHOLE" not in os.environ, reason="takes many minutes; make whole does it")


def verdicts(folder, *names):
    """Play all cases on a reference that is what the statement with these changes says."""
    statement = yaml.safe_load(REFERENCE.read_text(encoding="utf-8"))
    for name in names:
        facts, parameters = CHANGES[name]
        statement["facts"] |= facts
        statement["parameters"] |= parameters
    ics = folder / "ics.yaml"
    ics.write_text(yaml.safe_dump(statement), encoding="utf-8")
    load_ics(ics)
    words = ["conformance", f"--ics={ics}", f"--out={folder / 'run'}", "-q", "-p", "no:allure_pytest"]
    subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", "pytest", *words, "-p", "no:cacheprovider", "--tb=no"],
        cwd=ROOT,
        check=False,
        timeout=900,
        stdout=subprocess.DEVNULL,
    )
    lines = (folder / "run" / "results.jsonl").read_text(encoding="utf-8").splitlines()
    return [record for record in map(json.loads, lines) if record["kind"] == "verdict"]


def unclean(records):
    """List what a correct device must not get."""
    return [
        (record["verdict"], record["clause"], record["case"], record["reason"])
        for record in records
        if record["verdict"] not in CLEAN
    ]


def test_every_option_is_turned():
    """An option that comes to the ICS comes to this test."""
    booleans = {name for name, item in load_catalogue().ics_items.items() if item.type == "bool"}
    assert {name for facts, _ in CHANGES.values() for name in facts} == booleans
    for name in LEAST:
        assert list(CHANGES[name][0].values()) == [False]


def test_a_device_with_the_fewest_options_passes(tmp_path):
    records = verdicts(tmp_path, *LEAST)
    assert unclean(records) == []
    played = [record for record in records if not record["invariant"]]
    assert sum(record["verdict"] == "PASS" for record in played) > len(played) / 2
    limited = (record["reason"] for record in played if record["verdict"] == "TESTER_LIMITED")
    reasons = {each for reason in limited for each in reason.split("; ")}
    assert reasons == {
        "the ICS declares COUNTERS no, so there are no counters to read",
        "the ICS declares EVENTS no, so there are no events to read",
    }


def test_a_device_with_the_other_options_passes(tmp_path):
    records = verdicts(tmp_path, *OTHER)
    assert unclean(records) == []
    played = [record for record in records if not record["invariant"]]
    assert sum(record["verdict"] == "PASS" for record in played) > len(played) / 2
    excluded = [record["reason"] for record in played if record["verdict"] == "NOT_APPLICABLE"]
    assert "dgsq_mode is on-first-frame, not among the declared on-congestion" in excluded


@whole
@pytest.mark.parametrize("change", CHANGES)
def test_each_option_alone(tmp_path, change):
    assert unclean(verdicts(tmp_path, change)) == []


@whole
@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_each_pair_of_options(tmp_path, pair):
    assert unclean(verdicts(tmp_path, *pair)) == []
