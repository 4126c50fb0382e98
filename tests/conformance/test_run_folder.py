"""The folder of a run is enough to judge it again and to report of it, whatever became of its sources."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from conformance.api.binding import BindingOptions
from conformance.bindings.registry import load_binding
from conformance.checkout import ROOT
from conformance.run.keeping import check_kept, differences
from reports.results import read_results
from spec.errors import Exit, InputError
from spec.loader import load_catalogue
from spec.wire import locate

CAPTURE = ROOT / "conformance" / "cases" / "forwarding" / "mixed.pcap"
ICS = ROOT / "reference_impl" / "ics.yaml"
CASE = "conformance/cases/forwarding/test_transparency.py::test_a_capture_arrives_as_recorded"


def cts(*words, code=Exit.OK):
    """Call the command as a user does, and give what it said."""
    done = subprocess.run(  # noqa: S603 - our own command
        [str(Path(sys.executable).with_name("gse-cts")), *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def own(run):
    return {record.case: record for record in read_results(run).verdicts if not record.invariant}


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """A run of which capture, wire profile and ICS, which were the user's own, are gone since."""
    folder = tmp_path_factory.mktemp("played")
    own = {
        "--pcap": folder / "mine.pcap",
        "--wire-profile": folder / "wire.yaml",
        "--ics": folder / "ics.yaml",
    }
    for path, source in zip(own.values(), (CAPTURE, locate("rows-2"), ICS), strict=True):
        shutil.copyfile(source, path)
    words = ("--seed", 7, "--evidence", "all", "--no-allure", "--out", folder / "run")
    words += ("--parameter", "container_bytes=32768")
    cts("run", CASE, *words, *(word for pair in own.items() for word in pair))
    for path in own.values():
        path.unlink()
    return folder / "run"


def test_the_folder_states_what_it_keeps(played):
    header = read_results(played).header
    names = {item.file for item in header.kept}
    assert {"ics.yaml", "wire-profile.yaml", "capture.pcap", "catalogue/parameters.yaml"} <= names
    assert (played / "capture.pcap").read_bytes() == CAPTURE.read_bytes()
    assert load_catalogue(played / "catalogue").digest == header.catalogue.digest
    check_kept(played, header)


def test_a_run_with_a_capture_is_judged_again_from_its_folder(played, tmp_path):
    said = cts("rejudge", played, "--no-allure", "--workers", 0, "--out", tmp_path / "again")
    assert "JUDGED AGAIN" not in said
    (then,), (now,) = own(played).values(), own(tmp_path / "again").values()
    assert then.verdict == now.verdict == "PASS"
    assert then.seed == now.seed


def test_a_report_needs_the_folder_alone(played):
    (played / "compliance.html").unlink()
    cts("report", played, "--no-allure")
    assert "its case was not selected" in (played / "compliance.html").read_text()


def test_plays_keep_the_seed_they_were_recorded_with(played, tmp_path):
    words = ("run", CASE, "--binding", "replay", "--recordings", played, "--no-allure")
    said = cts(*words, "--seed", 9, "--out", tmp_path / "other", code=Exit.USAGE)
    assert "--seed: is 9, and what was recorded is of 7" in said
    cts(*words, "--out", tmp_path / "none")
    (now,) = own(tmp_path / "none").values()
    (then,) = own(played).values()
    assert now.seed == then.seed


def test_a_replay_done_by_hand_rests_on_the_folder_of_the_run(played, tmp_path):
    words = ("run", CASE, "--binding", "replay", "--recordings", played, "--no-allure")
    cts(*words, "--out", tmp_path / "again")
    header, then = read_results(tmp_path / "again").header, read_results(played).header
    (now,) = own(tmp_path / "again").values()
    assert now.verdict == "PASS"
    assert (header.wire_profile, header.pcap.digest) == (then.wire_profile, then.pcap.digest)
    assert (header.ics.digest, header.parameters) == (then.ics.digest, then.parameters)
    assert header.differences == ()


def test_a_replay_says_which_files_are_others_today(played, tmp_path):
    words = ("run", CASE, "--binding", "replay", "--recordings", played, "--no-allure")
    said = cts(*words, "--wire-profile", "tags-3", "--out", tmp_path / "again")
    assert "JUDGED AGAIN: the wire profile tags-3 is " in said
    header = read_results(tmp_path / "again").header
    assert header.wire_profile == read_results(played).header.wire_profile
    (words,) = header.differences
    assert words in (tmp_path / "again" / "compliance.html").read_text()


def test_a_replay_under_another_parameter_is_refused(played, tmp_path):
    words = (
        "run",
        CASE,
        "--binding",
        "replay",
        "--recordings",
        played,
        "--no-allure",
        "--out",
        tmp_path / "x",
    )
    said = cts(*words, "--parameter", "container_bytes=65536", code=Exit.USAGE)
    assert "--parameter container_bytes: is 65536, and the run had 32768; " in said
    cts(*words, "--parameter", "container_bytes=32768")


def test_what_was_altered_in_the_folder_is_refused(played, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(played, run)
    (run / "capture.pcap").write_bytes(CAPTURE.read_bytes() + b"\0")
    said = cts("rejudge", run, "--no-allure", "--workers", 0, "--out", tmp_path / "again", code=Exit.USAGE)
    assert "capture.pcap: sha256: is " in said


def test_an_edited_clause_is_judged_with_a_stated_difference(played, tmp_path):
    """The catalogue of the run is edited here, which is as far from today's as the other way round."""
    run = tmp_path / "run"
    shutil.copytree(played, run)
    files = (run / "catalogue" / "clauses").iterdir()
    file = next(path for path in files if "FWD-BYTE-EXACT" in path.read_text())
    chapter = yaml.safe_load(file.read_text())
    next(item for item in chapter["clauses"] if item["id"] == "FWD-BYTE-EXACT")["text"]["en"] += " Or so."
    file.write_text(yaml.safe_dump(chapter, allow_unicode=True))
    digest = load_catalogue(run / "catalogue").digest
    header, *rest = (run / "results.jsonl").read_text().splitlines()
    data = json.loads(header)
    data["catalogue"]["digest"] = digest
    data["kept"] = []
    (run / "results.jsonl").write_text("\n".join([json.dumps(data, separators=(",", ":")), *rest]) + "\n")
    said = cts("rejudge", run, "--no-allure", "--workers", 0, "--out", tmp_path / "again")
    assert "JUDGED AGAIN: the catalogue is " in said
    (words,) = read_results(tmp_path / "again").header.differences
    assert words.endswith("changed: FWD-BYTE-EXACT")
    said = cts("report", run, "--no-allure")
    assert "changed: FWD-BYTE-EXACT; the report is in the words of the run." in said
    assert "Or so." in (run / "compliance.html").read_text()


def test_a_run_without_a_catalogue_cannot_tell_what_differs(played, tmp_path):
    header = read_results(played).header
    other = header.model_copy(update={"catalogue": header.catalogue.model_copy(update={"digest": "0" * 64})})
    assert list(differences(played, header, load_catalogue())) == []
    (words,) = differences(tmp_path, other, load_catalogue())
    assert words.endswith("which clauses differ cannot be told")


USELESS = [
    ("replay", {"device": "mutant:SpraysFrames", "recordings": Path("run")}, "--device"),
    ("replay", {"tester": "afpacket", "recordings": Path("run")}, "--tester"),
    ("reference", {"recordings": Path("run")}, "--recordings"),
    ("reference", {"tester": "afpacket"}, "--tester"),
    ("reference", {"confirm": 1}, "--confirm"),
    ("live", {"recordings": Path("run")}, "--recordings"),
    ("lab.yaml", {"tester": "afpacket"}, "--tester"),
    ("lab.yaml", {"recordings": Path("run")}, "--recordings"),
    ("lab.yaml", {"device": "mutant:SpraysFrames"}, "--device"),
]


@pytest.mark.parametrize(("binding", "options", "key"), USELESS)
def test_an_option_without_use_is_refused(binding, options, key):
    with pytest.raises(
        InputError, match=f"^command line: {key}: is .* for which the binding .* has no use; "
    ):
        load_binding(binding, BindingOptions(**options))
