"""Each case leaves its evidence in a folder that no other has, and that every file system takes."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.run.case import slug_of
from spec.errors import Exit

PARAMETERS = [
    "-1",
    "1",
    "a/b",
    "a\\\\b",
    "a.b",
    "A",
    "a",
    "é",
    "e\\u0301",
    "容" * 90,
    ".",
    "..",
    "",
    " ",
    "x" * 400,
]
CASES = """
@clause("PKTC-ONE-PATH")
@testbed(LeafSpine())
@pytest.mark.parametrize("value", {values})
def test_it(bed, expect, value):
    bed.play(Scenario(name=f"of {{value}}"))
    expect.that({met}, "it", 1, 2)
"""


def written(met="False", values=PARAMETERS):
    return CASES.format(met=met, values=f"[{', '.join(f'{chr(34)}{value}{chr(34)}' for value in values)}]")


def evidence(bench):
    """Files of each case by name, with their digests."""
    return {
        record["case"]: {item["file"]: item["sha256"] for item in record["evidence"]}
        for record in bench.lines()
        if record["kind"] == "verdict" and not record["invariant"]
    }


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_no_case_writes_over_anothers_evidence(bench, workers):
    bench.cases(test_it=written())
    bench.run(workers)
    found = evidence(bench)
    assert len(found) == len(PARAMETERS)
    names = [name for files in found.values() for name in files]
    assert len(names) == len({name.casefold() for name in names}) == 2 * len(PARAMETERS)
    for files in found.values():
        for name, digest in files.items():
            path = bench.path / "run" / name
            assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
            assert max(len(part.encode()) for part in path.parts) <= 255
    digests = [digest for files in found.values() for name, digest in files.items() if name.endswith(".json")]
    assert len(set(digests)) == len(PARAMETERS)


def test_continuing_leaves_the_evidence_of_finished_cases(bench):
    bench.cases(
        test_it=written(values=["-1", "1"])
        + "    if value == '1' and not Path('again').exists(): raise KeyboardInterrupt\n"
    )
    (bench.path / "test_it.py").write_text(
        "from pathlib import Path\n" + (bench.path / "test_it.py").read_text()
    )
    assert bench.run().ret == Exit.INTERRUPTED
    (before,) = evidence(bench).values()
    (bench.path / "again").touch()
    bench.resume()
    assert len(evidence(bench)) == 2
    for name, digest in before.items():
        assert hashlib.sha256((bench.path / "run" / name).read_bytes()).hexdigest() == digest


@given(st.text(max_size=300), st.text(max_size=300))
def test_folders_are_injective_short_and_plain(one, other):
    assert (slug_of(one) == slug_of(other)) is (one == other)
    assert slug_of(one).isascii()
    assert 0 < len(slug_of(one)) <= 100
    assert slug_of(one)[0] not in ".-"


def test_a_folder_tells_its_case(bench):
    bench.cases(test_it=written(values=["of this"]))
    bench.run()
    ((name, *_),) = ([*files] for files in evidence(bench).values())
    assert name.startswith("recordings/test_it-test_it-of-this-")


def test_two_cases_of_one_folder_are_an_error(bench, monkeypatch):
    (bench.path / "sitecustomize.py").write_text(
        "import conformance.run.case as case\ncase.slug_of = lambda _: 'one'\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(bench.path))
    bench.cases(test_it=written(values=["a", "b"]))
    result = bench.run()
    assert result.ret == Exit.USAGE
    sentence = (
        "test_it.py: test_it.py::test_it[[]a]: 2 cases would share the folder one; collect each case once."
    )
    result.stderr.fnmatch_lines([f"ERROR: {sentence}"])
    assert not bench.results.exists()


def test_a_run_judges_again_what_its_records_name(bench):
    bench.cases(test_it=written(values=["-1", "1"]))
    bench.run("--binding=reference")
    run = bench.path / "run"
    for number, folder in enumerate(sorted((run / "recordings").iterdir())):
        folder.rename(run / "recordings" / f"moved-{number}")
    text = bench.results.read_text()
    for number, name in enumerate(
        sorted({name.split("/")[1] for files in evidence(bench).values() for name in files})
    ):
        text = text.replace(name, f"moved-{number}")
    bench.results.write_text(text)
    bench.pytester.runpytest_subprocess("--binding=replay", "--recordings=run", "--out=again")
    verdicts = [
        json.loads(line) for line in (bench.path / "again" / "results.jsonl").read_text().splitlines()
    ]
    own = [line for line in verdicts if line["kind"] == "verdict" and not line["invariant"]]
    assert {line["verdict"] for line in own} == {"FAIL"}


@pytest.mark.parametrize("value", ["wrong", "fine"])
def test_a_finding_that_names_a_row_beyond_its_play_is_kept_and_says_so(bench, value):
    """Between judging and writing nothing breaks: the FAIL stands with its evidence, the slip beside it."""
    rows = {"wrong": "(1000, -1)", "fine": "()"}[value]
    bench.cases(test_it=written(values=["1"]).replace('"it", 1, 2)', f'"it", 1, 2, {rows})'))
    assert bench.run().ret == Exit.FAILED
    (record,) = [line for line in bench.lines() if line["kind"] == "verdict" and not line["invariant"]]
    assert (record["verdict"], record["findings"][0]["packets"]) == ("FAIL", [])
    assert len(record["evidence"]) == 2
    told = ["'it' names row 1000, -1 of play 1, which has 0 rows: the suite is wrong there, not the device"]
    assert record["notes"] == (told if value == "wrong" else [])
