"""A run that was cut off, and what it becomes when it is continued."""

import argparse
import json
import re
import shutil

import pytest

from conformance.checkout import ROOT
from conformance.run.case import slug_of
from conformance.run.options import USUAL, settle
from conformance.run.plugin import CAPTURE
from reports.run_folder import RunFolder
from spec.errors import Exit, InputError
from spec.wire import locate

CASES = """
import os


@clause("PKTC-ONE-PATH")
@testbed(LeafSpine())
def test_broken(bed, expect):
    recording = bed.play(Scenario())
    expect.that({broken}, "it", 1, recording.columns.seed)


@clause("PKTC-ONE-PATH")
@testbed(LeafSpine(hosts=2))
def test_cut(bed, expect):
    recording = bed.play(Scenario())
    if not os.path.exists("again"):
        raise KeyboardInterrupt
    expect.equal(recording.columns.seed % 2, recording.columns.seed % 2, "parity of the seed")


@clause("PKTC-SIZE", "frame-sizes")
@testbed(LeafSpine(hosts=3))
@sweep("overflow_mode")
def test_swept(bed, expect, overflow_mode):
    bed.play(Scenario())
    expect.that(True, "it", 1, 1)
"""
BROKEN, CUT = "test_it.py::test_broken", "test_it.py::test_cut"


@pytest.fixture
def cut(bench):
    """Leaves a run that was interrupted in its second case of five; gives its lines."""

    def leave(*words, broken=False):
        bench.cases(test_it=CASES.format(broken=not broken))
        assert bench.run(*words).ret == Exit.INTERRUPTED
        (bench.path / "again").touch()
        return bench.lines()

    return leave


def told(lines):
    """What does not differ between two runs of the same."""
    drop = {"started", "duration", "worker", "finished", "command", "run", "continued"}
    return [{key: value for key, value in line.items() if key not in drop} for line in lines]


@pytest.mark.parametrize("words", [(), ("-n2",)], ids=["one process", "workers"])
def test_a_continued_run_is_what_one_uninterrupted_run_is(bench, cut, words):
    options = ("--run-seed=7", "--parameter=container_bytes=32768", "--evidence=all", f"--pcap={CAPTURE}")
    cut(*options)
    before = bench.lines()
    assert bench.resume(*words).ret == Exit.OK
    lines = bench.lines()
    assert lines[1:2] == before[1:2]
    assert [len(line["continued"]) for line in (before[0], lines[0])] == [0, 1]
    bench.run("--out=whole", *options)
    whole = [json.loads(line) for line in (bench.path / "whole" / "results.jsonl").read_text().splitlines()]
    header, *records, footer = told(lines)
    order = {case: place for place, case in enumerate(header["selection"])}
    assert [header, *sorted(records, key=lambda record: order[record["case"]]), footer] == told(whole)


def test_a_verdict_of_the_first_part_counts_in_the_exit_code(bench, cut):
    cut(broken=True)
    assert bench.resume().ret == Exit.FAILED
    assert bench.lines()[-1]["exit"] == Exit.FAILED
    own = [line for line in bench.lines() if line["kind"] == "verdict" and not line["invariant"]]
    assert sorted(line["verdict"] for line in own) == ["FAIL", *["PASS"] * 4]
    assert bench.lines()[-1]["counts"]["FAIL"] == 1


@pytest.mark.parametrize("words", [(), ("-n1",)], ids=["one process", "workers"])
@pytest.mark.parametrize("broken", [False, True])
def test_a_run_that_lacks_its_footer_alone_gets_it(bench, cut, words, broken):
    cut(broken=broken)
    bench.resume()
    lines = bench.results.read_bytes().splitlines(keepends=True)
    bench.results.write_bytes(b"".join(lines[:-1]))
    assert bench.resume(*words).ret == broken
    assert bench.lines()[-1]["kind"] == "footer"
    assert bench.verdicts().keys() == set(bench.lines()[0]["selection"])


def test_a_run_can_be_continued_more_than_once(bench, cut):
    cut()
    (bench.path / "again").unlink()
    assert bench.resume().ret == Exit.INTERRUPTED
    (bench.path / "again").touch()
    assert bench.resume("-n1").ret == Exit.OK
    assert len(bench.lines()[0]["continued"]) == 2
    assert len([line for line in bench.lines() if not line.get("invariant")]) == 7


def test_a_file_that_an_editor_saved_is_continued(bench, cut):
    cut()
    raw = bench.results.read_bytes()
    bench.results.write_bytes(b"\xef\xbb\xbf" + raw.replace(b"\n", b"\r\n\r\n") + b"\r\n")
    assert bench.resume().ret == Exit.OK
    lines = bench.lines()
    assert [line["kind"] for line in lines].count("footer") == 1
    assert len({line["case"] for line in lines if line["kind"] == "verdict"}) == len(lines[0]["selection"])


def test_what_is_left_of_an_unfinished_case_goes(bench, cut):
    record = cut()[1]
    invariant = record | {"case": CUT, "clause": "FWD-ZERO-LOSS", "purpose": None, "invariant": True}
    left = bench.path / "run" / "recordings" / slug_of(CUT) / "7.json"
    left.parent.mkdir()
    left.touch()
    with bench.results.open("a") as file:
        file.write(json.dumps(invariant) + "\n" + json.dumps(invariant)[:90])
    assert bench.resume().ret == Exit.OK
    again = [line for line in bench.lines() if line.get("case") == CUT and line["clause"] != "PKTC-ONE-PATH"]
    assert "FWD-ZERO-LOSS" not in {line["clause"] for line in again}
    assert bench.lines()[1] == record
    assert not left.exists()
    assert (left.parent / "1.json").exists()


@pytest.mark.parametrize("octets", [2, 40, 4000])
def test_a_torn_record_is_judged_again(bench, cut, octets):
    cut()
    bench.resume()
    whole = bench.lines()
    raw = bench.results.read_bytes()
    bench.results.write_bytes(raw[:-octets])
    assert bench.resume().ret == Exit.OK
    assert told(bench.lines()) == told(whole)


def test_a_crash_before_the_bed_is_given_back_leaves_no_verdict(bench):
    bench.cases(test_it=CASES.format(broken=True))
    conftest = bench.path / "conftest.py"
    conftest.write_text(
        conftest.read_text().replace(
            "def close(self):\n        pass", "def close(self): raise KeyboardInterrupt"
        )
    )
    assert bench.run().ret == Exit.INTERRUPTED
    assert bench.verdicts() == {}


def edit(bench, name, digest="0" * 64):
    header, *rest = bench.lines()
    header[name] |= {"digest": digest}
    bench.results.write_text("".join(json.dumps(line) + "\n" for line in (header, *rest)))


SPOILT = {
    "a catalogue": (lambda bench: edit(bench, "catalogue"), "digest of the catalogue: is "),
    "a wire profile": (lambda bench: edit(bench, "wire_profile"), "digest of the wire profile: is "),
    "an ICS": (lambda bench: edit(bench, "ics"), "run/ics.yaml: digest of the ICS: is "),
    "the kept capture": (
        lambda bench: (bench.path / "run" / "capture.pcap").write_bytes(CAPTURE.read_bytes()[:-1] + b"!"),
        "run/capture.pcap: sha256: is ",
    ),
    "the kept ICS": (
        lambda bench: (bench.path / "run" / "ics.yaml").unlink(),
        "run/ics.yaml: file: cannot be read ",
    ),
    "a case": (
        lambda bench: bench.cases(test_it=CASES.format(broken=True).replace("test_swept", "test_sweeps")),
        "test_it.py::test_swept[overflow_mode=close-early]: has no verdict yet and was not collected; ",
    ),
}


OWN = {
    "--ics": ("mine-ics.yaml", ROOT / "reference_impl" / "ics.yaml", "the ICS"),
    "--wire-profile": ("mine-wire.yaml", locate("rows-2"), "the wire profile"),
    "--pcap": ("mine.pcap", CAPTURE, "the capture"),
}
PROFILE = """
title: {en: Mine, zh: 我的}
clauses: [PKTC-ONE-PATH, PKTC-SIZE]
"""


@pytest.fixture
def cut_on_own_files(bench, cut):
    """Leaves a run that was cut off and rests on files of the user's own; gives them by their option."""
    own = {option: bench.path / name for option, (name, _, _) in OWN.items()}
    for option, (_, source, _) in OWN.items():
        shutil.copy(source, own[option])
    own["--profile"] = bench.path / "mine-profile.yaml"
    own["--profile"].write_text(PROFILE)
    cut(*(f"{option}={path}" for option, path in own.items()), "--evidence=all")
    return own


@pytest.mark.parametrize("words", [(), ("-n1",)], ids=["one process", "a worker"])
def test_a_run_goes_on_without_the_files_it_was_begun_with(bench, cut_on_own_files, words):
    header = bench.lines()[0]
    for path in cut_on_own_files.values():
        path.unlink()
    assert bench.resume(*words).ret == Exit.OK
    lines = bench.lines()
    assert {line["verdict"] for line in lines[1:-1]} == {"PASS"}
    assert [part["differences"] for part in lines[0]["continued"]] == [[]]
    plays = [json.loads(path.read_text()) for path in bench.results.parent.glob("recordings/*/*.json")]
    assert {play["facts"]["wire_digest"] for play in plays} == {header["wire_profile"]["digest"]}


def test_a_run_goes_on_with_its_own_copies_and_says_what_is_another_file_today(bench, cut_on_own_files):
    before = bench.lines()[0]
    for option, path in cut_on_own_files.items():
        if option != "--profile":
            path.write_bytes(path.read_bytes() + (b"\0" if path.suffix == ".pcap" else b"\n# edited\n"))
    assert bench.resume().ret == Exit.OK
    header = bench.lines()[0]
    (part,) = header["continued"]
    assert [words.partition(" /")[0] for words in part["differences"]] == [
        what for _, _, what in OWN.values()
    ]
    assert all(words.endswith("whose own copy counts") for words in part["differences"])
    assert {name: header[name] for name in ("ics", "wire_profile", "pcap")} == {
        name: before[name] for name in ("ics", "wire_profile", "pcap")
    }


@pytest.mark.parametrize(("spoil", "words"), [*((spoil, ()) for spoil in SPOILT), ("a case", ("-n1",))])
def test_a_run_is_not_continued_on_something_else(bench, cut, spoil, words):
    shutil.copy(CAPTURE, bench.path / "own.pcap")
    cut("--pcap=own.pcap")
    change, sentence = SPOILT[spoil]
    change(bench)
    refused(bench, sentence, *words)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"run_seed": 2}, "command line: seed: is 2 here and 1 in the run; leave it out with --continue."),
        ({"clauses": ["PKTC-*"]}, "clause: is PKTC-* here and none in the run; "),
        (
            {"parameters": ["max_frame=1"]},
            "parameter: is max_frame=1 here and container_bytes=9300 in the run; ",
        ),
        ({"binding": "replay"}, "binding: is replay here and reference in the run; "),
        ({"mutants": "own"}, "mutants: is own here and none in the run; "),
        ({"out": "/other"}, "out: is /other here and /run in the run; "),
    ],
)
def test_a_run_is_continued_as_it_was_begun(said, sentence):
    nothing = dict.fromkeys((*USUAL, "out"))
    kept = {**USUAL, "parameters": ("container_bytes=9300",), "out": "/run"}
    option = argparse.Namespace(**nothing)
    settle(option, kept)
    assert vars(option) == kept
    with pytest.raises(InputError, match=re.escape(sentence)):
        settle(argparse.Namespace(**nothing | said), kept)


def test_another_option_than_the_runs_is_refused(bench, cut):
    cut()
    refused(bench, "ERROR: command line: seed: is 2 here and 1 in the run; ", "--run-seed=2")


def test_the_same_options_again_are_no_contradiction(bench, cut):
    cut("--chapter=pktc")
    assert bench.resume("--run-seed=1", "--binding=still", "--chapter=pktc", "--out=run").ret == Exit.OK


def test_other_line_ends_are_no_other_ics(bench, cut):
    cut()
    kept = bench.path / "run" / "ics.yaml"
    kept.write_bytes(b"\xef\xbb\xbf" + kept.read_bytes().replace(b"\n", b"\r\n"))
    assert bench.resume().ret == Exit.OK


def test_a_complete_run_is_not_continued(bench, cut):
    cut()
    bench.resume()
    refused(
        bench, "run/results.jsonl: --continue: the run is complete; gse-cts report makes its reports again."
    )


def test_a_run_that_never_began_is_not_continued(bench, cut):
    cut()
    bench.results.write_bytes(bench.results.read_bytes()[:100])
    refused(bench, "run/results.jsonl: line 1: is not a header; run again, the run ended before it began.")


def test_a_run_that_goes_on_is_not_continued(bench, cut):
    cut()
    folder = RunFolder(bench.results.parent)
    folder.claim()
    refused(bench, "run: folder: is in use by another run; wait for its end.")
    folder.leave()


def refused(bench, sentence, *words):
    before = bench.results.read_bytes()
    result = bench.resume(*words)
    assert result.ret == Exit.USAGE
    told = [line for line in result.stderr.lines if line.strip()]
    assert len(told) == 1
    assert sentence in told[0]
    assert bench.results.read_bytes() == before
