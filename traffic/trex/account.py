"""What a TRex server was given to send, against what it was seen to send and receive."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import replace

from traffic.trex.data import Captured, PortCounters


class Account:
    """The account of one capture of some `ports`, by their numbers at the server.

    `zero` is the time 0 of the capture on the local clock, and `latest` how late, in ns, a frame left at
    worst after it was due. What the server plays by itself, on the ports `by_itself`, is due from the first
    frame of its port on.
    """

    def __init__(self, ports: Iterable[int], zero: int = 0) -> None:
        self.zero = zero
        self.latest = 0
        self.by_itself: frozenset[int] = frozenset()
        self.before: Mapping[int, PortCounters] = {}
        self.given: dict[int, deque[int]] = {port: deque() for port in ports}
        self.begun: dict[int, int] = {}
        """How late, in ns, the first frame left of each port that the server plays by itself."""
        self.seen: Counter[tuple[int, bool]] = Counter()
        self.stamped: dict[tuple[int, bool], int] = {}
        """When the last frame passed each way through a port."""

    @property
    def unsent(self) -> int:
        """Frames that the server was given and that were not seen to leave."""
        return sum(map(len, self.given.values()))

    def give(self, port: int, *times: int) -> None:
        """Note when frames, in this order, are due to leave a port, in ns of the local clock."""
        self.given[port].extend(times)

    def note(self, frames: Iterable[Captured]) -> None:
        """Count what was captured, and see how long after it was due each frame left."""
        for captured in frames:
            self.seen[captured.port, captured.sent] += 1
            given = self.given[captured.port]
            if captured.sent and given:
                late = self.zero + captured.time - given.popleft()
                if captured.port in self.by_itself:
                    late -= self.begun.setdefault(captured.port, late)
                self.latest = max(self.latest, late)

    def in_order(self, frames: Iterable[Captured]) -> list[Captured]:
        """Sort frames by time, none earlier than the one before it in a direction of its port."""
        return sorted(map(self._stamped, frames), key=_time)

    def unseen(self, counted: Mapping[int, PortCounters]) -> int:
        """Return how many frames a port counted since `before` that were never seen, of the worst port."""
        most = 0
        for port, before in self.before.items():
            sent, received = counted[port].sent - before.sent, counted[port].received - before.received
            most = max(most, sent - self.seen[port, True], received - self.seen[port, False])
        return most

    def _stamped(self, captured: Captured) -> Captured:
        way = captured.port, captured.sent
        self.stamped[way] = max(self.stamped.get(way, 0), captured.time)
        return replace(captured, time=self.stamped[way])


def _time(captured: Captured) -> int:
    return captured.time
