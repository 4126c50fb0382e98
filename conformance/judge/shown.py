"""How a value is written for people: the one place that turns what was expected and got into words."""

import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from enum import Enum
from itertools import groupby
from numbers import Real
from typing import Any, Final

import numpy as np

ITEMS_SHOWN: Final = 12
OCTETS_SHOWN: Final = 48
OCTETS_APART: Final = 16
"""Octets shown from the first that differs."""
TEXT_SHOWN: Final = 120
SHORTEST_RUN: Final = 3
PLAIN: Final = 1e5
"""Below it six digits tell two measures apart; from it on a decimal is enough."""
SYMBOLS: Final = frozenset({"", "ns", "us", "ms", "s", "Mbit/s", "%"})
"""Units that have no plural."""
ROWS: Final = frozenset({"row", "rows"})


def shown(value: object, unit: str = "") -> str:
    """Return a value in words; `unit` is that of a number, or the noun for the items of a collection."""
    match plain(value):
        case str(words):
            return words
        case None:
            return "nothing"
        case bool(yes):
            return "yes" if yes else "no"
        case bytes() | bytearray() | memoryview() as octets:
            return _octets(bytes(octets))
        case Real() as number:
            return quantity(number, unit)
        case other:
            return _named(other) or _collected(other, unit)


def quantity(value: Any, unit: str = "", *, exact: bool = False) -> str:  # noqa: ANN401 - any real number
    """Return a number with its unit, with separators where it has one; `exact` shows every digit."""
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        number = "infinite" if value > 0 else "minus infinite"
        return f"{number} {_plural(unit)}".rstrip()
    separator = "," if unit else ""
    if value == int(value):
        return f"{int(value):{separator}} {unit if value == 1 else _plural(unit)}".rstrip()
    if exact:
        number = f"{float(value):{separator}.17g}"
    else:
        number = f"{float(value):{separator}{'.6g' if abs(value) < PLAIN else '.1f'}}"
    return f"{number} {_plural(unit)}".rstrip()


def parting(expected: Sequence[object], got: Sequence[object], unit: str = "") -> tuple[str, str]:
    """Return two different lists or octets in words: whole where short, else where they first differ."""
    whole = shown(expected, unit), shown(got, unit)
    if max(map(len, whole)) <= TEXT_SHOWN and max(len(expected), len(got)) <= ITEMS_SHOWN:
        return whole
    pairs = enumerate(zip(expected, got, strict=False))
    place = next((i for i, (one, other) in pairs if one != other), min(len(expected), len(got)))
    if isinstance(expected, bytes) and isinstance(got, bytes):
        return _octets_from(expected, place), _octets_from(got, place)
    one, other = (side[place] if place < len(side) else None for side in (expected, got))
    octets = isinstance(one, bytes) and isinstance(other, bytes)
    due, came = parting(one, other) if octets else (shown(one), shown(other))  # type: ignore[arg-type]  # octets

    def words(side: Sequence[object], item: str) -> str:
        if not side:
            return "none"
        number = quantity(len(side), unit) if unit else f"{len(side)} in all"
        if place < len(side):
            return f"{number}; the {ordinal(place + 1)}: {item}"
        return f"{number}; no {ordinal(place + 1)}"

    return words(expected, due), words(got, came)


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th and so on."""
    teen = number // 10 % 10 == 1
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def plain(value: object) -> Any:  # noqa: ANN401 - what it was, without numpy and enum
    """Return numpy scalars and arrays as Python has them, and members of enums as their words."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Enum):
        return value.value if isinstance(value.value, str) else value.name.lower().replace("_", " ")
    return value


def _collected(value: Any, unit: str) -> str:  # noqa: ANN401 - anything
    """Return the items of a collection one by one, with their number; of anything else how it begins."""
    match value:
        case Mapping():
            return _listed([f"{shown(key)}: {shown(item)}" for key, item in value.items()], unit)
        case AbstractSet():
            return _listed(_ascending(value), unit, len(value))
        case Sequence():
            return _listed(_runs([_inner(item) for item in value], value), unit, len(value))
        case _:
            text = str(value)
            return text if len(text) <= TEXT_SHOWN else f"{text[:TEXT_SHOWN]}…"


def _named(value: Any) -> str | None:  # noqa: ANN401 - anything
    """Return what has named parts in its own words or part by part, without its rows; else None."""
    if is_dataclass(value) and type(value).__str__ is not object.__str__:
        return str(value)
    if is_dataclass(value):
        parts = {field.name: getattr(value, field.name) for field in fields(value)}
    elif isinstance(value, tuple) and hasattr(value, "_asdict"):
        parts = value._asdict()
    else:
        return None
    words = {("class" if name == "cls" else name): part for name, part in parts.items() if name not in ROWS}
    return ", ".join(f"{name.replace('_', ' ')} {_inner(part)}" for name, part in words.items())


def _inner(value: object) -> str:
    """Return an item of something larger, in parentheses where it has items of its own."""
    value = plain(value)
    items = isinstance(value, Sequence | AbstractSet | Mapping) and not isinstance(value, str | bytes)
    return f"({shown(value)})" if items else shown(value)


def _ascending(items: Iterable[Any]) -> list[str]:
    """Return the items of a set in their own order, or that of their words where they have none."""
    try:
        ordered = sorted(items)
    except TypeError:
        return sorted(map(_inner, items))
    return _runs([_inner(item) for item in ordered], ordered)


def _runs(words: list[str], items: Sequence[Any]) -> list[str]:
    """Return words with runs of equal ones, and of integers that count up, taken together."""
    counts = bool(items) and all(isinstance(item, int) and not isinstance(item, bool) for item in items)
    pairs = list(enumerate(zip(words, items, strict=True)))
    found: list[str] = []
    for _, group in groupby(pairs, key=lambda pair: pair[1][1] - pair[0] if counts else pair[1][0]):
        run = [word for _, (word, _) in group]
        if len(run) < SHORTEST_RUN:
            found += run
        else:
            found.append(f"{run[0]} to {run[-1]}" if counts else f"{len(run)} times {run[0]}")
    return found


def _listed(words: Sequence[str], unit: str, number: int | None = None) -> str:
    number = len(words) if number is None else number
    if not words:
        return "none"
    kept = ", ".join(words[:ITEMS_SHOWN]) + (", …" if len(words) > ITEMS_SHOWN else "")
    if unit:
        return f"{quantity(number, unit)}: {kept}"
    return f"{kept} ({number} in all)" if len(words) > ITEMS_SHOWN else kept


def _octets(octets: bytes) -> str:
    if len(octets) <= OCTETS_SHOWN:
        return octets.hex(" ") or "no octets"
    return f"{octets[:OCTETS_SHOWN].hex(' ')} … ({len(octets)} octets)"


def _octets_from(octets: bytes, place: int) -> str:
    """Return some octets from a place on, counted from 0."""
    part = octets[place : place + OCTETS_APART]
    return f"{len(octets)} octets; from octet {place}: {part.hex(' ') or 'none'}"


def _plural(unit: str) -> str:
    if unit in SYMBOLS:
        return unit
    return f"{unit}es" if unit.endswith("s") else f"{unit[:-1]}ies" if unit.endswith("y") else f"{unit}s"
