"""Where the source of the reference can be changed: every place that an operator finds in a file."""

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from conformance.mutation.operators import OPERATORS

ROOM: Final = "reference_impl"
LEFT_OUT: Final = ("live", "virtual", "mutants", "variants", "__init__.py")
"""What is no part of a device in virtual time; what carries its frames is the bench, and has no clause."""
LEFT_TO_TESTS: Final = {
    "config.py": frozenset(
        {
            "(module)",
            "Settings",
            "Settings.faults",
            "Settings.contradictions",
            "DeviceConfig",
            "DeviceConfig.check",
            "DeviceConfig.misplaced",
        }
    )
}
"""Functions, by file, that no play can show: a bench gives a device every setting, and none that is refused.

`tests/reference_impl/test_config.py` is about those.
"""
UNSEEN: Final = frozenset(
    [
        "annotation",
        "returns",
        "exc",
        "cause",
        "decorator_list",
        "bases",
        "target",
        "targets",
        "type",
        "pattern",
    ]
)
"""Parts of nodes that are not walked."""
HEADERS: Final = {ast.If: "test", ast.While: "test", ast.For: "iter", ast.Match: "subject"}
"""What stands in the first line of a statement that has others in it."""


Key = tuple[str, str, str, str, int]
"""File, function, what is read there, what that becomes, and a number where places read the same."""


@dataclass(frozen=True)
class Place:
    """One mutant: `operator` changes what `was` in the function `scope` of a file into what it `becomes`.

    `lines` are the first and the last of the statement. `number` tells places apart that read the same in
    one scope, `step` and `variant` are where the walk through the tree comes to it.
    """

    file: str
    scope: str
    lines: tuple[int, int]
    operator: str
    was: str
    becomes: str
    number: int
    step: int
    variant: int

    @property
    def key(self) -> Key:
        """What names the place when lines have moved."""
        return self.file, self.scope, self.was, self.becomes, self.number

    def __str__(self) -> str:
        ordinal = f" ({self.number})" if self.number > 1 else ""
        return f"{self.file}:{self.lines[0]}: {self.scope}: {self.was} -> {self.becomes}{ordinal}"


@dataclass(frozen=True)
class Spot:
    """A node with where it hangs, the statement and the function that it is in."""

    node: ast.AST
    parent: ast.AST
    field: str
    index: int | None
    statement: ast.stmt
    scope: tuple[str, ...]
    function: ast.AST

    def put(self, node: ast.AST) -> None:
        """Hang another node in its place."""
        ast.copy_location(node, self.node)
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


class Source:
    """One file of the reference, or the text of a module that it generates."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Every place in the order of the walk, but for those where the change makes no other code."""
        found: list[Place] = []
        seen: Counter[tuple[str, str, str]] = Counter()
        for step, spot in enumerate(walk(ast.parse(self.text))):
            for name, operator in OPERATORS.items():
                parent = spot.function if name == "dropped statement" else spot.parent
                for variant, node in enumerate(operator(spot.node, parent)):
                    texts = head(spot.statement), _changed(spot, node)
                    scope = ".".join(spot.scope) or "(module)"
                    seen[scope, *texts] += 1
                    lines = spot.statement.lineno, _last_line(spot.statement)
                    number = seen[scope, *texts]
                    found.append(Place(self.name, scope, lines, name, *texts, number, step, variant))
        untried = LEFT_TO_TESTS.get(self.name, frozenset())
        return tuple(place for place in found if place.was != place.becomes and place.scope not in untried)

    def changed(self, place: Place) -> ast.Module:
        """Return the tree with a place changed, each node where it stood."""
        tree = ast.parse(self.text)
        spot = next(spot for step, spot in enumerate(walk(tree)) if step == place.step)
        parent = spot.function if place.operator == "dropped statement" else spot.parent
        nodes = OPERATORS[place.operator](spot.node, parent)
        spot.put(next(node for variant, node in enumerate(nodes) if variant == place.variant))
        return ast.fix_missing_locations(tree)


def sources(root: Path) -> list[Source]:
    """Return the files of the reference that plays in virtual time are made with."""
    return [
        Source(name, path.read_text(encoding="utf-8"))
        for path in sorted((root / ROOM).rglob("*.py"))
        if (name := path.relative_to(root / ROOM).as_posix()).split("/")[0] not in LEFT_OUT
        and path.name not in LEFT_OUT
    ]


@dataclass(frozen=True)
class Within:
    """What the walk is in: a statement, and a function or the module, with the names that lead to it."""

    statement: ast.stmt
    scope: tuple[str, ...]
    function: ast.AST

    def inside(self, node: ast.AST) -> "Within":
        """Return what its children are in."""
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            return Within(node, (*self.scope, node.name), node)
        return replace(self, statement=node) if isinstance(node, ast.stmt) else self


def walk(tree: ast.Module) -> Iterator[Spot]:
    """Visit every node that does something, parents first; no types, words, checks or decorators."""
    yield from _children(tree, Within(ast.Pass(), (), tree))


def _children(parent: ast.AST, within: Within) -> Iterator[Spot]:
    for field, value in ast.iter_fields(parent):
        if field in UNSEEN:
            continue
        for index, node in enumerate(value) if isinstance(value, list) else ((None, value),):
            if isinstance(node, ast.AST) and not _is_idle(node):
                inside = within.inside(node)
                yield Spot(node, parent, field, index, inside.statement, inside.scope, inside.function)
                yield from _children(node, inside)


def _is_idle(node: ast.AST) -> bool:
    """Whether a node does nothing that a play could show."""
    match node:
        case ast.Constant(value=str() | bytes()) | ast.JoinedStr() | ast.AnnAssign(value=None):
            return True
        case ast.Import() | ast.ImportFrom() | ast.Assert() | ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
        case ast.ClassDef():
            return any("Protocol" in ast.dump(base) for base in node.bases)
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name == "__slots__" or _is_type(name, node.value)
    return False


def _is_type(name: str, value: ast.expr) -> bool:
    """Whether a name stands for a type, which is of no use to a device."""
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id == "TypeVar"
    alias = isinstance(value, ast.Subscript | ast.BinOp)
    return alias and name[:1].isupper() and not name.isupper()


def head(statement: ast.stmt) -> str:
    """Return the text of a statement without the statements in it."""
    if isinstance(statement, ast.FunctionDef):
        return f"def {statement.name}({ast.unparse(statement.args)})"
    text = ast.unparse(statement)
    return text.partition("\n")[0] if hasattr(statement, "body") else text


def _last_line(statement: ast.stmt) -> int:
    """Return the last line of what `head` shows."""
    for kind, field in HEADERS.items():
        if isinstance(statement, kind):
            return int(getattr(statement, field).end_lineno)
    if isinstance(statement, ast.FunctionDef):
        return statement.body[0].lineno - 1
    return int(statement.end_lineno or statement.lineno)


def _changed(spot: Spot, node: ast.AST) -> str:
    """Return the text of the statement of a spot with another node there."""
    if spot.node is spot.statement:
        return head(node) if isinstance(node, ast.stmt) else ast.unparse(node)
    old = spot.node
    spot.put(node)
    text = head(spot.statement)
    spot.put(old)
    return text


def selected(places: Sequence[Place], files: Sequence[str]) -> list[Place]:
    """Return the places in files whose path begins or ends with one of these, all where none is named."""
    return [
        place
        for place in places
        if not files or any(place.file.startswith(name) or place.file.endswith(name) for name in files)
    ]
