"""Streams of the stand-in TRex server: what `add_stream` carries, how it is sent, and what groups count."""

import base64
import struct
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Any, Final

SHORTEST: Final = 14
LONGEST: Final = 9238
_PADDED: Final = 60
_OVERHEAD: Final = 24
_FCS: Final = 4
_LATENCY: Final = struct.Struct("<BBHIQ")
"""Magic, flow sequence, group, sequence, time in ns: the last 16 octets of a frame of a latency stream."""
_LATENCY_MAGIC: Final = 0xAB
_FIRST_IP_ID: Final = 0xE000
_LAST_GROUP: Final = 1023


def check_size(frame: bytes) -> None:
    """Refuse a frame that the server does not take."""
    if not SHORTEST <= len(frame) <= LONGEST:
        raise ValueError(f"packet size {len(frame)} is not in the range {SHORTEST} to {LONGEST}")


@dataclass
class Variable:
    """A counting field-engine variable and the places it is written to."""

    size: int
    value: int
    low: int
    high: int
    step: int
    places: list[tuple[int, int, bool]] = field(default_factory=list)

    def write(self, frame: bytearray) -> None:
        """Write the value, then count on."""
        modulus = 1 << 8 * self.size
        for offset, added, big in self.places:
            octets = ((self.value + added) % modulus).to_bytes(self.size, "big" if big else "little")
            frame[offset : offset + self.size] = octets
        value = self.value + self.step
        span = self.high - self.low + 1
        self.value = value if self.low <= value <= self.high else self.low + (value - self.low) % span


@dataclass(frozen=True)
class StreamSpec:
    """One stream as a client added it."""

    id: int
    data: Mapping[str, Any]
    frame: bytes
    kind: str
    next: int
    group: int | None
    latency: bool

    @classmethod
    def of(cls, number: int, data: Mapping[str, Any], source: bytes, destination: bytes) -> "StreamSpec":
        """Read a stream; ValueError if the server would refuse it."""
        frame = base64.b64decode(data["packet"]["binary"])
        check_size(frame)
        frame = frame.ljust(_PADDED, b"\0")
        flags = data["flags"]
        if not flags >> 1 & 3:
            frame = destination + frame[6:]
        if not flags & 1:
            frame = frame[:6] + source + frame[12:]
        rule = data["flow_stats"]
        group = rule["stream_id"] if rule["enabled"] else None
        latency = group is not None and rule["rule_type"] == "latency"
        if group is not None and not 0 <= group <= _LAST_GROUP:
            raise ValueError(f"packet group {group} is not in 0 to {_LAST_GROUP}")
        if group is not None and not latency and ip_offset(frame) is None:
            raise ValueError("flow statistics are only possible for IPv4 packets, or use latency statistics")
        if latency and len(frame) < 14 + _LATENCY.size:
            raise ValueError("the packet has no room for the latency header")
        spec = cls(number, data, frame, data["mode"]["type"], data.get("next_stream_id", -1), group, latency)
        spec.variables()
        if spec.rate(1) <= 0:
            raise ValueError("the rate is not above 0")
        return spec

    def variables(self) -> list[Variable]:
        """Set the field engine up; ValueError for an instruction that the stand-in does not know."""
        variables: dict[str, Variable] = {}
        for step in self.data["vm"].get("instructions", []):
            if step["type"] == "flow_var" and step["op"] in {"inc", "dec"}:
                sign = 1 if step["op"] == "inc" else -1
                variables[step["name"]] = Variable(
                    step["size"],
                    step["init_value"],
                    step["min_value"],
                    step["max_value"],
                    sign * step["step"],
                )
            elif step["type"] == "write_flow_var" and step["name"] in variables:
                variable = variables[step["name"]]
                if step["pkt_offset"] + variable.size > len(self.frame):
                    raise ValueError(f"variable {step['name']} is written beyond the packet")
                variable.places.append((step["pkt_offset"], step["add_value"], step["is_big_endian"]))
            else:
                raise ValueError(f"the stand-in has no field-engine instruction '{step['type']}'")
        return list(variables.values())

    def rate(self, speed_mbps: int) -> float:
        """Frames/s before the multiplier."""
        rate = self.data["mode"]["rate"]
        kind, value = rate["type"], float(rate["value"])
        bits, line = 8 * (len(self.frame) + _FCS), 8 * (len(self.frame) + _OVERHEAD)
        if kind == "percentage":
            return value / 100 * speed_mbps * 1e6 / line
        return {"pps": value, "bps_L2": value / bits, "bps_L1": value / line}[kind]


def multiplier(mul: Mapping[str, Any], specs: list[StreamSpec], speed_mbps: int) -> float:
    """Turn the `mul` of start_traffic into a factor; ValueError if it makes no rate."""
    kind, value = mul["type"], float(mul["value"])
    if kind == "raw":
        return value
    rates = [(spec.rate(speed_mbps), len(spec.frame)) for spec in specs]
    total = {
        "pps": sum(rate for rate, _ in rates),
        "bps": sum(rate * 8 * (size + _FCS) for rate, size in rates),
        "bpsl1": sum(rate * 8 * (size + _OVERHEAD) for rate, size in rates),
        "percentage": sum(rate * 8 * (size + _OVERHEAD) for rate, size in rates) / (speed_mbps * 1e4),
    }
    if kind not in total or not total[kind] or not value:
        raise ValueError(f"multiplier {value} of type '{kind}' makes no rate")
    return value / total[kind]


def check_graph(specs: Mapping[int, StreamSpec]) -> None:
    """Refuse streams that never start, or name a next one that is not there."""
    if not specs:
        raise ValueError("port has no active streams")
    for spec in specs.values():
        if spec.next >= 0 and spec.next not in specs:
            raise ValueError(f"stream {spec.id} points to stream {spec.next}, which does not exist")
    reached = {spec.id for spec in specs.values() if spec.data["self_start"]}
    if not reached:
        raise ValueError("no stream starts by itself")
    waiting = list(reached)
    while waiting:
        follower = specs[waiting.pop()].next
        if follower >= 0 and follower not in reached:
            reached.add(follower)
            waiting.append(follower)
    if lost := sorted(set(specs) - reached):
        raise ValueError(f"stream {lost[0]} is unreachable: it does not start and no stream leads to it")


class Player:
    """Sends one stream: `fire(now)` puts a frame out and says when the next is due, None at the end."""

    def __init__(self, spec: StreamSpec, pps: float, start: int) -> None:
        self.spec = spec
        self.gap = 1e9 / pps
        self.between = spec.data["mode"].get("ibg", 0) * 1000
        self.activations = spec.data["action_count"]
        self.variables = spec.variables()
        self.begin(start)

    def begin(self, now: float) -> None:
        """Start anew, after the stream's own gap."""
        mode = self.spec.data["mode"]
        self.due: float = now + self.spec.data["isg"] * 1000
        self.left: int | None = mode.get(
            "total_pkts" if self.spec.kind == "single_burst" else "pkts_per_burst"
        )
        self.bursts = mode.get("count", 1)

    def frame(self) -> bytes:
        """Make the next frame."""
        if not self.variables:
            return self.spec.frame
        octets = bytearray(self.spec.frame)
        for variable in self.variables:
            variable.write(octets)
        return bytes(octets)

    def advance(self) -> bool:
        """Set `due` for the next frame; False if that was the last."""
        if self.left is None:
            self.due += self.gap
            return True
        self.left -= 1
        if self.left:
            self.due += self.gap
            return True
        self.bursts -= 1
        if self.spec.kind == "multi_burst" and self.bursts > 0:
            self.left = self.spec.data["mode"]["pkts_per_burst"]
            self.due += max(self.between, self.gap)
            return True
        return False


class Transmission:
    """The streams of a port while it transmits; times are ns of the server's clock."""

    def __init__(
        self, specs: Mapping[int, StreamSpec], factor: float, speed_mbps: int, now: int, duration: float
    ) -> None:
        self.specs = {number: spec for number, spec in specs.items() if spec.data["enabled"]}
        self.factor = factor
        self.speed_mbps = speed_mbps
        self.begun = now
        self.players: dict[int, Player] = {}
        self.waiting = [
            (now + spec.data["isg"] * 1000, number)
            for number, spec in self.specs.items()
            if spec.data["self_start"]
        ]
        heapify(self.waiting)
        self.end = now + int(duration * 1e9) if duration >= 0 else None

    def due(self) -> int | None:
        """When the next frame, or the end of the duration, is due; None when all is sent."""
        if not self.waiting:
            return None
        first = int(self.waiting[0][0])
        return first if self.end is None else min(first, self.end)

    def step(self, now: int, send: Callable[[StreamSpec, bytes], None], most: int = 64) -> None:
        """Send what is due, `most` frames at most."""
        if self.end is not None and now >= self.end:
            self.waiting.clear()
        for _ in range(most):
            if not self.waiting or self.waiting[0][0] > now:
                return
            _, number = heappop(self.waiting)
            player = self._player(number)
            if not player.spec.data["flags"] & 8:
                send(player.spec, player.frame())
            if player.advance():
                heappush(self.waiting, (player.due, number))
            else:
                self._follow(player)

    def _player(self, number: int) -> Player:
        """Make a player when it is first needed: all at once would keep the other ports waiting."""
        if number not in self.players:
            spec = self.specs[number]
            self.players[number] = Player(spec, spec.rate(self.speed_mbps) * self.factor, self.begun)
        return self.players[number]

    def _follow(self, player: Player) -> None:
        if player.spec.next not in self.specs:
            return
        follower = self._player(player.spec.next)
        if player.activations:
            player.activations -= 1
            if not player.activations:
                return
        follower.begin(player.due + player.gap)
        heappush(self.waiting, (follower.due, follower.spec.id))


@dataclass
class Group:
    """What is counted of a packet group; ports are keys, sequence errors follow TRex's own heuristics."""

    id: int
    latency: bool
    version: int = 1
    counting: bool = True
    sent: Counter[int] = field(default_factory=Counter)
    sent_bytes: Counter[int] = field(default_factory=Counter)
    received: Counter[int] = field(default_factory=Counter)
    received_bytes: Counter[int] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    histogram: Counter[int] = field(default_factory=Counter)
    next_sent: int = 0
    expected: int = 0
    average: float = 0.0
    jitter: float = 0.0
    longest: int = 0
    recent: int = 0
    shortest: int = 0
    last: int | None = None

    def mark(self, frame: bytes, now: int) -> bytes:
        """Write number and time into a frame of a latency stream, else the group into its IPv4 header."""
        if self.latency:
            head = _LATENCY.pack(_LATENCY_MAGIC, self.version & 255, self.id, self.next_sent, now)
            self.next_sent += 1
            return frame[: -_LATENCY.size] + head
        start = ip_offset(frame)
        if start is None:
            return frame
        octets = bytearray(frame)
        octets[start + 4 : start + 6] = (_FIRST_IP_ID + self.id & 0xFFFF).to_bytes(2, "big")
        octets[start + 10 : start + 12] = b"\0\0"
        total = sum(struct.unpack_from(">10H", octets, start))
        total = (total & 0xFFFF) + (total >> 16)
        octets[start + 10 : start + 12] = (~(total + (total >> 16)) & 0xFFFF).to_bytes(2, "big")
        return bytes(octets)

    def count_sent(self, port: int, size: int) -> None:
        """Count a frame that a port sent."""
        self.sent[port] += 1
        self.sent_bytes[port] += size + _FCS

    def count_received(self, port: int, frame: bytes, at: int) -> None:
        """Count a frame that a port received at a time, in ns."""
        self.received[port] += 1
        self.received_bytes[port] += len(frame) + _FCS
        if self.latency:
            _, _, _, sequence, sent = _LATENCY.unpack_from(frame, len(frame) - _LATENCY.size)
            self._sequence(sequence)
            self._took(max(0, at - sent) // 1000)

    def _sequence(self, sequence: int) -> None:
        if sequence == self.expected:
            self.expected += 1
        elif sequence > self.expected:
            self.errors["sth"] += 1
            self.errors["drp"] += sequence - self.expected
            self.expected = sequence + 1
        else:
            self.errors["stl"] += 1
            if sequence == self.expected - 1:
                self.errors["dup"] += 1
            else:
                self.errors["ooo"] += 1
                self.errors["drp"] = max(0, self.errors["drp"] - 1)

    def _took(self, microseconds: int) -> None:
        digit = 10 ** (len(str(microseconds)) - 1)
        self.histogram[microseconds // digit * digit if microseconds >= 10 else 0] += 1
        if self.last is not None:
            self.jitter += (abs(microseconds - self.last) - self.jitter) / 16
        self.last = microseconds
        self.average = self.average / 2 + microseconds / 2 if self.average else float(microseconds)
        self.longest = max(self.longest, microseconds)
        self.recent = max(self.recent, microseconds)
        self.shortest = min(self.shortest or microseconds, microseconds)

    def flow_stats(self, ports: range) -> dict[str, dict[str, float]]:
        """Return the counters as `get_pgid_stats` does; rates are always 0 here."""
        columns = {"tp": self.sent, "tb": self.sent_bytes, "rp": self.received, "rb": self.received_bytes}
        counts: dict[str, dict[str, float]] = {
            key: {str(port): column[port] for port in ports} for key, column in columns.items()
        }
        return counts | {key: {str(port): 0.0 for port in ports} for key in ("tps", "tbs", "rps", "rbs")}

    def latency_stats(self) -> dict[str, Any]:
        """Return sequence errors and latency in us as `get_pgid_stats` does."""
        recent, self.recent = self.recent, 0
        return {
            "er": {key: self.errors[key] for key in ("drp", "ooo", "dup", "sth", "stl")},
            "lat": {
                "average": self.average,
                "jit": self.jitter,
                "total_max": self.longest,
                "total_min": self.shortest,
                "last_max": recent,
                "histogram": {str(key): count for key, count in sorted(self.histogram.items())},
            },
        }


def ip_offset(frame: bytes) -> int | None:
    """Say where the IPv4 header of a frame begins; None if it has none."""
    at = 12
    while frame[at : at + 2] in {b"\x81\x00", b"\x88\xa8"}:
        at += 4
    return at + 2 if frame[at : at + 2] == b"\x08\x00" and len(frame) >= at + 22 else None


def group_of(frame: bytes, groups: Mapping[int, Group]) -> Group | None:
    """Find the group that a received frame belongs to; None if there is none."""
    if len(frame) >= SHORTEST + _LATENCY.size:
        magic, _, number, _, _ = _LATENCY.unpack_from(frame, len(frame) - _LATENCY.size)
        group = groups.get(number)
        if magic == _LATENCY_MAGIC and group is not None and group.latency:
            return group
    start = ip_offset(frame)
    if start is None:
        return None
    group = groups.get(int.from_bytes(frame[start + 4 : start + 6], "big") - _FIRST_IP_ID)
    return group if group is not None and not group.latency else None
