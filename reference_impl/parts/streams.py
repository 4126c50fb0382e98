"""What is known of each (source, port, class) at an egress, and for how long."""

from collections import deque
from collections.abc import Callable, Iterable
from operator import attrgetter

from reference_impl.states import STREAM_STEPS, StreamState

ORDERED = StreamState.ORDERED
INDEX_BITS = 32
"""Width of an index in a place, whatever its field has."""
INDEX_MASK = (1 << INDEX_BITS) - 1
REMEMBERED_GAPS = 64
REMEMBERED_STREAMS = 65_536


class Stream:
    """What one (source, port, class) has brought so far.

    A place is (unwrapped sequence << INDEX_BITS) + index; `place` is the next one that is due.
    `fill` is what the container in hand had after its newest frame, `usual` what the last one ended with.
    """

    __slots__ = (
        "armed",
        "cls",
        "deadlines",
        "ended",
        "fill",
        "gaps",
        "generation",
        "heard",
        "held",
        "held_bytes",
        "index",
        "port",
        "sequence",
        "source",
        "state",
        "totals",
        "usual",
    )

    def __init__(self, source: int, port: int, cls: int) -> None:
        self.source = source
        self.port = port
        self.cls = cls
        self.generation = 0
        self.ended = 0
        self.sequence = 0
        self.index = 0
        self.fill = 0
        self.usual = 0
        self.state = StreamState.UNKNOWN
        self.heard = 0
        self.held: dict[int, tuple[bytes, int, bool, int]] = {}
        self.held_bytes = 0
        self.totals: dict[int, int] = {}
        self.gaps: deque[tuple[int, int]] = deque(maxlen=REMEMBERED_GAPS)
        self.deadlines: deque[tuple[int, int]] = deque()
        self.armed = False

    def happen(self, event: str) -> None:
        """Follow an event of the table of states; KeyError for one that cannot happen now."""
        self.state = STREAM_STEPS[self.state, event]

    @property
    def collecting(self) -> bool:
        """Return whether frames are held because the first one may not have come."""
        return self.state is StreamState.COLLECTING

    @property
    def place(self) -> int:
        """The place of the frame that is due next."""
        return (self.sequence << INDEX_BITS) + self.index


class Streams(dict[tuple[int, int, int], Stream]):
    """The streams by (source, port, class); one that was silent for `idle_limit` ns is forgotten.

    `at` is that of the device.
    """

    def __init__(self, at: Callable[..., None]) -> None:
        super().__init__()
        self.at = at
        self.idle_limit = 0

    def add(self, source: int, port: int, cls: int, now: int) -> Stream:
        """Begin to know a stream; of too many that hold no frame, the half silent longest are forgotten."""
        if len(self) >= REMEMBERED_STREAMS:
            idle = sorted((stream for stream in self.values() if not stream.held), key=attrgetter("heard"))
            self.forget(idle[: (len(idle) + 1) // 2])
        if not self:
            self.at(now + self.idle_limit, self.sweep)
        stream = self[source, port, cls] = Stream(source, port, cls)
        return stream

    def sweep(self, now: int) -> None:
        """Forget the streams that were silent for too long, every so often while there are any."""
        since = now - self.idle_limit
        self.forget([stream for stream in self.values() if stream.heard < since and not stream.held])
        if self:
            self.at(now + self.idle_limit, self.sweep)

    def forget(self, streams: Iterable[Stream]) -> None:
        """Forget some streams."""
        for stream in streams:
            stream.happen("forgotten")
            del self[stream.source, stream.port, stream.cls]
