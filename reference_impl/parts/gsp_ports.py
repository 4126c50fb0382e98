"""The two kinds of port of a GSP: an uplink that knows its containers, an egress that counts credit bytes."""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from reference_impl.config import PortConfig
from reference_impl.port import HostPort, OutPort, PortOwner, everything


class Leaving(Protocol):
    """What an uplink tells when its newest frame is out, in ns: an open container."""

    left: int


class Uplink(OutPort):
    """A port towards the fabric that tells each container when its newest frame has left."""

    __slots__ = ("owners",)

    def __init__(self, device: PortOwner, index: int, config: PortConfig) -> None:
        super().__init__(device, index, config)
        self.owners: deque[Leaving | None] = deque()

    def send(self, frame: bytes, now: int) -> None:
        """Send a data frame whose container is closed."""
        self.send_of(None, frame, now)

    def send_of(self, container: Leaving | None, frame: bytes, now: int) -> None:
        """Send a data frame of a container, queue it, or drop it where the buffer is full."""
        if self.queued and self.free_at <= now:
            self.advance_to(now)
        if self.free_at <= now:
            self.sent[len(frame)] += 1
            self.free_at = free_at = self.emit(frame, now)
            if container is not None:
                container.left = free_at
        elif self.enqueue(self.data, frame):
            self.owners.append(container)

    def advance_to(self, now: int) -> None:
        """Put the frames on the wire whose turn has come by now."""
        while self.queued:
            start = self.free_at
            if start > now:
                return
            owner = None
            if self.control:
                frame = self.control.popleft()
            else:
                frame = self.data.popleft()
                owner = self.owners.popleft()
            size = len(frame)
            self.queued -= size
            self.sent[size] += 1
            self.free_at = free_at = self.emit(frame, start)
            if owner is not None:
                owner.left = free_at

    def holds(self, container: Leaving, now: int) -> bool:
        """Return whether frames of a container wait."""
        self.advance_to(now)
        return container in self.owners

    def withdraw(
        self, now: int, wanted: Callable[[bytes], bool] = everything
    ) -> tuple[list[bytes], list[bytes]]:
        """Take back the (control, data) frames that are wanted and not yet on the wire."""
        self.advance_to(now)
        pairs = zip(self.data, self.owners, strict=True)
        self.owners = deque(container for frame, container in pairs if not wanted(frame))
        return super().withdraw(now, wanted)


class EgressPort(HostPort):
    """A port towards a host that counts what waits in credit bytes, and tells who watches it what leaves.

    `departed(port, now)` is called after each frame that waited, while anybody watches.
    """

    __slots__ = ("credit", "departed", "watchers")

    def __init__(self, device: PortOwner, index: int, config: PortConfig) -> None:
        super().__init__(device, index, config)
        self.credit = [0] * 8
        self.departed: Callable[[int, int], None] | None = None
        self.watchers: set[str] = set()

    def watch(self, who: str, now: int) -> None:
        """Begin to tell of each departure."""
        if who not in self.watchers:
            self.advance_to(now)
            self.watchers.add(who)
            self.eager = True
            self.rearm()

    def unwatch(self, who: str) -> None:
        """Tell somebody no longer."""
        self.watchers.discard(who)
        self.eager = not self.attached or bool(self.watchers)

    def send_class(self, frame: bytes, cls: int, now: int) -> None:
        """Send a host frame of class `cls`, or queue it while the wire is held or the class paused."""
        if self.queued and self.free_at <= now:
            self.advance_to(now)
        if self.free_at <= now and self.paused_until[cls] <= now:
            self.sent[len(frame)] += 1
            self.free_at = self.emit(frame, now)
        elif self.enqueue(self.classes[cls], frame):
            self.busy |= 1 << cls
            size = len(frame)
            self.credit[cls] += size + 24 if size > 60 else 84
            if self.pause_end > self.free_at:
                self.rearm()

    def gone(self, cls: int, octets: int, now: int) -> None:
        """Tell that the queue is shorter."""
        credit = octets + 24 if octets > 60 else 84
        self.credit[cls] -= credit
        if self.watchers and self.departed is not None:
            self.departed(self.index, now)

    def queued_credit(self, now: int) -> int:
        """Credit bytes that wait in the classes that are not paused."""
        if not self.eager:
            self.advance_to(now)
        if not self.queued:
            return 0
        if self.pause_end <= now:
            return sum(self.credit)
        return sum(
            credit for credit, until in zip(self.credit, self.paused_until, strict=True) if until <= now
        )
