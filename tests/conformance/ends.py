"""Points of the parameter space that a vendor may declare, and what a whole run of the suite makes of each."""

import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from spec.catalogue import Catalogue
from spec.loader import load_catalogue
from spec.errors import Exit

ROOT: Final = Path(__file__).parents[2]
ICS: Final = ROOT / "reference_impl" / "ics.yaml"
SECONDS: Final = 180
"""Wall time that a whole run at a point may take."""
MEMORY: Final = 1 << 30
"""Octets that its process may hold."""

Values = Mapping[str, int | float | str]


@dataclass(frozen=True)
class Point:
    """Parameters that a vendor declares, and those that whoever runs the suite sets."""

    name: str
    declared: Values = field(default_factory=dict)
    set_by_run: Values = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came of a run: its exit code, what it said, the records that are no PASS, and what it took."""

    code: int
    words: str
    wrong: tuple[dict[str, Any], ...]
    seconds: float
    octets: int

    @property
    def refused(self) -> bool:
        """Whether the set was refused before anything was played, in one sentence."""
        return self.code == Exit.USAGE and len(self.words.splitlines()) == 1


def ends(catalogue: Catalogue | None = None) -> Iterator[Point]:
    """List a point for each end of every parameter, with all others at their defaults."""
    for name, parameter in (catalogue or load_catalogue()).parameters.items():
        values = parameter.values if parameter.type == "enum" else (parameter.min, parameter.max)
        for value in values:
            if value is None or value == parameter.default:
                continue
            chosen = {name: value}
            by_run = parameter.kind == "suite"
            yield Point(
                f"{name}={value}", {} if by_run else chosen, chosen if by_run else {}
            )


def statement(declared: Values) -> dict[str, Any]:
    """Give the reference's own statement with other parameters declared."""
    data: dict[str, Any] = yaml.safe_load(ICS.read_text(encoding="utf-8"))
    data["parameters"] |= {name: {"value": value} for name, value in declared.items()}
    return data


def run(point: Point, folder: Path, *words: str) -> Outcome:
    """Run the suite at a point as a user does, in one process, within the limits of time and memory."""
    folder.mkdir(parents=True, exist_ok=True)
    ics = folder / "ics.yaml"
    ics.write_text(yaml.safe_dump(statement(point.declared)), encoding="utf-8")
    out = folder / "run"
    command = [str(ROOT / ".venv/bin/gse-cts"), "run", "--workers", "0", "--no-allure", "--evidence"]
    command += ["failed", "--ics", str(ics), "--out", str(out), *words]
    for name, value in point.set_by_run.items():
        command += ["--parameter", f"{name}={value}"]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (3 * MEMORY, 3 * MEMORY))

    said = folder / "said.txt"
    with said.open("wb") as sink:
        child = subprocess.Popen(command, cwd=ROOT, stdout=sink, stderr=sink, preexec_fn=limit)
        import time
        began = time.monotonic()
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                break
            if time.monotonic() - began > SECONDS:
                child.kill()
                _, status, usage = os.wait4(child.pid, 0)
                code = -9
                break
            time.sleep(0.05)
        seconds = time.monotonic() - began
    return Outcome(code, said.read_text(encoding="utf-8").strip(), tuple(wrong(out / "results.jsonl")),
                   seconds, usage.ru_maxrss << 10)


def wrong(results: Path) -> Iterator[dict[str, Any]]:
    """List the records of a results file that are FAIL, ERROR or INCONCLUSIVE."""
    if not results.exists():
        return
    for line in results.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if record.get("verdict") in {"FAIL", "ERROR", "INCONCLUSIVE"}:
            yield record
