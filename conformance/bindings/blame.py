"""Which device is to blame where its code raises, or comes to no end, in the process of the suite."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Final

from spec.text import said

TICK: Final = 1.0
"""Seconds of processor time between two looks at whether time moves on in a play."""
BENCH: Final = ("traffic.", "conformance.")
"""How the modules of the tester and of the bench begin."""


class NoEnd(Exception):  # noqa: N818 - it is the fact, not an error of the program
    """What runs has come to no end in the processor time that it had."""


@contextmanager
def watched(progress: Callable[[], object], patience: float | None = None) -> Iterator[None]:
    """Raise NoEnd in what runs here as soon as a look at it shows the same progress as the look before.

    So it is, too, after `patience` seconds of processor time where that is given. Outside the main thread
    nothing is watched, for signals reach no other.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    seen: list[object] = []
    begun = time.process_time()

    def look(_signal: int, _frame: FrameType | None) -> None:
        if seen[-1:] == [progress()]:
            raise NoEnd(f"no end after {time.process_time() - begun:.1f} s of processor time")
        if patience is not None and time.process_time() - begun > patience:
            raise NoEnd(f"no end after {patience:.1f} s of processor time")
        seen[:] = [progress()]

    before = signal.signal(signal.SIGVTALRM, look)
    tick = min(TICK, patience or TICK)
    signal.setitimer(signal.ITIMER_VIRTUAL, tick, tick)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def culprit(error: BaseException, devices: Mapping[str, object]) -> str | None:
    """Name the device in whose code an error arose; None where it was the code of the tester or the bench."""
    names = {id(device): name for name, device in devices.items()}
    found = None
    for frame in _frames(error.__traceback__):
        if frame.f_globals.get("__name__", "").startswith(BENCH):
            found = None
        found = next((names[id(item)] for item in _near(frame) if id(item) in names), found)
    return found


def words_of(error: BaseException) -> str:
    """Say what became of a device and where its code was, in the words of a reason."""
    frames = list(_frames(error.__traceback__))
    place = frames[-1].f_code if frames else None
    where = f" in {place.co_qualname} of {Path(place.co_filename).name}" if place else ""
    if isinstance(error, NoEnd):
        return f"{said(error)}{where}"
    return f"{type(error).__name__}: {said(error)}{where}"


def _frames(trace: TracebackType | None) -> Iterator[FrameType]:
    """Yield the frames of a traceback, the outermost first, but for that of the watch itself."""
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__") != __name__:
            yield trace.tb_frame
        trace = trace.tb_next


def _near(frame: FrameType) -> Iterator[object]:
    """Yield the object whose method a frame is, and what that object holds."""
    owner = frame.f_locals.get("self")
    yield owner
    yield from getattr(owner, "__dict__", {}).values()
    for kind in type(owner).__mro__:
        yield from (getattr(owner, name, None) for name in kind.__dict__.get("__slots__", ()))
