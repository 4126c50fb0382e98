"""The judge of a case: collects every breach, and alone can make a FAIL of it."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from conformance.judge.shown import parting, quantity, shown
from spec.verdict import Verdict
from traffic.recordings.measured import off_of
from traffic.recordings.rows import Row, play_of

Item = TypeVar("Item")

FINDINGS_KEPT = 20
PACKETS_KEPT = 32


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

    `measured` is the binding's measurement uncertainty by unit, `tardy` how late, in ns, an order of a play
    may have been obeyed; a measured value nearer to its limit than both is INCONCLUSIVE. So is a rate or
    ratio that misses its limit by no more than the whole frames at the ends of its window (`Measured`).
    `play` numbers the recording that rows are of which do not say it themselves (`Row`), as long as it is the
    `only_play` that they can be of; else a finding names no packets.
    """

    def __init__(self, uncertainty: Mapping[str, float] | None = None) -> None:
        self.measured: Mapping[str, float] = {} if uncertainty is None else uncertainty
        self.tardy = 0
        self.checked = 0
        self.breaches = 0
        self.findings: list[Finding] = []
        self.doubts: list[str] = []
        self.notes: list[str] = []
        self.play = -1
        self.only_play = True

    @property
    def uncertainty(self) -> Mapping[str, float]:
        """The uncertainty by unit, of times with that of when orders were obeyed."""
        if not self.tardy:
            return self.measured
        return {**self.measured, "ns": self.measured.get("ns", 0) + self.tardy}

    def that(
        self,
        ok: object,
        what: str,
        expected: object,
        got: object,
        rows: Iterable[int] = (),
        *,
        unit: str = "",
    ) -> bool:
        """Expect `ok`, each item of an array; otherwise record what was expected and got, and at which rows.

        `unit` is that of the numbers, or the noun for the items of what was expected and got. Of an empty
        array, or of what is not a number, it is INCONCLUSIVE.
        """
        held = holds(ok)
        if held is None:
            return self._unmeasured(what)
        self.checked += 1
        if held:
            return True
        self.breaches += 1
        if len(self.findings) < FINDINGS_KEPT:
            kept = tuple(islice(rows, PACKETS_KEPT))
            play = play_of(kept) or (self.play if self.only_play else None)
            kept = () if play is None else tuple(int(row) for row in kept)
            words = shown(expected, unit), shown(got, unit)
            self.findings.append(Finding(what, *words, kept, -1 if play is None else play))
        return False

    def equal(
        self, got: object, expected: object, what: str, rows: Iterable[int] = (), *, unit: str = ""
    ) -> bool:
        """Expect two values to be equal; of two long lists the finding shows where they part.

        A value that is not a number could not be measured, and is INCONCLUSIVE.
        """
        if _holes(got):
            return self._unmeasured(what)
        got, expected = _comparable(got, expected), _comparable(expected, got)
        equal = bool(got == expected)
        lists = all(isinstance(side, list | tuple) for side in (got, expected))
        if not equal and (lists or (isinstance(got, bytes) and isinstance(expected, bytes))):
            expected, got = parting(expected, got, unit)  # type: ignore[arg-type]  # both are of one kind
        return self.that(equal, what, expected, got, rows, unit=unit)

    def given(self, condition: object, what: str) -> bool:
        """State what has to be so before anything can be judged; INCONCLUSIVE where it is not.

        `what` is a sentence that is true when the condition holds. An empty array does not hold.
        """
        if holds(condition):
            return True
        self.doubts.append(f"it is not so that {what}")
        return False

    def at_most(
        self,
        value: float | NDArray[Any] | None,
        limit: float,
        what: str,
        unit: str = "",
        tolerance: float = 0,
        *,
        rows: Iterable[int] = (),
    ) -> bool:
        """Expect value <= limit x (1 + tolerance), of an array the largest item.

        INCONCLUSIVE inside the uncertainty, and where there is no value, or no number for it or the limit.
        """
        bound = limit * (1 + tolerance)
        return self._limit(value, "at most", bound, what, unit, rows=rows)

    def at_least(
        self,
        value: float | NDArray[Any] | None,
        limit: float,
        what: str,
        unit: str = "",
        tolerance: float = 0,
        *,
        rows: Iterable[int] = (),
    ) -> bool:
        """Expect value >= limit x (1 - tolerance), of an array the smallest item.

        INCONCLUSIVE inside the uncertainty, and where there is no value, or no number for it or the limit.
        """
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
        unit: str = "",
    ) -> int:
        """Expect the predicate of every item and give their number; fewer than `at_least` is INCONCLUSIVE."""
        seen = 0
        for item in items:
            seen += 1
            held = holds(predicate(item))
            if held:
                self.checked += 1
            elif held is None:
                self._unmeasured(what)
            else:
                got = show(item) if show else item
                self.that(False, what, expected, got, rows_of(item), unit=unit)
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
                self.that(False, what, "none", item, inside)

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
        """Return the verdict, and its reason where it is not PASS."""
        if self.breaches:
            return Verdict.FAIL, self.findings[0].what if self.findings else ""
        if self.doubts:
            return Verdict.INCONCLUSIVE, "; ".join(self.doubts)
        if not self.checked:
            return Verdict.ERROR, "no expectation was evaluated"
        return Verdict.PASS, ""

    def _limit(
        self,
        value: float | NDArray[Any] | None,
        relation: Literal["at most", "at least"],
        bound: float,
        what: str,
        unit: str,
        *,
        rows: Iterable[int],
    ) -> bool:
        if isinstance(value, np.ndarray):
            worst = np.max if relation == "at most" else np.min
            value = float(worst(value)) if value.size else None
        if value is None or math.isnan(value) or math.isnan(bound):
            return self._unmeasured(what)
        off = off_of(value) + off_of(bound)
        value, bound = float(value), float(bound)
        uncertainty = self.uncertainty.get(unit, 0)
        ok = value <= bound if relation == "at most" else value >= bound
        if off and not ok and abs(value - bound) <= off:
            got, limit, within = (quantity(number, unit) for number in (value, bound, off))
            words = f"{got} misses {relation} {limit} by less than whole frames of its window tell, {within}"
            self.doubts.append(f"{what}: {words}")
            return False
        if uncertainty and abs(value - bound) <= uncertainty:
            got, limit, within = (quantity(number, unit) for number in (value, bound, uncertainty))
            self.doubts.append(f"{what}: {got} is within the uncertainty, {within}, of {limit}")
            return False
        got, limit = quantity(value, unit), quantity(bound, unit)
        if got == limit:
            got, limit = quantity(value, unit, exact=True), quantity(bound, unit, exact=True)
        return self.that(ok, what, f"{relation} {limit}", got, rows)

    def _unmeasured(self, what: str) -> bool:
        doubt = f"{what}: could not be measured"
        if doubt not in self.doubts:
            self.doubts.append(doubt)
        return False


def rows_of(item: object) -> tuple[int, ...]:
    """Rows of the recording that an item was made of: its `rows`, its `row`, or none."""
    rows: Collection[int] | None = getattr(item, "rows", None)
    if rows is not None:
        return tuple(row if isinstance(row, Row) else int(row) for row in rows)
    row: int | None = getattr(item, "row", None)
    return () if row is None else (row if isinstance(row, Row) else int(row),)


def holds(condition: object) -> bool | None:
    """Whether a condition holds, for an array each item of it; None where there is nothing to say so of.

    That is an empty array, and what is not a number.
    """
    if isinstance(condition, np.ndarray):
        return bool(condition.all()) if condition.size else None
    if isinstance(condition, float | np.floating) and math.isnan(condition):
        return None
    return bool(condition)


def _holes(value: object) -> bool:
    """Whether a value, or an item of an array, is not a number."""
    return isinstance(value, float | np.floating | np.ndarray) and bool(np.any(value != value))  # noqa: PLR0124 - only what is not a number differs from itself


def _comparable(value: object, other: object) -> object:
    """Return a value that `==` compares as a whole with the other: lists for arrays, alone or in a list."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if type(value) in {list, tuple}:
        items = [_comparable(item, None) for item in value]  # type: ignore[attr-defined]  # a list or a tuple
        return tuple(items) if isinstance(value, tuple) and not isinstance(other, np.ndarray) else items
    return value
