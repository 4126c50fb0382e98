"""One run of a laboratory's own script, whatever it does: bounded in time and in what it prints.

Its input and output are files, not pipes: a script may leave its input unread, or a child behind that
keeps its output open, and neither holds the run up.
"""

import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import IO, Final

from spec.text import line

LARGEST: Final = 16 << 20
"""Octets that a script may print."""
GLANCE: Final = 0.1
"""Seconds between two looks at how much it has printed; its end is noticed at once."""
END_SHOWN: Final = 4096
"""Octets at the end of its standard error in which the last line is looked for."""


class ScriptFailed(Exception):  # noqa: N818 - named for the fact
    """A script gave no answer; the text says how it ended."""


def run_script(command: Sequence[str], request: bytes, timeout: float, folder: Path) -> bytes:
    """Run a command in a folder with a request as its input, and give what it printed; ScriptFailed else."""
    with (
        tempfile.TemporaryFile() as asked,
        tempfile.TemporaryFile() as answer,
        tempfile.TemporaryFile() as words,
    ):
        asked.write(request)
        asked.seek(0)
        try:
            process = subprocess.Popen(command, stdin=asked, stdout=answer, stderr=words, cwd=folder)  # noqa: S603 - the laboratory's own
        except (OSError, ValueError) as error:
            raise ScriptFailed(f"cannot be run ({error})") from error
        _wait(process, timeout, (answer, words))
        if process.returncode:
            raise ScriptFailed(f"{_ending(process.returncode)} ({_last_line(words)})")
        answer.seek(0)
        return answer.read(LARGEST + 1)


def _wait(process: subprocess.Popen[bytes], timeout: float, printed: Sequence[IO[bytes]]) -> None:
    """Wait for the end of a process, and make one of it where it takes too long or prints too much."""
    waiting = threading.Thread(target=process.wait, daemon=True)
    waiting.start()
    end = monotonic() + timeout
    try:
        while waiting.is_alive():
            waiting.join(min(GLANCE, max(0, end - monotonic())))
            if any(file.seek(0, 2) > LARGEST for file in printed):
                raise ScriptFailed(f"printed more than {LARGEST >> 20} MiB")
            if waiting.is_alive() and monotonic() >= end:
                raise ScriptFailed(f"gave no answer in {timeout:g} s")
    finally:
        if waiting.is_alive():
            process.kill()
            waiting.join()


def _ending(code: int) -> str:
    if code > 0:
        return f"ended with exit code {code}"
    names = {number.value: number.name for number in signal.Signals}
    return f"was killed by signal {-code}, {names.get(-code, 'which has no name')}"


def _last_line(printed: IO[bytes]) -> str:
    size = printed.seek(0, 2)
    printed.seek(max(0, size - END_SHOWN))
    found = printed.read(END_SHOWN).decode(errors="replace").strip().splitlines()
    return line(found[-1], 500) if found else "it printed nothing"
