"""Processes by number and start, so that no stranger is ever taken for one of ours."""

import json
import os
import signal
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from select import select
from typing import Final, Self

GRACE: Final = 3.0
"""Seconds between asking a process to end and ending it."""


@dataclass(frozen=True)
class Process:
    """A process; `started` is in clock ticks since the machine was booted."""

    pid: int
    started: int

    @classmethod
    def own(cls) -> Self:
        """Return the calling process."""
        return cls(os.getpid(), started(os.getpid()))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read one from its file."""
        return cls(**json.loads(path.read_text(encoding="ascii")))

    def write(self, path: Path) -> None:
        """Write it to a file, whole or not at all."""
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(self)), encoding="ascii")
        part.rename(path)

    def is_alive(self) -> bool:
        """Return whether this very process still runs."""
        return started(self.pid) == self.started

    def end(self) -> None:
        """Ask it to end, and end it when it does not; return when it is gone."""
        with suppress(ProcessLookupError):
            descriptor = os.pidfd_open(self.pid)
            try:
                if self.is_alive():
                    signal.pidfd_send_signal(descriptor, signal.SIGTERM)
                    if not select([descriptor], (), (), GRACE)[0]:
                        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                        select([descriptor], (), ())
            finally:
                os.close(descriptor)


def started(pid: int) -> int:
    """Return when a process started; 0 when there is none of that number, or only its remains."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    values = stat.rpartition(")")[2].split()
    return 0 if values[0] in {"Z", "X"} else int(values[19])


def hurry() -> None:
    """Go ahead of ordinary processes where the kernel lets us: a stall looks like a failure."""
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(os.sched_get_priority_min(os.SCHED_RR)))
