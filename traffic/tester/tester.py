"""The virtual tester: a sans-IO node that plays scenarios on its ports and hosts the emulated peers."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush, heapreplace
from itertools import count
from typing import Final, Literal

from spec.errors import InputError
from traffic.frames.codec import NEIGHBOUR, codec
from traffic.frames.roce import frame_maker, priority_pause
from traffic.scenario import DOWN, UP, HostAddress, Pause, Scenario, Stream, TimedFrame, Trigger
from traffic.tester.peers import Peers
from traffic.tester.script import Script

NEVER: Final = 1 << 62
Send = tuple[int, bytes]
"""Port number and frame."""
Event = tuple[int, int, Callable[[int], None]]
"""Time, running number, and what to call then."""
_CONTROL: Final = -1
_PFC: Final = bytes.fromhex("88080101")
_MAC_CONTROL: Final = _PFC[:2]
_DATA: Final = frozenset({"HOST", "DATA"})
_LONGEST_PAUSE: Final = 0xFFFF


@dataclass(frozen=True)
class TesterPort:
    """A port of the tester: the name of its link, its line rate, and its own MAC address."""

    name: str
    rate_mbps: int
    mac: bytes
    kind: Literal["host", "fabric"]


class Load:
    """Frames for one port: a stream, each made when it leaves, or frames given with their times."""

    __slots__ = ("cls", "count", "gap", "make", "number", "paused", "times")

    def __init__(
        self, make: Callable[[int], bytes], number: int, gap: int | None, cls: int, times: Sequence[int] = ()
    ) -> None:
        self.make = make
        self.number = 0
        self.count = number
        self.gap = gap
        self.cls = cls
        self.times = times
        self.paused = False


class Port:
    """Paces one port at its line rate: control frames first, then queued data, then loads by time."""

    def __init__(
        self, tester: "VirtualTester", name: str, rate_mbps: int, emit: Callable[[bytes, int], None]
    ) -> None:
        self.tester = tester
        self.order = tester.order
        self.heap = tester.heap
        self.name = name
        self.rate_mbps = rate_mbps
        self.emit = emit
        self.mac = NEIGHBOUR
        self.up = True
        self.free = 0
        self.armed = NEVER
        self.control: deque[bytes] = deque()
        self.data: deque[bytes] = deque()
        self.loads: list[tuple[int, int, Load]] = []
        self.paused: dict[int, int] = {}

    def add(self, load: Load, start: int) -> None:
        """Let a load begin at a time."""
        heappush(self.loads, (start, self.order(), load))
        self.tester.pending += 1
        self.arm(max(start, self.free))

    def queue(self, frame: bytes, now: int, *, control: bool) -> None:
        """Send a frame now, or as soon as the line is free."""
        if not self.up:
            return
        if now >= self.free and not self.control and (control or not self.data):
            self.send(frame, now)
            return
        (self.control if control else self.data).append(frame)
        self.arm(self.free)

    def send(self, frame: bytes, now: int) -> int:
        """Put a frame on the line; gives the time at which its last bit and the gap have left."""
        size = len(frame)
        self.free = free = now - -(size + 24 if size > 60 else 84) * 8000 // self.rate_mbps
        self.emit(frame, now)
        return free

    def arm(self, time: int) -> None:
        """See that `fire` is called at a time, or earlier."""
        if time < self.armed:
            self.armed = time
            self.tester.push(time, self)

    def __call__(self, now: int) -> None:
        """Send what is next, and plan what comes after it."""
        if now >= self.armed and self.up:
            self.armed = NEVER
            time = self.fire(now) if now >= self.free else self.free
            if time < self.armed:
                self.armed = time
                entry: Event = (time, self.order(), self)
                heappush(self.heap, entry)

    def fire(self, now: int) -> int:
        """Send the next frame on the free line; gives the time of the one after it."""
        if self.control or self.data:
            free = self.send((self.control or self.data).popleft(), now)
            if self.control or self.data:
                return free
            return max(free, self.loads[0][0]) if self.loads else NEVER
        loads = self.loads
        if self.paused:
            self.hold(now)
        if not loads:
            return NEVER
        ready, _, load = loads[0]
        if ready > now:
            return ready
        number = load.number
        frame = load.make(number)
        size = len(frame)
        self.free = free = now - -(size + 24 if size > 60 else 84) * 8000 // self.rate_mbps
        self.emit(frame, now)
        load.number = number = number + 1
        if number == load.count:
            heappop(loads)
            self.tester.pending -= 1
            if not loads:
                return NEVER
        else:
            if load.gap is not None:
                ready += load.gap
            else:
                ready = load.times[number] if load.times else free
            if len(loads) == 1:
                loads[0] = (ready, 0, load)
            else:
                heapreplace(loads, (ready, self.order(), load))
        ready = loads[0][0]
        return ready if ready > free else free  # noqa: FURB136 - once a frame

    def hold(self, now: int) -> None:
        """Put off the ready loads of paused classes until their pause ends."""
        self.paused = {cls: until for cls, until in self.paused.items() if until > now}
        while self.loads and self.loads[0][0] <= now and self.loads[0][2].cls in self.paused:
            load = self.loads[0][2]
            load.paused = True
            heapreplace(self.loads, (self.paused[load.cls], self.order(), load))

    def pause(self, times: Mapping[int, int], now: int) -> None:
        """Hold classes until the times given (PFC); a time not after now lets them go."""
        self.paused.update(times)
        released = {cls for cls, until in times.items() if until <= now}
        if released:
            held = [entry for entry in self.loads if entry[2].paused and entry[2].cls in released]
            for entry in held:
                entry[2].paused = False
                self.loads.remove(entry)
            for entry in held:
                heappush(self.loads, (now, self.order(), entry[2]))
            self.loads.sort()
            self.arm(max(now, self.free))

    def carrier(self, now: int, *, up: bool) -> None:
        """Lose the carrier, and with it what is queued; loads wait for its return."""
        self.up = up
        if not up:
            self.control.clear()
            self.data.clear()
            self.armed = NEVER
        elif self.loads:
            self.arm(max(now, self.free))


class VirtualTester:
    """Plays scenarios; port n is the nth of `ports`. Hosts behind emulated GSPs are ports without a link.

    After each call `due` says when `wake` is wanted. `on_trigger(then, now)` hears of each that fires;
    links, management and impairments of `then` are for the binding to carry out, counted from `now`.
    """

    def __init__(
        self,
        ports: Sequence[TesterPort],
        hosts: Mapping[str, HostAddress],
        profile: str,
        on_trigger: Callable[[Scenario, int], None] | None = None,
    ) -> None:
        self.codec = codec(profile)
        self.hosts = hosts
        self.on_trigger = on_trigger
        self.pending = 0
        self.due = NEVER
        self.host_frames: list[tuple[int, str, int, bytes]] = []
        """Time, host, direction and frame of every frame of a host behind an emulated GSP."""
        self._names = [port.name for port in ports]
        self.heap: list[Event] = []
        self._out: list[Send] = []
        self._watches: list[Watch] = []
        self._scripts: list[Script] = []
        self.order = count().__next__
        self._fabric = {port.name for port in ports if port.kind == "fabric"}
        self.peers = Peers(self, self.codec, hosts, self._fabric)
        self._ports = {port.name: self._port(number, port) for number, port in enumerate(ports)}
        for name in hosts:
            if name not in self._ports:
                self._ports[name] = self._hidden_port(name)

    @property
    def busy(self) -> bool:
        """Whether some stream or timed frame of the play has not left yet."""
        return self.pending > 0

    def is_data(self, frame: bytes) -> bool:
        """Whether a frame is a host's, or carries one; control of any kind is not."""
        return self.codec.name_of(frame) in _DATA and frame[12:14] != _MAC_CONTROL

    def play(self, scenario: Scenario, start: int) -> None:
        """Play a scenario whose time 0 is `start`; its peers replace all of an earlier play.

        What an earlier play left unsent is dropped. Links, management and impairments are not the tester's.
        InputError for a host or port that is not there.
        """
        for pause in scenario.pauses:
            self._known(f"pauses[{pause.host}]", pause.host, self._ports.keys() - self._fabric)
        self._watches = []
        self.pending = 0
        for script in self._scripts:
            script.end()
        self._scripts.clear()
        for port in self._ports.values():
            port.loads.clear()
        self.peers.configure(scenario.peers, start)
        self._begin(scenario, start)

    def wake(self, now: int) -> list[Send]:
        """Do all that is due."""
        heap = self.heap
        while heap and heap[0][0] <= now:
            heappop(heap)[2](now)
        self.due = heap[0][0] if heap else NEVER
        out = self._out
        self._out = []
        return out

    def receive(self, port: int, frame: bytes, now: int) -> list[Send]:
        """Take a frame that arrived."""
        name = self._names[port]
        if self._watches:
            self._watch(name, frame, now)
        if name in self._fabric:
            self.peers.receive(name, frame, now)
        elif frame[12:16] == _PFC:
            self._paused(self._ports[name], frame, now)
        return self._taken()

    def carrier(self, port: int, up: bool, now: int) -> list[Send]:
        """Learn that a link lost or regained its carrier."""
        name = self._names[port]
        self._ports[name].carrier(now, up=up)
        if name in self._fabric:
            self.peers.carrier(name, up=up)
        return self._taken()

    def observe(self, link: str, frame: bytes, now: int) -> None:
        """Show the triggers a frame that a tap saw on a link the tester has no end of."""
        if self._watches:
            self._watch(link, frame, now)

    # What ports and peers need

    def push(self, time: int, call: Callable[[int], None]) -> None:
        """Call back at a time."""
        heappush(self.heap, (time, self.order(), call))
        if time < self.due:  # noqa: PLR1730 - once a frame
            self.due = time

    at = push

    def transmit(self, link: str, frame: bytes, now: int, *, control: bool) -> None:
        """Queue a frame of a peer on a fabric link."""
        self._ports[link].queue(frame, now, control=control)

    def deliver(self, host: str, frame: bytes, now: int) -> None:
        """Note that a host behind an emulated GSP received a frame."""
        self.host_frames.append((now, host, DOWN, frame))
        if self._watches:
            self._watch(host, frame, now)

    # Inside

    def _taken(self) -> list[Send]:
        out = self._out
        self._out = []
        return out

    def _port(self, number: int, described: TesterPort) -> Port:
        def emit_host(frame: bytes, _now: int) -> None:
            self._out.append((number, frame))

        def emit_fabric(frame: bytes, _now: int) -> None:
            if frame[:6] == NEIGHBOUR:
                address = self.peers.around.adjacent[described.name].address
                frame = (address if address != NEIGHBOUR else self.codec.profile.hello_address) + frame[6:]
            if frame[6:12] == NEIGHBOUR:
                frame = frame[:6] + described.mac + frame[12:]
            self._out.append((number, frame))

        emit = emit_fabric if described.kind == "fabric" else emit_host
        port = Port(self, described.name, described.rate_mbps, emit)
        port.mac = described.mac
        return port

    def _hidden_port(self, host: str) -> Port:
        def emit(frame: bytes, now: int) -> None:
            self.host_frames.append((now, host, UP, frame))
            self.peers.from_host(host, frame, now)

        port = Port(self, host, max((p.rate_mbps for p in self._ports.values()), default=8000), emit)
        port.mac = self.hosts[host].mac
        return port

    def _begin(self, scenario: Scenario, start: int) -> None:
        for stream in scenario.streams:
            self._known(f"streams[{stream.id}].source", stream.source, self._ports)
            self._stream(stream, start)
        by_port: dict[str, list[TimedFrame]] = {}
        for timed in scenario.frames:
            self._known("frames", timed.port, self._ports)
            by_port.setdefault(timed.port, []).append(timed)
        if any(timed.governed for timed in scenario.frames):
            self._scripts.append(Script(scenario.frames, start, self.peers.around, self._pend))
        else:
            for name, frames in by_port.items():
                self._script(name, frames, start)
        for pause in scenario.pauses:
            self._pause(pause, start + pause.at)
        self._watches += [Watch(trigger) for trigger in scenario.triggers]

    def _pend(self, change: int) -> None:
        self.pending += change

    def _known(self, key: str, name: str, names: Iterable[str]) -> None:
        if name not in names:
            mend = f"take one of {', '.join(sorted(names))}"
            raise InputError("scenario", key, f"{name!r} is no port of the tester", mend)

    def _stream(self, stream: Stream, start: int) -> None:
        load = Load(frame_maker(stream, self.hosts), stream.count, stream.gap, stream.cls)
        self._ports[stream.source].add(load, start + stream.start)

    def _script(self, name: str, frames: list[TimedFrame], start: int) -> None:
        frames.sort(key=lambda timed: timed.at)
        times = [start + timed.at for timed in frames]
        load = Load(lambda number: frames[number].frame, len(frames), None, _CONTROL, times)
        self._ports[name].add(load, times[0])

    def _pause(self, pause: Pause, start: int) -> None:
        port = self._ports[pause.host]
        stop = start + pause.duration
        longest = _LONGEST_PAUSE * 512 * 1000 // port.rate_mbps

        def send(now: int) -> None:
            left = stop - now
            quanta = min(_LONGEST_PAUSE, -(-left * port.rate_mbps // 512_000))
            port.queue(priority_pause(port.mac, dict.fromkeys(pause.classes, quanta)), now, control=True)
            if left > longest:
                self.push(now + longest // 2, send)

        self.push(start, send)

    def _paused(self, port: Port, frame: bytes, now: int) -> None:
        enabled = frame[17]
        times = {
            cls: now + int.from_bytes(frame[18 + 2 * cls : 20 + 2 * cls], "big") * 512_000 // port.rate_mbps
            for cls in range(8)
            if enabled >> cls & 1
        }
        port.pause(times, now)

    def _watch(self, name: str, frame: bytes, now: int) -> None:
        message = self.codec.decode(frame)
        kind = message.message if message is not None else self.codec.name_of(frame)
        fields = message.fields if message is not None else {}
        fired = [watch for watch in self._watches if watch.counts(name, kind, fields)]
        self._watches = [watch for watch in self._watches if watch.left]
        for watch in fired:
            self.pending += 1
            if watch.trigger.after:
                self.push(now + watch.trigger.after, partial(self._fire, watch.trigger.then))
            else:
                self._fire(watch.trigger.then, now)

    def _fire(self, then: Scenario, now: int) -> None:
        self.pending -= 1
        self.peers.change(then.peers, now)
        self._begin(then, now)
        if self.on_trigger is not None:
            self.on_trigger(then, now)


class Watch:
    """A trigger and how many frames it still waits for."""

    def __init__(self, trigger: Trigger) -> None:
        self.trigger = trigger
        self.left = trigger.count

    def counts(self, port: str, message: str | None, fields: Mapping[str, int]) -> bool:
        """Count a frame if it matches, and say whether it was the last."""
        trigger = self.trigger
        if message != trigger.message or trigger.port not in (None, port):
            return False
        if any(fields.get(name) != value for name, value in trigger.fields.items()):
            return False
        self.left -= 1
        return not self.left
