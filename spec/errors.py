"""What a user did wrong or the system refused, in one sentence, and the exit codes of every command."""

import errno
import os
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path
from typing import Final

from spec.text import line


def shown(file: str | Path) -> str:
    """Return a path as seen from the working directory, when it is below it."""
    path = Path(file)
    try:
        here = Path.cwd()
    except OSError:  # it is gone
        return str(file)
    if path.is_absolute() and path.is_relative_to(here):
        return str(path.relative_to(here))
    return str(file)


class Exit(IntEnum):
    """Exit codes of `gse-cts`; they agree with those of pytest."""

    OK = 0
    FAILED = 1
    INTERRUPTED = 2
    INTERNAL = 3
    USAGE = 4
    EMPTY = 5


LONGEST: Final = 600
"""Characters of a part of a sentence, which may hold what a user wrote."""


class InputError(Exception):
    """A fault in what the user supplied: `file: key: fault; mend`. `exit` is the exit code it leads to."""

    exit: Exit = Exit.USAGE

    def __init__(self, file: str | Path, key: str, fault: str, mend: str) -> None:
        super().__init__(file, key, fault, mend)
        self.file = shown(file)
        self.key = key
        self.fault = fault
        self.mend = mend

    def __str__(self) -> str:
        stop = "" if self.mend.endswith("?") else "."
        file, key, fault, mend = (
            line(word, LONGEST) for word in (self.file, self.key, self.fault, self.mend)
        )
        return f"{file}: {key}: {fault}; {mend}{stop}"


class StorageError(InputError):
    """A fault of a disk, a stream or a limit of the system, which no other command line would mend."""

    exit = Exit.INTERNAL


NAMED: Final[Mapping[int, str]] = {
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "check the path, a part of it is no folder",
    errno.EISDIR: "name a file, this is a folder",
    errno.EEXIST: "name another, this is taken",
    errno.EACCES: "get the right to it, or name another place",
    errno.EPERM: "get the right to it, or name another place",
    errno.EROFS: "name a place that can be written",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "name what the links should lead to",
    errno.EINVAL: "choose a name that this file system takes",
    errno.EILSEQ: "choose a name that this file system takes",
}
"""What is wrong with a place that the user named, by `errno`, and the mend."""
BEYOND: Final[Mapping[int, str]] = {
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room below the quota of the disk",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f)",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "close other programs, or raise the system's limit of open files",
    errno.EPIPE: "keep the reader open to the end, or write to a file",
    errno.EBADF: "leave the stream open",
    errno.EIO: "check the disk",
}
"""What is wrong beyond what the user named, by `errno`, and the mend."""


def fault_of(error: OSError, place: str | Path = "") -> InputError:
    """Say in one sentence what the system refused; `place` is for errors that name no file.

    InputError where the user can name another place, StorageError for a full disk and its like.
    """
    file = place or error.filename or "gse-cts"
    if isinstance(file, bytes):
        file = os.fsdecode(file)
    words = f"cannot be used ({error.strerror or type(error).__name__})"
    number = error.errno or 0
    if number in NAMED:
        return InputError(str(file), "file", words, NAMED[number])
    mend = BEYOND.get(number, "see what the system says of it")
    return StorageError(str(file), "file", words, mend)
