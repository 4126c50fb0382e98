"""The sending side of a port: control ahead of data, one frame on the wire at a time."""

from collections import defaultdict, deque
from collections.abc import Callable
from functools import cache
from heapq import heappush
from typing import Any, Protocol

from reference_impl.config import PortConfig, Settings

NEVER = 1 << 62
"""A time, in ns, that does not come."""

Emit = Callable[[bytes, int], int]
"""Take a frame that starts to leave at a time, and tell when the wire is free again."""


class PortOwner(Protocol):
    """What a port asks of the device that it is a port of."""

    settings: Settings
    sends: list[tuple[int, bytes]]
    timers: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]]
    due: int
    ticket: Callable[[], int]

    def drop(self, cause: str) -> None:
        """Count a frame that goes no further."""


class WireTimes(dict[int, int]):
    """How long a frame holds the wire, in ns, by its octets without FCS, at one rate in Mbit/s."""

    def __init__(self, rate_mbps: int) -> None:
        super().__init__()
        self.rate_mbps = rate_mbps

    def __missing__(self, octets: int) -> int:
        time = self[octets] = -(-(max(octets, 60) + 24) * 8000 // self.rate_mbps)
        return time


wire_times = cache(WireTimes)


def everything(_frame: bytes) -> bool:
    """Want any frame."""
    return True


class OutPort:
    """A port towards the fabric: two queues in strict priority, drained at the rate of the port.

    `queued` is the octets that wait, `armed` when the queues are looked at next.
    What waits leaves at times that are known beforehand, so nothing has to happen at them: `advance_to`
    starts all that was due by now. Without a driver that does so in time the port is `eager`, and wakes
    itself.
    """

    __slots__ = (
        "armed",
        "attached",
        "control",
        "data",
        "device",
        "eager",
        "emit",
        "free_at",
        "index",
        "kind",
        "mac",
        "on_timer",
        "queued",
        "rate_mbps",
        "sent",
        "times",
    )

    def __init__(self, device: PortOwner, index: int, config: PortConfig) -> None:
        self.device = device
        self.index = index
        self.kind = config.kind
        self.mac = config.mac
        self.run_at(config.rate_mbps)
        self.control: deque[bytes] = deque()
        self.data: deque[bytes] = deque()
        self.on_timer = self.drain
        self.emit: Emit = self.hand_over
        self.attached = False
        self.eager = True
        self.free_at = 0
        self.queued = 0
        self.armed = NEVER
        self.sent: defaultdict[int, int] = defaultdict(int)
        """Frames sent, by their octets."""

    @property
    def sent_frames(self) -> int:
        """Frames sent so far."""
        return sum(self.sent.values())

    @property
    def sent_bytes(self) -> int:
        """Octets of the wire that they took: their own, 60 at least, and 24 more each."""
        return sum((max(size, 60) + 24) * frames for size, frames in self.sent.items())

    def run_at(self, rate_mbps: int) -> None:
        """Run at a rate from the next frame on."""
        self.rate_mbps = rate_mbps
        self.times: WireTimes = wire_times(rate_mbps)

    def attach(self, emit: Emit, eager: bool = False) -> None:
        """Let a driver take the frames through `emit`; unless it wants them `eager`, it has the port advance.

        It has to do so before the time at which a frame that waits can arrive at the far end.
        """
        self.emit = emit
        self.attached = not eager
        self.eager = eager
        self.rearm()

    def hand_over(self, frame: bytes, now: int) -> int:
        """Return a frame to whoever called the device."""
        self.device.sends.append((self.index, frame))
        return now + self.times[len(frame)]

    def send(self, frame: bytes, now: int) -> None:
        """Send a data frame, queue it, or drop it where the buffer is full."""
        if self.queued and self.free_at <= now:
            self.advance_to(now)
        if self.free_at <= now:
            self.transmit(frame, now)
        else:
            self.enqueue(self.data, frame)

    def send_control(self, frame: bytes, now: int) -> None:
        """Send a control message, ahead of every data frame that waits."""
        if self.queued and self.free_at <= now:
            self.advance_to(now)
        if self.free_at <= now:
            self.transmit(frame, now)
        else:
            self.enqueue(self.control, frame)

    def enqueue(self, queue: deque[bytes], frame: bytes) -> bool:
        """Let a frame wait for the wire; False when the buffer is full and the frame was dropped."""
        queued = self.queued + len(frame)
        if queued > self.device.settings.buffer_bytes:
            self.device.drop("queue_full")
            return False
        self.queued = queued
        queue.append(frame)
        if self.eager and self.free_at < self.armed:
            self.arm(self.free_at)
        return True

    def arm(self, time: int) -> None:
        """See that the queues are looked at, at `time` at the latest."""
        if time < self.armed:
            self.armed = time
            device = self.device
            heappush(device.timers, (time, device.ticket(), self.on_timer, ()))
            if time < device.due:  # noqa: PLR1730 - the data path
                device.due = time

    def drain(self, now: int) -> None:
        """Look at the queues because it is time to."""
        self.armed = NEVER
        self.advance_to(now)
        self.rearm()

    def rearm(self) -> None:
        """See that what waits is looked at when it may leave, where nobody else does."""
        if self.queued and self.eager:
            self.arm(self.free_at)

    def advance_to(self, now: int) -> None:
        """Put the frames on the wire whose turn has come by now."""
        while self.queued:
            start = self.free_at
            if start > now:
                return
            frame = self.control.popleft() if self.control else self.data.popleft()
            self.queued -= len(frame)
            self.transmit(frame, start)

    def transmit(self, frame: bytes, now: int) -> None:
        """Start a frame on the wire, which it holds for its own octets and 24 more."""
        size = len(frame)
        self.sent[size] += 1
        self.free_at = self.emit(frame, now)

    def withdraw(
        self, now: int, wanted: Callable[[bytes], bool] = everything
    ) -> tuple[list[bytes], list[bytes]]:
        """Take back the (control, data) frames that are wanted and not yet on the wire."""
        self.advance_to(now)
        return self.take(self.control, wanted), self.take(self.data, wanted)

    def take(self, queue: deque[bytes], wanted: Callable[[bytes], bool]) -> list[bytes]:
        """Remove the wanted frames from a queue, and keep the order of both parts."""
        frames = list(queue)
        taken = [frame for frame in frames if wanted(frame)]
        queue.clear()
        queue.extend(frame for frame in frames if not wanted(frame))
        self.queued -= sum(map(len, taken))
        return taken


class HostPort(OutPort):
    """A port towards a host: a queue a class, the highest first, each paused on its own (802.1Qbb).

    `busy` has a bit set for each class in which something waits; `pause_end` is when the last pause is over.
    """

    __slots__ = ("busy", "classes", "pause_end", "paused_until")

    def __init__(self, device: PortOwner, index: int, config: PortConfig) -> None:
        super().__init__(device, index, config)
        self.classes: tuple[deque[bytes], ...] = tuple(deque() for _ in range(8))
        self.busy = 0
        self.paused_until = [0] * 8
        self.pause_end = 0

    def pause(self, cls: int, until: int, now: int) -> None:
        """Hold one class until a time; a time not after `now` resumes it."""
        self.advance_to(now)
        self.paused_until[cls] = until
        self.pause_end = max(self.paused_until)
        if self.queued:
            self.arm(max(self.free_at, now))

    def advance_to(self, now: int) -> None:
        """Put the frames on the wire whose turn has come by now, those of paused classes excepted."""
        while self.queued:
            start = self.free_at
            if start > now:
                return
            if self.pause_end > start:
                start = self.next_time()
                if start > now:
                    self.arm(start)
                    return
            cls = self.next_class(start)
            queue = self.classes[cls]
            frame = queue.popleft()
            if not queue:
                self.busy ^= 1 << cls
            size = len(frame)
            self.queued -= size
            self.sent[size] += 1
            self.free_at = self.emit(frame, start)
            self.gone(cls, size, start)

    def next_class(self, now: int) -> int:
        """Choose the highest class that is not paused and in which something waits."""
        if self.pause_end <= now:
            return self.busy.bit_length() - 1
        open_classes = (cls for cls in range(7, -1, -1) if self.paused_until[cls] <= now)
        return next(cls for cls in open_classes if self.busy >> cls & 1)

    def gone(self, cls: int, octets: int, now: int) -> None:
        """Take note of a frame that waited and is about to leave; for a kind of port to fill in."""

    def next_time(self) -> int:
        """Return when a frame that waits may leave: the wire is free, and the pause of its class is over."""
        if self.pause_end <= self.free_at:
            return self.free_at
        first = min(until for cls, until in enumerate(self.paused_until) if self.busy >> cls & 1)
        return max(self.free_at, first)

    def rearm(self) -> None:
        """See that what waits is looked at when it may leave, where nobody else does."""
        if self.queued:
            time = self.next_time()
            if self.eager or time > self.free_at:
                self.arm(time)
