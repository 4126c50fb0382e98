"""The layouts of a wire profile: its lists of fields, checked as they are made."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from spec.documents import did_you_mean
from spec.errors import InputError
from spec.layout import OPTIONAL, Field, Layout
from spec.wire_entry import FieldEntry, ProfileEntry

TIMES: Final[Mapping[str, int]] = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
RATES: Final[Mapping[str, int]] = {"Mbit/s": 1, "Gbit/s": 1_000}
UNITS: Final[Mapping[str, Mapping[str, int]]] = {"validity": TIMES, "rate": RATES}
"""Units of the fields that have one, in the suite's."""
LEVELS: Final = 255
"""Parts of a rate that `level` withholds are counted in."""


class Reader:
    """Reads the entry of one file, and raises its first fault."""

    def __init__(self, path: Path, entry: ProfileEntry) -> None:
        self.path = path
        self.entry = entry

    def error(self, key: str, fault: str, mend: str) -> InputError:
        """Return the error of one key of the file."""
        return InputError(self.path, key, fault, mend)

    def missing(self, place: str, name: str) -> None:
        """Raise what is to be said of a name that the suite reads and that is not there."""
        if name in self.entry.absent:
            return
        mend = "add it; the suite reads it by this name"
        if name in OPTIONAL:
            mend = f"add it, or list {name} under absent"
        raise self.error(place, "is missing", mend)


class LayoutReader(Reader):
    """Makes layouts of lists of fields."""

    def layout(
        self, key: str, entries: Sequence[FieldEntry], required: Iterable[str], within: str = ""
    ) -> Layout:
        """Return the layout of a list of fields, all `required` ones among them or said to be absent."""
        fields: list[Field] = []
        position = 0
        for entry in entries:
            place = f"{key}[{entry.name}]"
            if entry.name in {field.name for field in fields}:
                raise self.error(place, "stands a second time in its layout", "rename one of the two")
            offset = position if entry.bit is None else entry.bit
            if offset < position:
                fault = (
                    f"starts at bit {offset} and overlaps {fields[-1].name}, which ends at bit {position - 1}"
                )
                raise self.error(f"{place}.bit", fault, f"start it at bit {position}")
            if offset > position:
                fault = f"starts at bit {offset} and leaves a gap from bit {position}"
                raise self.error(f"{place}.bit", fault, "fill the gap with a reserved field")
            fields.append(self.field(place, entry, offset))
            position += entry.bits
        names = {field.name for field in fields}
        for name in required:
            if name not in names:
                self.missing(f"{key}[{name}]", f"{within}.{name}" if within else name)
        if position % 8:
            raise self.error(key, f"has {position} bits, not whole octets", "add a reserved field")
        if self.entry.byte_order == "little":
            self.swappable(key, fields)
        return Layout(tuple(fields))

    def swappable(self, key: str, fields: Iterable[Field]) -> None:
        """In little-endian order a field has whole octets or stays inside one."""
        for field in fields:
            start, bits = field.offset_bits % 8, field.width_bits
            if (start or bits % 8) and start + bits > 8:
                fault = f"has {bits} bits from bit {field.offset_bits}, whose order little does not tell"
                raise self.error(f"{key}[{field.name}]", fault, "align it, or use byte_order: big")

    def field(self, place: str, entry: FieldEntry, offset: int) -> Field:
        """Return one field, which starts `offset` bits into its layout."""
        largest = (1 << entry.bits) - 1
        minimum = 0 if entry.min is None else entry.min
        maximum = largest if entry.max is None else entry.max
        if not 0 <= minimum <= maximum <= largest:
            fault = f"has the range {minimum}..{maximum} in {entry.bits} bits, which hold 0..{largest}"
            raise self.error(place, fault, "correct min and max or the width")
        for value in entry.values:
            if not minimum <= value <= maximum:
                fault = f"is outside {minimum}..{maximum}"
                raise self.error(f"{place}.values.{value}", fault, "correct the value or the width")
        if entry.name == "level" and (minimum, maximum) != (0, LEVELS):
            fault = f"has the range {minimum}..{maximum}; another than 0..{LEVELS} cannot be said yet"
            raise self.error(
                place, fault, f"count what it withholds in parts of {LEVELS}, with max: {LEVELS}"
            )
        return Field(
            entry.name,
            entry.bits,
            offset,
            entry.meaning,
            entry.values,
            minimum,
            maximum,
            entry.unit or "",
            self.scale(place, entry),
            entry.rounding,
        )

    def scale(self, place: str, entry: FieldEntry) -> int:
        """Return how many of the suite's units one of a field is."""
        units = UNITS.get(entry.name)
        if units is None:
            if entry.unit is not None:
                fault = f"is {entry.unit}; another count than that of octets or numbers cannot be said yet"
                raise self.error(f"{place}.unit", fault, f"leave it out; {' and '.join(UNITS)} have one")
            return 1
        if entry.unit is None:
            raise self.error(f"{place}.unit", "is missing", f"name it: {', '.join(units)}, or 10 of them")
        number, _, unit = entry.unit.rpartition(" ")
        if unit not in units or (number and not re.fullmatch(r"[1-9]\d*", number)):
            raise self.error(f"{place}.unit", f"{entry.unit} is unknown", did_you_mean(unit, units))
        return units[unit] * int(number or 1)
