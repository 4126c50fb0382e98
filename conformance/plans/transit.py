"""What DATA carries past emulated devices, and what a correct GSF owes to what passes it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from traffic.recordings.decode import Table
from traffic.recordings.recording import DOWN, UP, Columns, HostAddress, Recording

PASSED_ON: Final = ("DATA", "REQUEST", "GRANT")
"""Messages that no GSF makes itself."""


def unlike(recording: Recording) -> Iterator[str]:
    """Yield where a GSF under test sent more messages of a type on than came to it, or fewer uncounted."""
    columns = recording.columns
    for name, node in recording.facts.nodes.items():
        if node.role != "GSF" or node.status != "under test":
            continue
        lower = np.array([link.lower == name for link in columns.links], bool)[columns.link]
        upper = np.array([link.upper == name for link in columns.links], bool)[columns.link]
        gone = (lower & (columns.direction == UP)) | (upper & (columns.direction == DOWN))
        came = ((lower | upper) & ~gone) * columns.delivered
        missed = 0
        for message in PASSED_ON:
            if message in columns.profile.messages:
                there, left = _sum(recording, message, came), _sum(recording, message, gone.astype(np.int32))
                missed += max(there - left, 0)
                if left > there:
                    yield f"{name} sent {left} {message} of {there} that came"
        dropped = (
            sum(recording.devices.drops(name).values()) if "counters" in columns.capabilities else missed
        )
        if missed > dropped:
            yield f"{name} kept {missed} messages, {dropped} counted as dropped"


def carried(
    columns: Columns, data: Table, hosts: Iterable[HostAddress], *, copies: bool = False
) -> Counter[tuple[str, bytes]]:
    """Count the frames in DATA by (host, octets), of some hosts: all `copies` that arrived, or one each."""
    seats = {(host.node, host.port): host.name for host in hosts}
    found: Counter[tuple[str, bytes]] = Counter()
    ends = zip(data["destination"].tolist(), data["port"].tolist(), strict=True)
    octets = zip(data.start.tolist(), (data.start + data.octets).tolist(), strict=True)
    times = columns.delivered[data.rows].tolist() if copies else [1] * len(data)
    for end, (start, stop), count in zip(ends, octets, times, strict=True):
        if end in seats:
            found[seats[end], columns.blob[start:stop]] += count
    return found


def _sum(recording: Recording, message: str, weight: NDArray[np.int32]) -> int:
    """Sum a weight over the sound messages of a type."""
    table = recording.columns.tables[message]
    return int(weight[table.rows[table.valid_crc]].sum())
