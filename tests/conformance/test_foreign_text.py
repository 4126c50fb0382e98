"""Whatever a device, a binding or a case says: the run ends as documented, and what it leaves can be read."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from reports.results import read_results
from reports.views import junit
from reports.views.allure import complete
from spec.loader import load_catalogue
from spec.verdict import Verdict

GSE_CTS = str(Path(sys.executable).with_name("gse-cts"))
HOSTILE = "a\ud800b\x1b[31m\x00\u202ec\u200b\x85\u2028"
SHOWN = r"a\ud800b\x1b[31m\x00\u202ec\u200b\x85\u2028"
RAW = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200b\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069]"
)
LARGEST = 4_000_000
"""Octets; the compliance report of a run with no failure has about 0.7 million."""

CASES = f"""
import logging, sys, warnings
import pytest
from conformance.api.marks import clause, testbed
from conformance.api.outcomes import BenchError, Inconclusive, NotApplicable, TesterLimited
from conformance.api.testbeds import LeafSpine
from traffic.scenario import Scenario

HOSTILE = {HOSTILE!a}
HUGE = HOSTILE + "x" * 20_000_000


class Mute(Exception):
    def __str__(self):
        raise RuntimeError(HOSTILE)


class Odd:
    def __repr__(self):
        return HOSTILE


def case(function):
    return clause("FWD-BYTE-EXACT", "generated-frames")(testbed(LeafSpine())(function))


@case
def test_finding(bed, expect):
    bed.play(Scenario())
    expect.that(False, HOSTILE, "中文 é 👨‍👩‍👧", Odd())


@case
def test_huge_finding(bed, expect):
    for _ in range(30):
        expect.that(False, HUGE, HUGE, HUGE)


@case
def test_exception(bed, expect):
    raise ValueError(HOSTILE)


@case
def test_huge_exception(bed, expect):
    raise ValueError(HUGE)


@case
def test_bench_error(bed, expect):
    raise BenchError(HUGE)


@case
def test_limited(bed, expect):
    raise TesterLimited(HOSTILE)


@case
def test_not_applicable(bed, expect):
    raise NotApplicable(HUGE)


@case
def test_inconclusive(bed, expect):
    raise Inconclusive(HOSTILE)


@case
def test_mute(bed, expect):
    raise Mute


@case
def test_output(bed, expect):
    print(HUGE)
    print(HUGE, file=sys.stderr)
    logging.warning(HUGE)
    warnings.warn(HOSTILE)
    assert False, HUGE


@case
@pytest.mark.skip(reason=HOSTILE)
def test_skipped(bed, expect):
    pass


@case
@pytest.mark.parametrize("value", [HOSTILE, Odd()], ids=[HOSTILE, None])
def test_parameter(bed, expect, value):
    expect.that(True, "it", 1, 1)


@pytest.fixture
def broken(bed):
    raise ValueError(HUGE)


@case
def test_fixture(bed, broken, expect):
    pass


@pytest.fixture
def late(bed):
    yield
    raise ValueError(HUGE)


@case
def test_teardown(bed, late, expect):
    expect.that(True, "it", 1, 1)
"""
VERDICTS = {
    "test_finding": "FAIL",
    "test_huge_finding": "FAIL",
    "test_exception": "ERROR",
    "test_huge_exception": "ERROR",
    "test_bench_error": "ERROR",
    "test_limited": "TESTER_LIMITED",
    "test_not_applicable": "NOT_APPLICABLE",
    "test_inconclusive": "INCONCLUSIVE",
    "test_mute": "ERROR",
    "test_output": "ERROR",
    "test_skipped": "ERROR",
    f"test_parameter[{SHOWN}]": "PASS",
    "test_parameter[value1]": "PASS",
    "test_fixture": "ERROR",
    "test_teardown": "ERROR",
}


def gse_cts(*words, cwd):
    return subprocess.run([GSE_CTS, "run", *words], cwd=cwd, capture_output=True, check=False)  # noqa: S603


@pytest.fixture(scope="module", params=["0", "2"], ids=["one process", "workers"])
def hostile(request, tmp_path_factory):
    """A run of cases that say whatever they like, and what the terminal showed."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "cases").mkdir()
    (folder / "cases" / "test_it.py").write_text(CASES, encoding="utf-8")
    done = gse_cts("cases", "--out", "out", "--workers", request.param, "--no-allure", cwd=folder)
    return folder / "out", done


def test_the_run_ends_as_documented_and_every_verdict_is_kept(hostile):
    folder, done = hostile
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr
    results = read_results(folder)
    assert results.complete
    worst = {}
    for record in results.verdicts:
        name = record.case.partition("::")[2]
        worst[name] = max(worst.get(name, Verdict.NOT_APPLICABLE), record.verdict)
    assert worst == VERDICTS


def test_what_is_legitimate_stays(hostile):
    folder, _ = hostile
    (record,) = [item for item in read_results(folder).verdicts if item.case.endswith("::test_finding")][:1]
    own = next(item for item in read_results(folder).verdicts if item.findings and item.case == record.case)
    assert own.findings[0].expected == "中文 é 👨‍👩‍👧"
    assert (own.findings[0].what, own.findings[0].got) == (SHOWN, SHOWN)


def test_every_file_is_small_and_printable(hostile):
    folder, _ = hostile
    files = [folder / "results.jsonl", folder / "junit.xml", folder / "compliance.html"]
    files += [path for path in (folder / "allure-results").iterdir() if path.suffix in {".json", ".txt"}]
    assert len(files) > 2 * len(VERDICTS)
    for path in files:
        octets = path.read_bytes()
        assert len(octets) < LARGEST, path
        text = octets.decode()
        texts = (
            list(strings([json.loads(line) for line in text.splitlines()]))
            if path.suffix == ".jsonl"
            else [text]
        )
        if path.suffix == ".json":
            texts = list(strings(json.loads(text)))
        for item in texts:
            assert not RAW.search(item), (path, RAW.search(item))
    assert sum(path.stat().st_size for path in (folder / "allure-results").iterdir()) < LARGEST


def strings(value):
    """All texts of a JSON value, keys too."""
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from strings(item)
        case dict():
            yield from strings([*value, *value.values()])


def test_junit_and_allure_tell_the_same(hostile, tmp_path):
    folder, _ = hostile
    results = read_results(folder)
    ET.parse(folder / "junit.xml")  # noqa: S314 - our own
    assert junit.disagreements(results, folder / "junit.xml") == ()
    shutil.copytree(folder / "allure-results", tmp_path / "allure")
    assert complete(results, load_catalogue(), tmp_path / "allure") == len(VERDICTS)


def test_the_terminal_shows_nothing_raw(hostile):
    _, done = hostile
    shown = (done.stdout + done.stderr).decode()
    assert not RAW.search(shown.replace("\r", ""))
    assert SHOWN in shown
    assert len(shown) < LARGEST


DEVICES = {
    "check": ("def check(self, facts, topology):\n        pass", "check = lie", "ERROR"),
    "open": ("return Testbed(setup)", "return lie()", "ERROR"),
    "play": ('breaks, sign, words = scenario.name.partition(": ")', "lie()", "ERROR"),
    "close": ("def close(self):\n        pass", "close = lie", "ERROR"),
    "limits": ('f"the binding still has no {name}"', "HOSTILE", "TESTER_LIMITED"),
    "trouble": ("Trouble(breaks, words) if sign else None", 'Trouble("bench", HOSTILE)', "ERROR"),
    "names": (
        "seed=self.setup.seed,",
        (
            "seed=self.setup.seed, counters={'gsp0': {HOSTILE: 1}}, states={'gsp0': HOSTILE},"
            " events=[Event(1, 'gsp0', HOSTILE, {HOSTILE: HOSTILE})],"
        ),
        "FAIL",
    ),
}


@pytest.mark.parametrize("words", [(), ("-n1",)], ids=["one process", "workers"])
@pytest.mark.parametrize(("old", "new", "verdict"), DEVICES.values(), ids=DEVICES)
def test_whatever_a_binding_says_is_a_verdict(bench, old, new, verdict, words):
    conftest = bench.path / "conftest.py"
    text = conftest.read_text()
    assert old in text
    head = f"from traffic.recordings.recording import Event\nHOSTILE = {HOSTILE!a}\n"
    head += "def lie(*_):\n    raise ValueError(HOSTILE)\n"
    conftest.write_text(head + text.replace(old, new))
    bench.cases(
        test_it="""
@clause("PKTC-ONE-PATH")
@testbed(LeafSpine())
@needs("fabric taps", "counters", "pfc")
def test_it(bed, expect):
    recording = bed.play(Scenario())
    expect.that(not recording.columns.events, "no event", "none", recording.columns.events)
""".replace('"pfc"', '"pfc"' if verdict == "TESTER_LIMITED" else '"counters"')
    )
    bench.run(*words)
    verdicts = [line for line in bench.lines() if line["kind"] == "verdict"]
    assert bench.lines()[-1]["kind"] == "footer"
    assert {line["verdict"] for line in verdicts} - {"PASS"} == {verdict}
    assert SHOWN in json.dumps(verdicts, ensure_ascii=False).replace("\\\\", "\\")
    assert not any(RAW.search(item) for item in strings(verdicts))
    for stored in (bench.path / "run").rglob("recordings/**/*.json"):
        json.loads(stored.read_bytes().decode())


def test_a_file_that_cannot_be_collected_says_why_in_one_sentence(bench):
    for number, body in enumerate(("raise ValueError(H * 10**6)", "pytest.skip(H, allow_module_level=True)")):
        bench.cases(**{f"test_{number}": f"H = {HOSTILE!a}\n{body}\n"})
    bench.cases(test_it='@clause("PKTC-ONE-PATH")\n@testbed(LeafSpine())\ndef test_it(bed, expect): pass')
    for words in ((), ("-n1",)):
        result = bench.run(*words)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        (sentence,) = [line for line in result.errlines if "cannot be collected" in line]
        assert SHOWN in sentence
        assert len(sentence) < 5000


@pytest.mark.parametrize("name", [b"out\xff", b"\xd6\xd0\xce\xc4"], ids=["latin-1", "gbk"])
def test_a_name_that_is_not_utf8_is_refused_before_anything_is_played(tmp_path, name):
    for option in ("--out", "--ics", "--pcap", "--recordings", "--profile"):
        words = [option.encode() + b"=" + name]
        done = gse_cts(*words, "--no-allure", cwd=tmp_path)
        assert done.returncode == 4
        assert done.stderr.decode().count("is not UTF-8; give the file or folder another name, or set ") == 1
        assert not list(tmp_path.iterdir())


def test_a_case_in_a_file_that_cannot_be_named_is_refused(bench):
    text = '@clause("PKTC-ONE-PATH")\n@testbed(LeafSpine())\ndef test_it(bed, expect): pass'
    for name in ("test_[1]", "test_\u202e", "test_a::b"):
        bench.cases(test_it=text)
        (bench.path / "test_it.py").rename(bench.path / f"{name}.py")
        result = bench.run()
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["*rename it."])
        (bench.path / f"{name}.py").unlink()
