"""The text files that users write: bounded, and the same whatever a system made of their line ends."""

import hashlib
import stat
from pathlib import Path
from typing import Final

from spec.errors import InputError

LIMIT: Final = 4 << 20
"""Octets that a file may have; the largest of the bundled ones has 50,000."""
MARK: Final = b"\xef\xbb\xbf"


def octets(path: Path) -> bytes:
    """Return what a text file means: its octets without byte order mark, lines ended by LF alone.

    InputError when it cannot be read, is no plain file, or is too large.
    """
    try:
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            fault = "is a folder" if path.is_dir() else "is a pipe or a device"
            raise InputError(path, "file", fault, "name a file, which is read more than once")
        with path.open("rb") as file:
            content = file.read(LIMIT + 1)
    except OSError as error:
        raise InputError(path, "file", f"cannot be read ({error.strerror})", "check the path") from error
    if len(content) > LIMIT:
        raise InputError(path, "file", f"has more than {LIMIT >> 20} MiB", "keep what belongs into it")
    return meant(content)


def meant(content: bytes) -> bytes:
    """Return octets of text without byte order mark, lines ended by LF alone."""
    return content.removeprefix(MARK).replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def text(path: Path) -> str:
    """Return a file as text; InputError when it is none."""
    content = octets(path)
    if b"\0" in content or content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(path, "file", "is not UTF-8 but UTF-16 or no text at all", "save it as UTF-8")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(path, "file", f"is not UTF-8 in line {line}", "save it as UTF-8") from error


def digest(path: Path) -> str:
    """Return the SHA-256 of what a text file means; InputError when it cannot be read."""
    return hashlib.sha256(octets(path)).hexdigest()
