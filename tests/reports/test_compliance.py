import re
from html.parser import HTMLParser

import pytest

from reports.results import Evidence, Finding, ParameterValue, Results, Suite
from reports.views.compliance import render, write_compliance
from reports.views.diagrams import BITS_PER_ROW, header_drawings, stacked_bar
from spec.loader import load_catalogue
from spec.verdict import Verdict

PATH, SMALL = (
    "conformance/cases/pktc/test_path.py::test_path",
    "conformance/cases/pktc/test_size.py::test_small",
)
LOADS = {"src", "href", "srcset", "data", "poster", "action", "formaction", "background"}


class Page(HTMLParser):
    """What a test asks of a page: ids, loads, and the text of elements by id."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.loads: list[str] = []
        self.rows: dict[str, dict[str, str | None]] = {}
        self.feed(html)

    def handle_starttag(self, tag, attrs):  # noqa: ARG002 - the parser's signature
        values = dict(attrs)
        if "id" in values:
            self.ids.append(values["id"])
            self.rows[values["id"]] = values
        self.loads += [value or "" for name, value in attrs if name in LOADS]


@pytest.fixture
def failed(record):
    return record(
        PATH,
        "PKTC-ONE-PATH",
        Verdict.FAIL,
        "load",
        reason="uplinks of a container: 1 of 20 breach",
        findings=(
            Finding(
                what="uplinks of container 3",
                expected="1 uplink",
                got="2 uplinks",
                packets=(7, 9),
                recording="recordings/a[b]/1.pcapng",
            ),
        ),
        parameters={
            "container_bytes": ParameterValue(value=16384, unit="bytes", origin="declared by the vendor")
        },
        evidence=(Evidence(file="recordings/a[b]/1.pcapng", sha256="ab" * 32),),
        reproduce="gse-cts run --seed 7 --case test_path",
    )


@pytest.fixture
def run(results, header, failed):
    return results(header((PATH, "PKTC-ONE-PATH", "load")), failed)


@pytest.fixture
def html(run, catalogue, profile):
    return render(run, catalogue, profile)


def test_every_clause_stands_in_the_matrix_with_its_verdict(html, catalogue):
    page = Page(html)
    verdicts = {name: page.rows[name]["data-verdict"] for name in catalogue.clauses}
    assert verdicts == {
        "PKTC-ONE-PATH": "FAIL",
        "PKTC-SIZE": "NOT_TESTED",
        "PKTC-ORDER": "NOT_TESTED",
        "PKTC-HINT": "NOT_TESTED",
        "MGMT-SPINE": "NOT_APPLICABLE",
        "MGMT-PAPER": "NOT_TESTED",
        "MGMT-HEAT": "NOT_TESTED",
    }
    assert len(page.ids) == len(set(page.ids))


def test_a_failure_carries_what_a_reader_needs(html):
    for words in (
        "uplinks of container 3", "1 uplink", "2 uplinks", "7, 9", "./recordings/a%5Bb%5D/1.pcapng",
        "ab" * 32, "gse-cts run --seed 7 --case test_path", "declared by the vendor", "16\u202f384",
    ):  # fmt: skip
        assert words in html, words


def test_of_many_findings_the_first_stand_with_the_issue_and_all_in_the_matrix(
    results, header, record, catalogue, profile
):
    findings = tuple(Finding(what=f"container {n}.", expected="1", got="2") for n in range(9))
    run = results(header(), record(PATH, "PKTC-ONE-PATH", Verdict.FAIL, "load", findings=findings))
    details, matrix = render(run, catalogue, profile).split('<section id="details"')[1].split('id="matrix"')
    assert [n for n in range(9) if f"container {n}." in details] == [0, 1, 2]
    assert "and 6 more findings" in details
    assert [n for n in range(9) if f"container {n}." in matrix] == list(range(9))


def test_the_first_page_says_the_statement_its_rule_and_its_footing(html):
    first = html[: html.index('id="coverage"')]
    for words in (
        "Non-conformant", "不符合", "Decision rule", "No clause in this catalogue is normative", "open-1",
        "MGMT-HEAT", "no instrument reaches it", "Device One", "Maker", "gse-cts run --seed 7", "c" * 64,
    ):  # fmt: skip
        assert words in first, words


def test_not_applicable_clauses_show_the_evaluated_expression(html):
    assert "GSF (no) AND GSE2.0 (yes) = no" in html


def test_both_languages_stand_in_the_page(html):
    assert html.count('class="en"') == html.count('class="zh"') > 100
    assert "A GSP MUST obey PKTC-SIZE." in html
    assert "中文A GSP MUST obey PKTC-SIZE." in html


def test_an_incomplete_run_says_so_in_big_letters(header, failed, catalogue, profile):
    run = header((PATH, "PKTC-ONE-PATH", "load"), (SMALL, "PKTC-SIZE", "small"))
    html = render(Results(run, (failed,), None), catalogue, profile)
    assert '<p class="huge">' in html
    assert "INCOMPLETE RUN" in html
    assert "1 of 2 selected cases have no verdict." in html


def test_a_complete_run_raises_no_alarm(html):
    assert '<p class="huge">' not in html


def test_another_catalogue_is_told(results, header, failed, catalogue, profile):
    other = header().catalogue.model_copy(update={"digest": "f" * 64})
    html = render(results(header(catalogue=other), failed), catalogue, profile)
    assert "Another catalogue" in html


def test_what_a_device_says_cannot_become_markup(results, header, record, catalogue, profile):
    evil = "<script>alert(1)</script>"
    run = results(
        header(device=evil, command=evil),
        record(
            f"t.py::test[{evil}]", "PKTC-ONE-PATH", Verdict.FAIL, "load", reason=evil,
            findings=(Finding(what=evil, expected=evil, got=evil, recording=f"javascript:{evil}"),),
        ),
    )  # fmt: skip
    html = render(run, catalogue, profile)
    assert evil not in html
    assert 'href="javascript' not in html


def test_the_page_loads_nothing_from_outside_its_folder(html):
    loads = [load for load in Page(html).loads if not load.startswith(("#", "./", "data:,"))]
    assert loads == []
    assert re.findall(r"url\(|@import|fetch\(|XMLHttpRequest|https?://", html) == []
    assert "default-src 'none'" in html


def test_the_page_of_the_true_catalogue_stands_alone_too(results, header, profile):
    html = render(results(header()), load_catalogue(), profile)
    assert [load for load in Page(html).loads if not load.startswith(("#", "./", "data:,"))] == []
    assert set(load_catalogue().clauses) <= set(Page(html).ids)


def test_a_browser_asks_nobody_for_anything(run, catalogue, profile, tmp_path, browse):
    dom, requests = browse(write_compliance(run, catalogue, profile, tmp_path))
    assert requests == []
    assert 'aria-expanded="false"' in dom, "the script of the page did not run"


def test_a_browser_would_have_told_of_a_request(tmp_path, browse):
    page = tmp_path / "page.html"
    page.write_text('<img src="http://example.invalid/a.png">')
    assert browse(page)[1] == ["http://example.invalid/a.png"]


def test_drawings_cover_every_bit_of_every_header_once(profile):
    drawings = header_drawings(profile)
    assert [drawing.name for drawing in drawings] == ["", *profile.messages]
    for drawing in drawings:
        for block in drawing.blocks:
            bits = [
                cell.row * BITS_PER_ROW + cell.start + bit
                for cell in block.cells
                for bit in range(cell.width)
            ]
            assert bits == list(range(block.octets * 8))
            named = [cell.field.name for cell in block.cells if cell.named]
            assert named == list(dict.fromkeys(cell.field.name for cell in block.cells))


def test_bars_are_as_long_as_their_counts():
    segments = stacked_bar({Verdict.PASS: 6, Verdict.FAIL: 2, Verdict.ERROR: 0}, 16)
    assert [(s.verdict, s.start, s.width) for s in segments] == [
        (Verdict.PASS, 0, 37.5),
        (Verdict.FAIL, 37.5, 12.5),
    ]
    assert stacked_bar({}, 0) == ()


@pytest.fixture
def run_by(header, results, failed):
    """A run that a suite judged."""
    return lambda suite: results(header(suite=suite), failed)


@pytest.mark.parametrize(
    ("suite", "words"),
    [
        (Suite(version="1", digest="d" * 64, state="clean", commit="c0ffee"), "unchanged"),
        (Suite(version="1", digest="d" * 64, state="changed", commit="c0ffee"), "with uncommitted changes"),
        (Suite(version="1", digest="d" * 64, why="there is no git here"), "(there is no git here)"),
    ],
)
def test_the_report_says_which_suite_judged(run_by, catalogue, profile, suite, words):
    html = render(run_by(suite), catalogue, profile)
    assert words in html
    assert suite.commit in html
    assert "d" * 64 in html
    told = [
        word
        for word in ("unchanged<", "with uncommitted changes<", "no commit can be named<")
        if word in html
    ]
    assert len(told) == 1


def test_variables_that_may_have_changed_a_run_are_shown(header, results, failed, catalogue, profile):
    shown = render(results(header(environment={"PYTEST_ADDOPTS": "-k two"}), failed), catalogue, profile)
    assert ">PYTEST_ADDOPTS</b>=-k two" in shown
    assert "Variables that may have changed" not in render(results(header(), failed), catalogue, profile)
