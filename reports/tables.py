"""Tables on a terminal: ids and counts stand whole in them, however narrow it is."""

import sys
from typing import Any, Final

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

PIPED: Final = 200
"""Columns where the output is no terminal."""
WIDEST: Final = 10_000
PROSE: Final = "fold"
"""The `overflow` of a column whose words may stand below one another; every other column is kept whole."""


class TableConsole(Console):
    """A console that becomes as wide as a table needs; the terminal breaks what is too long for it."""

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401 - rich's own
        """Print as rich does, and cut nothing of a table."""
        self.width = max(self.width, *(self._needed(item) for item in objects if isinstance(item, Table)), 1)
        super().print(*objects, **options)

    def _needed(self, table: Table) -> int:
        wide = self.options.update(max_width=WIDEST)
        for column in table.columns:
            if column.overflow != PROSE:
                column.no_wrap = True
                cells = (column.header, *column.cells)
                column.min_width = max(Measurement.get(self, wide, cell).maximum for cell in cells)
        return Measurement.get(self, wide, table).minimum


def console() -> TableConsole:
    """Return the console of standard output."""
    return TableConsole(width=None if sys.stdout.isatty() else PIPED)
