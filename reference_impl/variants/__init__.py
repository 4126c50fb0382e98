"""Correct devices that behave otherwise than the reference; the registry finds every decorated class."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TypeVar

C = TypeVar("C", bound=type)
Value = int | float | str


@dataclass(frozen=True)
class Variant:
    """A class of a device that has to pass, and the clauses that allow what it does.

    `declares` are parameters by name, as its statement would have them; `first_port` is the number of its
    first port.
    """

    name: str
    clauses: tuple[str, ...]
    part: type
    declares: Mapping[str, Value]
    first_port: int


_KNOWN: dict[str, Variant] = {}


def variant(*clauses: str, first_port: int = 0, **declares: Value) -> Callable[[C], C]:
    """Register a subclass of one part, or of a role, as a correct device; its name is the variant's."""

    def register(part: C) -> C:
        name = part.__name__
        if name in _KNOWN:
            raise ValueError(f"two variants are called {name}")
        if len(part.__bases__) != 1:
            raise TypeError(f"{name}: a variant stands in for one class")
        _KNOWN[name] = Variant(name, clauses, part, declares, first_port)
        return part

    return register


@cache
def variants() -> dict[str, Variant]:
    """All variants of this package by name."""
    for module in sorted(iter_modules(__path__), key=lambda module: module.name):
        import_module(f"{__name__}.{module.name}")
    return dict(sorted(_KNOWN.items()))
