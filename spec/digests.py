"""Digests of what is meant: line ends and a byte order mark do not count."""

from hashlib import sha256
from pathlib import Path
from typing import Final

MARK: Final = b"\xef\xbb\xbf"


def meant(octets: bytes) -> bytes:
    """Give a text with LF at the end of its lines and no byte order mark; what holds a NUL is no text."""
    if b"\0" in octets:
        return octets
    return octets.removeprefix(MARK).replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def digest_of(path: Path) -> str:
    """Give the SHA-256 of what a file means."""
    return sha256(meant(path.read_bytes())).hexdigest()
