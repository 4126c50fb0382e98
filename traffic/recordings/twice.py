"""What differs between two plays of one scenario, in the words of a report."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from spec.errors import InputError
from traffic.recordings.columns import BeyondRecording, Columns
from traffic.scenario import UP

MOST: Final = 12
"""Differences that are told; of more there is their number."""


def differences(one: Columns, other: Columns) -> list[str]:
    """Say in a line each what one play has otherwise than another, `one` first; nothing if all is alike.

    Frames are counted by link, direction and kind, then come counters of the devices, then what each bench
    said of itself. Times are not compared: no two plays in real time have the same.
    """
    found = list(_all(one, other))
    more = len(found) - MOST
    return found if more <= 0 else [*found[:MOST], f"{more} more"]


def _all(one: Columns, other: Columns) -> Iterator[str]:
    yield from _counts(_frames(one), _frames(other))
    yield from _counts(_counters(one), _counters(other))
    yield from _counts(_flows(one), _flows(other))
    for what, ours, theirs in (
        ("the bench", _words(one), _words(other)),
        ("broken off at", one.cut or "nothing", other.cut or "nothing"),
    ):
        if ours != theirs:
            yield f"{what}: {ours}, and {theirs}"


def _counts(ours: Counter[str], theirs: Counter[str]) -> Iterator[str]:
    for name in sorted(ours | theirs):
        if ours[name] != theirs[name]:
            yield f"{name}: {ours[name]}, and {theirs[name]}"


def _frames(play: Columns) -> Counter[str]:
    """Count the frames by link, direction and kind: a message of the fabric, or another frame."""
    kinds: dict[int, str] = {}
    try:
        for name, table in play.decoded.tables.items():
            kinds |= dict.fromkeys(table.rows.tolist(), name)
    except (BeyondRecording, InputError):  # no profile to read them by
        pass
    return Counter(
        f"{kinds.get(row, 'other')} frames {'up' if way == UP else 'down'} {play.links[link].name}"
        for row, (link, way) in enumerate(zip(play.link.tolist(), play.direction.tolist(), strict=True))
    )


def _counters(play: Columns) -> Counter[str]:
    return Counter(
        {
            f"{name} of {node}": value
            for node, readings in play.counters.items()
            for name, value in readings.items()
        }
    )


def _flows(play: Columns) -> Counter[str]:
    return Counter({f"frames lost of stream {flow.stream}": flow.lost for flow in play.counted})


def _words(play: Columns) -> str:
    return play.trouble.words if play.trouble else "nothing went wrong"
