"""Devices with exactly one flaw each, named for it; the registry finds every class that is decorated."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TypeVar

C = TypeVar("C", bound=type)


@dataclass(frozen=True)
class Mutant:
    """A flawed class, the clause that it breaks, and the kind of flaw (`spec/kinds.yaml`) if it is of one."""

    name: str
    clause: str
    flaw: type
    kind: str | None = None


_KNOWN: dict[str, Mutant] = {}


def mutant(clause: str, *, kind: str | None = None) -> Callable[[C], C]:
    """Register a subclass of one part, or of a role, as breaking a clause; its name is the flaw's."""

    def register(flaw: C) -> C:
        name = flaw.__name__
        if name in _KNOWN:
            raise ValueError(f"two mutants are called {name}")
        if len(flaw.__bases__) != 1:
            raise TypeError(f"{name}: a mutant stands in for one class")
        _KNOWN[name] = Mutant(name, clause, flaw, kind)
        return flaw

    return register


@cache
def mutants() -> dict[str, Mutant]:
    """All mutants of this package by name."""
    for module in sorted(iter_modules(__path__), key=lambda module: module.name):
        import_module(f"{__name__}.{module.name}")
    return dict(sorted(_KNOWN.items()))
