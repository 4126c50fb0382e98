"""What keeps a command from ending in a traceback: its streams, and what the system may refuse it.

A standard output that is full or closed loses what is written to it, and nothing else: the command goes on,
and says so at its end.
"""

import errno
import io
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from spec.errors import Exit, InputError, StorageError, fault_of
from spec.text import LONGEST_REPORT, lines

if TYPE_CHECKING:
    from typing_extensions import Buffer

STREAMS: Final = (0, 1, 2)


def guarded(command: Callable[[], int]) -> int:
    """Run a command and give its exit code; whatever breaks it becomes a sentence on standard error.

    InputError has a code of its own. So has any other fault, with its traceback, for only the suite's author
    can mend it: an exit code of 1 is always a verdict, never an accident.
    """
    _occupy()
    output, errors = _Stream.instead_of("stdout"), _Stream.instead_of("stderr")
    try:
        Path.cwd()
    except OSError:
        say("working directory: folder: is gone; change to one that is there.")
        return Exit.USAGE
    try:
        code = command()
    except InputError as error:
        say(str(error))
        code = error.exit
    except Exception as error:  # noqa: BLE001 - the last resort
        say(traceback.format_exc())
        say(f"gse-cts: internal error: {type(error).__name__}: {error}; report it with the lines above.")
        code = Exit.INTERNAL
    for stream in (output, errors):
        if stream is not None:
            stream.end()
    if output is not None and output.fault is not None:
        say(str(fault_of(output.fault, "standard output")))
        code = StorageError.exit
    return code


def say(words: str) -> None:
    """Write a sentence to standard error, printable whatever is in it."""
    print(lines(words, LONGEST_REPORT), file=sys.stderr)


class _Stream(io.FileIO):
    """A standard stream that loses what the system refuses, and remembers why."""

    refusal: OSError | None = None
    """Why nothing can be written."""
    fault: OSError | None = None
    """Why something was lost."""
    text: TextIO | None = None

    @classmethod
    def instead_of(cls, name: str) -> "_Stream | None":
        """Put one in the place of a stream of `sys`, unless something else has taken that place."""
        old: TextIO | None = getattr(sys, name)
        number = {"stdout": 1, "stderr": 2}[name]
        if old is not getattr(sys, f"__{name}__"):
            return None
        stream = cls(number, "w", closefd=False)
        if old is None:
            stream.refusal = OSError(errno.EBADF, os.strerror(errno.EBADF))
        else:
            old.flush()
        stream.text = io.TextIOWrapper(
            io.BufferedWriter(stream),
            encoding=getattr(old, "encoding", "utf-8"),
            errors="backslashreplace",
            line_buffering=number == 2 or stream.isatty(),
        )
        setattr(sys, name, stream.text)
        return stream

    def write(self, octets: "Buffer") -> int:
        """Write, or lose it."""
        if self.refusal is None:
            try:
                return super().write(octets)
            except OSError as error:
                self.refusal = error
        self.fault = self.refusal
        return memoryview(octets).nbytes

    def end(self) -> None:
        """Write what is left."""
        if self.text is not None:
            self.text.flush()


def _occupy() -> None:
    """Let no file that is opened later take the place of a standard stream that is closed."""
    for number in STREAMS:
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR if number else os.O_RDONLY)
