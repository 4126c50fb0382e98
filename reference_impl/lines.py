"""The two kinds of port of a GSP: an uplink that knows its containers, an egress that counts credit bytes."""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from reference_impl.port import HostPort, OutPort, everything

if TYPE_CHECKING:
    from reference_impl.device import Device, PortConfig
    from reference_impl.packer import Container

MIN_FRAME = 60
OVERHEAD = 24


def credit_of(octets: int) -> int:
    """Credit bytes of a host frame of so many octets without FCS: 60 at least, and 24 for what frames it."""
    return (octets if octets > MIN_FRAME else MIN_FRAME) + OVERHEAD  # noqa: FURB136 - the data path


class Uplink(OutPort):
    """A port towards the fabric that tells each container when its newest frame has left."""

    __slots__ = ("owners",)

    def __init__(self, device: "Device", index: int, config: "PortConfig") -> None:
        super().__init__(device, index, config)
        self.owners: deque[Container | None] = deque()

    def send(self, frame: bytes, now: int) -> bool:
        """Send a data frame whose container is closed."""
        return self.send_of(None, frame, now)

    def send_of(self, container: "Container | None", frame: bytes, now: int) -> bool:
        """Send a data frame of a container, or queue it; False when the buffer is full and it was dropped."""
        if self.free_at <= now < self.armed:
            self.transmit(frame, now)
            if container is not None:
                container.left = self.free_at
            return True
        if not self.enqueue(self.data, frame):
            return False
        self.owners.append(container)
        if container is not None:
            container.waiting += 1
        return True

    def next_frame(self, now: int) -> bytes:
        """Choose the frame that leaves next, control first."""
        if self.control:
            return self.control.popleft()
        frame = self.data.popleft()
        container = self.owners.popleft()
        if container is not None:
            container.waiting -= 1
            container.left = now + -(-credit_of(len(frame)) * 8000 // self.rate_mbps)
        return frame

    def withdraw(self, wanted: Callable[[bytes], bool] = everything) -> tuple[list[bytes], list[bytes]]:
        """Take back the (control, data) frames that are wanted and not yet on the wire."""
        kept: deque[Container | None] = deque()
        for frame, container in zip(self.data, self.owners, strict=True):
            if not wanted(frame):
                kept.append(container)
            elif container is not None:
                container.waiting -= 1
        self.owners = kept
        return super().withdraw(wanted)


class EgressPort(HostPort):
    """A port towards a host that counts what waits in credit bytes, and tells when some of it has left.

    `departed(port, credit bytes, now)` is called after each.
    """

    __slots__ = ("credit", "departed")

    def __init__(self, device: "Device", index: int, config: "PortConfig") -> None:
        super().__init__(device, index, config)
        self.credit = [0] * 8
        self.departed: Callable[[int, int, int], None] | None = None

    def send_class(self, frame: bytes, cls: int, now: int) -> bool:
        """Send a host frame of class `cls`, or queue it while the wire is held or the class paused."""
        if self.free_at <= now < self.armed and self.paused_until[cls] <= now and not self.busy >> cls & 1:
            self.transmit(frame, now)
            return True
        if not self.enqueue(self.classes[cls], frame):
            return False
        self.busy |= 1 << cls
        self.credit[cls] += credit_of(len(frame))
        return True

    def gone(self, cls: int, octets: int, now: int) -> None:
        """Tell that the queue is shorter."""
        credit = credit_of(octets)
        self.credit[cls] -= credit
        if self.departed is not None:
            self.departed(self.index, credit, now)

    def queued_credit(self, now: int) -> int:
        """Credit bytes that wait in the classes that are not paused."""
        if not self.waiting:
            return 0
        if self.pause_end <= now:
            return sum(self.credit)
        return sum(
            credit for credit, until in zip(self.credit, self.paused_until, strict=True) if until <= now
        )
