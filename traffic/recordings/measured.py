"""Quantities that were measured over a window, with what whole frames at its ends leave uncertain."""

from collections.abc import Iterable, Sequence
from typing import Self

ENDS = 2
"""A window has two ends, and at each of them a frame is in it as a whole or not at all."""


class Measured(float):
    """A measured value that can be off by `off`, in the same unit; arithmetic carries that along.

    Comparisons and all else take it for the number that it is.
    """

    off: float

    def __new__(cls, value: float, off: float = 0.0) -> Self:
        """Make the value and note by how much it can be off."""
        made = super().__new__(cls, value)
        made.off = float(off)
        return made

    @classmethod
    def over(cls, octets: float, longest: float, span_ns: float) -> Self:
        """Return the rate in Mbit/s of octets counted in a window, frames of which are at most `longest`."""
        return cls(octets * 8000 / span_ns, ENDS * longest * 8000 / span_ns)

    def __reduce__(self) -> tuple[type[Self], tuple[float, float]]:
        """Keep the uncertainty in copies."""
        return type(self), (float(self), self.off)

    def __add__(self, other: float) -> "Measured":
        return Measured(float(self) + float(other), self.off + off_of(other))

    __radd__ = __add__

    def __sub__(self, other: float) -> "Measured":
        return Measured(float(self) - float(other), self.off + off_of(other))

    def __rsub__(self, other: float) -> "Measured":
        return Measured(float(other) - float(self), self.off + off_of(other))

    def __mul__(self, other: float) -> "Measured":
        off = abs(float(other)) * self.off + abs(float(self)) * off_of(other)
        return Measured(float(self) * float(other), off)

    __rmul__ = __mul__

    def __truediv__(self, other: float) -> "Measured":
        return _ratio(self, other)

    def __rtruediv__(self, other: float) -> "Measured":
        return _ratio(other, self)

    def __abs__(self) -> "Measured":
        return Measured(abs(float(self)), self.off)


def off_of(value: object) -> float:
    """Return by how much a value can be off; 0 for one that was not measured."""
    return value.off if isinstance(value, Measured) else 0.0


def jain(shares: Iterable[float]) -> Measured:
    """Return Jain's fairness index of shares, 1 for equal ones; 0 if there is none or all are 0.

    It can be off by what it would be more if each share were as near to their mean as it can be.
    """
    values = list(shares)
    index, mean = _jain(values), sum(map(float, values)) / max(len(values), 1)
    nearer = [min(max(mean, float(value) - off_of(value)), float(value) + off_of(value)) for value in values]
    return Measured(index, max(_jain(nearer) - index, 0.0))


def _jain(values: Sequence[float]) -> float:
    squares = sum(float(value) ** 2 for value in values)
    return sum(map(float, values)) ** 2 / (len(values) * squares) if squares else 0.0


def _ratio(over: float, under: float) -> Measured:
    value = float(over) / float(under)
    return Measured(value, (off_of(over) + abs(value) * off_of(under)) / abs(float(under)))
