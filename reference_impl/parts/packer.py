"""Packet containers: which frames share one, when it closes, and what DATA says about it."""

from reference_impl import codec
from reference_impl.device import Device
from reference_impl.parts.container import Container
from reference_impl.parts.dgsq import GOVERNED, Dgsq
from reference_impl.parts.gsp_ports import Uplink
from reference_impl.parts.sprayer import PathShare
from reference_impl.sizes import MIN_FRAME, OVERHEAD


class Packer:
    """Fills one container after the other in each DGSQ; no frame is cut, none is in two containers."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.configure()

    def configure(self) -> None:
        """Take the settings over."""
        settings = self.device.settings
        self.limit = settings.container_bytes
        self.flush_time = settings.flush_time
        self.close_early = settings.overflow_mode == "close-early"
        self.borrows = settings.overflow_mode == "overflow-borrow"

    def open(self, dgsq: Dgsq, share: PathShare, now: int) -> Container:
        """Open the next container of a DGSQ on one path, with the fill it owes to the last one."""
        port = self.device.ports[share.path.port]
        assert isinstance(port, Uplink)
        container = dgsq.container = Container(self.next_sequence(dgsq), dgsq.borrowed_fill, share, port)
        dgsq.borrowed_fill = 0
        self.device.count["containers_built"] += 1
        if not dgsq.flush_armed:
            dgsq.flush_armed = True
            self.device.at(now + self.flush_time, self.flush_due, dgsq)
        return container

    def next_sequence(self, dgsq: Dgsq) -> int:
        """Return a container its number, from 0 in each generation on, and from 0 again after the largest."""
        sequence = dgsq.sequence
        dgsq.sequence = (sequence + 1) & codec.SEQUENCE_MASK
        return sequence

    def is_full(self, fill: int, credit: int) -> bool:
        """Return whether a container of that fill takes no frame of so many credit bytes any more."""
        return fill + credit > self.limit if self.close_early else fill >= self.limit

    def is_last(self, fill: int, following: int) -> bool:
        """Return whether no frame is known to follow in a container; `following` is 0 where none waits."""
        return self.is_full(fill, following or MIN_FRAME + OVERHEAD)

    def place(self, container: Container, credit: int) -> tuple[int, int]:
        """Take a frame into a container; give its index and the fill before it."""
        index, fill = container.index, container.fill
        container.index = index + 1
        container.fill = fill + credit
        return index, fill

    def pack(self, dgsq: Dgsq, container: Container, frame: bytes, credit: int, now: int) -> None:
        """Send a host frame that has left its queue as the next one of an open container."""
        index, fill = self.place(container, credit)
        last = self.is_last(container.fill, dgsq.frames[0][1] if dgsq.frames else 0)
        last = last or container.index >= codec.MOST_FRAMES
        container.share.carried += credit
        flags = self.flags(dgsq, last)
        alike = container.alike.get(flags)
        if alike is None:
            alike = container.alike[flags] = codec.begin_data(
                dgsq.cls,
                flags,
                self.device.node,
                dgsq.node,
                dgsq.port,
                container.sequence,
                dgsq.generation,
            )
        message = codec.continue_data(container.prefix, alike, index, dgsq.previous_frames, fill, frame)
        container.port.send_of(container, message, now)
        if last:
            self.close_full(dgsq)

    def flags(self, dgsq: Dgsq, last: bool) -> int:
        """Return what the flags of a DATA frame are."""
        flags = codec.LAST if last else 0
        return flags if dgsq.state is GOVERNED else flags | codec.UNGOVERNED

    def close(self, dgsq: Dgsq) -> None:
        """Close the open container, and keep what the next one has to tell of it."""
        container = dgsq.container
        if container is not None:
            dgsq.previous_frames = self.frames_of(container)
            dgsq.borrowed_fill = self.borrowed(container)
            dgsq.container = None

    def frames_of(self, container: Container) -> int:
        """Count the frames of a container for the "frames in the previous container" of the next one."""
        return container.index

    def borrowed(self, container: Container) -> int:
        """Return with what fill the next container opens."""
        return max(container.fill - self.limit, 0) if self.borrows else 0

    def close_full(self, dgsq: Dgsq) -> None:
        """Close a container that can take no more."""
        self.close(dgsq)
        self.device.count["containers_closed_full"] += 1

    def flush_due(self, now: int, dgsq: Dgsq) -> None:
        """Close a part-filled container `flush_time` after its last frame left."""
        dgsq.flush_armed = False
        container = dgsq.container
        if container is None:
            return
        due = (now if container.port.holds(container, now) else container.left) + self.flush_time
        if now < due:
            dgsq.flush_armed = True
            self.device.at(due, self.flush_due, dgsq)
        else:
            self.close(dgsq)
            self.device.count["containers_closed_flush"] += 1
