"""Frames one by one through a TRex server: pushed, captured and fetched."""

import base64
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from traffic.trex.connection import Connection
from traffic.trex.data import Capture, Captured, Caught, check_size
from traffic.trex.errors import TrexError, TrexRefusedError

LEAST_GAP_US: Final = 10
"""With no gap between them, pushed frames leave in disorder; with this one, 1,000 kept theirs."""

_MOST_FETCHED: Final = 50
_MOST_PUSHED: Final = 1000
_PUSHED_OCTETS: Final = 900_000


class Capturing(Connection):
    """A connection over which frames are pushed and captured."""

    def push(
        self, port: int, frames: Sequence[bytes], *, gap_us: float = LEAST_GAP_US, ask: bool = True
    ) -> int:
        """Send frames in their order, octet by octet as they are, at least 10 us apart.

        Gives the time of the first, ns on the server's clock. ValueError for a size that TRex does not send.
        Unless `ask`, who has the port is taken from what the server last told, which saves a request.
        """
        for frame in frames:
            check_size(frame)
        gap = max(gap_us, LEAST_GAP_US)
        first = 0
        for batch in _batches(frames):
            if ask or not self._client.ports[port].is_acquired():
                self._owned(port)
            with self._told("pushing frames"):
                packets = [self._api.PacketBuffer(frame) for frame in batch]
                pushed = self._client.push_packets(packets, ports=[port], ipg_usec=gap)
            first = first or round(pushed.data()["ts"] * 1e9)
            if len(frames) > len(batch):  # batches that overlap would mix
                time.sleep(len(batch) * gap / 1e6)
        return first

    def capture(
        self,
        *,
        received: Iterable[int] = (),
        sent: Iterable[int] = (),
        bpf: str = "",
        limit: int = 10_000,
    ) -> Capture:
        """Begin to capture what ports receive and send, as a BPF expression admits, up to `limit` frames."""
        with self._told("starting a capture"):
            data = self._transmit(
                "capture",
                command="start",
                limit=limit,
                mode="fixed",
                tx=list(sent),
                rx=list(received),
                filter=bpf,
            )
        self._captures[data["capture_id"]] = 0
        return Capture(data["capture_id"], round(data["start_ts"] * 1e9))

    def fetch(self, capture: Capture) -> tuple[Captured, ...]:
        """Take all that a capture caught since this was last asked; at 50 frames a request."""
        frames: list[Captured] = []
        more = True
        while more:
            some, more = self.fetch_some(capture)
            frames += some
        return tuple(frames)

    def fetch_some(self, capture: Capture) -> tuple[list[Captured], bool]:
        """Take at most 50 frames that a capture caught, and say whether more wait."""
        with self._on(capture, "fetching captured frames"):
            data = self._transmit(
                "capture", command="fetch", capture_id=capture.number, pkt_limit=_MOST_FETCHED
            )
        frames = [
            Captured(
                round(packet["ts"] * 1e9) - capture.start,
                packet["port"],
                packet["origin"] == "TX",
                base64.b64decode(packet["binary"]),
            )
            for packet in data["pkts"]
        ]
        self._captures[capture.number] += len(frames)
        return frames, data["pending"] > 0

    def missed(self, capture: Capture) -> int:
        """Count the matching frames that a capture had no room for so far."""
        with self._on(capture, "reading captures"):
            status = self._status_of(capture)
        return int(status["matched"] - status["count"] - self._captures[capture.number])

    def finish(self, capture: Capture) -> Caught:
        """End a capture: give what was not fetched yet, and how many frames it lost."""
        with self._on(capture, "ending a capture"):
            self._transmit("capture", command="stop", capture_id=capture.number)
            frames = self.fetch(capture)
            matched: int = self._status_of(capture)["matched"]
            self._transmit("capture", command="remove", capture_id=capture.number)
        return Caught(frames, matched - self._captures.pop(capture.number))

    def discard(self, capture: Capture) -> None:
        """End a capture and forget what it caught."""
        with self._on(capture, "ending a capture"):
            self._transmit("capture", command="remove", capture_id=capture.number)
        del self._captures[capture.number]

    def time(self) -> int:
        """Read the server's clock, ns; one that does not tell it with a ping tells it with a capture."""
        with self._told("reading the clock"):
            told = self._transmit("ping")
        if isinstance(told, dict) and "ts" in told:
            return int(told["ts"] * 1e9)
        capture = self.capture(received=self._held[:1], limit=1)
        self.discard(capture)
        return capture.start

    # Inside

    def _statuses(self) -> dict[int, Any]:
        return {item["id"]: item for item in self._transmit("capture", command="status")}

    def _status_of(self, capture: Capture) -> Any:  # noqa: ANN401 - JSON
        status = self._statuses().get(capture.number)
        if status is None:
            raise self._gone(capture)
        return status

    @contextmanager
    def _on(self, capture: Capture, doing: str) -> Iterator[None]:
        """Do something with a capture; captures are global to a server, and other users can remove them."""
        try:
            with self._told(doing):
                yield
        except TrexRefusedError as error:
            with self._told("reading captures"):
                there = capture.number in self._statuses()
            if there:
                raise
            self._captures.pop(capture.number, None)
            raise self._gone(capture) from error

    def _gone(self, capture: Capture) -> TrexError:
        mend = "see that nobody else uses the server, then run again"
        return self._error(TrexRefusedError, f"capture {capture.number} is gone", mend)


def _batches(frames: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Cut frames into pushes that the server takes at a time."""
    batch: list[bytes] = []
    octets = 0
    for frame in frames:
        if len(batch) == _MOST_PUSHED or octets + len(frame) > _PUSHED_OCTETS:
            yield batch
            batch, octets = [], 0
        batch.append(frame)
        octets += len(frame)
    if batch:
        yield batch
