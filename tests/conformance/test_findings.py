"""What a person reads of a failure: words, whatever mutant made them, and never the notation of Python."""

import re
import subprocess
import sys

import pytest

from conformance.checkout import ROOT

PYTHON = re.compile(
    r"frozenset|\bset\(|\barray\(|\b(None|True|False|nan|inf)\b|<\w+ object|\w=|[\[{]|\bb'|\('|',|items; item"
)
NOTING = """
import os
import sys
import pytest
from conformance.judge import expect

that = expect.Expect.that

def noting(self, *arguments, **more):
    ok = that(self, *arguments, **more)
    if not ok:
        for finding in self.findings[-1:]:
            print("FINDING", finding.what, "||", finding.expected, "||", finding.got, file=sys.__stderr__)
    return ok

class Sample:
    @staticmethod
    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(items):
        step = 1 if "GSE_WHOLE" in os.environ else 4
        others = [item for item in items if "cases/pktc" not in item.nodeid]
        left_out = {id(item) for item in others} - {id(item) for item in others[::step]}
        items[:] = [item for item in items if id(item) not in left_out]

expect.Expect.that = noting
sys.exit(pytest.main(sys.argv[1:], [Sample]))
"""


@pytest.fixture(scope="module")
def findings():
    """The findings of mutants in the cases of their clauses: (what, expected, got).

    Of all chapters but pktc a quarter, for `make whole` all.
    """
    words = ["conformance", "--mutants=own", "-q", "-p", "no:cacheprovider", "--tb=no", "-s"]
    done = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-c", NOTING, *words],
        cwd=ROOT,
        check=False,
        timeout=1800,
        capture_output=True,
        text=True,
    )
    marked = (line.removeprefix("FINDING ") for line in done.stderr.splitlines() if "FINDING " in line)
    return [tuple(line.split(" || ")) for line in marked]


def test_findings_are_words(findings):
    assert len({what for what, _, _ in findings}) > 100
    odd = {part for finding in findings for part in finding if PYTHON.search(part)}
    assert odd == set()
    vague = {finding for finding in findings if "the stated behaviour" in finding}
    assert vague == set()


def test_a_count_has_its_noun(findings):
    said = {
        (expected, got) for what, expected, got in findings if what.startswith("uplinks of a container of")
    }
    assert ("1 uplink", "4 uplinks: gsp0-gsf0, gsp0-gsf1, gsp0-gsf2, gsp0-gsf3") in said
