"""A TRex server as the tester: one small interface over the two generations of its Python client.

What the libraries and servers get wrong (measured) is guarded against here, so that the caller meets plain
data and three kinds of TrexError. Ports are numbers, times ns, frames octets without FCS.
"""

import base64
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from traffic.trex.errors import TrexError, TrexGoneError, TrexRefusedError, TrexTakenError
from traffic.trex.probe import ASYNC_PORT, RPC_PORT, Server, probe

SHORTEST: Final = 14
LONGEST: Final = 9238
LEAST_GAP_US: Final = 10
"""With no gap between them, pushed frames leave in disorder; with this one, 1,000 kept theirs."""

_MOST_FETCHED: Final = 50
_MOST_PUSHED: Final = 1000
_PUSHED_OCTETS: Final = 900_000
_POLL_S: Final = 0.02
_NO_EVENTS: Final = "no data flow from server"


@dataclass(frozen=True)
class Access:
    """How a server is reached, under which name, and how long, in s, each answer may take."""

    host: str
    rpc_port: int
    async_port: int
    user: str
    timeout: float


@dataclass(frozen=True)
class Port:
    """A port of the server; `owner` is empty while nobody has it."""

    number: int
    mac: bytes
    speed_mbps: int
    up: bool
    owner: str
    driver: str
    description: str


@dataclass(frozen=True)
class Captured:
    """A frame that a port sent or received; `time` is ns after the capture began, on the server's clock."""

    time: int
    port: int
    sent: bool
    frame: bytes


@dataclass(frozen=True)
class Capture:
    """A capture that runs on the server; `start` is ns on the server's clock."""

    number: int
    start: int


@dataclass(frozen=True)
class Caught:
    """What a capture caught since it was last fetched, and how many matching frames it had no room for."""

    frames: tuple[Captured, ...]
    lost: int


@dataclass(frozen=True)
class Counting:
    """A big-endian number of 1, 2, 4 or 8 octets at an offset that counts up by one a frame from `first`."""

    offset: int
    size: int = 4
    first: int = 0


@dataclass(frozen=True)
class Load:
    """Frames of one stream: `count` of them (None: until stopped) at `pps`, from `start` ns on.

    `follower` names the load that begins when this one ends. `group` counts the stream, and with `latency`
    also its sequence errors and times, for which the last 16 octets of each frame are overwritten.
    """

    name: str
    frame: bytes
    pps: float
    count: int | None = None
    start: int = 0
    follower: str | None = None
    counting: tuple[Counting, ...] = ()
    group: int | None = None
    latency: bool = False

    def __post_init__(self) -> None:
        check_size(self.frame)
        if self.count is None and self.follower is not None:
            raise ValueError(f"load {self.name} never ends, so {self.follower} cannot follow it")
        if self.latency and self.group is None:
            raise ValueError(f"load {self.name} measures latency without a group")
        if self.group is not None and not self.latency and self.frame[12:14] != b"\x08\x00":
            at = 16 if self.frame[12:14] == b"\x81\x00" else 12
            if self.frame[at : at + 2] != b"\x08\x00":
                raise ValueError(f"load {self.name} is no IPv4: its group can only count with latency=True")


@dataclass(frozen=True)
class PortCounters:
    """What a port counted since it was acquired; octets include the FCS."""

    sent: int
    received: int
    sent_octets: int
    received_octets: int
    send_errors: int
    receive_errors: int


@dataclass(frozen=True)
class GroupCounters:
    """What was counted of a group: frames by port, and of a latency group its sequence errors and times.

    `lost`, `reordered` and `duplicated` are the server's own reading of the sequence numbers.
    """

    sent: Mapping[int, int]
    received: Mapping[int, int]
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    too_high: int = 0
    too_low: int = 0
    average_us: float = 0.0
    longest_us: float = 0.0
    shortest_us: float = 0.0
    jitter_us: float = 0.0


def check_size(frame: bytes) -> None:
    """ValueError for a frame that TRex does not send."""
    if not SHORTEST <= len(frame) <= LONGEST:
        raise ValueError(f"TRex sends frames of {SHORTEST} to {LONGEST} octets, not of {len(frame)}")


def connect(
    host: str,
    *,
    rpc_port: int = RPC_PORT,
    async_port: int = ASYNC_PORT,
    user: str = "gse-cts",
    client: Path | None = None,
    timeout: float = 3.0,
) -> "Trex":
    """Connect to a server with the client that its version needs.

    `client` is the folder of the client tree that a server of API 5.x ships (None: the extra `trex5`).
    `timeout` is how long, in s, each answer may take. InputError if that client is not there.
    """
    from traffic.trex import client_v4, client_v5  # noqa: PLC0415 - they build on this module

    access = Access(host, rpc_port, async_port, user, timeout)
    server = probe(host, rpc_port, timeout=timeout)
    if server.api[0] == 4:
        return client_v4.TrexV4(server, access).connect()
    return client_v5.TrexV5(server, access, client).connect()


class Trex(ABC):
    """A connection to one server; a context manager that lets everything go at its end."""

    def __init__(self, server: Server, access: Access, api: Any, client: Any) -> None:  # noqa: ANN401 - untyped
        self.server = server
        self._access = access
        self._api = api
        self._client = client
        self._held: tuple[int, ...] = ()
        self._captures: dict[int, int] = {}
        self._groups: dict[int, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # What the generations do differently

    @property
    @abstractmethod
    def alive(self) -> bool:
        """Whether the request channel still stands."""

    @abstractmethod
    def _port_counters(self) -> Mapping[int, Mapping[str, Any]]:
        """Read the counters of all ports, fresh."""

    @abstractmethod
    def _wipe(self, ports: list[int]) -> None:
        """Stop ports and take all streams from them, whoever gave them those."""

    @abstractmethod
    def _chain(self, stream: Any, follower: str) -> None:  # noqa: ANN401 - untyped
        """Let a stream be followed by another."""

    @property
    def user(self) -> str:
        """The name under which ports are taken."""
        return self._access.user

    # The connection and its ports

    def connect(self) -> Self:
        """Shake hands."""
        try:
            with self._told("connecting"):
                self._client.connect()
        except TrexError:
            self._hang_up()
            raise
        return self

    def close(self) -> None:
        """Release the ports, if they are still ours, and disconnect; never raises."""
        with suppress(TrexError):
            self.release()
        self._hang_up()

    def ports(self) -> dict[int, Port]:
        """Describe every port as it is now, by its number: the server lists them in an order of its own."""
        with self._told("reading the ports"):
            ports = {}
            for info in self._client.get_server_system_info()["ports"]:
                status = self._status(info["index"])
                attributes = status["attr"]
                ports[info["index"]] = Port(
                    info["index"],
                    bytes.fromhex(attributes["layer_cfg"]["ether"]["src"].replace(":", "")),
                    round(attributes["speed"] * 1000),
                    attributes["link"]["up"],
                    status["owner"],
                    info["driver"],
                    info.get("description", ""),
                )
            return dict(sorted(ports.items()))

    def acquire(self, ports: Iterable[int], *, force: bool = False) -> None:
        """Take ports and clean them: no traffic, no streams, no stale captures, promiscuous, service mode.

        Captures are global to a server, so those of other users end, too. TrexTakenError unless `force`.
        """
        wanted, known = list(ports), self.ports()
        for number in wanted:
            if number not in known:
                names = ", ".join(map(str, known))
                raise self._error(TrexRefusedError, f"there is no port {number}", f"take some of {names}")
            owner = known[number].owner
            if owner and number not in self._held and not force:
                raise self._taken(number, owner)
        with self._told("acquiring ports"):
            if not (synchronised := self._client.conn.barrier()):  # late news of the last owner would undo it
                raise self._api.STLError(synchronised)
            self._client.acquire(wanted, force=force, sync_streams=False)
        self._held = tuple(dict.fromkeys((*self._held, *wanted)))
        with self._told("cleaning the ports"):
            self._synchronise(wanted)
            self._wipe(wanted)
            self._client.remove_all_captures()
            self._captures.clear()
            self._groups.clear()
            self._client.clear_stats(wanted)
            self._client.set_port_attr(wanted, promiscuous=True)
            self._client.set_service_mode(wanted, enabled=True)

    def serve(self, ports: Iterable[int], *, enabled: bool) -> None:
        """Put ports into service mode, in which they can be captured, or out of it, where they keep up."""
        with self._told("switching the service mode"):
            self._client.set_service_mode(list(ports), enabled=enabled)

    def release(self) -> None:
        """Stop everything and give back the ports that are still ours."""
        held, self._held = self._held, ()
        if not held:
            return
        with self._told("releasing ports"):
            for number in self._captures:
                self._client._transmit("capture", {"command": "remove", "capture_id": number})  # noqa: SLF001
            self._captures.clear()
            ours = [number for number in held if self._ours(number, self._status(number))]
            if ours:
                self._wipe(ours)
                with suppress(self._api.STLError):  # somebody else's capture keeps it on
                    self._client.set_service_mode(ours, enabled=False)
                self._client.release(ours)

    # Frames one by one

    def push(
        self, port: int, frames: Sequence[bytes], *, gap_us: float = LEAST_GAP_US, ask: bool = True
    ) -> int:
        """Send frames in their order, octet by octet as they are, at least 10 us apart.

        Gives the time of the first, ns on the server's clock. ValueError for a size that TRex does not send.
        Unless `ask`, who has the port is taken from what the server last told, which saves a request.
        """
        for frame in frames:
            check_size(frame)
        gap = max(gap_us, LEAST_GAP_US)
        first = 0
        for batch in _batches(frames):
            if ask or not self._client.ports[port].is_acquired():
                self._owned(port)
            with self._told("pushing frames"):
                packets = [self._api.PacketBuffer(frame) for frame in batch]
                pushed = self._client.push_packets(packets, ports=[port], ipg_usec=gap)
            first = first or round(pushed.data()["ts"] * 1e9)
            if len(frames) > len(batch):  # batches that overlap would mix
                time.sleep(len(batch) * gap / 1e6)
        return first

    def capture(
        self,
        *,
        received: Iterable[int] = (),
        sent: Iterable[int] = (),
        bpf: str = "",
        limit: int = 10_000,
    ) -> Capture:
        """Begin to capture what ports receive and send, as a BPF expression admits, up to `limit` frames."""
        with self._told("starting a capture"):
            data = self._transmit(
                "capture",
                command="start",
                limit=limit,
                mode="fixed",
                tx=list(sent),
                rx=list(received),
                filter=bpf,
            )
        self._captures[data["capture_id"]] = 0
        return Capture(data["capture_id"], round(data["start_ts"] * 1e9))

    def fetch(self, capture: Capture) -> tuple[Captured, ...]:
        """Take all that a capture caught since this was last asked; at 50 frames a request."""
        frames: list[Captured] = []
        more = True
        while more:
            some, more = self.fetch_some(capture)
            frames += some
        return tuple(frames)

    def fetch_some(self, capture: Capture) -> tuple[list[Captured], bool]:
        """Take at most 50 frames that a capture caught, and say whether more wait."""
        with self._told("fetching captured frames"):
            data = self._transmit(
                "capture", command="fetch", capture_id=capture.number, pkt_limit=_MOST_FETCHED
            )
        frames = [
            Captured(
                round(packet["ts"] * 1e9) - capture.start,
                packet["port"],
                packet["origin"] == "TX",
                base64.b64decode(packet["binary"]),
            )
            for packet in data["pkts"]
        ]
        self._captures[capture.number] += len(frames)
        return frames, data["pending"] > 0

    def missed(self, capture: Capture) -> int:
        """Count the matching frames that a capture had no room for so far."""
        with self._told("reading captures"):
            status = next(
                item for item in self._transmit("capture", command="status") if item["id"] == capture.number
            )
        return int(status["matched"] - status["count"] - self._captures[capture.number])

    def finish(self, capture: Capture) -> Caught:
        """End a capture: give what was not fetched yet, and how many frames it lost."""
        with self._told("ending a capture"):
            self._transmit("capture", command="stop", capture_id=capture.number)
            frames = self.fetch(capture)
            statuses = {status["id"]: status for status in self._transmit("capture", command="status")}
            self._transmit("capture", command="remove", capture_id=capture.number)
        matched: int = statuses[capture.number]["matched"]
        return Caught(frames, matched - self._captures.pop(capture.number))

    def discard(self, capture: Capture) -> None:
        """End a capture and forget what it caught."""
        with self._told("ending a capture"):
            self._transmit("capture", command="remove", capture_id=capture.number)
        del self._captures[capture.number]

    def time(self) -> int:
        """Read the server's clock, ns; one that does not tell it with a ping tells it with a capture."""
        with self._told("reading the clock"):
            told = self._transmit("ping")
        if isinstance(told, dict) and "ts" in told:
            return int(told["ts"] * 1e9)
        capture = self.capture(received=self._held[:1], limit=1)
        self.discard(capture)
        return capture.start

    # Load

    def add(self, port: int, loads: Sequence[Load]) -> None:
        """Give a port its loads, in addition to those it has; they start with `start`."""
        followers = {load.follower for load in loads}
        if missing := followers - {None} - {load.name for load in loads}:
            raise ValueError(f"no load is called {min(map(str, missing))}")
        self._owned(port)
        with self._told("adding streams"):
            streams = [self._stream(load, self_start=load.name not in followers) for load in loads]
            self._client.add_streams(streams, ports=[port])
        self._groups |= {load.group: {} for load in loads if load.group is not None}

    def schedule(self, port: int, frames: Sequence[tuple[int, bytes]]) -> None:
        """Give a port single frames with their times, ns after `start`, kept by the server as well as it can.

        Frames under 60 octets are padded; those of the same time leave in any order.
        """
        self.add(
            port,
            [
                Load(f"frame {number}", frame, pps=1, count=1, start=at)
                for number, (at, frame) in enumerate(frames)
            ],
        )

    def clear(self, port: int) -> None:
        """Take all loads from a port."""
        self._owned(port)
        with self._told("removing streams"):
            self._client.remove_all_streams([port])

    def start(self, ports: Iterable[int], *, seconds: float | None = None, rate: str = "1") -> None:
        """Start the loads of ports, multiplied by a number or to a rate (`2`, `5kpps`, `50%`).

        They end by themselves, or after `seconds`.
        """
        wanted = list(ports)
        for port in wanted:
            self._owned(port)
        with self._told("starting traffic"):
            if self._groups:
                self._groups = self._group_counters(self._groups)
            duration = -1 if seconds is None else seconds
            self._client.start(wanted, mult=rate, force=True, duration=duration)

    def wait(self, ports: Iterable[int], *, limit: float, settle: float = 0.1) -> None:
        """Wait until the loads have ended, at most `limit` s, and `settle` s more for what is under way.

        After that, groups count no more. TrexRefusedError if the loads go on.
        """
        wanted, end = list(ports), time.monotonic() + limit
        with self._told("waiting for traffic"):
            while self._synchronise(wanted):
                if time.monotonic() > end:
                    mend = "stop it, or allow more time"
                    raise self._error(TrexRefusedError, f"the traffic went on for {limit:g} s", mend)
                time.sleep(_POLL_S)
        time.sleep(settle)
        self.stop(wanted, settle=0)

    def sends(self, ports: Iterable[int]) -> bool:
        """Say whether loads of ports go on."""
        with self._told("asking for the traffic"):
            return self._synchronise(ports)

    def stop(self, ports: Iterable[int], *, settle: float = 0.1) -> None:
        """Stop the loads of ports, and let groups count for `settle` s more."""
        with self._told("stopping traffic"):
            self._client.stop(list(ports), rx_delay_ms=round(settle * 1000))

    def counters(self) -> dict[int, PortCounters]:
        """Read what each port of ours counted since it was acquired."""
        with self._told("reading port counters"):
            read = self._port_counters()
        names = ("opackets", "ipackets", "obytes", "ibytes", "oerrors", "ierrors")
        return {port: PortCounters(*(int(read[port][name]) for name in names)) for port in self._held}

    def groups(self, groups: Iterable[int]) -> dict[int, GroupCounters]:
        """Read what was counted of packet groups since they were last started; times are of all time."""
        with self._told("reading group counters"):
            read = self._group_counters(groups)
        return {group: _group(counts, self._groups.get(group, {})) for group, counts in read.items()}

    # Inside

    def _group_counters(self, groups: Iterable[int]) -> dict[int, dict[str, Any]]:
        """Ask for groups as the server counts them: the old library fails over one that received nothing."""
        wanted = list(groups)
        read = self._transmit("get_pgid_stats", pgids=wanted)
        parts = ("ver_id", "flow_stats", "latency")
        return {group: {part: (read.get(part) or {}).get(str(group)) for part in parts} for group in wanted}

    def _stream(self, load: Load, *, self_start: bool) -> Any:  # noqa: ANN401 - untyped
        api = self._api
        steps = []
        for number, counting in enumerate(load.counting):
            name, most = f"n{number}", (1 << 8 * counting.size) - 1
            steps += [
                api.STLVmFlowVar(name, counting.first, min_value=0, max_value=most, size=counting.size),
                api.STLVmWrFlowVar(name, counting.offset),
            ]
        vm = api.STLScVmRaw(steps) if steps else None
        mode = api.STLTXCont(pps=load.pps)
        if load.count is not None:
            mode = api.STLTXSingleBurst(pps=load.pps, total_pkts=load.count)
        rule = api.STLFlowLatencyStats if load.latency else api.STLFlowStats
        stream = api.STLStream(
            name=load.name,
            packet=api.STLPktBuilder(pkt_buffer=load.frame, vm=vm),
            mode=mode,
            isg=load.start / 1000,
            self_start=self_start,
            next=load.follower,
            flow_stats=None if load.group is None else rule(pg_id=load.group),
            mac_src_override_by_pkt=True,
            mac_dst_override_mode=api.STLStreamDstMAC_PKT,
        )
        if load.follower is not None:
            self._chain(stream, load.follower)
        return stream

    def _status(self, port: int) -> Any:  # noqa: ANN401 - JSON
        return self._transmit("get_port_status", port_id=port, profile_id="*", block=False)

    def _transmit(self, method: str, **params: Any) -> Any:  # noqa: ANN401 - JSON
        answer = self._client._transmit(method, params)  # noqa: SLF001 - the one way to ask anything
        if not answer:
            raise self._api.STLError(answer)
        return answer.data()

    def _synchronise(self, ports: Iterable[int]) -> bool:
        """Ask the server how ports are, and say whether one transmits."""
        active = False
        for number in ports:
            answer = self._client.ports[number].sync()
            if not answer:
                raise self._api.STLError(answer)
            active |= self._client.ports[number].is_active()
        return active

    def _owned(self, port: int) -> None:
        if port not in self._held:
            raise self._error(TrexRefusedError, f"port {port} was not acquired", "acquire it first")
        with self._told("seeing to whom a port belongs"):
            status = self._status(port)
        if not self._ours(port, status):
            raise self._taken(port, status["owner"])

    def _ours(self, port: int, status: Mapping[str, Any]) -> bool:
        return bool(status["owner"] == self._access.user and self._client.ports[port].is_acquired())

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        """Turn what the library raises into a TrexError, and an interrupt that it swallowed back into one."""
        try:
            yield
        except self._api.STLError as error:
            if isinstance(error.__context__, KeyboardInterrupt):
                raise KeyboardInterrupt from None
            raise self._explained(doing, _plain(error.msg)) from None

    def _explained(self, doing: str, text: str) -> TrexError:
        if _NO_EVENTS in text:
            fault = f"no events come from its port {self._access.async_port}"
            return self._error(TrexGoneError, fault, "correct that port, or let it through the firewall")
        statuses = {}
        if self.alive:
            with suppress(self._api.STLError):
                self._transmit("ping")
                statuses = {number: self._status(number) for number in self._held}
        if not self.alive:
            mend = "see that the server and the way to it are up, then run again"
            return self._error(TrexGoneError, f"the server went away while {doing}", mend)
        for number, status in statuses.items():
            if not self._ours(number, status):
                return self._taken(number, status["owner"])
        return self._error(TrexRefusedError, f"{doing} was refused ({text})", "see what the server says")

    def _taken(self, port: int, owner: str) -> TrexError:
        mend = "ask for it to be released, or take it by force"
        return self._error(TrexTakenError, f"port {port} belongs to '{owner}'", mend)

    def _error(self, kind: type[TrexError], fault: str, mend: str) -> TrexError:
        return kind(self.server.host, fault, mend)

    def _hang_up(self) -> None:
        with suppress(Exception):  # whatever state the library is in, we are through with it
            self._client.conn.disconnect()


def hasten(link: Any) -> None:  # noqa: ANN401 - untyped
    """Have a library neither compress requests, as the server then does its answers, nor print them.

    Either costs more than all the rest: fetching captured frames gets four times as fast.
    """
    link.zipper.check_threshold = lambda _message: False
    link.pretty_json = lambda message, use_colors=None: ""  # noqa: ARG005 - its own


def _batches(frames: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Cut frames into pushes that the server takes at a time."""
    batch: list[bytes] = []
    octets = 0
    for frame in frames:
        if len(batch) == _MOST_PUSHED or octets + len(frame) > _PUSHED_OCTETS:
            yield batch
            batch, octets = [], 0
        batch.append(frame)
        octets += len(frame)
    if batch:
        yield batch


def _group(read: Mapping[str, Any], before: Mapping[str, Any]) -> GroupCounters:
    """Make plain counters of what a server told, less what it told before if it counted on since."""
    old = before if before.get("ver_id") == read["ver_id"] else {}
    sent, received = (_difference(read, old, "flow_stats", key) for key in ("tp", "rp"))
    errors = _difference(read, old, "latency", "er")
    times = (read["latency"] or {}).get("lat", {})
    return GroupCounters(
        {int(port): count for port, count in sent.items()},
        {int(port): count for port, count in received.items()},
        *(errors.get(name, 0) for name in ("drp", "dup", "ooo", "sth", "stl")),
        *(float(times.get(name, 0)) for name in ("average", "total_max", "total_min", "jit")),
    )


def _difference(read: Mapping[str, Any], old: Mapping[str, Any], part: str, key: str) -> dict[str, int]:
    before = (old.get(part) or {}).get(key, {})
    return {name: value - before.get(name, 0) for name, value in (read[part] or {}).get(key, {}).items()}


def _plain(text: str) -> str:
    """Take the colours and line ends out of what the library says."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", text).split())
