"""The captures of the stand-in TRex server: global to it, numbered, fetched 50 frames at a time."""

import base64
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from traffic.trex_stand_in.bpf import Match, match
from traffic.trex_stand_in.quirks import Quirks

MOST_A_FETCH: Final = 50


@dataclass
class Capture:
    """Frames that ports received (`receives`) or sent (`sends`) and that the filter let through."""

    number: int
    start: float
    sends: frozenset[int]
    receives: frozenset[int]
    limit: int
    cyclic: bool
    filter: str
    matches: Match
    quirks: Quirks
    active: bool = True
    matched: int = 0
    packets: deque[dict[str, Any]] = field(default_factory=deque)

    def see(self, port: int, frame: bytes, at: float, *, sent: bool) -> None:
        """Keep a frame if it is wanted and there is room, or room can be made."""
        if not self.active or port not in (self.sends if sent else self.receives) or not self.matches(frame):
            return
        self.matched += 1
        kept = self.quirks.cut if self.quirks.cut and not sent else None
        if len(self.packets) >= self.limit:
            if not self.cyclic:
                return
            self.packets.popleft()
        self.packets.append(
            {
                "port": port,
                "origin": "TX" if sent else "RX",
                "ts": self.quirks.stamp(self.matched, at),
                "index": self.matched,
                "binary": base64.b64encode(frame[:kept]).decode(),
            }
        )

    def status(self) -> dict[str, Any]:
        """Describe it as the command `status` does."""
        return {
            "id": self.number,
            "state": "ACTIVE" if self.active else "STOPPED",
            "mode": "cyclic" if self.cyclic else "fixed",
            "limit": self.limit,
            "count": len(self.packets),
            "matched": self.matched,
            "bytes": sum(len(packet["binary"]) * 3 // 4 for packet in self.packets),
            "start_ts": self.start,
            "filter": {
                "tx": sum(1 << port for port in self.sends),
                "rx": sum(1 << port for port in self.receives),
                "bpf": self.filter,
            },
        }


class Captures:
    """All captures of a server; ValueError carries the reason of a refusal."""

    def __init__(self, quirks: Quirks) -> None:
        self.quirks = quirks
        self.all: dict[int, Capture] = {}
        self._next = 1

    def see(self, port: int, frame: bytes, at: float, *, sent: bool) -> None:
        """Show every capture a frame that a port sent or received, at a time in s."""
        for capture in self.all.values():
            capture.see(port, frame, at, sent=sent)

    def on(self, port: int) -> bool:
        """Whether an active capture looks at a port."""
        return any(c.active and port in c.sends | c.receives for c in self.all.values())

    def command(self, params: dict[str, Any], now: float) -> Any:  # noqa: ANN401 - JSON
        """Carry out one `capture` command of the protocol."""
        command = params.get("command")
        if command == "start":
            return self._start(params, now)
        if command == "status":
            return [capture.status() for capture in self.all.values()]
        capture = self.all.get(params.get("capture_id", 0))
        if capture is None:
            raise ValueError(f"capture id {params.get('capture_id')} does not exist")
        if command == "fetch":
            count = min(int(params["pkt_limit"]), MOST_A_FETCH, len(capture.packets))
            packets = [capture.packets.popleft() for _ in range(count)]
            return {"pkts": packets, "pending": len(capture.packets), "start_ts": capture.start}
        if command == "stop":
            capture.active = False
            return {"pkt_count": len(capture.packets), "end_ts": now}
        if command == "remove":
            del self.all[capture.number]
            return {}
        raise ValueError(f"invalid capture command '{command}'")

    def _start(self, params: dict[str, Any], now: float) -> dict[str, Any]:
        text = params.get("filter", "")
        try:
            matches = match(text)
        except ValueError as error:
            raise ValueError(f"BPF filter: {error}") from error
        sends, receives = frozenset(params["tx"]), frozenset(params["rx"])
        capture = Capture(
            self._next,
            now,
            sends,
            receives,
            params["limit"],
            params["mode"] == "cyclic",
            text,
            matches,
            self.quirks,
        )
        self.all[self._next] = capture
        self._next += 1
        return {"capture_id": capture.number, "start_ts": now}
