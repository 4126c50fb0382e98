import io
import os
import subprocess
import sys
from xml.etree import ElementTree as ET
from xml.sax.saxutils import quoteattr

import pytest
from rich.console import Console

from reports import build
from reports.build import build_reports
from reports.results import Finding, read_results
from reports.views.allure import AllureError
from reports.views.junit import complete, disagreements
from reports.views.summary import print_summary
from spec.errors import InputError
from spec.verdict import Verdict

GOOD = "conformance/cases/pktc/test_path.py::test_path[container_bytes=9240]"
BAD = "conformance/cases/pktc/test_path.py::TestMore::test_size"
JUNIT_CASES = {
    GOOD: ("conformance.cases.pktc.test_path", "test_path[container_bytes=9240]"),
    BAD: ("conformance.cases.pktc.test_path.TestMore", "test_size"),
}


@pytest.fixture
def folder(run_folder, header, record):
    finding = Finding(what="octets of a container", expected="at most [9240]", got="9300")
    return run_folder(
        header((GOOD, "PKTC-ONE-PATH", "load"), (BAD, "PKTC-SIZE", "small")),
        record(GOOD, "PKTC-ONE-PATH", part="load"),
        record(BAD, "PKTC-SIZE", Verdict.FAIL, "small", findings=(finding,), reproduce="gse-cts run BAD"),
    )


def write_junit(folder, tags):
    cases = [
        f"<testcase classname={quoteattr(JUNIT_CASES[case][0])} name={quoteattr(JUNIT_CASES[case][1])}>"
        f"{f'<{tag}/>' if tag else ''}</testcase>"
        for case, tag in tags.items()
    ]
    (folder / "junit.xml").write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
    return folder / "junit.xml"


def test_junit_that_agrees_is_silent(folder):
    assert disagreements(read_results(folder), write_junit(folder, {GOOD: "", BAD: "failure"})) == ()


@pytest.mark.parametrize(("tag", "said"), [("", "passed"), ("skipped", "skipped")])
def test_junit_that_differs_names_the_case(folder, tag, said):
    (sentence,) = disagreements(read_results(folder), write_junit(folder, {GOOD: "", BAD: tag}))
    assert sentence == f"junit.xml: {BAD}: says {said} where the results say FAIL."


def test_a_case_that_junit_lacks_is_named(folder):
    (sentence,) = disagreements(read_results(folder), write_junit(folder, {BAD: "error"}))
    assert GOOD in sentence


def test_junit_that_is_no_xml_is_one_sentence(folder):
    (folder / "junit.xml").write_text("<testsuites>")
    with pytest.raises(InputError, match="run again with --junitxml"):
        disagreements(read_results(folder), folder / "junit.xml")


def test_the_junit_file_of_pytest_itself_agrees(tmp_path_factory, run_folder, header, record):
    bench = tmp_path_factory.mktemp("bench")
    test = "import pytest\n@pytest.mark.parametrize('x', ['a-b'])\ndef test_fails(x):\n    assert 0\n"
    (bench / "test_it.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir=.", "--junitxml=junit.xml", "-p", "no:gse"]
    utc = {**os.environ, "TZ": "UTC0"}  # pytest alone breaks where a zone is a day away
    done = subprocess.run(command, cwd=bench, env=utc, capture_output=True, check=False)  # noqa: S603
    assert done.returncode == 1
    name = "test_it.py::test_fails[a-b]"
    folder = run_folder(
        header((name, "PKTC-SIZE", "small")), record(name, "PKTC-SIZE", Verdict.FAIL, "small")
    )
    assert disagreements(read_results(folder), bench / "junit.xml") == ()


@pytest.mark.parametrize("tags", [None, {}, {GOOD: ""}, {BAD: "failure"}])
def test_junit_is_completed_by_what_an_earlier_session_played(folder, tags):
    path = folder / "junit.xml"
    if tags is not None:
        write_junit(folder, tags)
    results = read_results(folder)
    complete(results, path)
    assert disagreements(results, path) == ()
    (suite,) = ET.parse(path).getroot()  # noqa: S314 - our own
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "2",
        "failures": "1",
        "errors": "0",
        "skipped": "0",
    }
    if tags in (None, {}, {GOOD: ""}):
        assert suite.find("testcase/failure").get("message") == "PKTC-SIZE FAIL: octets of a container"


def test_a_report_that_cannot_be_made_does_not_stop_the_others(folder, catalogue, profile, monkeypatch):
    def no_node(*_):
        raise AllureError("Node is missing; install it.")

    monkeypatch.setattr(build, "write_allure", no_node)
    built = build_reports(folder, catalogue, profile)
    assert built.faults == ("Node is missing; install it.",)
    assert set(built.reports) == {"results", "compliance"}
    assert built.reports["compliance"].is_file()


def test_another_wire_profile_than_the_runs_is_refused(run_folder, header, catalogue, profile):
    other = header().wire_profile.model_copy(update={"digest": "0" * 64})
    folder = run_folder(header(wire_profile=other))
    with pytest.raises(InputError, match="give the file that the run used"):
        build_reports(folder, catalogue, profile, allure=False)


def test_the_summary_counts_chapters_and_names_what_failed(folder, catalogue, profile):
    built = build_reports(folder, catalogue, profile, allure=False)
    stream = io.StringIO()
    print_summary(built.results, catalogue, built.reports, Console(file=stream, width=140))
    said = stream.getvalue()
    rows = {line.split("  ")[0]: line.split() for line in said.splitlines()}
    #                                   clauses pass fail error inconc limited untested n/a MUST optional
    assert rows["Chapter pktc"][2:] == ["4", "1", "1", "0", "0", "0", "2", "0", "2/3", "0/1"]
    assert rows["Chapter mgmt"][2:] == ["3", "0", "0", "0", "0", "0", "2", "1", "0/1", "-"]
    assert rows["all"][1:3] == ["7", "1"]
    assert "PKTC-SIZE MUST Title of PKTC-SIZE" in said
    assert "octets of a container: got 9300, want at most [9240]" in said
    assert "gse-cts run BAD" in said
    assert "Device One: non-conformant (1 of 4 testable MUST clauses passed, 1 failed)" in said
    assert str(built.reports["compliance"]) in said
    assert "INCOMPLETE" not in said


def test_the_summary_of_a_cut_run_says_so(run_folder, header, catalogue):
    stream = io.StringIO()
    results = read_results(run_folder(header((GOOD, "PKTC-SIZE", "small")), cut=True))
    print_summary(results, catalogue, {}, Console(file=stream, width=140))
    assert "INCOMPLETE RUN: it was cut off before its end." in stream.getvalue()
    assert "INCOMPLETE RUN: 1 of 1 selected cases have no verdict." in stream.getvalue()
