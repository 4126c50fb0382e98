"""Points of the parameter space that a vendor may declare, and what a run of the suite makes of each."""

import json
import resource
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from spec.errors import Exit
from spec.loader import load_catalogue
from spec.relations import breaches
from spec.relations_page import alone, ends, nearest

ROOT: Final = Path(__file__).parents[2]
COMMAND: Final = str(ROOT / ".venv" / "bin" / "gse-cts")
ICS: Final = ROOT / "reference_impl" / "ics.yaml"
SECONDS: Final = 180
"""Wall time that a whole run at a point may take."""
MEMORY: Final = 1 << 30
"""Octets of data that its process may hold."""

Values = dict[str, int | float | str]


@dataclass(frozen=True)
class Point:
    """Parameters that a vendor declares, and those that whoever runs the suite sets."""

    name: str
    declared: Values = field(default_factory=dict)
    set_by_run: Values = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came of a run: its exit code, its words, and the records that are FAIL, ERROR or INCONCLUSIVE."""

    code: int
    words: str
    wrong: tuple[dict[str, Any], ...]

    @property
    def refused(self) -> bool:
        """Whether the set was refused before anything was played, in one sentence."""
        return self.code == Exit.USAGE and len(self.words.splitlines()) == 1 and not self.wrong

    def __str__(self) -> str:
        """Say in lines what was wrong with it."""
        lines = [f"exit code {self.code}"]
        for record in self.wrong:
            kind = f"invariant {record['clause']}" if record["invariant"] else record["clause"]
            lines.append(f"{record['verdict']} {record['case']} ({kind}): {record['reason']}")
        return "\n".join(lines if self.wrong else [*lines, self.words])


def single() -> Iterator[Point]:
    """List a point for each end of every parameter, with all others at their defaults."""
    for name, parameter in load_catalogue().parameters.items():
        for value in ends(parameter):
            yield _alone(name, value)


def refused(points: Iterable[Point]) -> Iterator[Point]:
    """List those of some points that a relation refuses."""
    catalogue = load_catalogue()
    for point in points:
        if any(breaches(catalogue, alone(catalogue, point.declared | point.set_by_run))):
            yield point


def admissible() -> Iterator[Point]:
    """List for each of those the value nearest to it that no relation refuses."""
    catalogue = load_catalogue()
    for point in refused(single()):
        ((name, value),) = (point.declared | point.set_by_run).items()
        yield _alone(name, nearest(catalogue, name, value))


def _alone(name: str, value: float | str) -> Point:
    """Make a point of one value, which the vendor declares or the suite plays with."""
    chosen = {name: value}
    suite = load_catalogue().parameters[name].kind == "suite"
    return Point(f"{name}={value}", *(({}, chosen) if suite else (chosen, {})))


def realistic() -> Iterator[Point]:
    """List sets that a vendor may well declare, and links of today's rates with all else at its default."""
    us, ms = 1000, 1_000_000
    for gigabit in (10, 25, 100, 200, 400, 800):
        yield Point(f"{gigabit} Gbit/s", {}, {"link_rate": gigabit * 1000})
    yield Point("a campus at 100 Gbit/s", {}, {"link_rate": 100_000, "link_delay": 5 * us})
    yield Point("a pipeline of 300 ns", {}, {"link_delay": 600})
    yield Point("short frames at 25 Gbit/s", {"max_frame": 1518}, {"link_rate": 25_000})
    yield Point("4k frames", {"max_frame": 4096, "overflow_mode": "overflow-borrow"})
    yield Point("long containers", {"container_bytes": 65_536, "bp_threshold": 262_144})
    slow = {
        "hello_interval": ms,
        "request_refresh": 200 * us,
        "grant_validity": ms,
        "reorder_timeout": 500 * us,
    }
    yield Point("slow timers", {**slow, "age_out": 10 * ms})
    yield Point("lazy greetings", {"hello_interval": 5 * ms, "hello_misses": 2})
    yield Point("queues that live for 100 ms", {"age_out": 100 * ms})
    yield Point("patient ordering", {"reorder_timeout": 2 * ms, "age_out": 5 * ms})
    yield Point("free until congested", {"dgsq_mode": "on-congestion", "max_frame": 4096})
    yield Point("unsolicited", {"unsolicited_bytes": 32_768})
    yield Point("few queues", {"dgsq_max": 16})
    yield Point("small buffers", {"buffer_bytes": 262_144, "reorder_bytes": 131_072})
    yield Point("quick flapping", {"flap_hold": 10 * ms})


def statement(declared: Values) -> dict[str, Any]:
    """Return the reference's own statement with other parameters declared."""
    data: dict[str, Any] = yaml.safe_load(ICS.read_text(encoding="utf-8"))
    data["parameters"] |= {name: {"value": value} for name, value in declared.items()}
    return data


def run(point: Point, folder: Path, *words: str) -> Outcome:
    """Run the suite at a point as a user does, in one process, within the limits of time and memory."""
    folder.mkdir(parents=True, exist_ok=True)
    ics, out = folder / "ics.yaml", folder / "run"
    ics.write_text(yaml.safe_dump(statement(point.declared)), encoding="utf-8")
    chosen = [f"--parameter={name}={value}" for name, value in point.set_by_run.items()]
    command = [
        COMMAND,
        "run",
        "--workers=0",
        "--no-allure",
        "--evidence=failed",
        f"--ics={ics}",
        f"--out={out}",
    ]
    with subprocess.Popen(  # noqa: S603 - our own command
        [*command, *chosen, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as child:
        resource.prlimit(child.pid, resource.RLIMIT_DATA, (MEMORY, MEMORY))
        try:
            said, _ = child.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            said = f"longer than {SECONDS} s"
    return Outcome(child.returncode, said.strip(), tuple(wrong(out / "results.jsonl")))


def wrong(results: Path) -> Iterator[dict[str, Any]]:
    """List the records of a results file that are FAIL, ERROR or INCONCLUSIVE."""
    if not results.exists():
        return
    for line in results.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if record.get("verdict") in {"FAIL", "ERROR", "INCONCLUSIVE"}:
            yield record
