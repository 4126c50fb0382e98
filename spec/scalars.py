"""What a word without quotes means in a YAML document: what YAML 1.2 says, and nothing that YAML 1.1 changed.

YAML 1.1 read `011000` as octal, `153:36` as base 60 and `on` as true. What a person meant by such a word
nobody can know, so it is refused; in quotes every word is text.
"""

import math
import re
from typing import Final

LARGEST: Final = 2**64
"""No number of a document reaches it."""
DIGITS: Final = 20
"""Digits in decimal, or in hexadecimal, that a number below `LARGEST` can have."""

NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
TRUE: Final = frozenset({"true", "True", "TRUE"})
FALSE: Final = frozenset({"false", "False", "FALSE"})
SWITCHES: Final = frozenset({"y", "n", "yes", "no", "on", "off"})
START: Final = frozenset("-+.0123456789")
"""How numbers begin."""
DECIMAL: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
HEXADECIMAL: Final = re.compile(r"0x[0-9a-fA-F]+")
REAL: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][-+]?[0-9]+)?")
BEYOND: Final = re.compile(r"[-+]?\.(inf|nan)", re.IGNORECASE)
BASE_60: Final = re.compile(r"[-+]?([1-9][0-9_]*(:[0-5]?[0-9])+|[0-9][0-9_]*(:[0-5]?[0-9])+\.[0-9_]*)")
OLD: Final = (
    (re.compile(r"[-+]?0o[0-7_]+"), "a number in base 8"),
    (re.compile(r"[-+]?0b[01_]+"), "a number in base 2"),
    (re.compile(r"[-+]?0x[0-9a-fA-F_]*_[0-9a-fA-F_]*"), "a number in base 16"),
    (re.compile(r"[-+]?0[0-7_]+"), "a number in base 8"),
    (re.compile(r"[-+]?0[0-9_]+(\.[0-9_]*)?([eE][-+]?[0-9]+)?"), "a number that loses its zeros"),
    (
        re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?"),
        "a number without its underscores",
    ),
)
"""Words that one YAML or another takes for a number which a person may not have meant."""

Plain = str | int | float | bool | None


class UnclearError(Exception):
    """What is wrong with a word as `fault`, and its `mend`."""

    def __init__(self, fault: str, mend: str) -> None:
        super().__init__(fault, mend)
        self.fault = fault
        self.mend = mend


def plain(text: str) -> Plain:
    """Return the meaning of a word without quotes; UnclearError where it is not sure or no finite number."""
    if text in NULL:
        return None
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    if text.lower() in SWITCHES:
        meaning = "true" if text.lower() in {"y", "yes", "on"} else "false"
        fault = f"is {text}, which YAML 1.1 reads as {meaning}"
        raise UnclearError(fault, f"write {meaning}, or put it in quotes if it is a word")
    if text[0] in START:
        return _number(text)
    return text


def number(text: str) -> int | float | None:
    """Return the number that a word is, or None; UnclearError where that is not sure or it is not finite."""
    found = plain(text) if text[:1] in START else None
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def _number(text: str) -> str | int | float:
    if BASE_60.fullmatch(text):
        fault = f"is {shortly(text)}, which YAML 1.1 reads as {_base_60(text)}, a number in base 60"
        raise UnclearError(fault, "put it in quotes")
    for pattern, kind in OLD:
        if pattern.fullmatch(text):
            fault = f"is {shortly(text)}, which YAML 1.1 reads as {kind}"
            raise UnclearError(fault, "write the number in decimal, or put it in quotes if it is a word")
    if BEYOND.fullmatch(text):
        raise UnclearError(f"is {text}, not a finite number", "write a finite one")
    if DECIMAL.fullmatch(text) or HEXADECIMAL.fullmatch(text):
        return _whole(text)
    if any(digit in text for digit in "0123456789") and REAL.fullmatch(text):
        value = float(text)
        if not math.isfinite(value):
            raise UnclearError(f"is {shortly(text)}, too large a number", "write a smaller one")
        return value
    return text


def _whole(text: str) -> int:
    value = int(text, 16 if "x" in text else 10) if len(text) <= DIGITS + 2 else LARGEST
    if abs(value) >= LARGEST:
        raise UnclearError(f"is {shortly(text)}, a number of more than 64 bits", "write a smaller one")
    return value


def _base_60(text: str) -> str:
    """Return what YAML 1.1 makes of digits between colons."""
    if len(text) > DIGITS or "." in text:
        return "one number"
    value = 0
    for part in text.lstrip("-+").replace("_", "").split(":"):
        value = 60 * value + int(part)
    return f"{'-' if text.startswith('-') else ''}{value}"


def shortly(text: str) -> str:
    """Return a word of the user, cut where it is long."""
    return text if len(text) <= 60 else f"{text[:57]}..."
