"""Cases with any parameter are told apart, found again and counted, in pytest, JUnit, Allure and results."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from _pytest.junitxml import mangle_test_address

from reports.results import read_results
from reports.views import junit
from reports.views.allure import complete
from spec.loader import load_catalogue
from spec.node_id import NodeId

GSE_CTS = str(Path(sys.executable).with_name("gse-cts"))
VALUES = (
    "fe80::1",
    "a::b[c]",
    "a/b",
    "a//b",
    "http://x/./y",
    "x]",
    "[",
    "a b",
    "全调度",
    "-1",
    "1",
    "mutant=X",
    "'\"$",
)
CASES = f"""
import os
import pytest
from conformance.api.marks import clause, testbed
from conformance.api.testbeds import LeafSpine

def case(function):
    return clause("FWD-BYTE-EXACT", "generated-frames")(testbed(LeafSpine())(function))

@case
@pytest.mark.parametrize("value", {VALUES!r})
def test_it(bed, expect, value):
    if os.environ.get("ENDS") == value:
        raise KeyboardInterrupt
    expect.that(value != "x]", "it", 1, 1)
"""


def gse_cts(*words, cwd, env=None):
    command = [GSE_CTS, "run", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=env)  # noqa: S603


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parameters")
    (folder / "cases").mkdir()
    (folder / "cases" / "test_ids.py").write_text(CASES, encoding="utf-8")
    done = gse_cts("cases", "--out", "out", "--workers", "2", "--no-allure", cwd=folder)
    assert done.returncode == 1, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def results(folder):
    return read_results(folder / "out")


def test_every_instance_has_its_own_verdict(results):
    own = {record.case: record.verdict for record in results.verdicts if not record.invariant}
    assert len(own) == len(results.header.selection) == len(VALUES)
    failed = [case for case, verdict in own.items() if verdict == "FAIL"]
    assert failed == ["test_ids.py::test_it[x]]"]


def test_junit_agrees(folder, results):
    assert junit.disagreements(results, folder / "out" / "junit.xml") == ()
    for case in results.header.selection:
        *path, name = mangle_test_address(case)
        assert junit._name(case) == (".".join(path), name)


def test_allure_has_each_once_as_allure_pytest_saw_it(folder, results):
    source = folder / "out" / "allure-results"
    assert complete(results, load_catalogue(), source) == len(results.header.selection)
    found = [json.loads(path.read_text()) for path in source.glob("*-result.json")]
    assert sorted(entry["fullName"] for entry in found) == sorted(results.header.selection)
    assert len({entry["historyId"] for entry in found}) == len(found)
    assert all(any(label["name"] == "host" for label in entry["labels"]) for entry in found), "made up"
    assert [entry["name"] for entry in found if entry["status"] == "failed"] == [
        "FWD-BYTE-EXACT: Host frames arrive as they were sent"
    ]


def test_classes_of_cases_are_told_apart_too(bench):
    bench.cases(
        test_a="""
class TestOne:
    class TestTwo:
        @clause("PKTC-ONE-PATH")
        @testbed(LeafSpine())
        @pytest.mark.parametrize("value", ["fe80::1", "TestOne::x"])
        def test_it(self, bed, expect, value):
            expect.that(value != "fe80::1", "it", 1, 1)
"""
    )
    bench.run("--junitxml=run/junit.xml").assert_outcomes(passed=1, failed=1)
    results = read_results(bench.path / "run")
    assert junit.disagreements(results, bench.path / "run" / "junit.xml") == ()
    assert complete(results, load_catalogue(), bench.path / "run" / "allure-results") == 2


@pytest.mark.parametrize("count", [1, 0], ids=["one by one", "all at once"])
def test_the_command_plays_that_instance_again(folder, results, count):
    wanted = {record.case: record.reproduce for record in results.verdicts if not record.invariant}
    chosen = [
        case
        for case in wanted
        if any(f"[{value}]" in case for value in ("fe80::1", "a::b[c]", "http://x/./y"))
    ]
    groups = [[case] for case in chosen[:4]] if count else [list(wanted)]
    for cases in groups:
        words = [shlex.split(wanted[case])[2] for case in cases]
        done = gse_cts(*words, "--dry-run", cwd=folder.parent)
        assert f"{len(cases)} cases: {len(cases)} would be played" in done.stdout, done.stdout + done.stderr
        for case in cases:
            assert case.removeprefix("test_ids.py") in done.stdout.replace("\n", "")


def test_a_run_of_one_instance_is_continued(folder, tmp_path):
    import os  # noqa: PLC0415 - here alone

    file = folder / "cases" / "test_ids.py"
    words = [f"{file}::test_it[{value}]" for value in ("a//b", "http://x/./y", "fe80::1")]
    env = {**os.environ, "ENDS": "http://x/./y"}
    done = gse_cts(*words, "--out", "cut", "--workers", "0", "--no-allure", cwd=tmp_path, env=env)
    assert done.returncode == 2, done.stdout + done.stderr
    left = read_results(tmp_path / "cut").unfinished()
    assert left
    done = gse_cts("--continue", "cut", "--workers", "0", "--no-allure", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    results = read_results(tmp_path / "cut")
    assert results.complete
    assert len(results.verdicts) == 3
    assert junit.disagreements(results, tmp_path / "cut" / "junit.xml") == ()


def test_an_interrupted_instance_is_told_from_those_that_never_began(bench):
    bench.cases(
        test_a="""
@clause("PKTC-ONE-PATH")
@testbed(LeafSpine())
@pytest.mark.parametrize("value", ["fe80::1", "fe80::2", "fe80::3"])
def test_it(bed, expect, value):
    if value == "fe80::2":
        raise KeyboardInterrupt
    expect.that(True, "it", 1, 1)
"""
    )
    bench.run()
    source = bench.path / "run" / "allure-results"
    assert complete(read_results(bench.path / "run"), load_catalogue(), source) == 3
    found = [json.loads(path.read_text()) for path in source.glob("*-result.json")]
    told = {NodeId.of(entry["fullName"]).parameters: entry.get("statusDetails") for entry in found}
    assert told == {
        "fe80::1": None,
        "fe80::2": {"message": "The case began and was interrupted."},
        "fe80::3": {"message": "The run ended before this case."},
    }


def test_a_mutant_is_told_from_parameters_that_look_like_one(bench):
    conftest = bench.path / "conftest.py"
    conftest.write_text(
        conftest.read_text().replace("mutants = {}", "mutants = {'Flaw': 'PKTC-ONE-PATH'}")
        + """
import json
def pytest_runtest_logreport(report):
    for record in getattr(report, "gse_records", ()):
        with open("seen", "a") as file:
            print(json.dumps([report.gse_device, json.loads(record)["case"]]), file=file)
"""
    )
    bench.cases(
        test_a="""
@clause("PKTC-ONE-PATH")
@testbed(LeafSpine())
@sweep("container_bytes")
@pytest.mark.parametrize("value", ["mutant=X", "mutant=Flaw", "-", "a-mutant=Flaw"])
def test_it(bed, expect, value, container_bytes):
    expect.that(True, "it", 1, 1)

@clause("PKTC-ONE-PATH")
@testbed(LeafSpine())
def test_plain(bed, expect):
    expect.that(True, "it", 1, 1)
"""
    )
    bench.run("--mutants=own", "-n1")
    seen = [json.loads(line) for line in (bench.path / "seen").read_text().splitlines()]
    assert {mutant for mutant, _ in seen} == {"Flaw"}
    assert "test_a.py::test_plain" in {case for _, case in seen}
    values = {NodeId.of(case).parameters.partition("-")[2] for _, case in seen if "test_it" in case}
    assert values == {"mutant=X", "mutant=Flaw", "-", "a-mutant=Flaw"}
