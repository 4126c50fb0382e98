"""The judge of a case: collects every breach, and alone can make a FAIL of it."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from itertools import islice
from numbers import Real
from reprlib import Repr
from typing import Any, Literal, TypeVar

from spec.verdict import Verdict

Item = TypeVar("Item")

FINDINGS_KEPT = 20
PACKETS_KEPT = 32

_SHORT = Repr()
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxset = _SHORT.maxfrozenset = 12
_SHORT.maxstring, _SHORT.maxother = 80, 120


@dataclass(frozen=True)
class Finding:
    """One breach: what was looked at, what was expected, what was got, and the rows of which play."""

    what: str
    expected: str
    got: str
    rows: tuple[int, ...] = ()
    play: int = -1


class Expect:
    """Collects what a case or an invariant finds in recordings.

    `uncertainty` is the binding's measurement uncertainty by unit; a measured value nearer to its limit
    than that is INCONCLUSIVE. `play` numbers the recording that rows refer to.
    """

    def __init__(self, uncertainty: Mapping[str, float] | None = None) -> None:
        self.uncertainty: Mapping[str, float] = {} if uncertainty is None else uncertainty
        self.checked = 0
        self.breaches = 0
        self.findings: list[Finding] = []
        self.doubts: list[str] = []
        self.notes: list[str] = []
        self.play = -1

    def that(self, ok: object, what: str, expected: object, got: object, rows: Iterable[int] = ()) -> bool:
        """Expect `ok`; otherwise record what was expected and got, and at which rows of the recording."""
        self.checked += 1
        if ok:
            return True
        self.breaches += 1
        if len(self.findings) < FINDINGS_KEPT:
            kept = tuple(int(row) for row in islice(rows, PACKETS_KEPT))
            self.findings.append(Finding(what, _words(expected), _words(got), kept, self.play))
        return False

    def equal(self, got: object, expected: object, what: str, rows: Iterable[int] = ()) -> bool:
        """Expect two values to be equal; of two lists the finding shows where they part."""
        equal = got == expected
        if not equal and isinstance(got, list | tuple) and isinstance(expected, list | tuple):
            expected, got = _parting(expected, got)
        return self.that(equal, what, expected, got, rows)

    def at_most(
        self,
        value: float | None,
        limit: float,
        what: str,
        unit: str = "",
        tolerance: float = 0,
        *,
        rows: Iterable[int] = (),
    ) -> bool:
        """Expect value <= limit x (1 + tolerance); INCONCLUSIVE inside the uncertainty, or with no value."""
        bound = limit * (1 + tolerance)
        return self._limit(value, "at most", bound, what, unit, rows=rows)

    def at_least(
        self,
        value: float | None,
        limit: float,
        what: str,
        unit: str = "",
        tolerance: float = 0,
        *,
        rows: Iterable[int] = (),
    ) -> bool:
        """Expect value >= limit x (1 - tolerance); INCONCLUSIVE inside the uncertainty, or with no value."""
        bound = limit * (1 - tolerance)
        return self._limit(value, "at least", bound, what, unit, rows=rows)

    def each(
        self,
        items: Iterable[Item],
        what: str,
        predicate: Callable[[Item], object],
        at_least: int = 1,
        *,
        show: Callable[[Item], object] | None = None,
        expected: object = "the stated behaviour",
    ) -> int:
        """Expect the predicate of every item and give their number; fewer than `at_least` is INCONCLUSIVE."""
        seen = 0
        for item in items:
            seen += 1
            if predicate(item):
                self.checked += 1
            else:
                self.that(False, what, expected, show(item) if show else _fields(item), rows_of(item))
        self.enough(seen, at_least, what)
        return seen

    def none(self, items: Iterable[Any], what: str, between: tuple[int | None, int | None]) -> None:
        """Expect none of the items between the rows of two control frames, without which it is INCONCLUSIVE.

        Items without rows of their own count wherever they are.
        """
        first, last = between
        if first is None or last is None:
            self.doubts.append(f"{what}: the control frames did not arrive on both sides")
            return
        self.checked += 1
        for item in items:
            rows = rows_of(item)
            inside = [row for row in rows if first <= row <= last]
            if inside or not rows:
                self.that(False, what, "none", _fields(item), inside)

    def enough(self, seen: int, at_least: int, what: str) -> bool:
        """Call it INCONCLUSIVE when fewer items were seen than the judgement needs."""
        if seen >= at_least:
            return True
        self.doubts.append(f"{what}: saw {seen}, {at_least} needed")
        return False

    def note(self, words: object) -> None:
        """Say with the verdict, whatever it is, what it covers, and what was left out of it and why."""
        self.notes.append(str(words))

    def verdict(self) -> tuple[Verdict, str]:
        """Give the verdict, and its reason where it is not PASS."""
        if self.breaches:
            return Verdict.FAIL, self.findings[0].what if self.findings else ""
        if self.doubts:
            return Verdict.INCONCLUSIVE, "; ".join(self.doubts)
        if not self.checked:
            return Verdict.ERROR, "no expectation was evaluated"
        return Verdict.PASS, ""

    def _limit(
        self,
        value: float | None,
        relation: Literal["at most", "at least"],
        bound: float,
        what: str,
        unit: str,
        *,
        rows: Iterable[int],
    ) -> bool:
        if value is None or math.isnan(value):
            self.doubts.append(f"{what}: could not be measured")
            return False
        uncertainty = self.uncertainty.get(unit, 0)
        got, limit = f"{_number(value)} {unit}".rstrip(), f"{_number(bound)} {unit}".rstrip()
        if uncertainty and abs(value - bound) <= uncertainty:
            self.doubts.append(f"{what}: {got} is within the uncertainty, {uncertainty} {unit}, of {limit}")
            return False
        ok = value <= bound if relation == "at most" else value >= bound
        return self.that(ok, what, f"{relation} {limit}", got, rows)


def rows_of(item: object) -> tuple[int, ...]:
    """Rows of the recording that an item was made of: its `rows`, its `row`, or none."""
    rows: Collection[int] | None = getattr(item, "rows", None)
    if rows is not None:
        return tuple(int(row) for row in rows)
    row: int | None = getattr(item, "row", None)
    return () if row is None else (int(row),)


def _fields(item: object) -> str:
    """In its own words, or field by field, without the rows."""
    if is_dataclass(item) and type(item).__str__ is not object.__str__:
        return str(item)
    if is_dataclass(item):
        pairs = {field.name: getattr(item, field.name) for field in fields(item)}
    elif isinstance(item, Mapping):
        pairs = {str(key): value for key, value in item.items()}
    else:
        return _words(item)
    kept = {name: value for name, value in pairs.items() if name not in ("row", "rows")}
    return ", ".join(f"{name}={_words(value)}" for name, value in kept.items())


def _parting(expected: Sequence[object], got: Sequence[object]) -> tuple[str, str]:
    """Say how long two different lists are, and what stands in each where they first differ."""
    pairs = enumerate(zip(expected, got, strict=False))
    place = next((i for i, (one, other) in pairs if one != other), min(len(expected), len(got)))

    def words(items: Sequence[object]) -> str:
        item = f"item {place + 1}: {_fields(items[place])}" if place < len(items) else f"no item {place + 1}"
        return f"{len(items)} items; {item}" if items else "none"

    return words(expected), words(got)


def _words(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value[:48].hex(" ") + (f" … ({len(value)} bytes)" if len(value) > 48 else "")
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_words(item)}" for key, item in islice(value.items(), 24))
    if isinstance(value, Sequence | set | frozenset):
        return _SHORT.repr(value)
    if isinstance(value, Real):
        return _number(value)
    return _SHORT.repr(value)


def _number(value: Any) -> str:  # noqa: ANN401 - any real number, numpy's too
    if isinstance(value, bool) or value == int(value):
        return str(value if isinstance(value, bool) else int(value))
    return f"{float(value):.6g}"
