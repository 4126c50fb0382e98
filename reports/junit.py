"""Whether pytest's own JUnit file, `--junitxml`, tells the same as the results file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree as ET

from reports.results import Results
from spec.errors import InputError
from spec.verdict import Verdict, merge

FILE = "junit.xml"

Outcome = Literal["passed", "failed", "skipped"]
OUTCOMES: dict[Verdict, Outcome] = {
    Verdict.PASS: "passed",
    Verdict.TESTER_LIMITED: "skipped",
    Verdict.NOT_APPLICABLE: "skipped",
}


def disagreements(results: Results, path: Path) -> tuple[str, ...]:
    """Name the cases that a JUnit file tells otherwise, one sentence each.

    FAIL, ERROR and INCONCLUSIVE stand there as failure or error. Tests that are no cases are left out.
    """
    told = _outcomes(path)
    verdicts: dict[str, list[Verdict]] = {}
    for record in results.verdicts:
        verdicts.setdefault(record.case, []).append(record.verdict)
    found = []
    for case, judged in verdicts.items():
        outcome = OUTCOMES.get(merge(judged), "failed")
        other = told.get(_name(case), "nothing")
        if other != outcome:
            found.append(f"{path.name}: {case}: says {other} where the results say {merge(judged)}.")
    return tuple(found)


def _outcomes(path: Path) -> dict[tuple[str, str], Outcome]:
    try:
        root = ET.parse(path).getroot()  # noqa: S314 - pytest wrote it into the folder of this run
    except (OSError, ET.ParseError) as error:
        raise InputError(path, "file", f"cannot be read ({error})", "run again with --junitxml") from None
    outcomes: dict[tuple[str, str], Outcome] = {}
    for name, outcome in _cases(root):
        if outcomes.get(name) != "failed":
            outcomes[name] = outcome
    return outcomes


def _cases(root: ET.Element) -> Iterator[tuple[tuple[str, str], Outcome]]:
    for case in root.iter("testcase"):
        tags = {child.tag for child in case}
        failed = tags & {"failure", "error"}
        outcome: Outcome = "failed" if failed else "skipped" if "skipped" in tags else "passed"
        yield (case.get("classname", ""), case.get("name", "")), outcome


def _name(case: str) -> tuple[str, str]:
    """Name a case as JUnit does: its module and classes, and its function with its parameters."""
    *path, function = case.split("::")
    return ".".join([path[0].removesuffix(".py").replace("/", "."), *path[1:]]), function
