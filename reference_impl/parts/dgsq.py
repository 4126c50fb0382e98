"""Dynamic global scheduling queues: frames that wait at the source for the credit of one egress."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from reference_impl import codec
from reference_impl.device import Device
from reference_impl.parts.meter import Meter
from reference_impl.parts.paths import PathTable
from reference_impl.port import NEVER
from reference_impl.states import DGSQ_STEPS, DgsqState

if TYPE_CHECKING:
    from reference_impl.parts.container import Container

GOVERNED = DgsqState.GOVERNED

Key = tuple[int, int, int]
"""Destination node, its egress port, class."""


class Dgsq:
    """One queue: frames with their credit, cumulative counters of its generation, and its open container.

    `free_at` is when back-pressure lets the next frame go, `level` what it withholds (n/255) of `base_mbps`.
    """

    __slots__ = (
        "active",
        "base_mbps",
        "borrowed_fill",
        "cls",
        "container",
        "demand",
        "expired",
        "flush_armed",
        "forfeited",
        "frames",
        "free_at",
        "generation",
        "grant",
        "lapse_armed",
        "level",
        "meter",
        "node",
        "port",
        "previous_frames",
        "pump_armed",
        "queued",
        "reported",
        "requested_at",
        "sent",
        "sequence",
        "state",
        "valid_until",
    )

    def __init__(  # noqa: PLR0917 - made in one place
        self, key: Key, generation: int, unsolicited: int, governed: bool, window: int, now: int
    ) -> None:
        self.node, self.port, self.cls = key
        self.generation = generation
        event = "first-frame" if governed else "first-frame-freely"
        self.state = DGSQ_STEPS[DgsqState.ABSENT, event]
        self.frames: deque[tuple[bytes, int]] = deque()
        self.queued = 0
        self.demand = 0
        self.sent = 0
        self.forfeited = 0
        self.grant = unsolicited
        self.expired = 0
        self.valid_until = NEVER
        self.reported = 0
        self.requested_at = -NEVER
        self.sequence = 0
        self.previous_frames = 0
        self.borrowed_fill = 0
        self.container: Container | None = None
        self.meter = Meter(window)
        self.level = 0
        self.base_mbps = 0.0
        self.free_at = 0
        self.active = now
        self.flush_armed = False
        self.lapse_armed = False
        self.pump_armed = False

    def happen(self, event: str) -> None:
        """Follow an event of the table of states; KeyError for one that cannot happen now."""
        self.state = DGSQ_STEPS[self.state, event]

    @property
    def governed(self) -> bool:
        """Return whether its frames need credit; in the mode on-congestion a queue sends freely at first."""
        return self.state is GOVERNED

    @property
    def dead(self) -> bool:
        """Return whether its generation is over."""
        return self.state is DgsqState.ENDED

    @property
    def position(self) -> int:
        """Credit bytes sent and forfeited so far."""
        return self.sent + self.forfeited

    def may_send(self, credit: int) -> bool:
        """Return whether the next frame may leave: a whole frame, and only within the grant."""
        return self.state is not GOVERNED or self.sent + self.forfeited + credit <= self.grant

    def account(self, credit: int) -> None:
        """Note a frame that leaves; an ungoverned one stays outside `sent`."""
        if self.state is GOVERNED:
            self.sent += credit

    def take_grant(self, granted: int, expired: int, validity: int, now: int) -> None:
        """Merge a GRANT of this generation by maximum; its validity in ns counts from its receipt."""
        if granted > self.grant:
            self.grant = granted
            self.valid_until = now + validity
        elif granted == self.grant:
            self.valid_until = self.extended(now + validity)
        self.expired = max(self.expired, expired)

    def extended(self, until: int) -> int:
        """Return until when credit is valid after a repeated GRANT, which extends nothing."""
        return min(self.valid_until, until)

    def forfeit(self) -> int:
        """Give up the credit below `expired`, and return how much that was."""
        given_up = max(self.expired - self.position, 0)
        self.forfeited += given_up
        return given_up

    def lapse(self) -> None:
        """Treat a grant whose validity is over as expired."""
        self.expired = max(self.expired, self.grant)

    def govern(self, now: int) -> None:
        """Begin to ask for credit: what waits now is the first demand."""
        self.happen("congestion")
        self.demand = self.queued
        self.active = now


class DgsqTable:
    """The queues of a GSP: created by a first frame, bounded in number, released when idle.

    `forget` hears of the end of a queue to a host port of the GSP itself.
    """

    def __init__(self, device: Device, paths: PathTable, forget: Callable[[Dgsq], None]) -> None:
        self.device = device
        self.paths = paths
        self.forget = forget
        self.queues: dict[Key, Dgsq] = {}
        self.generations: dict[Key, int] = {}
        self.queued = 0
        self.configure()

    def configure(self) -> None:
        """Take the settings over."""
        settings = self.device.settings
        self.age_out = settings.age_out
        self.bound = settings.dgsq_max
        self.buffer_bytes = settings.buffer_bytes * len(self.device.ports)

    def of(self, node: int) -> Iterator[Dgsq]:
        """Queues towards a node."""
        return (dgsq for dgsq in tuple(self.queues.values()) if dgsq.node == node)

    def create(self, key: Key, now: int) -> Dgsq | None:
        """Create the queue of a first frame; None when there are `dgsq_max` already."""
        if self.is_exhausted():
            return None
        self.generations[key] = generation = self.next_generation(key)
        settings = self.device.settings
        dgsq = self.device.make(
            Dgsq,
            key,
            generation,
            self.first_grant(),
            settings.dgsq_mode == "on-first-frame",
            settings.bp_window,
            now,
        )
        self.queues[key] = dgsq
        if dgsq.governed:
            self.created()
        self.device.at(now + self.age_out, self.age, dgsq)
        return dgsq

    def created(self) -> None:
        """Count a queue that asks for credit."""
        self.device.count["dgsq_created"] += 1
        self.device.count["dgsq_active"] += 1

    def is_exhausted(self) -> bool:
        """Return whether no more queues can be held."""
        return len(self.queues) >= self.bound

    def first_grant(self) -> int:
        """Cumulative grant of a new generation."""
        return self.device.settings.unsolicited_bytes

    def next_generation(self, key: Key) -> int:
        """Return the next generation: random and non-zero at first, then plus one, without zero."""
        last = self.generations.get(key)
        if last is None:
            return codec.any_generation(self.device.random)
        return codec.next_generation(last)

    def age(self, now: int, dgsq: Dgsq) -> None:
        """Release a queue that has been idle for `age_out`; drop one that has had no path for as long."""
        if dgsq.dead:
            return
        if now - dgsq.active < self.age_out:
            self.device.at(dgsq.active + self.age_out, self.age, dgsq)
        elif not dgsq.frames:
            self.release(dgsq)
        elif self.is_stranded(dgsq):
            self.abort(dgsq, "dgsq_aborted")
        else:
            self.device.at(now + self.age_out, self.age, dgsq)

    def is_stranded(self, dgsq: Dgsq) -> bool:
        """Return whether a queue with frames has no path to its destination."""
        return dgsq.node != self.device.node and not self.paths.live(dgsq.node)

    def release(self, dgsq: Dgsq) -> None:
        """End a queue and its generation."""
        was_governed = dgsq.governed
        dgsq.happen("end")
        del self.queues[dgsq.node, dgsq.port, dgsq.cls]
        if dgsq.node == self.device.node:
            self.forget(dgsq)
        if was_governed:
            self.device.count["dgsq_released"] += 1
            self.device.count["dgsq_active"] -= 1

    def abort(self, dgsq: Dgsq, cause: str) -> None:
        """Drop a queue whole, every frame of it counted."""
        for _ in dgsq.frames:
            self.device.drop(cause)
        dgsq.frames.clear()
        self.queued -= dgsq.queued
        dgsq.queued = 0
        self.release(dgsq)

    def state(self) -> list[dict[str, Any]]:
        """Show every queue, as JSON."""
        return [
            {
                "node": dgsq.node,
                "port": dgsq.port,
                "class": dgsq.cls,
                "generation": dgsq.generation,
                "state": dgsq.state.value,
                "governed": dgsq.governed,
                "frames": len(dgsq.frames),
                "queued": dgsq.queued,
                "demand": dgsq.demand,
                "sent": dgsq.sent,
                "grant": dgsq.grant,
                "expired": dgsq.expired,
                "forfeited": dgsq.forfeited,
                "sequence": dgsq.sequence,
                "level": dgsq.level,
            }
            for dgsq in self.queues.values()
        ]
