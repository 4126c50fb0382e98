"""The half of an emulated GSP that asks and sends: what its hosts send."""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from traffic.frames.host import credit, traffic_class
from traffic.scenario import ContainerOrder, Demand
from traffic.tester.emulation import Leaf, QueueKey

COALESCE: Final = 5_000
"""Least time between two requests of one queue for new demand, ns."""
LEVELS: Final = 255
"""Parts of a rate that BACKPRESSURE withholds are counted in."""
_IN_ORDER: Final = ContainerOrder()


@dataclass
class Queue:
    """What an emulated source keeps for one destination port and class."""

    node: int
    port: int
    cls: int
    generation: int
    grant: int
    frames: deque[bytes] = field(default_factory=deque)
    backlog: int = 0
    demand: int = 0
    sent: int = 0
    forfeited: int = 0
    expired: int = 0
    sequence: int = 0
    index: int = 0
    fill: int = 0
    previous: int = 0
    container: int = 0
    path: str = ""
    last_frame: int = 0
    last_use: int = 0
    requested: int = 0
    request_planned: bool = False
    refreshing: bool = False
    free_at: int = 0
    pump_planned: bool = False
    open_container: list[tuple[dict[str, int], bytes]] = field(default_factory=list)
    block: dict[int, list[tuple[dict[str, int], bytes]]] = field(default_factory=dict)
    flush_planned: bool = False


class Source:
    """Queues host frames by destination port and class, asks for credit, packs and sends."""

    def __init__(self, leaf: Leaf) -> None:
        self.leaf = leaf
        self.queues: dict[QueueKey, Queue] = {}
        self.generations: dict[QueueKey, int] = {}
        self._slowed: dict[int, tuple[int, int]] = {}
        self._play = 0
        self._planned: Counter[Demand] = Counter()
        """Demands of this play that are claimed, or will be at their time."""

    def plan(self, origin: int) -> None:
        """Claim the demands of the peer at their times from `origin` on, but for those that are planned."""
        fresh = Counter(self.leaf.spec.demands) - self._planned
        self._planned += fresh
        for demand in fresh.elements():
            self.leaf.around.surroundings.at(origin + demand.at, self.claim(demand))

    def drop_backlog(self) -> None:
        """Drop each queue that holds frames, whole; the next one is a new generation.

        Demands are claimed anew, and those of the play before that are not due yet never.
        """
        self._play += 1
        self._planned.clear()
        self.queues = {key: queue for key, queue in self.queues.items() if not queue.backlog}

    def take(self, node: int, port: int, frame: bytes, now: int) -> None:
        """Queue a host frame for a port of another node."""
        queue = self.queue((node, port, traffic_class(frame)), now)
        queue.frames.append(frame)
        queue.backlog += credit(frame)
        queue.last_use = now
        if not self.leaf.spec.ungoverned:
            queue.demand += credit(frame)
            self.ask(queue, now)
        self.pump(queue, now)

    def queue(self, key: QueueKey, now: int) -> Queue:
        """Return the queue for a destination port and class, made where there is none."""
        queue = self.queues.get(key)
        if queue is None:
            known = self.generations.get(key)
            least = self.leaf.around.codec.profile.field("DATA", "generation").minimum
            generation = self.generations[key] = (
                least if known is None else self.leaf.around.codec.profile.after(known)
            )
            queue = Queue(*key, generation, self.leaf.spec.unsolicited_bytes, last_use=now)
            self.queues[key] = queue
        return queue

    def claim(self, demand: Demand) -> Callable[[int], None]:
        """Return what claims a demand at its time, unless the play or the peer is another by then."""
        play = self._play

        def due(now: int) -> None:
            if not self.leaf.alive or self._play != play:
                return
            if demand not in self.leaf.spec.demands:
                self._planned[demand] -= 1
                return
            queue = self.queue((demand.node, demand.port, demand.cls), now)
            queue.demand += demand.bytes
            queue.last_use = now
            self.ask(queue, now)

        return due

    def ask(self, queue: Queue, now: int) -> None:
        """Send a REQUEST for new demand, soon after the last one at the earliest."""
        if queue.request_planned:
            return
        queue.request_planned = True

        def due(time: int) -> None:
            queue.request_planned = False
            self._tell(queue, time)

        self.leaf.around.later(max(now, queue.requested + COALESCE if queue.requested else now), now, due)
        if not queue.refreshing:
            queue.refreshing = True
            self.leaf.around.surroundings.at(
                now + self.leaf.spec.request_refresh, lambda time: self._refresh(queue, time)
            )

    def _refresh(self, queue: Queue, now: int) -> None:
        key = (queue.node, queue.port, queue.cls)
        if not self.leaf.alive or self.queues.get(key) is not queue:
            return
        if not queue.frames and now - queue.last_use > self.leaf.spec.age_out:
            del self.queues[key]
            return
        self._tell(queue, now)
        self.leaf.around.surroundings.at(
            now + self.leaf.spec.request_refresh, lambda time: self._refresh(queue, time)
        )

    def _tell(self, queue: Queue, now: int) -> None:
        queue.requested = now
        values = {
            "source": self.leaf.spec.node,
            "destination": queue.node,
            "port": queue.port,
            "class": queue.cls,
            "generation": queue.generation,
            "demand": queue.demand,
            "sent": queue.sent,
            "forfeited": queue.forfeited,
        }
        self.leaf.control("REQUEST", values, now)

    def granted(self, values: Mapping[str, int], now: int) -> None:
        """Take the counters of a GRANT."""
        queue = self.queues.get((values["source"], values["port"], values["class"]))
        if queue is None or queue.generation != values["generation"]:
            return
        if values["granted"] > queue.sent + queue.forfeited:  # else it only follows what was sent beyond it
            queue.grant = max(queue.grant, values["granted"])
        queue.expired = max(queue.expired, values["expired"])
        if queue.sent + queue.forfeited < queue.expired:
            queue.forfeited = queue.expired - queue.sent
            self.ask(queue, now)
        self.pump(queue, now)

    def slow_down(self, values: Mapping[str, int], now: int) -> None:
        """Take a BACKPRESSURE, if the peer obeys one."""
        if not self.leaf.spec.backs_off:
            return
        self._slowed[values["about"]] = (values["level"], now + values["validity"])
        for queue in self.queues.values():
            if queue.node == values["about"]:
                self.pump(queue, now)

    def pump(self, queue: Queue, now: int) -> None:
        """Send every frame that the grant admits."""
        if self.leaf.spec.silent:
            return
        while queue.frames:
            size = credit(queue.frames[0])
            limit = queue.grant + self.leaf.spec.overrun
            if not self.leaf.spec.ungoverned and queue.sent + queue.forfeited + size > limit:
                return
            wait = self._throttled(queue, size, now)
            if wait:
                self._pump_at(queue, wait)
                return
            frame = queue.frames.popleft()
            queue.backlog -= size
            if not self.leaf.spec.ungoverned:
                queue.sent += size
            queue.last_use = now
            self._pack(queue, frame, size, now)

    def _throttled(self, queue: Queue, size: int, now: int) -> int:
        """Time at which back-pressure lets the next frame go, 0 for now."""
        level, until = self._slowed.get(queue.node, (0, 0))
        if not level or now >= until:
            return 0
        if level == LEVELS:
            return until
        if now < queue.free_at:
            return queue.free_at
        wire = size * 8000 // self.leaf.spec.rate_mbps
        queue.free_at = now + wire * LEVELS // (LEVELS - level)
        return 0

    def _pump_at(self, queue: Queue, time: int) -> None:
        if queue.pump_planned:
            return
        queue.pump_planned = True

        def due(now: int) -> None:
            queue.pump_planned = False
            self.pump(queue, now)

        self.leaf.around.surroundings.at(time, due)

    def _pack(self, queue: Queue, frame: bytes, size: int, now: int) -> None:
        """Return a frame its place in a container (mode close-early), and send it or keep it for its turn."""
        room = self.leaf.spec.container_bytes
        stale = queue.index and now - queue.last_frame >= self.leaf.spec.flush_time
        if queue.index and (stale or queue.fill + size > room):
            self._close(queue, now)
        following = credit(queue.frames[0]) if queue.frames else 0
        fill = queue.fill + size
        last = fill + 84 > room or (following > 0 and fill + following > room)
        profile = self.leaf.around.codec.profile
        values = {
            "source": self.leaf.spec.node,
            "destination": queue.node,
            "port": queue.port,
            "class": queue.cls,
            "flags": profile.flags.get("LAST", 0) * last
            | (profile.flag("UNGOVERNED") if self.leaf.spec.ungoverned else 0),
            "sequence": queue.sequence,
            "generation": queue.generation,
            "index": queue.index,
            "fill": queue.fill,
        }
        if profile.has("DATA", "previous_frames"):
            values["previous_frames"] = queue.previous
        queue.index += 1
        queue.fill = fill
        queue.last_frame = now
        if self.leaf.spec.containers == _IN_ORDER:
            if queue.index == 1 or not self.leaf.live(queue.path, queue.node, now):
                queue.path = self.leaf.path(queue.node, now)
            self.leaf.send_data(queue.path, values, frame, now)
        else:
            queue.open_container.append((values, frame))
            self._plan_flush(queue, now)
        if last:
            self._close(queue, now)

    def _close(self, queue: Queue, now: int) -> None:
        queue.previous = queue.index
        queue.sequence = (queue.sequence + 1) % self.leaf.around.codec.profile.numbers()
        queue.index = 0
        queue.fill = 0
        queue.container += 1
        if queue.open_container:
            self._arrange(queue, now)
        if queue.container in self.leaf.spec.containers.restarts:
            self._restart(queue, now)

    def _restart(self, queue: Queue, now: int) -> None:
        """Begin a new generation with the frames that are left."""
        queue.generation = self.leaf.around.codec.profile.after(queue.generation)
        self.generations[queue.node, queue.port, queue.cls] = queue.generation
        queue.sequence = queue.previous = 0
        queue.demand = queue.backlog
        queue.sent = queue.forfeited = queue.expired = 0
        queue.grant = self.leaf.spec.unsolicited_bytes
        self.ask(queue, now)

    def _plan_flush(self, queue: Queue, now: int) -> None:
        if queue.flush_planned:
            return
        queue.flush_planned = True

        def flush(time: int) -> None:
            due = queue.last_frame + self.leaf.spec.flush_time
            if time < due:
                self.leaf.around.surroundings.at(due, flush)
                return
            queue.flush_planned = False
            if queue.index:
                self._close(queue, time)
            self._release(queue, time)

        self.leaf.around.surroundings.at(now + self.leaf.spec.flush_time, flush)

    def _arrange(self, queue: Queue, now: int) -> None:
        """Put a finished container into its block, and send the block when it is whole."""
        order = self.leaf.spec.containers.order
        queue.block[(queue.container - 1) % max(1, len(order))] = queue.open_container
        ordinal = queue.container - 1
        if ordinal in self.leaf.spec.containers.missing:
            queue.block[ordinal % max(1, len(order))] = []
        elif ordinal in self.leaf.spec.containers.twice:
            queue.block[ordinal % max(1, len(order))] = queue.open_container * 2
        queue.open_container = []
        if len(queue.block) >= len(order):
            self._release(queue, now)

    def _release(self, queue: Queue, now: int) -> None:
        for place in self.leaf.spec.containers.order or (0,):
            for values, frame in queue.block.get(place, ()):
                if values["index"] == 0:
                    queue.path = self.leaf.path(queue.node, now)
                self.leaf.send_data(queue.path, values, frame, now)
        queue.block = {}
