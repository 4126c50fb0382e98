"""Runs as a whole: idle where no case is, the same in one process and in many, plain about input."""

import json
import re

import pytest

from conformance.checkout import ROOT
from conformance.run.case import seed_of
from conformance.run.context import RunContext, RunOptions
from conformance.run.selection import Selection
from spec.errors import InputError
from spec.loader import load_catalogue

CASE = """
@clause("{clause}"{purpose})
@testbed(LeafSpine())
def test_{name}(bed, expect):
    recording = bed.play(Scenario())
    {body}
"""
MET = "expect.that(True, 'it', 1, 1)"
BROKEN = "expect.that(False, 'it', 1, recording.columns.seed)"


def case(name="it", body=MET, clause="PKTC-ONE-PATH", purpose=""):
    return CASE.format(name=name, body=body, clause=clause, purpose=purpose)


def lines(path):
    return [json.loads(line) for line in (path / "run" / "results.jsonl").read_text().splitlines()]


def verdicts(path):
    return [line for line in lines(path) if line["kind"] == "verdict"]


def test_the_plugin_is_idle_without_cases(bench, pytester):
    pytester.makepyfile("import sys\ndef test_it(): assert 'conformance.run.session' not in sys.modules")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*results:*")
    assert not list(bench.path.rglob("results.jsonl"))


def test_nothing_is_written_without_cases(bench, pytester):
    pytester.makepyfile("def test_it(): pass")
    bench.run("-n2").assert_outcomes(passed=1)
    assert not (bench.path / "run").exists()


def test_a_worker_and_one_process_write_the_same(bench):
    bench.cases(
        test_a=case("one") + case("two", BROKEN), test_b=case("three", "pass") + "def test_plain(): pass"
    )
    found = []
    for words in ((), ("-n2",)):
        bench.run("--out", f"run{len(words)}", *words).assert_outcomes(passed=2, failed=2)
        path = bench.path / f"run{len(words)}" / "results.jsonl"
        header, *body, footer = [json.loads(line) for line in path.read_text().splitlines()]
        kept = [
            {k: v for k, v in line.items() if k not in {"started", "duration", "worker"}} for line in body
        ]
        assert footer["kind"] == "footer"
        found.append((header["selection"], header["cases"], sorted(kept, key=lambda line: line["case"])))
    assert found[0] == found[1]
    assert sum(not record["invariant"] for record in found[0][2]) == 3


def test_a_crashed_worker_is_an_error_of_its_case(bench):
    bench.cases(test_a=case("one", "import os; os._exit(3)"), test_b=case("two"))
    bench.run("-n2")
    got = {record["case"]: record for record in verdicts(bench.path)}
    assert got["test_a.py::test_one"]["verdict"] == "ERROR"
    assert "crashed" in got["test_a.py::test_one"]["reason"]
    assert got["test_a.py::test_one"]["clause"] == "PKTC-ONE-PATH"
    assert got["test_b.py::test_two"]["verdict"] == "PASS"


def test_an_interrupted_run_keeps_its_records_and_has_no_footer(bench):
    bench.cases(test_a=case("one"))
    bench.cases(test_b=case("two", "raise KeyboardInterrupt"))
    result = bench.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    written = [line for line in lines(bench.path) if not line.get("invariant")]
    assert [line["kind"] for line in written] == ["header", "verdict"]


def test_a_run_does_not_overwrite_another(bench):
    bench.cases(test_a=case())
    bench.run()
    result = bench.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: command line: --out: run holds another run; choose a new folder, or say --replace."]
    )


def test_a_seed_belongs_to_run_and_case(bench):
    bench.cases(test_a=case("one") + case("two"))
    bench.run("--run-seed=7")
    for record in verdicts(bench.path):
        assert record["seed"] == seed_of(7, record["case"])
    assert seed_of(7, "a") != seed_of(8, "a") != seed_of(8, "b")


def test_a_sweep_runs_at_the_ends_of_the_declared_range(bench):
    body = """
@clause("PKTC-ONE-PATH")
@testbed(LeafSpine())
@sweep("container_bytes")
@sweep("overflow_mode")
@sweep("max_frame")
def test_it(bed, expect, container_bytes, overflow_mode, max_frame):
    expect.equal(bed.parameter("container_bytes"), container_bytes, "length")
"""
    bench.cases(test_a=body)
    bench.run().assert_outcomes(passed=18)
    header, *_ = lines(bench.path)
    assert (
        "test_a.py::test_it[max_frame=default-overflow_mode=overflow-container_bytes=min]"
        in header["selection"]
    )
    assert {record["parameters"]["container_bytes"]["value"] for record in verdicts(bench.path)} == {
        9240,
        16384,
        4194304,
    }


BAD_CASES = {
    "unknown clause": (
        case(clause="PKTC-ONE-PAHT"),
        "test_a.py: test_it: the clause PKTC-ONE-PAHT is unknown; did you mean PKTC-ONE-PATH?",
    ),
    "unknown purpose": (
        case(purpose=", 'stedy-load'"),
        "test_a.py: test_it: PKTC-ONE-PATH has no purpose stedy-load; did you mean steady-load?",
    ),
    "no purpose of several": (
        case(clause="FWD-BYTE-EXACT"),
        "test_a.py: test_it: FWD-BYTE-EXACT has 2 purposes; name one of generated-frames, captured-traffic.",
    ),
    "no clause": (
        "@testbed(LeafSpine())\ndef test_it(bed): pass",
        "test_a.py: test_it: names no clause; give it one @clause.",
    ),
    "no testbed": (
        "@clause('PKTC-ONE-PATH')\ndef test_it(expect): pass",
        "test_a.py: test_it: asks for no testbed; give it one @testbed.",
    ),
    "unmarked but on a bed": (
        "def test_it(bed): pass",
        "test_a.py: test_it: names no clause; give it one @clause.",
    ),
    "unknown need": (
        "@needs('fabric tap')" + case(),
        "test_a.py: test_it: the need 'fabric tap' is unknown; did you mean fabric taps?",
    ),
    "unknown parameter": (
        "@configure(container_byte=1)" + case(),
        "test_a.py: test_it: @configure names no parameter: container_byte; did you mean container_bytes?",
    ),
    "value out of range": (
        "@configure(container_bytes=1)" + case(),
        (
            "test_a.py: test_it: container_bytes is 1 octet, outside 9240..4194304 octet; "
            "choose a value in its range."
        ),
    ),
    "sweep not taken": (
        "@sweep('container_bytes')" + case(),
        "test_a.py: test_it: does not take container_bytes, which it sweeps; add the argument.",
    ),
}


@pytest.mark.parametrize("words", [(), ("-n1",)], ids=["one process", "workers"])
def test_a_bad_case_is_a_usage_error(bench, words):
    names = [f"test_{number}" for number in range(len(BAD_CASES))]
    bench.cases(**{name: text for name, (text, _) in zip(names, BAD_CASES.values(), strict=True)})
    result = bench.run(*words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    for name, (_, sentence) in zip(names, BAD_CASES.values(), strict=True):
        assert f"ERROR: {sentence.replace('test_a', name, 1)}" in result.stderr.lines
    assert not (bench.path / "run" / "results.jsonl").exists()


@pytest.mark.parametrize("words", [(), ("-n2",)], ids=["one process", "workers"])
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (case(clause="PKTC-ONE-PAHT"), "the clause PKTC-ONE-PAHT is unknown; did you mean PKTC-ONE-PATH?"),
        ("def test_it(: pass", "test_bad.py: (whole): cannot be collected (SyntaxError: "),
        ("import nothing_of_that_name", "cannot be collected (ModuleNotFoundError: No module named "),
    ],
    ids=["unknown clause", "no Python", "no module"],
)
def test_nothing_is_played_where_a_case_is_bad(bench, text, sentence, words):
    bench.cases(test_a=case(), test_bad=text, test_c=case())
    result = bench.run(*words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (told,) = [line for line in result.stderr.lines if line.strip()]
    assert sentence in told
    assert not any(line == told.removeprefix("ERROR: ") for line in result.stdout.lines)
    assert not (bench.path / "run").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--ics=nowhere.yaml"], "nowhere.yaml: file: cannot be read"),
        (["--pcap=nowhere.pcap"], "nowhere.pcap: (whole): cannot be read"),
        (["-n3"], "-n: 3 workers are more than the 2 beds of the binding; use -n 2."),
    ],
)
def test_a_bad_option_is_one_sentence(bench, words, sentence):
    bench.cases(test_a=case())
    result = bench.run(*words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert any(sentence in line for line in result.stderr.lines)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"parameters": ("container_bytes=5",)}, "is 5 octet, outside 9240..4194304 octet; choose a value"),
        (
            {"parameters": ("container_bytes",)},
            "--parameter container_bytes: has no value; write name=value.",
        ),
        ({"parameters": ("container_bytes=x",)}, "--parameter container_bytes: is 'x', not an integer; "),
        ({"parameters": ("containers=5",)}, "--parameter containers: is unknown; "),
        ({"wire_profile": "open-2"}, "wire profile: open-2: is not a bundled profile"),
        ({"binding": "nothing"}, "--binding: there is no binding nothing; "),
        ({"binding": "replay"}, "--recordings: is missing; name the folder of the run to judge."),
        ({"device": "mutant:Nothing"}, "--device: there is no mutant:Nothing; "),
    ],
)
def test_a_bench_names_what_is_wrong_with_its_options(options, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        RunContext(RunOptions(**options))


def test_a_value_that_the_vendor_did_not_declare_is_refused(tmp_path):
    narrow = (ROOT / "reference_impl" / "ics.yaml").read_text(encoding="utf-8")
    ics = tmp_path / "narrow.yaml"
    ics.write_text(narrow.replace("max_frame: {min: 1518,", "max_frame: {min: 4096,"), encoding="utf-8")
    with pytest.raises(InputError, match=r"max_frame: is 1518, outside the declared 4096\.\.9216; choose"):
        RunContext(RunOptions(ics=ics, parameters=("max_frame=1518",)))


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"clauses": ("PKTC-NOTHING",)}, "--clause PKTC-NOTHING: matches no clause; "),
        ({"chapters": ("packets",)}, "--chapter packets: is unknown; "),
    ],
)
def test_a_selection_names_what_is_not_there(wanted, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        Selection(load_catalogue(), **wanted)


def test_a_profile_selects_its_clauses(bench):
    bench.cases(test_a=case(), test_b=case(clause="FWD-BYTE-EXACT", purpose=", 'generated-frames'"))
    (bench.path / "mine.yaml").write_text("title: {en: Mine, zh: 我的}\nclauses: [FWD-*]\n")
    bench.run("--profile=mine.yaml").assert_outcomes(passed=1, deselected=1)
    result = bench.run("--profile=smok", "--out=other")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "did you mean smoke?" in result.stderr.str()


def test_an_empty_selection_says_so(bench):
    bench.cases(test_a=case())
    for words in ((), ("-n1",)):
        result = bench.run("--clause=FWD-*", *words)
        assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
        result.stdout.fnmatch_lines(
            ["command line: --clause, --chapter, --profile: select no case; widen them."]
        )
    assert not (bench.path / "run").exists()
