"""Drives one device on network interfaces and the monotonic clock."""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from select import select
from time import monotonic_ns
from typing import Any, Protocol

from reference_impl.device import Device
from reference_impl.live.links import Carriers
from reference_impl.live.packets import PacketPort
from reference_impl.port import NEVER, Emit, OutPort

Make = Callable[[dict[str, Any]], Device]
"""Makes the device anew, with these changes to what it was told."""

LONGEST_SLEEP = 3600.0
LOOK_EVERY = 1_000_000
"""How long, in ns, frames keep the runner from looking at anything else."""
LINGER = 30_000
"""How long, in ns, it stays awake for the next frame: to wake it costs the sender more than a frame."""
STALL = 10_000_000
"""Time in ns that nothing but a machine that stands still takes."""


class Watched(Protocol):
    """Something that a runner waits for."""

    def fileno(self) -> int:
        """Return the descriptor to wait on."""


class Operator(Watched, Protocol):
    """Who asks a running device."""

    def answer(self, runner: "Runner") -> None:
        """Answer what was asked."""


@dataclass(slots=True)
class Lateness:
    """How late, in ns, a device was: a timer after it was due, a frame after it had arrived.

    `worst` is the longest such time, `stalled` all the time in which one of over `STALL` passed.
    """

    worst: int = 0
    stalled: int = 0
    until: int = 0

    def note(self, due: int, now: int) -> None:
        """Note that what was due is done now."""
        late = now - due
        self.worst = max(self.worst, late)
        if late > STALL:
            self.stalled += now - max(due, self.until)
            self.until = now


class Runner:
    """One device, its ports, and the two descriptors besides: the carriers and the operator.

    Timers run at the time they were due, however late it is, so that a port keeps its rate; frames carry the
    time at which they were taken from the ring. `lateness` counts from the last start.
    """

    def __init__(self, make: Make, interfaces: Sequence[str]) -> None:
        self.make = make
        self.ports = [PacketPort(interface) for interface in interfaces]
        self.index = {socket.if_nametoindex(name): port for port, name in enumerate(interfaces)}
        self.carriers = Carriers()
        self.carrier = [True] * len(self.ports)
        self.departures = Departures()
        self.device: Device
        self.latest = 0
        self.lateness = Lateness()
        self.stopping = False
        self.halted = False
        self.restart({})

    def restart(self, changes: dict[str, Any]) -> None:
        """Start with an empty device; what has arrived and what waits is lost."""
        self.device = self.make(changes)
        self.discard()
        self.halted = False
        self.lateness = Lateness()
        for out, port in zip(self.device.ports, self.ports, strict=True):
            out.attach(self.departures.emitter(out, port), eager=True)
        self.device.start(monotonic_ns())
        for number, up in enumerate(self.carrier):
            if not up:
                self.device.carrier(number, up, monotonic_ns())

    def halt(self) -> None:
        """Take part in nothing until the next start, so that no neighbour hears of what was before it."""
        self.halted = True

    def discard(self) -> None:
        """Forget what has arrived and what waits to be sent."""
        self.departures.discard()
        for port in self.ports:
            while port.take():
                pass

    def run(self, operator: "Operator") -> None:
        """Work until `stopping` is set."""
        watched: list[Watched] = [*self.ports, self.carriers, operator]
        look = 0
        while not self.stopping:
            now = monotonic_ns()
            busy = self.work(now)
            if now < look and (busy or now < self.latest + LINGER):
                continue
            ready, _, _ = select(watched, (), (), 0 if busy else self.sleep())
            look = monotonic_ns() + LOOK_EVERY
            for port in self.ports:
                if port in ready:
                    port.clear_error()
            if self.carriers in ready:
                self.follow()
            if operator in ready:
                operator.answer(self)

    def work(self, now: int) -> bool:
        """Do all that is due; say whether there were frames."""
        if self.halted:
            self.discard()
            return False
        self.catch_up(now)
        busy = self.step()
        self.departures.flush()
        return busy

    def step(self) -> bool:
        """Take one batch from each port; say whether there was any."""
        busy = False
        for number, port in enumerate(self.ports):
            frames = port.take()
            if frames:
                busy = True
                now = monotonic_ns()
                self.lateness.note(now - port.waited(), now)
                device, enter = self.device, self.device.ingress_handlers[number]
                for frame in frames:
                    now = monotonic_ns()
                    if device.due <= now:
                        self.catch_up(now)
                    self.latest = now
                    enter(number, frame, now)
                self.departures.flush()
        return busy

    def catch_up(self, now: int) -> None:
        """Run the timers that are due, each at its own time; time never goes back."""
        device = self.device
        self.lateness.note(device.due, now)
        while device.due <= now:
            self.latest = max(self.latest, device.due)
            device.wake(self.latest)

    def sleep(self) -> float:
        """Seconds until the next timer."""
        due = self.device.due
        return LONGEST_SLEEP if due >= NEVER or self.halted else max(0, due - monotonic_ns()) / 1e9

    def follow(self) -> None:
        """Tell the device which carriers changed."""
        for index, up in self.carriers.changes():
            port = self.index.get(index)
            if port is not None and up != self.carrier[port]:
                self.carrier[port] = up
                self.device.carrier(port, up, monotonic_ns())

    def manage(self, action: str, arguments: dict[str, Any]) -> None:
        """Do what an operator asks; ValueError or TypeError when the device has no such action."""
        self.device.manage(action, arguments, monotonic_ns())

    def close(self) -> None:
        """Give the interfaces back."""
        self.carriers.close()
        for port in self.ports:
            port.close()


class Departures:
    """Frames that leave a device, in the order in which it sent them, whatever the port."""

    def __init__(self) -> None:
        self.port: PacketPort | None = None
        self.frames: list[bytes] = []
        self.runs: list[tuple[PacketPort, list[bytes]]] = []
        """Frames that leave one after the other on the same port."""

    def emitter(self, out: OutPort, port: PacketPort) -> Emit:
        """Return what takes the frames of a port, each for its own octets and 24 more."""

        def leave(frame: bytes, now: int) -> int:
            if self.port is not port:
                self.turn(port)
            self.frames.append(frame)
            return now + out.times[len(frame)]

        return leave

    def turn(self, port: PacketPort) -> None:
        """Begin a run on another port."""
        self.port = port
        self.frames = []
        self.runs.append((port, self.frames))

    def flush(self) -> None:
        """Send them."""
        for port, frames in self.runs:
            port.put(frames)
        self.discard()

    def discard(self) -> None:
        """Forget them."""
        self.port = None
        self.runs.clear()
