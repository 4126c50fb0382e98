"""Rows that know the play they are of, so that no finding can point at another."""

from collections.abc import Iterable
from typing import Any, Self

from numpy.typing import NDArray


class Row(int):
    """The number of a frame in a recording; `play` counts the plays of the case from 1."""

    play: int

    def __new__(cls, number: int, play: int) -> Self:
        """Make a row of a play."""
        row = super().__new__(cls, number)
        row.play = play
        return row


def numbered(rows: NDArray[Any], play: int) -> list[int]:
    """List rows, in the order of the array, as rows of a play."""
    return [Row(row, play) for row in rows.tolist()]


def play_of(rows: Iterable[int]) -> int | None:
    """Return the play that rows are of; None where they do not say, or are of several."""
    found = {getattr(row, "play", None) for row in rows}
    return found.pop() if len(found) == 1 else None
