"""Every way a case can end has its verdict, in the records and in pytest."""

import json

import pytest

from conformance.checkout import ROOT
from traffic.recordings import store
from traffic.recordings.recording import Trouble

CASE = """
@clause("FWD-BYTE-EXACT", "generated-frames")
@testbed(LeafSpine())
{marks}
def test_it(bed, expect):
    recording = bed.play(Scenario({scenario}))
    {body}
"""

EXPECT_PASS = {
    "met": "expect.that(True, 'it', 'this', 'this')",
    "equal": "expect.equal(1, 1, 'it')",
    "at-most": "expect.at_most(100, 100, 'time', 'us')",
    "at-most-with-tolerance": "expect.at_most(104, 100, 'time', 'us', 0.05)",
    "at-least": "expect.at_least(0.98, 0.98, 'index')",
    "each": "expect.each([1, 2], 'numbers', lambda number: number)",
    "none": "expect.none([], 'frames', between=(0, 9))",
    "none-inside": "expect.none([__import__('types').SimpleNamespace(row=12)], 'frames', between=(0, 9))",
}
EXPECT_FAIL = {
    "broken": "expect.that(False, 'it', 'this', 'that')",
    "one-of-two": "expect.that(False, 'it', 'this', 'that'); expect.that(True, 'it', 'this', 'this')",
    "over": "expect.at_most(112, 100, 'time', 'ns')",
    "under": "expect.at_least(0.97, 0.98, 'index')",
    "each": "expect.each([1, 0], 'numbers', lambda number: number)",
    "each-and-too-few": "expect.each([0], 'numbers', lambda number: number, at_least=2)",
    "some": "expect.none([__import__('types').SimpleNamespace(row=5)], 'frames', between=(0, 9))",
    "then-an-exception": "expect.that(False, 'it', 'this', 'that'); 1 / 0",
}
EXPECT_INCONCLUSIVE = {
    "too-few": "expect.each([1], 'numbers', lambda number: number, at_least=2)",
    "no-items": "expect.each([], 'numbers', lambda number: number)",
    "no-control-frame": "expect.none([], 'frames', between=(None, 9))",
    "within-uncertainty-above": "expect.at_most(109, 100, 'time', 'ns')",
    "within-uncertainty-below": "expect.at_most(91, 100, 'time', 'ns')",
    "not-measured": "expect.at_least(None, 1, 'rate')",
    "not-given": "expect.given([], 'a frame was seen'); expect.that(True, 'it', 1, 1)",
    "no-room-for-a-frame": "bed.play(elephant(bed.host(0), bed.host(-1), count=5 // 9))",
    "more-frames-than-can-be": "bed.play(elephant(bed.host(0), bed.host(-1), bytes=1 << 50))",
    "before-the-start": "Scenario(links=(LinkEvent(-1, 'h0', False),))",
}
EXPECT_ERROR = {
    "no-expectation": "pass",
    "exception": "1 / 0",
    "no-number-of-frames": "elephant(bed.host(0), bed.host(-1), count='five')",
    "no-such-part": "Scenario(frame=())",
    "bare-assert": "expect.that(True, 'it', 'this', 'this'); assert False",
    "pytest-fail": "pytest.fail('no')",
    "pytest-skip": "pytest.skip('no')",
    "undeclared-question": "recording.need('counters')",
    "undeclared-link-event": "bed.play(Scenario(links=(LinkEvent(0, 'h0', False),)))",
    "undeclared-impairment": "bed.play(Scenario(impairments=(Impairment('h0', 'loss'),)))",
}
TABLE = [
    *(("PASS", name, body) for name, body in EXPECT_PASS.items()),
    *(("FAIL", name, body) for name, body in EXPECT_FAIL.items()),
    *(("INCONCLUSIVE", name, body) for name, body in EXPECT_INCONCLUSIVE.items()),
    *(("ERROR", name, body) for name, body in EXPECT_ERROR.items()),
    ("TESTER_LIMITED", "not-recorded", "recording.parameter('no such thing')"),
]


def records(path):
    """Header, the cases' own records without those of invariants, and footer."""
    lines = [json.loads(line) for line in (path / "run" / "results.jsonl").read_text().splitlines()]
    return (
        lines[0],
        [line for line in lines if line["kind"] == "verdict" and not line["invariant"]],
        lines[-1],
    )


def written(body, marks="", scenario=""):
    return CASE.format(body=body, marks=marks, scenario=scenario)


def test_expect_table(bench):
    bodies = {f"test_{number}": written(body) for number, (_, _, body) in enumerate(TABLE)}
    bench.cases(**bodies)
    result = bench.run("-n0")
    _, verdicts, footer = records(bench.path)
    got = {record["case"].partition(".")[0]: record["verdict"] for record in verdicts}
    wanted = {f"test_{number}": verdict for number, (verdict, _, _) in enumerate(TABLE)}
    assert got == wanted
    assert footer["kind"] == "footer"
    assert footer["exit"] == result.ret == 1


@pytest.mark.parametrize(
    ("body", "marks", "outcome", "status"),
    [
        ("expect.that(True, 'it', 1, 1)", "", "passed", "passed"),
        ("expect.that(False, 'it', 1, 2)", "", "failed", "failed"),
        ("pass", "", "failed", "broken"),
        ("assert False", "", "failed", "broken"),
        ("expect.each([], 'it', bool)", "", "failed", "broken"),
        ("expect.that(True, 'it', 1, 1)", "@needs('pfc')", "skipped", "skipped"),
        ("__import__('time').sleep(9)", "@pytest.mark.timeout(0.5, method='signal')", "failed", "broken"),
    ],
)
def test_pytest_and_allure_show_the_verdict(bench, body, marks, outcome, status):
    bench.cases(test_it=written(body, marks))
    result = bench.run()
    result.assert_outcomes(**{outcome: 1})
    (shown,) = (bench.path / "run" / "allure-results").glob("*-result.json")
    view = json.loads(shown.read_text())
    labels = {label["name"]: label["value"] for label in view["labels"]}
    assert view["status"] == status
    assert view["name"].startswith("FWD-BYTE-EXACT: ")
    assert labels["clause"] == labels["story"] == "FWD-BYTE-EXACT"
    assert labels["epic"] == "GSE"


def test_a_failure_prints_what_a_reader_needs(bench):
    body = "expect.that(False, 'the frame', 'as sent', 'another', rows=[3, 4])"
    bench.cases(test_it=written(body, scenario="name='frames'"))
    output = bench.run().stdout.str()
    for words in (
        "FWD-BYTE-EXACT (MUST) FAIL: ",
        "expected: as sent",
        "got:      another",
        "packets:  4, 5 of ",
        "sent:     play 1: ",
        "again:    gse-cts run test_it.py::test_it --seed 1 --binding still",
    ):
        assert words in output


def test_a_case_that_does_not_apply_says_why(bench):
    marks = "@configure(max_frame=1518)"
    bench.cases(test_it=written("expect.that(True, 'it', 1, 1)", marks))
    declared = (ROOT / "reference_impl" / "ics.yaml").read_text(encoding="utf-8")
    narrow = declared.replace("max_frame: {min: 1518,", "max_frame: {min: 4096,")
    assert narrow != declared
    (bench.path / "narrow.yaml").write_text(narrow, encoding="utf-8")
    bench.run("--ics=narrow.yaml")
    _, (record,), _ = records(bench.path)
    assert record["verdict"] == "NOT_APPLICABLE"
    assert record["reason"] == "max_frame is 1518, outside the declared 4096..9216"


def test_a_capability_that_is_missing_limits_the_tester(bench):
    bench.cases(test_it=written("pass", "@needs('pfc', 'fabric taps')"))
    bench.run()
    _, (record,), _ = records(bench.path)
    assert record["verdict"] == "TESTER_LIMITED"
    assert record["reason"] == "the binding still has no pfc"


def test_a_broken_bench_is_an_error_and_no_verdict_on_the_device(bench):
    bench.cases(test_it=written("expect.that(False, 'it', 1, 2)"))
    conftest = bench.path / "conftest.py"
    conftest.write_text(
        conftest.read_text().replace("def check(self, facts, topology):\n        pass", "check = None")
    )
    bench.run()
    _, (record,), _ = records(bench.path)
    assert record["verdict"] == "ERROR"
    assert record["reason"].startswith("binding: ")


def test_a_bed_that_cannot_be_given_back_is_an_error(bench):
    bench.cases(test_it=written("expect.that(True, 'it', 1, 1)"))
    conftest = bench.path / "conftest.py"
    conftest.write_text(conftest.read_text().replace("def close(self):\n        pass", "close = None"))
    bench.run()
    _, verdicts, _ = records(bench.path)
    (record,) = verdicts
    assert record["verdict"] == "ERROR"
    assert "TypeError" in record["reason"]


BREAKING = {
    "settling": ("conformance.run.execution.CaseExecution._invariants", "ValueError: it broke"),
    "keeping": ("traffic.recordings.store.save", "its recordings cannot be stored: it broke (ValueError)"),
    "showing": ("conformance.run.execution.CaseExecution.ending", "ValueError: it broke"),
    "decorating": ("conformance.run.allure_view.decorate", "ValueError: it broke"),
    "forgetting": ("conformance.run.execution.CaseExecution.forget", "ValueError: it broke"),
    "recording": (
        "conformance.run.execution.CaseExecution._parameters",
        "cannot be written: ValueError: it broke",
    ),
}


@pytest.mark.parametrize("workers", ["-n0", "-n1"])
@pytest.mark.parametrize(("place", "reason"), BREAKING.values(), ids=BREAKING)
def test_nothing_that_breaks_later_leaves_a_better_verdict(bench, monkeypatch, place, reason, workers):
    owner, _, name = place.rpartition(".")
    module, _, kind = owner.rpartition(".") if owner.endswith("CaseExecution") else (owner, "", "")
    (bench.path / "breaking.py").write_text(
        f"import {module} as module\n"
        "def breaks(*_, **__): raise ValueError('it broke')\n"
        f"setattr(module{'.' + kind if kind else ''}, {name!r}, breaks)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(bench.path))
    bench.cases(test_it=written("expect.that(True, 'it', 1, 1)"))
    result = bench.run(workers, "-p", "breaking")
    _, (record,), footer = records(bench.path)
    assert record["verdict"] == "ERROR"
    assert reason in record["reason"]
    assert footer["counts"] == {"ERROR": 1}
    assert footer["exit"] == result.ret == 1


def test_a_state_without_a_form_in_json_is_an_error(bench):
    conftest = bench.path / "conftest.py"
    conftest.write_text(
        conftest.read_text().replace("links, frames,", "links, frames, states={'gsp0': {'it': object()}},")
    )
    bench.cases(test_it=written("expect.that(True, 'it', 1, 1)"))
    result = bench.run()
    _, (record,), footer = records(bench.path)
    assert record["verdict"] == "ERROR"
    assert record["reason"].startswith("its recordings cannot be stored: ")
    assert footer["exit"] == result.ret == 1


@pytest.mark.parametrize(("ok", "verdict"), [(True, "ERROR"), (False, "FAIL")])
def test_a_worker_that_dies_after_judging_leaves_one_verdict(bench, ok, verdict):
    conftest = bench.path / "conftest.py"
    dies = "def close(self): os.kill(os.getpid(), 9)"
    text = conftest.read_text().replace("def close(self):\n        pass", dies)
    conftest.write_text("import os\n" + text)
    bench.cases(test_it=written(f"expect.that({ok}, 'it', 1, 1)"))
    bench.run("-n1")
    _, (record,), _ = records(bench.path)
    assert record["verdict"] == verdict
    assert "crashed" in record["reason"]


@pytest.mark.parametrize(
    ("breaks", "verdict"),
    [("bench", "ERROR"), ("measurement", "INCONCLUSIVE"), ("limit", "TESTER_LIMITED")],
)
def test_what_befell_the_bench_is_not_the_devices_and_the_recording_is_kept(bench, breaks, verdict):
    body = "expect.that(False, 'it', 1, 2)"
    bench.cases(test_it=written(body, scenario=f"name='{breaks}: the lamp fell'"))
    bench.run()
    _, (record,), _ = records(bench.path)
    assert (record["verdict"], record["reason"]) == (verdict, "the lamp fell")
    (kept,) = (bench.path / "run" / "recordings").iterdir()
    assert store.load(kept / "1").columns.trouble == Trouble(breaks, "the lamp fell")
