"""What the stand-in does by itself: it plays what is due, takes what arrives, counts and captures."""

import secrets
import time
from collections.abc import Callable, Sequence
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import Final

from traffic.trex_stand_in.captures import Captures
from traffic.trex_stand_in.port import PROFILE, Port
from traffic.trex_stand_in.publisher import (
    PORT_ACQUIRED,
    PORT_DONE,
    PORT_STOPPED,
    PROFILE_DONE,
    PROFILE_STOPPED,
    Publisher,
)
from traffic.trex_stand_in.quirks import Quirks
from traffic.trex_stand_in.streams import Group, StreamSpec, group_of

PUBLISH_EVERY: Final = 500_000_000
PAUSE: Final = 0.0002
"""Seconds between two looks at the wires while an answer is not ready."""
SOON: Final = 60_000
"""Ns before a frame is due from which the server stays awake for it."""


class Engine:
    """The ports, captures and packet groups of a server, and what is due on them."""

    def __init__(
        self, api: tuple[int, int], ports: Sequence[Port], publisher: Publisher, quirks: Quirks
    ) -> None:
        self.api = api
        self.ports = ports
        self.publisher = publisher
        self.quirks = quirks
        self.captures = Captures(quirks)
        self.groups: dict[int, Group] = {}
        self.due: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count().__next__
        self._epoch = time.monotonic_ns()
        self.at(self.now() + PUBLISH_EVERY, self.tick)

    def patience(self) -> float:
        """Return the time until something is due, in s."""
        dues = [port.transmission.due() for port in self.ports if port.transmission]
        first = min((due for due in (*dues, self.due[0][0]) if due is not None), default=0)
        return max(0, first - self.now() - SOON) / 1e9

    def now(self) -> int:
        """Return the time of the server, in ns."""
        return time.monotonic_ns() - self._epoch

    def at(self, due: int, call: Callable[[], None]) -> None:
        """Plan a call."""
        heappush(self.due, (due, self._order(), call))

    def count(self, counting: Callable[[], None]) -> None:
        """Count something, now or as late as this server does."""
        if self.quirks.lag:
            self.at(self.now() + self.quirks.lag * 1_000_000, counting)
        else:
            counting()

    def go_on(self, milliseconds: int) -> None:
        """Play and take what arrives for a time, as a server does whose answer is not ready."""
        end = self.now() + milliseconds * 1_000_000
        while self.now() < end:
            for port in self.ports:
                self.receive(port)
            self.transmit()
            time.sleep(min(self.patience(), PAUSE))

    def transmit(self) -> None:
        """Do what is due, and send what streams have due."""
        for _ in range(64):
            if self.due[0][0] > self.now():
                break
            heappop(self.due)[2]()
        for port in self.ports:
            transmission = port.transmission
            if transmission is None:
                continue

            def send(spec: StreamSpec, frame: bytes, port: Port = port) -> None:
                group = self.groups.get(spec.group) if spec.group is not None else None
                if group is not None:
                    frame = group.mark(frame, self.now())
                    self.count(partial(group.count_sent, port.index, len(frame)))
                if not self.quirks.stream or len(frame) <= self.quirks.stream:
                    self.send(port, frame)

            transmission.step(self.now(), send)
            if not transmission.waiting:
                self.finish(port, done=True)

    def finish(self, port: Port, *, done: bool) -> None:
        """End what a port plays, and tell of it."""
        port.transmission = None
        if self.api[0] >= 5:
            self.publisher.event(PROFILE_DONE if done else PROFILE_STOPPED, port, profile_id=PROFILE)
        self.publisher.event(PORT_DONE if done else PORT_STOPPED, port)

    def send(self, port: Port, frame: bytes) -> None:
        """Send a frame now."""
        sent, at = port.up, self.now()
        if sent:
            try:
                port.wire.send(frame)
            except OSError:
                sent = False
        if sent:
            self.captures.see(port.index, frame, at / 1e9, sent=True)
            self.count(partial(port.counters.update, opackets=1, obytes=len(frame) + 4))
        else:
            port.counters["oerrors"] += 1

    def receive(self, port: Port) -> None:
        """Take what came to a port."""
        for time_ns, frame in port.wire.receive():
            at = time_ns - self._epoch
            if not port.up:
                continue
            self.count(partial(port.counters.update, ipackets=1, ibytes=len(frame) + 4))
            self.captures.see(port.index, frame, at / 1e9, sent=False)
            group = group_of(frame, self.groups) if self.groups else None
            if group is not None and group.counting:
                self.count(partial(group.count_received, port.index, frame, at))

    def tick(self) -> None:
        """Work out rates, and tell the counters."""
        for port in self.ports:
            port.counters["ierrors"] += port.wire.drops()
            for name, counter, scale in (
                ("m_total_tx_pps", "opackets", 1),
                ("m_total_rx_pps", "ipackets", 1),
                ("m_total_tx_bps", "obytes", 8),
                ("m_total_rx_bps", "ibytes", 8),
            ):
                before = port.counters["last." + counter]
                port.rates[name] = (port.counters[counter] - before) * scale * 1e9 / PUBLISH_EVERY
            for counter in ("opackets", "ipackets", "obytes", "ibytes"):
                port.counters["last." + counter] = port.counters[counter]
        self.publisher.counters(baseline=False)
        self.at(self.now() + PUBLISH_EVERY, self.tick)

    def acquired(self, port: Port, user: str, session: int, *, force: bool) -> str:
        """Return a port to a session, and its handler."""
        port.owner, port.session, port.handler = user, session, secrets.token_hex(4)
        self.publisher.event(PORT_ACQUIRED, port, who=user, session_id=session, force=force)
        return port.handler
