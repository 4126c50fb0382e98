"""What was found, kept as files: the plan as JSON, its recording, and the command that plays it again."""

import json
from pathlib import Path
from typing import Final

from conformance.exploration.explore import Discovery
from conformance.plans.plan import Plan, read_plan
from conformance.run.context import RunContext, RunOptions
from spec.errors import InputError
from spec.text import command, lines
from traffic.recordings import store

SCHEMA: Final = "gse-exploration/1"


def keep(found: Discovery, context: RunContext, folder: Path) -> Path:
    """Write a discovery into a folder; returns the file of its plan."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{found.plan.name}.json"
    data = {
        "schema": SCHEMA,
        "plan": found.plan.to_data(),
        "rules": {breach.rule: lines(breach.words) for breach in found.outcome.breaches},
        "again": again(path, context.options),
    }
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if found.outcome.recording is not None:
        store.save(found.outcome.recording, folder / found.plan.name / "recording.json")
    return path


def load(path: Path) -> Plan:
    """Read the plan of a file that explore wrote; InputError for any other file."""
    mend = "name a file that explore wrote"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(path, "(whole)", f"cannot be read: {error}", mend) from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise InputError(path, "schema", f"is not {SCHEMA}", mend)
    return read_plan(json.dumps(data.get("plan")), path)


def again(path: Path, options: RunOptions) -> str:
    """Return the one command that plays a plan again on the same bench."""
    words, usual = ["gse-cts", "explore", "--replay", str(path)], RunOptions()
    for name in ("binding", "device", "tester", "ics", "wire_profile"):
        if getattr(options, name) != getattr(usual, name):
            words += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    for parameter in options.parameters:
        words += ["--parameter", parameter]
    return command(words)
