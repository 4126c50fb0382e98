"""The laboratory's README: its file, its requests and its commands are those that there are."""

import json
import re
import shlex

import pytest
import typer
from typer.testing import CliRunner

from conformance.bindings.lab.bench import load_bench
from conformance.checkout import ROOT
from conformance.cli import _application
from conformance.cli.binding import EXAMPLES
from reference_impl.live.adapter import ASKED

README = ROOT / "conformance" / "bindings" / "lab" / "README.md"
TEXT = README.read_text(encoding="utf-8")
COMMANDS = [
    line.removeprefix("$ ").partition("#")[0].strip()
    for block in re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("$ ") and "gse-cts" in line
]


def block(kind, after=""):
    return re.search(re.escape(after) + rf"```{kind}\n(.*?)```", TEXT, re.DOTALL)[1]


def test_the_file_is_a_bench(tmp_path):
    path = tmp_path / "LAB.yaml"
    path.write_text(block("yaml"), encoding="utf-8")
    assert load_bench(path).name == "one GSP"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_one_of_the_suite(command):
    words = shlex.split(command)
    at = next(index for index, word in enumerate(words) if word.endswith("gse-cts"))
    words = words[at + 1 :]
    found = typer.main.get_command(_application())
    context = found.make_context("gse-cts", list(words), resilient_parsing=True)
    while hasattr(found, "commands"):
        name = words.pop(0)
        assert name in found.commands, command
        found = found.commands[name]
    options = {option for parameter in found.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options, command
    assert context is not None


def test_the_request_and_the_answer_are_what_an_adapter_reads_and_gives():
    request = json.loads(block("json", "<!-- request -->\n"))
    assert set(request) == {"ask", "device", "options", "settings"}
    assert json.loads(block("json", "<!-- answer -->\n")) == {"result": None}
    table = re.findall(r"^\| `([a-z ]+)` \| .*\|.*\|$", TEXT, re.MULTILINE)
    assert set(ASKED) <= set(table)


def test_every_example_is_named_and_the_drawing_is_there():
    for path in EXAMPLES.glob("*.yaml"):
        assert f"`{path.stem}`" in TEXT
    assert README.with_name("wiring.svg").exists()


def test_help_of_each_command():
    for name in ("new", "check", "hosts", "release"):
        result = CliRunner().invoke(_application(), ["binding", name, "--help"])
        assert result.exit_code == 0, result.output
