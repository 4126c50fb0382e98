"""The name by which pytest knows a case, taken apart here and nowhere else.

`conformance/cases/pktc/test_size.py::Class::test_it[fe80::1-a/b]` is a file, classes, a function and
parameters. The parameters begin at the first bracket after the function; whatever stands in them, `::`, `/`
and brackets too, is theirs.
"""

from dataclasses import dataclass, replace
from typing import Self

PARTS = "::"
CASES = "conformance/cases/"
"""Where the suite's own cases are."""


@dataclass(frozen=True)
class NodeId:
    """A node id; `names` are classes and function, none for a file or folder; `parameters` None without."""

    file: str
    names: tuple[str, ...] = ()
    parameters: str | None = None

    @classmethod
    def of(cls, text: str) -> Self:
        """Take a node id apart."""
        file, parts, rest = text.partition(PARTS)
        if not parts:
            return cls(file)
        names, bracket, parameters = rest.partition("[")
        return cls(file, tuple(names.split(PARTS)), parameters.removesuffix("]") if bracket else None)

    def __str__(self) -> str:
        return PARTS.join((self.file, *self.names)) + self._bracketed

    @property
    def function(self) -> str:
        """The function without its parameters, "" for a file."""
        return self.names[-1] if self.names else ""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that the function is in."""
        return self.names[:-1]

    @property
    def instance(self) -> str:
        """The function with its parameters."""
        return self.function + self._bracketed

    @property
    def case(self) -> "NodeId":
        """The case without its parameters."""
        return replace(self, parameters=None)

    @property
    def short(self) -> str:
        """The id without the folder that all cases of the suite are in."""
        return str(self).removeprefix(CASES)

    @property
    def module(self) -> str:
        """The file as Python's importer writes it."""
        return self.file.removesuffix(".py").replace("/", ".")

    def at(self, file: str) -> "NodeId":
        """Return the same in another file."""
        return replace(self, file=file)

    def without(self, label: str) -> "NodeId":
        """Return the instance without the first of its parameters, whose label is known."""
        if self.parameters is None or not (self.parameters + "-").startswith(f"{label}-"):
            return self
        return replace(self, parameters=self.parameters[len(label) + 1 :] or None)

    @property
    def _bracketed(self) -> str:
        return "" if self.parameters is None else f"[{self.parameters}]"
