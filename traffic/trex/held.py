"""Ports of a TRex server that are held over a connection which may break, and is made anew then."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

from traffic.trex.errors import TrexError, TrexGoneError
from traffic.trex.trex import Trex


class HeldPorts(ABC):
    """The ports of those numbers at the server, and which of them it plays on by itself (`loaded`).

    `again` makes a new connection when the old one broke. Ports that an earlier run of the same user left are
    taken over, those of others are a TrexTakenError.
    """

    def __init__(self, trex: Trex, held: Iterable[int], again: Callable[[], Trex] | None) -> None:
        self.trex = trex
        self.held = tuple(held)
        self.again = again
        self.broken = False
        self.loaded: set[int] = set()

    @abstractmethod
    def _set_up(self) -> None:
        """Take the ports, and measure what they do."""

    @abstractmethod
    def _forget(self) -> None:
        """Forget what went with a connection."""

    def mend(self) -> None:
        """Replace a connection that broke or was interrupted; TrexGoneError if nobody answers."""
        if not self.broken:
            return
        self.trex.abandon()  # and ask it nothing any more
        if self.again is None:
            fault, mend = "the connection broke in an earlier play", "connect anew"
            raise TrexGoneError(self.trex.server.host, fault, mend)
        self.trex = self.again()
        self.broken = False
        self.loaded.clear()
        self._forget()
        self._set_up()

    def close(self) -> None:
        """Stop everything and give the ports back, over another connection where this one is broken."""
        if self.broken:
            self.trex.abandon()
            with suppress(TrexError):
                if self.again is not None:
                    with self.again() as fresh:
                        fresh.acquire(self.held, force=True)
            return
        try:
            with suppress(TrexError):
                self._clear()
        finally:
            self.trex.close()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Note of a connection whose request was ended by anything that a reply may still be due on it."""
        try:
            yield
        except BaseException:
            self.broken = True
            raise

    def _take(self) -> None:
        """Take the ports, and clean them."""
        ports = self.trex.ports()
        owners = {ports[number].owner for number in self.held if number in ports}
        self.trex.acquire(self.held, force=owners <= {"", self.trex.user})

    def _clear(self) -> None:
        """Stop what the server plays by itself, and take it away."""
        if self.loaded:
            self.trex.stop(self.loaded, settle=0)
            for port in self.loaded:
                self.trex.clear(port)
            self.loaded.clear()
