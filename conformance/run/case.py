"""A case as it was collected: a pytest item with a clause, a testbed and what it needs, all checked."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from conformance.api.marks import CAPABILITIES
from conformance.api.testbeds import Request
from spec.catalogue import Catalogue
from spec.documents import did_you_mean
from spec.errors import InputError
from spec.model import Clause
from spec.node_id import CASES, PARTS, NodeId
from spec.text import line

READABLE = 80
"""Characters of a case's id that the name of its folder shows."""


@dataclass(frozen=True)
class Case:
    """One case; `settings` are the parameters that it configures or sweeps.

    `place` names it so that it is found again, its file in full where pytest's id of it lacks the folder.
    """

    id: str
    place: str
    clause: Clause
    purpose: str | None
    request: Request
    needs: frozenset[str]
    settings: Mapping[str, int | float | str]
    seconds: float
    summary: str

    @property
    def slug(self) -> str:
        """Name of the case as a folder."""
        return slug_of(self.id)

    def without(self, label: str) -> "Case":
        """Return the case without the first of its parameters, whose label is known."""
        names = [str(NodeId.of(name).without(label)) for name in (self.id, self.place)]
        return replace(self, id=names[0], place=names[1])


def slug_of(case_id: str) -> str:
    """Name of a case as a folder: what can be read of its id, and a hash that no other case has.

    ASCII and at most 97 octets, which every file system takes; ids that differ only in what a file system
    takes for the same (case, composed letters) differ in the hash.
    """
    readable = re.sub(r"[^A-Za-z0-9_]+", "-", case_id.removeprefix(CASES).replace(".py::", "-"))
    digest = hashlib.sha256(case_id.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{readable[:READABLE].strip('-')}-{digest[:16]}".lstrip("-")


def seed_of(run_seed: int, case_id: str) -> int:
    """Seed of a case in a run, the same in whatever order and process it is played."""
    return int.from_bytes(
        hashlib.sha256(f"{run_seed}:{case_id}".encode("utf-8", "surrogatepass")).digest()[:6]
    )


def case_of(node: pytest.Item, catalogue: Catalogue) -> Case:
    """Read the marks of an item; InputError names the case, what is wrong with it, and the mend."""
    reader = _Reader(node, catalogue)
    reader.check_name()
    clause, purpose = reader.clause()
    callspec = getattr(node, "callspec", None)
    swept: Mapping[str, Any] = callspec.params if callspec else {}
    settings = dict(reader.configured()) | {name: swept[name] for name in reader.sweeps() if name in swept}
    return Case(
        id=node.nodeid,
        place=reader.place(),
        clause=clause,
        purpose=purpose,
        request=reader.request(),
        needs=reader.needs(),
        settings=settings,
        seconds=reader.seconds(),
        summary=(reader.function.__doc__ or "").strip().partition("\n")[0],
    )


class _Reader:
    """Reads and checks the marks of one item."""

    def __init__(self, node: pytest.Item, catalogue: Catalogue) -> None:
        self.node = node
        self.catalogue = catalogue
        self.function: Any = getattr(node, "function", None)
        self.id = NodeId.of(node.nodeid)
        self.file = self.id.file or node.path
        self.name: str = getattr(node, "originalname", None) or node.name

    def fault(self, fault: str, mend: str) -> InputError:
        return InputError(self.file, self.name, fault, mend)

    def check_name(self) -> None:
        """Refuse a name that would not be the same in records, or that pytest does not take for a case."""
        odd = self.id.file and Path(self.id.file).name != self.node.path.name
        if odd or "[" in self.id.file or "]" in self.id.file:
            fault = f"{PARTS} or a bracket is in its name or that of its folder"
            raise InputError(self.node.path, "file", fault, "rename it")
        if line(self.id.file) != self.id.file:
            raise InputError(self.file, "file", "has a name that cannot be printed in UTF-8", "rename it")
        if line(self.node.nodeid) != self.node.nodeid:
            fault = f"has parameters that cannot be named, {line(self.id.parameters or '', 200)}"
            raise self.fault(fault, "give them short, printable ids")

    def place(self) -> str:
        known = self.node.config.rootpath / self.id.file == self.node.path
        return str(self.id if known else self.id.at(str(self.node.path)))

    def clause(self) -> tuple[Clause, str | None]:
        marks = list(self.node.iter_markers("clause"))
        if len(marks) != 1:
            words = "names no clause" if not marks else f"names {len(marks)} clauses"
            raise self.fault(words, "give it one @clause")
        arguments = (*marks[0].args, None)
        clause_id, purpose = arguments[0], arguments[1]
        clauses = self.catalogue.clauses
        if clause_id not in clauses:
            raise self.fault(f"the clause {clause_id} is unknown", did_you_mean(str(clause_id), clauses))
        clause = clauses[clause_id]
        purposes = [item.id for item in clause.purposes]
        if purpose is None and len(purposes) > 1:
            raise self.fault(
                f"{clause_id} has {len(purposes)} purposes", f"name one of {', '.join(purposes)}"
            )
        if purpose is None:
            return clause, purposes[0] if purposes else None
        if purpose not in purposes:
            mend = did_you_mean(purpose, purposes)
            raise self.fault(f"{clause_id} has no purpose {purpose}", mend)
        return clause, purpose

    def request(self) -> Request:
        mark = self.node.get_closest_marker("testbed")
        if mark is None or len(mark.args) != 1:
            raise self.fault("asks for no testbed", "give it one @testbed")
        request: Request = mark.args[0]
        return request

    def needs(self) -> frozenset[str]:
        found = {name for mark in self.node.iter_markers("needs") for name in mark.args}
        for name in sorted(found - CAPABILITIES):
            raise self.fault(f"the need {name!r} is unknown", did_you_mean(name, CAPABILITIES))
        return frozenset(found)

    def sweeps(self) -> tuple[str, ...]:
        found = tuple(mark.args[0] for mark in self.node.iter_markers("sweep"))
        for name in found:
            self.parameter(name, "sweep")
        return found

    def configured(self) -> Mapping[str, Any]:
        found = {
            name: value for mark in self.node.iter_markers("configure") for name, value in mark.kwargs.items()
        }
        for name, value in found.items():
            wrong = self.parameter(name, "configure")(value)
            if wrong:
                raise self.fault(f"{name} {wrong}", "choose a value in its range")
        return found

    def parameter(self, name: str, mark: str) -> Any:  # noqa: ANN401 - the check of its values
        known = self.catalogue.parameters
        if name not in known:
            raise self.fault(f"@{mark} names no parameter: {name}", did_you_mean(name, known))
        return known[name].fault_of

    def seconds(self) -> float:
        mark = self.node.get_closest_marker("duration")
        return float(mark.args[0]) if mark else 0.0
