"""Messages and containers as objects, made of the rows that fabric links saw."""

import numpy as np

from spec.layout import NotInProfile
from traffic.recordings.columns import Columns
from traffic.recordings.decode import Rows, Table, credit_bytes
from traffic.recordings.seen import Container, Message, Untold

QUEUE = ("source", "destination", "port", "class", "generation")
"""What tells the queue that DATA is of."""


def messages_of(data: Columns, table: Table, positions: Rows) -> list[Message]:
    """Make objects of the chosen positions of a table."""
    rows = table.rows[positions]
    columns = {name: column[positions].tolist() for name, column in table.columns.items()}
    if data.profile.messages[table.name].payload:
        columns["credit"] = credit_bytes(table.octets[positions]).tolist()
    if table.entries or data.profile.messages[table.name].repeated is not None:
        bounds = np.searchsorted(table.owner, np.arange(len(table) + 1)).tolist()
        items = [
            dict(zip(table.entries, values, strict=True))
            for values in zip(*(column.tolist() for column in table.entries.values()), strict=True)
        ]
        columns["entries"] = [
            tuple(items[bounds[position] : bounds[position + 1]]) for position in positions.tolist()
        ]
    seen = zip(
        data.numbered(rows),
        data.time[rows].tolist(),
        [data.links[link].name for link in data.link[rows].tolist()],
        data.direction[rows].tolist(),
        data.delivered[rows].tolist(),
        table.valid_crc[positions].tolist(),
        zip(*columns.values(), strict=True),
        strict=True,
    )
    return [
        Message(table.name, row, time, link, way, copies, valid, dict(zip(columns, values, strict=True)))
        for row, time, link, way, copies, valid, values in seen
    ]


def containers_of(data: Columns, table: Table) -> list[Container]:
    """Group DATA messages, given in order of time."""
    if not len(table):
        return []
    key = np.stack([table[name] for name in (*QUEUE, "sequence")])
    order = np.lexsort(key[::-1])
    key = key[:, order]
    begin = np.flatnonzero(np.r_[True, (key[:, 1:] != key[:, :-1]).any(axis=0)])
    end = [*begin[1:].tolist(), len(order)]
    table = table.where(order)
    last, ungoverned = (_flagged(data, table, name) for name in ("LAST", "UNGOVERNED"))
    counted = data.profile.has("DATA", "previous_frames")
    columns = [
        data.numbered(table.rows),
        data.time[table.rows].tolist(),
        [data.links[link].name for link in data.link[table.rows].tolist()],
        table["index"].tolist(),
        table["fill"].tolist(),
        credit_bytes(table.octets).tolist(),
    ]
    keys = key[:, begin].T.tolist()
    untold = Untold.because(NotInProfile(data.profile.name, "previous_frames in its DATA"))
    told = table["previous_frames"].tolist() if counted else untold
    announced = {
        tuple(item): told[first] for item, first in zip(keys, begin.tolist(), strict=True) if counted
    }
    found = []
    for item, first, stop in zip(keys, begin.tolist(), end, strict=True):
        source, destination, port, cls, generation, sequence = item
        rows, times, links, indices, fills, sizes = (tuple(column[first:stop]) for column in columns)
        found.append(
            Container(
                source,
                destination,
                port,
                cls,
                generation,
                sequence,
                rows,
                times,
                frozenset(links),
                indices,
                fills,
                sizes,
                tuple(told[first:stop]) if counted else untold,
                ungoverned if isinstance(ungoverned, Untold) else tuple(ungoverned[first:stop]),
                last if isinstance(last, Untold) else tuple(last[first:stop]),
                announced=announced.get((*item[:-1], (sequence + 1) % data.profile.numbers())),
            )
        )
    return sorted(found, key=lambda container: container.rows[0])


def _flagged(data: Columns, table: Table, name: str) -> list[bool] | Untold:
    """Tell which messages have a flag."""
    if name not in data.profile.flags:
        return Untold.because(NotInProfile(data.profile.name, f"{name} flag"))
    flagged: list[bool] = (table["flags"] & data.profile.flags[name] != 0).tolist()
    return flagged
