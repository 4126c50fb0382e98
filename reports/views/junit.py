"""Whether pytest's own JUnit file, `--junitxml`, tells the same as the results file, and what it lacks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree as ET

from reports.results import Results, VerdictRecord
from spec.errors import InputError
from spec.node_id import NodeId
from spec.verdict import Verdict, merge

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


def complete(results: Results, path: Path) -> None:
    """Add to pytest's file, which knows its own session alone, the cases of the run's earlier ones."""
    root = ET.parse(path).getroot() if path.exists() else ET.Element("testsuites")  # noqa: S314 - pytest wrote it
    suite = root.find("testsuite")
    if suite is None:
        suite = ET.SubElement(root, "testsuite", {"name": "pytest"})
    told = {name for name, _ in _cases(root)}
    records: dict[str, list[VerdictRecord]] = {}
    for record in results.verdicts:
        records.setdefault(record.case, []).append(record)
    for case, known in records.items():
        if _name(case) not in told:
            suite.append(_element(case, known))
    cases = list(suite.iter("testcase"))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
    suite.set("tests", str(len(cases)))
    suite.set("time", f"{sum(float(case.get('time', 0)) for case in cases):.3f}")
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _element(case: str, records: list[VerdictRecord]) -> ET.Element:
    """Tell a case as pytest does."""
    classname, name = _name(case)
    seconds = f"{max(record.duration for record in records):.3f}"
    element = ET.Element("testcase", {"classname": classname, "name": name, "time": seconds})
    verdict = merge(record.verdict for record in records)
    outcome = OUTCOMES.get(verdict, "failed")
    if outcome != "passed":
        tag = "failure" if outcome == "failed" else "skipped"
        lines = [_line(record) for record in records if record.verdict is not Verdict.PASS]
        ET.SubElement(element, tag, {"message": lines[-1]}).text = "\n".join(lines)
    return element


def _line(record: VerdictRecord) -> str:
    why = record.reason or (record.findings[0].what if record.findings else "")
    return f"{record.clause} {record.verdict}: {why}"


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
    node = NodeId.of(case)
    return ".".join([node.module, *node.classes]), node.instance
