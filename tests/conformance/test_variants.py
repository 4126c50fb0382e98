"""Correct devices that differ from the reference: how they are played, and what is made of it."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from conformance.checkout import ROOT
from conformance.cli import variants as command
from reference_impl.variants import variant, variants
from reports.results import VerdictRecord
from spec.coverage import scan
from spec.errors import Exit
from spec.loader import load_catalogue
from spec.variants_page import page, place
from spec.verdict import Verdict
from tests.conformance.test_commands import call

CATALOGUE = load_catalogue()


def report(name, verdict):
    record = VerdictRecord(
        case="test_it.py::test_it",
        clause="PKTC-ONE-PATH",
        verdict=verdict,
        seed=1,
        started=datetime.now(UTC),
        duration=0,
    )
    return SimpleNamespace(gse_device=name, gse_records=[record.model_dump_json()])


def test_every_chapter_has_three_at_least():
    chapters = [each.file.stem for each in scan(ROOT).variants]
    assert min(chapters.count(chapter) for chapter in CATALOGUE.chapters) >= 3
    assert len(chapters) == len(variants())


def test_the_page_is_of_the_classes():
    assert place(ROOT).read_text(encoding="utf-8") == page(CATALOGUE, scan(ROOT)), (
        "run gse-cts variants --write"
    )


def test_a_variant_stands_in_for_one_class():
    with pytest.raises(TypeError, match="Two: a variant stands in for one class"):
        variant("PKTC-ONE-PATH")(type("Two", (SimpleNamespace, command.Watch), {}))
    known = next(iter(variants()))
    with pytest.raises(ValueError, match=f"two variants are called {known}"):
        variant("PKTC-ONE-PATH")(type(known, (object,), {}))


@pytest.mark.parametrize(
    ("verdicts", "passed"),
    [
        ([Verdict.PASS, Verdict.NOT_APPLICABLE, Verdict.TESTER_LIMITED], True),
        ([Verdict.PASS, Verdict.FAIL], False),
        ([Verdict.PASS, Verdict.ERROR], False),
        ([Verdict.PASS, Verdict.INCONCLUSIVE], False),
        ([Verdict.NOT_APPLICABLE], False),
        ([], False),
    ],
)
def test_a_variant_has_to_pass_everything_that_applies(verdicts, passed):
    watch = command.Watch(["Other"])
    for verdict in verdicts:
        watch.pytest_runtest_logreport(report("Other", verdict))
    assert watch.outcomes["Other"].passed is passed
    assert not watch.faults


def test_a_case_that_left_no_record_is_not_passed_over():
    watch = command.Watch(["Other"])
    crashed = SimpleNamespace(failed=True, nodeid="test_it.py::test_it", longreprtext="worker crashed")
    watch.pytest_runtest_logreport(crashed)
    assert watch.faults == ["test_it.py::test_it: worker crashed"]


def test_variants_are_played_and_the_outcome_is_written(monkeypatch, tmp_path, capsys):
    out = tmp_path / "variants.json"
    names = ["PadsWithOnes", "HasSmallBuffers"]
    code = call(monkeypatch, "variants", *names, "--clause=FWD-BYTE-EXACT", "--workers=0", f"--out={out}")
    found = json.loads(out.read_text())["variants"]
    assert code == Exit.OK
    assert set(found) == set(names)
    assert all(each["passed"] and not each["objections"] for each in found.values())
    assert "2 of 2 variants passed" in capsys.readouterr().out


def test_a_name_that_no_variant_has_is_refused(monkeypatch, tmp_path, capsys):
    code = call(monkeypatch, "variants", "PadsWithTwos", f"--out={tmp_path / 'variants.json'}")
    assert code == Exit.USAGE
    assert (
        "--variant: there is no variant PadsWithTwos; did you mean PadsWithOnes?" in capsys.readouterr().err
    )


@pytest.mark.parametrize("name", ["PadsWithOnes", "TakesPaddingOff"])
def test_a_device_that_pads_frames_as_macs_do_plays_the_whole_capture(name, monkeypatch, tmp_path):
    out = tmp_path / "out"
    words = [f"--device=variant:{name}", "--clause=FWD-BYTE-EXACT", "--workers=1", "--no-allure"]
    code = call(monkeypatch, "run", *words, f"--out={out}")
    lines = (out / "results.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines[1:-1]]
    assert code == Exit.OK
    (played,) = [r for r in records if "a_capture_arrives" in r["case"] and not r["invariant"]]
    assert played["notes"] == [
        "mixed.pcap: 77 packets, played 77 (15 of them to groups, not compared), left out 0"
    ]
