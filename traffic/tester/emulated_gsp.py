"""An emulated GSP: grants what is sent to its hosts, requests and sends what its hosts send."""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from spec.wire import WireProfile
from traffic.frames.codec import Decoded
from traffic.frames.host import credit, traffic_class
from traffic.scenario import ContainerOrder, Demand, GspPeer, Window
from traffic.tester.emulation import Emulated, Neighbourhood

COALESCE: Final = 5_000
"""Least time between two requests of one queue for new demand, ns."""
LONGEST: Final = 9240
"""Bytes that a frame of 9216 counts; no window is narrower, so that any frame may leave."""
LEVELS: Final = 255
"""Parts of a rate that BACKPRESSURE withholds are counted in."""
QueueKey = tuple[int, int, int]
"""Node (the other end), egress port, class."""
_IN_ORDER: Final = ContainerOrder()


@dataclass
class Credit:
    """What an emulated egress keeps for one source queue; all counters are cumulative in a generation."""

    source: int
    port: int
    cls: int
    generation: int
    granted: int
    demand: int = 0
    sent: int = 0
    forfeited: int = 0
    arrived: int = 0
    expired: int = 0
    valid_until: int = 0
    expire_at: int = 0

    @property
    def position(self) -> int:
        """Bytes the source has used or given up, as far as is known."""
        return max(max(self.sent, self.arrived) + self.forfeited, self.expired)

    @property
    def backlogged(self) -> bool:
        """Whether the source has more to send than has arrived."""
        return self.demand > max(self.sent, self.arrived)


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


class EmulatedGsp(Emulated[GspPeer]):
    """A GSP: egress for what its hosts receive, source for what they send."""

    role = "GSP"

    def __init__(self, around: Neighbourhood, spec: GspPeer, origin: int) -> None:
        ports = enumerate(spec.links, len(spec.hosts))
        super().__init__(around, spec, origin, [(link, number) for number, link in ports])
        self.credits: dict[QueueKey, Credit] = {}
        self.queues: dict[QueueKey, Queue] = {}
        self.generations: dict[QueueKey, int] = {}
        self._tallies: dict[str, int] = {}
        self._slowed: dict[int, tuple[int, int]] = {}
        self._grants = 0
        self._swapped: Callable[[int], None] | None = None
        self._play = 0
        self._planned: Counter[Demand] = Counter()
        """Demands of this play that are claimed, or will be at their time."""

    def adopt(self, spec: GspPeer, origin: int) -> None:
        """Behave as specified from `origin` on, and begin to count anew; claim only what is new."""
        super().adopt(spec, origin)
        self._grants = 0
        fresh = Counter(spec.demands) - self._planned
        self._planned += fresh
        for demand in fresh.elements():
            self.around.surroundings.at(origin + demand.at, self._claim(demand))

    @property
    def _profile(self) -> WireProfile:
        return self.around.codec.profile

    @property
    def hello_off(self) -> tuple[Window, ...]:
        """Windows without HELLO."""
        return self.spec.silent_hello

    def announced(self, now: int) -> list[dict[str, int]]:  # noqa: ARG002 - a GSP announces itself alone, always
        """Give itself."""
        return [{"node": self.spec.node, "rate": self.spec.rate_mbps}]

    def receive(self, message: Decoded, _frame: bytes, now: int) -> None:
        """Take a message that is for this node."""
        values = message.fields
        if values["destination"] != self.spec.node:
            return
        match message.message:
            case "DATA":
                self._data(values, message.payload, now)
            case "REQUEST":
                self._request(values, now)
            case "GRANT":
                self._granted(values, now)
            case "BACKPRESSURE":
                self._slow_down(values, now)

    def from_host(self, frame: bytes, now: int) -> None:
        """Queue a host frame for its destination; one for an unknown address is dropped."""
        host = self.around.by_mac.get(frame[:6])
        if host is None:
            return
        if host.node == self.spec.node:
            self.around.surroundings.deliver(host.name, frame, now)
            return
        queue = self._queue((host.node, host.port, traffic_class(frame)), now)
        queue.frames.append(frame)
        queue.backlog += credit(frame)
        queue.last_use = now
        if not self.spec.ungoverned:
            queue.demand += credit(frame)
            self._ask(queue, now)
        self._pump(queue, now)

    def drop_backlog(self) -> None:
        """Drop each queue that holds frames, whole, as a play begins; the next one is a new generation.

        Demands are claimed anew, and those of the play before that are not due yet never.
        """
        self._play += 1
        self._planned.clear()
        self.queues = {key: queue for key, queue in self.queues.items() if not queue.backlog}

    # As an egress

    def _credit(self, values: Mapping[str, int]) -> Credit:
        key = (values["source"], values["port"], values["class"])
        state = self.credits.get(key)
        if state is None or state.generation != values["generation"]:
            state = Credit(*key, values["generation"], self.spec.unsolicited_bytes)
            self.credits[key] = state
        return state

    def _request(self, values: Mapping[str, int], now: int) -> None:
        state = self._credit(values)
        state.demand = max(state.demand, values["demand"])
        state.sent = max(state.sent, values["sent"])
        state.forfeited = max(state.forfeited, values["forfeited"])
        if not self._raise(state, now) and state.granted > state.position and state.valid_until > now:
            self._grant(state, now)

    def _data(self, values: Mapping[str, int], payload: bytes, now: int) -> None:
        if values["port"] < len(self.spec.hosts):
            self.around.surroundings.deliver(self.spec.hosts[values["port"]], payload, now)
        if values["flags"] & self.around.codec.profile.flags.get("UNGOVERNED", 0):
            return
        known = self.credits.get((values["source"], values["port"], values["class"]))
        if known is not None and known.generation != values["generation"]:
            return
        state = self._credit(values)
        state.arrived += credit(payload)
        self._raise(state, now)

    def _raise(self, state: Credit, now: int) -> bool:
        """Raise the cumulative grant as far as the policy lets it, and say so."""
        policy = self.spec.grants
        if policy.mode == "withhold" or not policy.during.holds(self.time(now)):
            return False
        target = state.demand + state.forfeited
        if target <= state.position:
            return False
        if policy.mode == "window":
            active = sum(other.backlogged for other in self.credits.values())
            whole = max(2 * LONGEST, self.spec.rate_mbps) if policy.window is None else policy.window
            window = max(whole // max(1, active), LONGEST)
            target = min(target, state.position + window)
            if target < state.demand + state.forfeited and target - state.granted < window // 4:
                return False
        target = max(target + policy.extra, state.position)
        if policy.ceiling is not None:
            target = min(target, policy.ceiling)
        if target <= state.granted:
            return False
        state.granted = target
        validity = min(policy.validity, self._profile.field("GRANT", "validity").most)
        state.valid_until = now + validity
        self._plan_expiry(state, now + (policy.expire_after or validity))
        self._grant(state, now)
        return True

    def _plan_expiry(self, state: Credit, time: int) -> None:
        state.expire_at = time

        def expire(now: int) -> None:
            if now < state.expire_at or state.granted <= state.position or not self.alive:
                return
            state.expired = state.granted
            self._grant(state, now)
            if state.demand + state.forfeited > state.position:
                self._raise(state, now)

        self.around.surroundings.at(time, expire)

    def _grant(self, state: Credit, now: int) -> None:
        """Send a GRANT with what is granted and still valid, with the flaws of the policy."""
        policy = self.spec.grants
        self._grants += 1
        number = self._grants
        if policy.lose_every is not None and number % policy.lose_every == 0:
            return
        others = {
            "right": state.generation,
            "before": self._profile.after(state.generation, -1),
            "after": self._profile.after(state.generation),
            "zero": 0,
        }
        values = {
            "source": self.spec.node,
            "destination": state.source,
            "port": state.port,
            "class": state.cls,
            "generation": others[policy.generations[(number - 1) % len(policy.generations)]],
            "granted": state.granted,
            "expired": state.expired,
            "validity": max(0, state.valid_until - now),
        }

        def send(time: int) -> None:
            for _ in range(policy.copies):
                self.control("GRANT", values, time)

        if policy.swap_every is not None and number % policy.swap_every == 0 and self._swapped is None:
            self._swapped = send
            return
        self._later(now + policy.delay, now, send)
        if self._swapped is not None:
            self._later(now + policy.delay, now, self._swapped)
            self._swapped = None

    def _later(self, time: int, now: int, call: Callable[[int], None]) -> None:
        if time > now:
            self.around.surroundings.at(time, call)
        else:
            call(now)

    # As a source

    def _queue(self, key: QueueKey, now: int) -> Queue:
        queue = self.queues.get(key)
        if queue is None:
            known = self.generations.get(key)
            least = self._profile.field("DATA", "generation").minimum
            generation = self.generations[key] = least if known is None else self._profile.after(known)
            queue = Queue(*key, generation, self.spec.unsolicited_bytes, last_use=now)
            self.queues[key] = queue
        return queue

    def _claim(self, demand: Demand) -> Callable[[int], None]:
        play = self._play

        def claim(now: int) -> None:
            if not self.alive or self._play != play:
                return
            if demand not in self.spec.demands:
                self._planned[demand] -= 1
                return
            queue = self._queue((demand.node, demand.port, demand.cls), now)
            queue.demand += demand.bytes
            queue.last_use = now
            self._ask(queue, now)

        return claim

    def _ask(self, queue: Queue, now: int) -> None:
        """Send a REQUEST for new demand, soon after the last one at the earliest."""
        if queue.request_planned:
            return
        queue.request_planned = True

        def ask(time: int) -> None:
            queue.request_planned = False
            self._tell(queue, time)

        self._later(max(now, queue.requested + COALESCE if queue.requested else now), now, ask)
        if not queue.refreshing:
            queue.refreshing = True
            self.around.surroundings.at(
                now + self.spec.request_refresh, lambda time: self._refresh(queue, time)
            )

    def _refresh(self, queue: Queue, now: int) -> None:
        key = (queue.node, queue.port, queue.cls)
        if not self.alive or self.queues.get(key) is not queue:
            return
        if not queue.frames and now - queue.last_use > self.spec.age_out:
            del self.queues[key]
            return
        self._tell(queue, now)
        self.around.surroundings.at(now + self.spec.request_refresh, lambda time: self._refresh(queue, time))

    def _tell(self, queue: Queue, now: int) -> None:
        queue.requested = now
        values = {
            "source": self.spec.node,
            "destination": queue.node,
            "port": queue.port,
            "class": queue.cls,
            "generation": queue.generation,
            "demand": queue.demand,
            "sent": queue.sent,
            "forfeited": queue.forfeited,
        }
        self.control("REQUEST", values, now)

    def _granted(self, values: Mapping[str, int], now: int) -> None:
        queue = self.queues.get((values["source"], values["port"], values["class"]))
        if queue is None or queue.generation != values["generation"]:
            return
        queue.grant = max(queue.grant, values["granted"])
        queue.expired = max(queue.expired, values["expired"])
        if queue.sent + queue.forfeited < queue.expired:
            queue.forfeited = queue.expired - queue.sent
            self._ask(queue, now)
        self._pump(queue, now)

    def _slow_down(self, values: Mapping[str, int], now: int) -> None:
        if not self.spec.backs_off:
            return
        self._slowed[values["about"]] = (values["level"], now + values["validity"])
        for queue in self.queues.values():
            if queue.node == values["about"]:
                self._pump(queue, now)

    def _pump(self, queue: Queue, now: int) -> None:
        """Send every frame that the grant admits."""
        if self.spec.silent:
            return
        while queue.frames:
            size = credit(queue.frames[0])
            limit = queue.grant + self.spec.overrun
            if not self.spec.ungoverned and queue.sent + queue.forfeited + size > limit:
                return
            wait = self._throttled(queue, size, now)
            if wait:
                self._pump_at(queue, wait)
                return
            frame = queue.frames.popleft()
            queue.backlog -= size
            if not self.spec.ungoverned:
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
        wire = size * 8000 // self.spec.rate_mbps
        queue.free_at = now + wire * LEVELS // (LEVELS - level)
        return 0

    def _pump_at(self, queue: Queue, time: int) -> None:
        if queue.pump_planned:
            return
        queue.pump_planned = True

        def pump(now: int) -> None:
            queue.pump_planned = False
            self._pump(queue, now)

        self.around.surroundings.at(time, pump)

    def _pack(self, queue: Queue, frame: bytes, size: int, now: int) -> None:
        """Give a frame its place in a container (mode close-early), and send it or keep it for its turn."""
        room = self.spec.container_bytes
        stale = queue.index and now - queue.last_frame >= self.spec.flush_time
        if queue.index and (stale or queue.fill + size > room):
            self._close(queue, now)
        following = credit(queue.frames[0]) if queue.frames else 0
        fill = queue.fill + size
        last = fill + 84 > room or (following > 0 and fill + following > room)
        profile = self._profile
        values = {
            "source": self.spec.node,
            "destination": queue.node,
            "port": queue.port,
            "class": queue.cls,
            "flags": profile.flags.get("LAST", 0) * last
            | (profile.flag("UNGOVERNED") if self.spec.ungoverned else 0),
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
        if self.spec.containers == _IN_ORDER:
            if queue.index == 1 or not self._live(queue.path, queue.node, now):
                queue.path = self._path(queue.node, now)
            self._send_data(queue.path, values, frame, now)
        else:
            queue.open_container.append((values, frame))
            self._plan_flush(queue, now)
        if last:
            self._close(queue, now)

    def _close(self, queue: Queue, now: int) -> None:
        queue.previous = queue.index
        queue.sequence = (queue.sequence + 1) % self._profile.numbers()
        queue.index = 0
        queue.fill = 0
        queue.container += 1
        if queue.open_container:
            self._arrange(queue, now)
        if queue.container in self.spec.containers.restarts:
            self._restart(queue, now)

    def _restart(self, queue: Queue, now: int) -> None:
        """Begin a new generation with the frames that are left."""
        queue.generation = self._profile.after(queue.generation)
        self.generations[queue.node, queue.port, queue.cls] = queue.generation
        queue.sequence = queue.previous = 0
        queue.demand = queue.backlog
        queue.sent = queue.forfeited = queue.expired = 0
        queue.grant = self.spec.unsolicited_bytes
        self._ask(queue, now)

    def _plan_flush(self, queue: Queue, now: int) -> None:
        if queue.flush_planned:
            return
        queue.flush_planned = True

        def flush(time: int) -> None:
            due = queue.last_frame + self.spec.flush_time
            if time < due:
                self.around.surroundings.at(due, flush)
                return
            queue.flush_planned = False
            if queue.index:
                self._close(queue, time)
            self._release(queue, time)

        self.around.surroundings.at(now + self.spec.flush_time, flush)

    def _arrange(self, queue: Queue, now: int) -> None:
        """Put a finished container into its block, and send the block when it is whole."""
        order = self.spec.containers.order
        queue.block[(queue.container - 1) % max(1, len(order))] = queue.open_container
        ordinal = queue.container - 1
        if ordinal in self.spec.containers.missing:
            queue.block[ordinal % max(1, len(order))] = []
        elif ordinal in self.spec.containers.twice:
            queue.block[ordinal % max(1, len(order))] = queue.open_container * 2
        queue.open_container = []
        if len(queue.block) >= len(order):
            self._release(queue, now)

    def _release(self, queue: Queue, now: int) -> None:
        for place in self.spec.containers.order or (0,):
            for values, frame in queue.block.get(place, ()):
                if values["index"] == 0:
                    queue.path = self._path(queue.node, now)
                self._send_data(queue.path, values, frame, now)
        queue.block = {}

    # Towards the device under test

    def _live(self, path: str, node: int, now: int) -> bool:
        return path in self._paths(node, now)

    def _paths(self, node: int, now: int) -> list[str]:
        """Links that data for a node may take now."""
        if not self.spec.links:
            return [path.link for path in self.around.paths if path.usable(node, now)]
        adjacent = self.around.adjacent
        interval = self.spec.hello_interval
        return [link for link in self.spec.links if adjacent[link].leads_to(node, now, interval)]

    def _path(self, node: int, now: int) -> str:
        """Take the live path that has carried the least; empty when there is none."""
        return min(self._paths(node, now), key=lambda link: self._tallies.get(link, 0), default="")

    def _send_data(self, path: str, values: Mapping[str, int], frame: bytes, now: int) -> None:
        self._tallies[path] = self._tallies.get(path, 0) + credit(frame)
        self._emit("DATA", path, values, frame, now)

    def control(self, message: str, values: Mapping[str, int], now: int) -> None:
        """Send a control message towards its destination, on the path that has carried the least."""
        if self.alive:
            self._emit(message, self._path(values["destination"], now), values, b"", now)

    def _emit(self, message: str, path: str, values: Mapping[str, int], payload: bytes, now: int) -> None:
        """Send a message on a path; without one, and while mute, it is lost."""
        if self._covered(self.spec.mute, now):
            return
        codec = self.around.codec
        if self.spec.links:
            if path:
                frame = codec.encode(message, values, payload=payload)
                self.around.surroundings.transmit(path, frame, now, control=message != "DATA")
            return
        hops = codec.profile.messages[message].hop_limit - 1
        for gsf in self.around.paths:
            if gsf.link == path:
                frame = codec.encode(message, {**values, "hop_limit": hops}, payload=payload)
                gsf.down(message, values, frame, now)
