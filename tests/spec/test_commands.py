import importlib
import json

import pytest
import typer
from typer.testing import CliRunner

from spec.errors import InputError
from spec.loader import load_catalogue, read_catalogue
from spec.schema import SHAPES

COMMANDS = {
    name: importlib.import_module(f"conformance.cli.{name}")
    for name in ("lint", "clauses", "explain", "schema")
}


@pytest.fixture
def run(checkout, monkeypatch):
    """Run a command over the small checkout."""
    application = typer.Typer()
    for name, module in COMMANDS.items():
        application.command(name)(module.command)
        if hasattr(module, "ROOT"):
            monkeypatch.setattr(module, "ROOT", checkout.spec)
    for name in ("clauses", "explain"):
        monkeypatch.setattr(COMMANDS[name], "load_catalogue", lambda: load_catalogue(checkout.spec))
    monkeypatch.setattr(COMMANDS["lint"], "read_catalogue", lambda: read_catalogue(checkout.spec))

    def call(*words):
        result = CliRunner().invoke(application, words)
        if isinstance(result.exception, InputError):
            raise result.exception
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return call


def test_lint_is_silent_when_clean(run):
    result = run("lint")
    assert (result.exit_code, result.output) == (0, "")


def test_lint_prints_findings(run, checkout, monkeypatch):
    monkeypatch.chdir(checkout.root)
    checkout.edit("spec/facts.yaml", ", reason: too thin for a clause", "")
    result = run("lint")
    expected = "spec/facts.yaml: F3: facts-are-covered: has neither a clause nor a reason\n"
    assert (result.exit_code, result.output) == (1, expected)


def test_lint_lists_its_rules(run):
    output = run("lint", "--rules").output
    assert "musts-have-mutants: Every testable MUST has a mutant that breaks it.\n" in output


def test_clauses_as_ids(run):
    assert run("clauses", "--format", "ids").output.split() == ["PKTC-ONE-PATH", "PKTC-ORDER", "PKTC-BUFFER"]


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["--chapter", "pktc", "--level", "MUST"], ["PKTC-ONE-PATH"]),
        (["--grade", "derived"], ["PKTC-ORDER", "PKTC-BUFFER"]),
        (["--observability", "inspection"], ["PKTC-BUFFER"]),
        (["--role", "GSP", "--level", "MAY"], ["PKTC-BUFFER"]),
    ],
)
def test_clauses_are_selected(run, words, ids):
    assert run("clauses", *words, "--format", "ids").output.split() == ids


def test_clauses_without_a_test(run, checkout):
    checkout.edit("conformance/judge/invariants/pktc.py", '@invariant("PKTC-ORDER")', "")
    assert run("clauses", "--untested", "--format", "ids").output == "PKTC-ORDER\n"


def test_empty_selection(run):
    result = run("clauses", "--untested")
    assert (result.exit_code, result.output) == (5, "No clause matches; give fewer conditions.\n")


def test_clauses_as_json(run):
    first = json.loads(run("clauses", "--format", "json").stdout)[0]
    assert (first["id"], first["chapter"], first["mutants"]) == ("PKTC-ONE-PATH", "pktc", ["SpraysFrames"])
    assert first["purposes"][0]["with"] == [{"en": "Two uplinks are alive.", "zh": "两条上行链路可用。"}]
    assert first["cases"] == [
        "conformance/cases/pktc/test_path.py::test_container_keeps_to_one_uplink",
        "conformance/cases/pktc/test_path.py::test_container_moves_once",
    ]


def test_clauses_as_table(run):
    rows = [line.split("│") for line in run("clauses").output.splitlines() if "PKTC-" in line]
    assert [(row[1].strip(), row[6].strip(), row[7].strip()) for row in rows] == [
        ("PKTC-ONE-PATH", "2", "1"),
        ("PKTC-ORDER", "0 + invariant", "1"),
        ("PKTC-BUFFER", "none can", "0"),
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["clauses", "--chapter", "pkt"], "command line: --chapter: pkt is unknown; did you mean pktc?"),
        (["clauses", "--level", "must"], "command line: --level: must is unknown; did you mean MUST?"),
        (
            ["clauses", "--role", "XYZ"],
            "command line: --role: XYZ is unknown; use one of GSF, GSOS, GSP, NIC.",
        ),
        (["clauses", "--grade", "drived"], "command line: --grade: drived is unknown; did you mean derived?"),
        (["clauses", "--format", "jsn"], "command line: --format: jsn is unknown; did you mean json?"),
        (
            ["explain", "pktc-one-path"],
            "command line: pktc-one-path: is no clause; did you mean PKTC-ONE-PATH?",
        ),
        (
            ["explain", "PKTC-ORDER", "--lang", "cn"],
            "command line: --lang: cn is unknown; use one of en, zh.",
        ),
    ],
)
def test_misspelt_words(run, words, sentence):
    with pytest.raises(InputError) as caught:
        run(*words)
    assert str(caught.value) == sentence


def test_explain(run):
    assert (
        run("explain", "PKTC-ONE-PATH").output
        == """\
PKTC-ONE-PATH  One path a container

All frames of one container MUST leave on one uplink.

level: MUST
roles: GSP
release: GSE2.0
scenario: N2N
grade: reported (a public text about GSE says it)
observability: fabric-tap
applicability: GSP AND GSE2.0
sources:
  - S1: A source
facts:
  - F1 [reported]: A container takes one path.
parameters:
  - container_bytes = 16384 octet (9240..4194304; suite default): Length of a container.
purpose steady-load:
  with: Two uplinks are alive.
  when: A flow of many container_bytes is sent.
  then: No container is seen on two uplinks.
purpose link-lost:
  with: Two uplinks are alive.
  when: One uplink fails.
  then: Every container is seen on at most two uplinks.
cases:
  - conformance/cases/pktc/test_path.py::test_container_keeps_to_one_uplink
  - conformance/cases/pktc/test_path.py::test_container_moves_once
mutants:
  - SpraysFrames: Takes another uplink for every frame, so that a container has many paths.
"""
    )


def test_explain_in_chinese(run):
    lines = run("explain", "PKTC-ORDER", "--lang", "zh").output.splitlines()
    assert lines[:3] == ["PKTC-ORDER  容器有序", "", "容器应按序号顺序发出。"]
    assert "不变量: 对每次记录都判定" in lines
    assert "  预期行为: 任一上行链路上的序号从不减小。" in lines
    assert "用例: 无" in lines


def test_explain_says_why_nothing_tests_a_clause(run):
    assert (
        "untestable: no interface of the device shows its buffers\n" in run("explain", "PKTC-BUFFER").output
    )


def at_the_standard(_folder, shapes):
    return ["facts.json"] if shapes is SHAPES else []


def test_schema_check(run, monkeypatch):
    monkeypatch.setattr(COMMANDS["schema"], "outdated", at_the_standard)
    result = run("schema", "--check")
    assert (result.exit_code, result.output) == (
        1,
        "spec/schemas/facts.json: is not current; run gse-cts schema\n",
    )
    monkeypatch.setattr(COMMANDS["schema"], "outdated", lambda *_: [])
    assert run("schema", "--check").exit_code == 0


def test_schema_writes(run, monkeypatch):
    monkeypatch.setattr(COMMANDS["schema"], "write", at_the_standard)
    assert run("schema").output == "spec/schemas/facts.json: written\n"
