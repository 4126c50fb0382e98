"""The order of frames on several links, as far as the clock of a tester can tell it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from traffic.recordings.columns import Columns
from traffic.recordings.decode import Table
from traffic.recordings.passed import QUEUE

RISING: Final = {
    "DATA": ("sequence", "index"),
    "REQUEST": ("demand", "sent", "forfeited"),
    "GRANT": ("granted", "expired"),
}
"""Fields that never fall in what a device sends about one DGSQ generation, of most weight first."""

ANSWERED: Final = ("destination", "source", *QUEUE[2:])
"""What tells the queue that a GRANT is for, in the order of that of its DATA."""


def in_favour(columns: Columns, within: int) -> Columns:
    """Return a recording in the order that favours the devices, where the tester cannot tell the order.

    Of two messages about one DGSQ generation that left on different links no more than `within` ns apart,
    the one whose numbers are lower is taken to have left first: its time becomes that of the other. A GRANT
    that reached a device up to `within` after DATA of its queue left there is taken to have come before. One
    way of one link the order is as it was captured.
    """
    if not within or columns.holds != "all" or "fabric taps" not in columns.capabilities:
        return columns
    time = columns.time.copy()
    for name, fields in RISING.items():
        if name in columns.profile.messages:
            _settle(columns, columns.tables[name], fields, within, time)
    if {"DATA", "GRANT"} <= columns.profile.messages.keys():
        _advance(columns, within, time)
    if np.array_equal(time, columns.time):
        return columns
    order = np.argsort(time, kind="stable")
    names = ("link", "direction", "delivered", "offset", "length")
    return replace(columns, time=time[order], **{name: getattr(columns, name)[order] for name in names})


def _settle(
    columns: Columns, table: Table, fields: tuple[str, ...], within: int, time: NDArray[np.int64]
) -> None:
    """Move messages of a type that fell behind a higher one to the time of that one, in `time`.

    None passes another frame of its own link.
    """
    known = [name for name in fields if name in table.columns]
    spans = [columns.profile.numbers(table.name, name) for name in known]
    table = table.where(table.valid_crc & columns.leaving(table))
    queue = [name for name in QUEUE if name in table.columns]
    keys = zip(*(table[name].tolist() for name in queue), strict=True)
    numbers = zip(*(table[name].tolist() for name in known), strict=True)
    waiting: dict[tuple[int, ...], list[tuple[tuple[int, ...], int]]] = {}
    for row, key, number in zip(table.rows.tolist(), keys, numbers, strict=True):
        link, now = columns.link[row], int(columns.time[row])
        earlier = waiting.setdefault(key, [])
        earlier[:] = [(value, other) for value, other in earlier if now - int(columns.time[other]) <= within]
        above = [
            int(time[other])
            for value, other in earlier
            if columns.link[other] != link and _above(value, number, spans)
        ]
        if above:
            time[row] = max(min(above) - 1, _before(columns, row, time))
        earlier.append((number, row))


def _advance(columns: Columns, within: int, time: NDArray[np.int64]) -> None:
    """Move GRANTs to before the first DATA that they may have let go, in `time`.

    None passes another frame of its own link: what came before it is moved with it.
    """
    data, grants = columns.tables["DATA"], columns.tables["GRANT"]
    data = data.where(data.valid_crc & columns.leaving(data))
    grants = grants.where(grants.valid_crc & columns.reaching(grants))
    left: dict[tuple[int, ...], list[int]] = {}
    for row, key in zip(data.rows.tolist(), _keys(data, QUEUE), strict=True):
        left.setdefault(key, []).append(int(time[row]))
    for row, key in zip(grants.rows.tolist(), _keys(grants, ANSWERED), strict=True):
        delay = columns.links[columns.link[row]].delay_ns
        now = int(time[row]) + delay
        sooner = [moment for moment in left.get(key, ()) if now - within <= moment < now]
        if sooner:
            ahead = _same_way(columns, row)
            time[row] = min(sooner) - 1 - delay
            time[ahead] = np.minimum(time[ahead], time[row])


def _keys(table: Table, names: tuple[str, ...]) -> Iterator[tuple[int, ...]]:
    known = [table[name].tolist() for name in names if name in table.columns]
    return zip(*known, strict=True)


def _above(one: tuple[int, ...], other: tuple[int, ...], spans: list[int]) -> bool:
    """Whether numbers are higher than others, each counted round its span."""
    for mine, its, span in zip(one, other, spans, strict=True):
        if mine != its:
            return (mine - its) % span < span // 2
    return False


def _before(columns: Columns, row: int, time: NDArray[np.int64]) -> int:
    """Return the time of the frame that passed a row's link before it, the same way."""
    rows = _same_way(columns, row)
    return int(time[rows[-1]]) if len(rows) else 0


def _same_way(columns: Columns, row: int) -> NDArray[np.int64]:
    """List the rows that passed a row's link before it, the same way."""
    same = (columns.link[:row] == columns.link[row]) & (columns.direction[:row] == columns.direction[row])
    return np.flatnonzero(same)
