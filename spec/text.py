r"""Foreign text made safe to keep and to show: bounded, printable, and UTF-8.

What a device, a script, a file name or an exception says is text of somebody else's. It may hold half of a
surrogate pair, which no UTF-8 file can hold; a NUL, which no XML can; an escape sequence that repaints a
terminal; a direction mark that lets a page show another word than it holds; or 20 MB. All of it goes
through here before it reaches a record, Allure, JUnit, a page or a terminal. What a reader would not see
becomes an escape that he does, `\x1b` or `\u202e`; letters of every script, accents and emoji stay.
"""

import re
import shlex
from typing import Annotated, Final

from pydantic import BeforeValidator

LONGEST: Final = 4_000
"""Characters of a name, a reason or a part of a finding."""
LONGEST_REPORT: Final = 40_000
"""Characters of a whole report: the words of a failure, a trace, the output of a case."""
LONGEST_COMMAND: Final = 1 << 17
"""Characters of a command line; the system takes no longer word."""
ROWS: Final = 1_000
"""Lines of a text."""

JOINER: Final = "\u200d"
_HIDDEN: Final = (
    "\x00-\x1f\x7f-\x9f"  # control characters
    "\ud800-\udfff"  # halves of surrogate pairs, and octets of file names that are not UTF-8
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction marks
    "\u00ad\u180e\u200b\u200c\u2060-\u2065\u206a-\u206f\ufeff"  # no width
    "\u2028\u2029\ufff9-\ufffb"  # ends of lines and paragraphs, annotations
    "\ufdd0-\ufdef\ufffe\uffff"  # no characters
    "\U000e0000-\U000e0fff"  # tags, which are invisible letters
)
_EMOJI: Final = "[\u2190-\u2bff\ufe0f\U0001f000-\U0001faff]"
_JOINED: Final = f"(?<!{_EMOJI}){JOINER}|{JOINER}(?!{_EMOJI})"
"""A joiner that joins no emoji."""
_IN_LINE: Final = re.compile(f"[{_HIDDEN}]|{_JOINED}")
_IN_TEXT: Final = re.compile(f"(?![\t\n])[{_HIDDEN}]|{_JOINED}")
UNPAIRED: Final = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair, which no UTF-8 can hold."""
_SHORT: Final = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def line(value: str, longest: int = LONGEST) -> str:
    """Return a text as one printable line."""
    return _fit(value, value, longest, _IN_LINE)


def lines(value: str, longest: int = LONGEST) -> str:
    """Return a text as printable lines, at most `ROWS`."""
    value = value.replace("\r\n", "\n")
    rows = value.split("\n", ROWS)
    return _fit(value, "\n".join(rows[: ROWS - 1]) if len(rows) > ROWS else value, longest, _IN_TEXT)


def said(error: BaseException) -> str:
    """Return the text of an exception as printable lines, also where it cannot say any."""
    try:
        return lines(str(error))
    except Exception as fault:  # noqa: BLE001 - whatever a foreign __str__ raises
        return f"(its text raises {type(fault).__name__})"


def printable(value: object) -> object:
    """Return a text, or each of several, as one printable line, and anything else as it is."""
    if isinstance(value, str):
        return line(value)
    return tuple(map(printable, value)) if isinstance(value, tuple | list) else value


def is_utf8(value: str) -> bool:
    """Whether a text, such as the name of a file, can be written in UTF-8."""
    return UNPAIRED.search(value) is None


def command(words: list[str]) -> str:
    """Write a command that a shell takes as these words, printable though a word is not.

    Octets that cannot be printed are written as $'...', which POSIX shells know since 2024, others longer.
    """
    return line(" ".join(_word(word) for word in words), LONGEST_COMMAND)


Line = Annotated[str, BeforeValidator(printable)]
"""A field that holds one printable line, whatever is put into it."""
Lines = Annotated[str, BeforeValidator(lambda value: lines(value) if isinstance(value, str) else value)]
"""A field that holds printable lines."""
Command = Annotated[
    str, BeforeValidator(lambda value: line(value, LONGEST_COMMAND) if isinstance(value, str) else value)
]
"""A field that holds a command line."""


def _fit(whole: str, value: str, longest: int, hidden: re.Pattern[str]) -> str:
    """Escape what cannot be seen, and cut what is too long; what was fitted once stays as it is."""
    shown = hidden.sub(_escape, value[:longest])
    if len(value) == len(whole) <= longest and len(shown) <= longest:
        return shown
    note = f"... ({len(whole)} characters in all)"
    return shown[: longest - len(note)].rstrip(JOINER) + note


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    number = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def _word(word: str) -> str:
    if not _IN_LINE.search(word):
        return shlex.quote(word)
    parts = re.split(f"({_IN_LINE.pattern})", word)
    octets = "surrogateescape" if not re.search("[\ud800-\udc7f\udd00-\udfff]", word) else "surrogatepass"
    return "$'{}'".format(
        "".join(
            "".join(f"\\x{octet:02x}" for octet in part.encode(errors=octets))
            if number % 2
            else part.replace("\\", r"\\").replace("'", r"\'")
            for number, part in enumerate(parts)
        )
    )
