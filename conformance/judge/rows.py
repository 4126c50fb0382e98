"""Rows of a recording that know the play they are of, so that no finding can point at another."""

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Final, Self

PLAIN: Final = (str, bytes, float, bool, type(None))
NAMES: Final = frozenset({"row", "rows"})


class Row(int):
    """The number of a frame in a recording; `play` counts the plays of the case from 1."""

    play: int

    def __new__(cls, number: int, play: int) -> Self:
        """Make a row of a play."""
        row = super().__new__(cls, number)
        row.play = play
        return row


def of_play(value: Any, play: int) -> Any:  # noqa: ANN401 - whatever a recording answers
    """Return what a recording answered, with its rows as `Row`: in lists, mappings, and items with rows.

    Items are changed in place, for they are of that recording alone. Arrays and iterators stay as they are.
    """
    if isinstance(value, (*PLAIN, Row)):
        return value
    if isinstance(value, int):
        return Row(value, play)
    if type(value) in {list, tuple}:
        return type(value)(of_play(item, play) for item in value)
    if type(value) is dict:
        return {key: of_play(item, play) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        for name in _names(type(value)):
            part = getattr(value, name)
            if name in NAMES or not isinstance(part, int):
                object.__setattr__(value, name, of_play(part, play))
    return value


def play_of(rows: Iterable[int]) -> int | None:
    """Return the play that rows are of; None where they do not say, or are of several."""
    found = {getattr(row, "play", None) for row in rows}
    return found.pop() if len(found) == 1 else None


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))
