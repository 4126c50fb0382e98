"""JSON that somebody else wrote, read strictly: a script, an adapter, a server."""

import json
import math
from typing import Any, Final

from spec.text import line, lines

DEEPEST: Final = 64
"""Lists and objects within one another."""
LARGEST: Final = 1 << 128
"""Numbers that are no less and no more; an IPv6 address is one that fits."""
MOST_DIGITS: Final = 40
TOO_DEEP: Final = f"holds more than {DEEPEST} lists and objects within one another"


def read_answer(octets: bytes) -> Any:  # noqa: ANN401 - JSON
    """Read JSON in UTF-8, with or without a mark; ValueError says in words what is wrong with it.

    No key may stand twice and no number be infinite or none; texts come printable.
    """
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 at octet {error.start}") from None
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_int=_integer, parse_constant=_constant)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    return checked(value)


def checked(value: Any, depth: int = DEEPEST) -> Any:  # noqa: ANN401 - JSON
    """Return a value as JSON with printable texts; ValueError where it is no JSON."""
    match value:
        case None | bool():
            return value
        case str():
            return lines(value)
        case int():
            if abs(value) >= LARGEST:
                raise ValueError(f"holds a number of {value.bit_length()} bits")
            return value
        case float():
            if not math.isfinite(value):
                raise ValueError(f"holds {value}, which is no number")
            return value
    if depth == 0:
        raise ValueError(TOO_DEEP)
    match value:
        case list() | tuple():
            return [checked(item, depth - 1) for item in value]
        case dict():
            return {_key(key): checked(item, depth - 1) for key, item in value.items()}
    raise ValueError(f"holds a {type(value).__name__}, which is no JSON")


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise ValueError(f"has a key that is no text but a {type(key).__name__}")  # noqa: TRY004 - as all faults
    return line(key)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"holds the key {line(key, 80)!r} twice")
        found[key] = value
    return found


def _integer(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"holds a number of {len(digits)} digits")
    return int(digits)


def _constant(name: str) -> None:
    raise ValueError(f"holds {name}, which is no number")
