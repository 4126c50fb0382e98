"""What cases and mutants say they are about, read from their source without importing or running it."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from spec.errors import InputError
from spec.node_id import NodeId


@dataclass(frozen=True)
class Mark:
    """A clause, and perhaps a purpose or a kind of flaw, named by a decorator.

    What is no plain string is None.
    """

    clause: str | None
    purpose: str | None
    line: int
    kind: str | None = None


@dataclass(frozen=True)
class Case:
    """A case: its pytest node id and its clause marks; `node` is its function."""

    id: str
    file: Path
    marks: tuple[Mark, ...]
    node: ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Mutant:
    """A mutant class and the clauses it breaks; `node` is the class."""

    name: str
    file: Path
    marks: tuple[Mark, ...]
    node: ast.ClassDef


@dataclass(frozen=True)
class Module:
    """A parsed source file."""

    file: Path
    source: str
    tree: ast.Module


@dataclass(frozen=True)
class Coverage:
    """The cases and mutants of a checkout, and its invariants by clause with their files."""

    cases: tuple[Case, ...] = ()
    mutants: tuple[Mutant, ...] = ()
    modules: tuple[Module, ...] = field(default=(), repr=False)
    invariants: Mapping[str, Path] = field(default_factory=dict)

    @cached_property
    def by_clause(self) -> dict[str, tuple[Case, ...]]:
        """The cases of each clause that has any."""
        found: dict[str, list[Case]] = {}
        for case in self.cases:
            for clause in dict.fromkeys(mark.clause for mark in case.marks):
                if clause is not None:
                    found.setdefault(clause, []).append(case)
        return {clause: tuple(cases) for clause, cases in found.items()}

    @cached_property
    def killers(self) -> dict[str, tuple[Mutant, ...]]:
        """The mutants of each clause that has any."""
        found: dict[str, list[Mutant]] = {}
        for mutant in self.mutants:
            for mark in mutant.marks:
                if mark.clause is not None:
                    found.setdefault(mark.clause, []).append(mutant)
        return {clause: tuple(mutants) for clause, mutants in found.items()}

    @cached_property
    def strings(self) -> frozenset[str]:
        """Every string literal of the cases, by which they name parameters."""
        return frozenset(
            node.value
            for module in self.modules
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        )

    def tested(self, clause: str) -> bool:
        """Say whether a case or an invariant judges the clause."""
        return clause in self.by_clause or clause in self.invariants


def scan(root: Path) -> Coverage:
    """Read the cases, the invariants (`conformance/judge/invariants/`) and the mutants of a checkout."""
    cases: list[Case] = []
    modules: list[Module] = []
    for path in sorted((root / "conformance" / "cases").rglob("*.py")):
        module = _parse(path)
        modules.append(module)
        cases += _cases(module, path.relative_to(root).as_posix())
    mutants = [
        Mutant(node.name, path, tuple(_marks(node, "mutant")), node)
        for path in sorted((root / "reference_impl" / "mutants").rglob("*.py"))
        for node in ast.walk(_parse(path).tree)
        if isinstance(node, ast.ClassDef) and any(_marks(node, "mutant"))
    ]
    folder = root / "conformance" / "judge" / "invariants"
    invariants = {
        mark.clause: path
        for path in sorted(folder.rglob("*.py"))
        for node in ast.walk(_parse(path).tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        for mark in _marks(node, "invariant")
        if mark.clause is not None
    }
    return Coverage(tuple(cases), tuple(mutants), tuple(modules), invariants)


def _parse(path: Path) -> Module:
    source = path.read_text(encoding="utf-8")
    try:
        return Module(path, source, ast.parse(source, filename=str(path)))
    except SyntaxError as error:
        raise InputError(
            path, f"line {error.lineno}", f"is not Python ({error.msg})", "correct it"
        ) from error


def _cases(module: Module, name: str) -> Iterator[Case]:
    for scope, node in _functions(module.tree, ()):
        if node.name.startswith("test_"):
            yield Case(
                str(NodeId(name, (*scope, node.name))), module.file, tuple(_marks(node, "clause")), node
            )


def _functions(
    parent: ast.Module | ast.ClassDef, scope: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in parent.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield scope, node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, (*scope, node.name))


def _marks(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, decorator: str) -> Iterator[Mark]:
    for call in node.decorator_list:
        if isinstance(call, ast.Call) and _called(call) == decorator:
            keywords = {keyword.arg: keyword.value for keyword in call.keywords}
            first = call.args[0] if call.args else keywords.get("id")
            second = call.args[1] if len(call.args) > 1 else keywords.get("purpose")
            yield Mark(_string(first), _string(second), call.lineno, _string(keywords.get("kind")))


def _called(call: ast.Call) -> str | None:
    """Return the last part of the name that is called: `clause` of `marks.clause(...)`."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else None


def _string(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
