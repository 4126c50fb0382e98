"""Rules that catalogue, cases and mutants must keep; one class a rule, found by themselves."""

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from spec.catalogue import Catalogue
from spec.coverage import Coverage
from spec.errors import shown


@dataclass(frozen=True, order=True)
class Finding:
    """A breach of a rule: where it is and what is wrong."""

    file: str
    key: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.rule}: {self.message}"


class Rule(ABC):
    """One rule; its docstring is what it demands."""

    name: ClassVar[str]

    @abstractmethod
    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:
        """Return every breach."""

    def finding(self, file: Path, key: str, message: str) -> Finding:
        """Make a finding of this rule."""
        return Finding(shown(file), key, self.name, message)


def rules() -> list[Rule]:
    """Return one instance of every rule in this package, by name."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return sorted((rule() for rule in _leaves(Rule)), key=lambda rule: rule.name)


def lint(catalogue: Catalogue, coverage: Coverage) -> list[Finding]:
    """Return the findings of all rules, in the order of files and keys."""
    return sorted(finding for rule in rules() for finding in rule.check(catalogue, coverage))


def _leaves(rule: type) -> Iterator[type[Rule]]:
    children: list[type] = rule.__subclasses__()
    if not children:
        yield rule
    for child in children:
        yield from _leaves(child)
