"""The cases of a run, and those of them that it plays; workers leave it to the controller as a file."""

import json
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from conformance.checkout import ROOT
from conformance.run.case import Case
from reports.run_folder import PLAN
from spec.catalogue import Catalogue
from spec.coverage import scan
from spec.node_id import CASES, NodeId


@dataclass(frozen=True)
class Plan:
    """The cases that there are, each with clause and purpose, and the ids of those that are to run."""

    cases: tuple[tuple[str, str, str | None], ...]
    selection: tuple[str, ...]


def plan_of(cases: Sequence[Case], selection: Iterable[str], catalogue: Catalogue) -> Plan:
    """Make a plan of the cases in the files that were collected, and of what the suite has in others.

    So a purpose of which a case was left out, by whatever option, never looks tested as a whole.
    """
    found = [(case.id, case.clause.id, case.purpose) for case in cases]
    return Plan(
        (*found, *_elsewhere({NodeId.of(case.id).file for case in cases}, catalogue)), tuple(selection)
    )


def _elsewhere(files: Collection[str], catalogue: Catalogue) -> Iterator[tuple[str, str, str | None]]:
    """Return the cases of the suite in files other than these, each as one, whatever its instances."""
    folder = ROOT / CASES
    if all(path.relative_to(ROOT).as_posix() in files for path in folder.rglob("test_*.py")):
        return
    for case in scan(ROOT).cases:
        if NodeId.of(case.id).file in files:
            continue
        for mark in case.marks:
            clause = catalogue.clauses.get(mark.clause or "")
            if clause is not None:
                only = clause.purposes[0].id if len(clause.purposes) == 1 else None
                yield case.id, clause.id, mark.purpose or only


def leave_plan(folder: Path, plan: Plan) -> None:
    """Write a worker's plan into the folder of the run."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{PLAN}.{os.getpid()}"
    draft.write_text(json.dumps(asdict(plan)))
    draft.replace(folder / PLAN)


def take_plan(folder: Path) -> Plan | None:
    """Read a worker's plan and remove it; None when no worker left one."""
    path = folder / PLAN
    try:
        data = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    path.unlink()
    return Plan(
        tuple((case, clause, purpose) for case, clause, purpose in data["cases"]), tuple(data["selection"])
    )
