"""How a run ends before its time: every signal that asks for it does what Ctrl-C does."""

import signal
import threading
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)


def heed() -> None:
    """Let SIGTERM and SIGHUP end this process through every `finally` and `atexit`.

    One that is ignored stays so, as `nohup` has it.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    ending = Ending()
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, ending)


class Ending:
    """Interrupts what runs, once: from then on it is ending, and no second signal breaks that off."""

    def __init__(self) -> None:
        self.begun = False

    def __call__(self, number: int, _: FrameType | None) -> None:
        """Take a signal."""
        if not self.begun:
            self.begun = True
            raise KeyboardInterrupt(signal.Signals(number).name)
