"""What a user did wrong, in one sentence, and the exit codes of every command."""

from enum import IntEnum
from pathlib import Path

from spec.text import line


def shown(file: str | Path) -> str:
    """Give a path as seen from the working directory, when it is below it."""
    path = Path(file)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        return str(path.relative_to(Path.cwd()))
    return str(file)


class Exit(IntEnum):
    """Exit codes of `gse-cts`; they agree with those of pytest."""

    OK = 0
    FAILED = 1
    INTERRUPTED = 2
    INTERNAL = 3
    USAGE = 4
    EMPTY = 5


class InputError(Exception):
    """A fault in what the user supplied: `file: key: fault; mend`."""

    def __init__(self, file: str | Path, key: str, fault: str, mend: str) -> None:
        super().__init__(file, key, fault, mend)
        self.file = shown(file)
        self.key = key
        self.fault = fault
        self.mend = mend

    def __str__(self) -> str:
        stop = "" if self.mend.endswith("?") else "."
        words = (line(self.file), line(self.key), f"{line(self.fault)}; {line(self.mend)}{stop}")
        return ": ".join(words)
