"""A stand-in for a TRex server, so that a laboratory can rehearse and the clients are tested without one.

It is not TRex: it makes no load worth the name, and its word says nothing of a real server. What it copies
from measurements of v2.87 (API 4.8) and v3.08 (API 5.1): the handshake and which client versions it takes,
message compression (an answer is compressed if the request was), errors, events on PUB (4.x) or polled
(5.x), port counters on PUB every 0.5 s (4.x), ports listed in reverse, service mode before captures,
captures global to the server and fetched 50 frames at a time, pushes that overwrite MAC addresses unless
told not to and leave in disorder without a gap between them, frame sizes 14 to 9238, streams padded to 60
octets and pushes not, MAC addresses of streams, the refusal of flow statistics for frames that are not
IPv4, latency statistics for any EtherType, an outer tag 0x88A8 that reads 0x8100 over AF_PACKET. Taken from
the documentation alone: texts of errors, the IPv4 identification that flow statistics rewrite, the
heuristics of sequence errors.

It has no ARP, ping, layer 3 or VLAN configuration, no pcap playing, no pause and update, of the field engine
only counting variables, and reports the rates of packet groups as 0.

Run it with `python -m traffic.trex.stand_in --interface t0 --interface t1`, or without interfaces for two
ports joined in memory. With `--netns PATH` the interfaces are those of that network namespace, while it
serves where it was started; with `--with-parent` it ends when the process that started it does, and goes
ahead of other processes where that is allowed, as the devices of a live bench do.
"""

import base64
import os
import queue
import secrets
import socket
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count, zip_longest
from pathlib import Path
from select import select
from types import TracebackType
from typing import Annotated, Any, Final, Literal, NoReturn, Self, cast, get_args

import typer
import zmq

from spec.errors import Exit, InputError
from traffic.trex.messages import is_compressed, pack, unpack
from traffic.trex.stand_in_captures import Captures
from traffic.trex.stand_in_streams import (
    Group,
    StreamSpec,
    Transmission,
    check_graph,
    check_size,
    group_of,
    multiplier,
)
from traffic.trex.stand_in_wires import Interface, Wire, cable, inside

Fault = Literal["die", "hang", "mute", "refuse"]
"""Die: vanish. Hang: answer and publish nothing more. Mute: publish nothing more. Refuse: one error."""

RELEASES: Final = {(4, 8): "v2.87", (5, 0): "v2.93", (5, 1): "v3.08"}
_PUBLISH_EVERY: Final = 500_000_000
_KEPT_EVENTS: Final = 1000
_MOST_PUSHED: Final = 1_000_000
_SOON: Final = 60_000
"""Ns before a frame is due from which the server stays awake for it."""
_PORT_STARTED, _PORT_STOPPED, _PORT_DONE, _PORT_ACQUIRED, _PORT_RELEASED, _PORT_ATTRIBUTES = 0, 1, 4, 5, 6, 8
_PROFILE_STARTED, _PROFILE_STOPPED, _PROFILE_DONE = 10, 11, 14
_PROFILE: Final = "_"
_FREE_OF_HANDLE: Final = frozenset({"api_sync", "api_sync_v2", "get_version", "ping"})


class Refusal(Exception):  # noqa: N818 - it is the fact, not an error of the program
    """An error that the client is told."""


@dataclass
class Port:
    """A port of the server, and who has it."""

    index: int
    wire: Wire
    neighbour: bytes
    up: bool = True
    promiscuous: bool = False
    multicast: bool = False
    service: bool = False
    owner: str = ""
    handler: str = ""
    session: int = 0
    streams: dict[int, StreamSpec] = field(default_factory=dict)
    transmission: Transmission | None = None
    counters: Counter[str] = field(default_factory=Counter)
    rates: dict[str, float] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """The state that the protocol names."""
        return "TX" if self.transmission else "STREAMS" if self.streams else "IDLE"

    def attributes(self) -> dict[str, Any]:
        """Describe what can be set."""
        colons = {"src": self.wire.mac.hex(":"), "dst": self.neighbour.hex(":"), "state": "configured"}
        return {
            "promiscuous": {"enabled": self.promiscuous},
            "multicast": {"enabled": self.multicast},
            "link": {"up": self.up},
            "speed": self.wire.speed_mbps / 1000,
            "fc": {"mode": 0},
            "rx_filter_mode": "all" if self.service else "hw",
            "vlan": {"tags": []},
            "vxlan_fs": [],
            "layer_cfg": {
                "ether": colons,
                "ipv4": {"state": "none", "src": "0.0.0.0", "dst": "0.0.0.0"},  # noqa: S104 - as the real one
                "ipv6": {"enabled": False, "src": ""},
            },
        }

    def status(self) -> dict[str, Any]:
        """Describe the port as `get_port_status` does."""
        return {
            "state": self.state,
            "state_profile": {_PROFILE: self.state},
            "owner": self.owner,
            "max_stream_id": max(self.streams, default=0),
            "service": self.service,
            "service_filtered": False,
            "attr": self.attributes(),
            "rx_info": {
                "queue": {"is_active": False, "count": 0, "size": 0},
                "grat_arp": {"is_active": False, "interval_sec": 0},
                "latency": {"is_active": False},
                "stack": {"is_active": False},
                "capture_port": {"is_active": False, "bpf_filter": "", "endpoint": ""},
            },
        }

    def statistics(self) -> dict[str, float]:
        """Give the counters and rates of `get_port_stats`."""
        counts = {
            name: self.counters[name]
            for name in ("opackets", "ipackets", "obytes", "ibytes", "oerrors", "ierrors")
        }
        names = ("m_total_tx_bps", "m_total_tx_pps", "m_total_rx_bps", "m_total_rx_pps", "m_cpu_util")
        return counts | {name: self.rates.get(name, 0.0) for name in names}


class StandIn:
    """A server of an API version (4.8, 5.0 or 5.1) on some wires; it runs in a thread of its own.

    Port 0 as `rpc_port` or `async_port` takes a free one, which the attribute then names. `faults` names
    what happens instead of an answer to the first request for a method. OSError if a port is taken.
    """

    def __init__(
        self,
        wires: Sequence[Wire],
        *,
        api: tuple[int, int] = (4, 8),
        host: str = "127.0.0.1",
        rpc_port: int = 0,
        async_port: int = 0,
        faults: dict[str, Fault] | None = None,
    ) -> None:
        if api not in RELEASES:
            known = ", ".join(f"{major}.{minor}" for major, minor in RELEASES)
            raise InputError(
                "trex stand-in", "api", f"there is no API {api[0]}.{api[1]} here", f"take {known}"
            )
        self.api = api
        self.host = host
        self.faults = dict(faults or {})
        self.ports = [
            Port(index, wire, wires[index ^ 1].mac if index ^ 1 < len(wires) else b"\0\0\0\0\0\1")
            for index, wire in enumerate(wires)
        ]
        self.captures = Captures()
        self.groups: dict[int, Group] = {}
        self._handle = secrets.token_hex(4)
        self._events: dict[int, deque[dict[str, Any]]] = {}
        self._sequence: Counter[int] = Counter()
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count().__next__
        self._epoch = time.monotonic_ns()
        self._hung = False
        self._mute = False
        self._stopped = False
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wake, self._woken = socket.socketpair()
        self._woken.setblocking(False)
        self._context = zmq.Context()
        self._rpc = self._context.socket(zmq.REP)
        self._publisher = self._context.socket(zmq.PUB)
        for box in (self._rpc, self._publisher):
            box.setsockopt(zmq.LINGER, 0)
        try:
            self.rpc_port = _bind(self._rpc, host, rpc_port)
            self.async_port = _bind(self._publisher, host, async_port)
        except zmq.ZMQError as error:
            self._context.destroy(linger=0)
            raise OSError(error.errno, f"{host}: {error}") from error
        self._thread = threading.Thread(target=self._run, name="trex-stand-in", daemon=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Serve until `stop`."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Vanish, without a word to anybody, and unplug the wires; also what `die` is."""
        self._stopped = True
        self._nudge()
        if self._thread is not threading.current_thread():
            self._thread.join()

    die = stop

    def wait(self, parent: int | None = None) -> None:
        """Wait until it has died or was stopped, or until a parent process is gone."""
        while self._thread.is_alive() and parent in {None, os.getppid()}:
            self._thread.join(0.5)

    def hang(self) -> None:
        """Answer and publish nothing more, and keep the connections."""
        self._call(lambda: setattr(self, "_hung", True))

    def mute(self, *, on: bool = True) -> None:
        """Publish nothing more, until told otherwise."""
        self._call(lambda: setattr(self, "_mute", on))

    def take(self, port: int, user: str) -> None:
        """Let another user take a port by force."""

        def change() -> None:
            self._acquired(self.ports[port], user, secrets.randbits(31), force=True)

        self._call(change)

    def link(self, port: int, *, up: bool) -> None:
        """Take the carrier of a port away, or give it back."""

        def change() -> None:
            self.ports[port].up = up
            self._event(_PORT_ATTRIBUTES, self.ports[port], attr=self.ports[port].attributes())

        self._call(change)

    # The loop

    def _call(self, call: Callable[[], None]) -> None:
        done = threading.Event()

        def run() -> None:
            call()
            done.set()

        self._calls.put(run)
        self._nudge()
        done.wait(5)

    def _nudge(self) -> None:
        with suppress(OSError):  # it is dead already
            self._wake.send(b"\0")

    def _run(self) -> None:
        requests = int(self._rpc.getsockopt(zmq.FD))
        watched = [requests, self._woken.fileno(), *(port.wire.fileno() for port in self.ports)]
        self._at(self._now() + _PUBLISH_EVERY, self._tick)
        try:
            while not self._stopped:
                asked = not self._hung and bool(self._asked())
                ready, _, _ = select(watched, (), (), 0 if asked else self._patience())
                for port in self.ports:
                    if port.wire.fileno() in ready:
                        self._receive(port)
                self._transmit()
                if self._woken.fileno() in ready:
                    self._woken.recv(4096)
                    while not self._calls.empty():
                        self._calls.get()()
                if self._hung and requests in watched:
                    watched.remove(requests)
                if not self._hung and self._asked():
                    self._answer()
        finally:
            self._context.destroy(linger=0)
            for port in self.ports:
                port.wire.close()
            self._wake.close()
            self._woken.close()

    def _now(self) -> int:
        return time.monotonic_ns() - self._epoch

    def _asked(self) -> int:
        """Whether a request waits; its descriptor only tells that something changed."""
        return int(self._rpc.getsockopt(zmq.EVENTS)) & zmq.POLLIN

    def _patience(self) -> float:
        dues = [port.transmission.due() for port in self.ports if port.transmission]
        first = min((due for due in (*dues, self._due[0][0]) if due is not None), default=0)
        return max(0, first - self._now() - _SOON) / 1e9

    def _at(self, due: int, call: Callable[[], None]) -> None:
        heappush(self._due, (due, self._order(), call))

    def _transmit(self) -> None:
        for _ in range(64):
            if self._due[0][0] > self._now():
                break
            heappop(self._due)[2]()
        for port in self.ports:
            transmission = port.transmission
            if transmission is None:
                continue

            def send(spec: StreamSpec, frame: bytes, port: Port = port) -> None:
                group = self.groups.get(spec.group) if spec.group is not None else None
                if group is not None:
                    frame = group.mark(frame, self._now())
                    group.count_sent(port.index, len(frame))
                self._send(port, frame)

            transmission.step(self._now(), send)
            if not transmission.waiting:
                self._finish(port, done=True)

    def _finish(self, port: Port, *, done: bool) -> None:
        port.transmission = None
        if self.api[0] >= 5:
            self._event(_PROFILE_DONE if done else _PROFILE_STOPPED, port, profile_id=_PROFILE)
        self._event(_PORT_DONE if done else _PORT_STOPPED, port)

    def _send(self, port: Port, frame: bytes) -> None:
        sent, at = port.up, self._now()
        if sent:
            try:
                port.wire.send(frame)
            except OSError:
                sent = False
        if sent:
            self.captures.see(port.index, frame, at / 1e9, sent=True)
            port.counters["opackets"] += 1
            port.counters["obytes"] += len(frame) + 4
        else:
            port.counters["oerrors"] += 1

    def _receive(self, port: Port) -> None:
        for time_ns, frame in port.wire.receive():
            at = time_ns - self._epoch
            if not port.up:
                continue
            port.counters["ipackets"] += 1
            port.counters["ibytes"] += len(frame) + 4
            self.captures.see(port.index, frame, at / 1e9, sent=False)
            group = group_of(frame, self.groups) if self.groups else None
            if group is not None and group.counting:
                group.count_received(port.index, frame, at)

    def _tick(self) -> None:
        for port in self.ports:
            port.counters["ierrors"] += port.wire.drops()
            for name, counter, scale in (
                ("m_total_tx_pps", "opackets", 1),
                ("m_total_rx_pps", "ipackets", 1),
                ("m_total_tx_bps", "obytes", 8),
                ("m_total_rx_bps", "ibytes", 8),
            ):
                before = port.counters["last." + counter]
                port.rates[name] = (port.counters[counter] - before) * scale * 1e9 / _PUBLISH_EVERY
            for counter in ("opackets", "ipackets", "obytes", "ibytes"):
                port.counters["last." + counter] = port.counters[counter]
        self._publish_counters(baseline=False)
        self._at(self._now() + _PUBLISH_EVERY, self._tick)

    # Publishing

    def _publish(self, name: str, kind: int, data: dict[str, Any], *, baseline: bool = False) -> None:
        message: dict[str, Any] = {"name": name, "type": kind, "data": data}
        if baseline:
            message["baseline"] = True
        if self.api[0] >= 5:
            for session, events in self._events.items():
                self._sequence[session] += 1
                events.append(message | {"seq": self._sequence[session]})
            message = {}
        if not (self._mute or self._hung):
            self._publisher.send(pack(message))

    def _event(self, kind: int, port: Port, **details: Any) -> None:  # noqa: ANN401 - JSON
        self._publish("trex-event", kind, {"port_id": port.index, **details})

    def _publish_counters(self, *, baseline: bool) -> None:
        if self.api[0] >= 5:
            return
        data = self._global_statistics()
        for port in self.ports:
            data |= {f"{name}-{port.index}": value for name, value in port.statistics().items()}
        self._publish("trex-global", 0, data, baseline=baseline)

    def _global_statistics(self) -> dict[str, float]:
        rates = {
            short: sum(port.rates.get(name, 0.0) for port in self.ports)
            for short, name in (
                ("m_tx_pps", "m_total_tx_pps"),
                ("m_tx_bps", "m_total_tx_bps"),
                ("m_rx_pps", "m_total_rx_pps"),
                ("m_rx_bps", "m_total_rx_bps"),
            )
        }
        idle = ("m_cpu_util", "m_rx_cpu_util", "m_rx_drop_bps", "m_rx_core_pps", "m_tx_cps", "m_bw_per_core")
        return rates | dict.fromkeys(idle, 0.0) | {"m_total_queue_full": 0}

    # Requests

    def _answer(self) -> None:
        octets = self._rpc.recv()
        try:
            request = unpack(octets)
        except ValueError:
            self._rpc.send(pack(_error(None, -32700, "Parse error")))
            return
        if isinstance(request, list):
            answers = [self._handled(single) for single in request]
            answer: Any = answers if None not in answers else None
        else:
            answer = self._handled(request)
        if answer is not None:
            self._rpc.send(pack(answer, compress=is_compressed(octets)))

    def _handled(self, request: Any) -> dict[str, Any] | None:  # noqa: ANN401 - JSON
        if not (isinstance(request, dict) and isinstance(request.get("method"), str)):
            return _error(None, -32600, "Invalid Request")
        method, params, number = request["method"], request.get("params") or {}, request.get("id")
        if not isinstance(params, dict):
            return _error(number, -32602, "Invalid params")
        fault = self.faults.pop(method, None)
        self._stopped |= fault == "die"
        self._hung |= fault == "hang"
        self._mute |= fault == "mute"
        if fault in {"die", "hang"}:
            return None
        return self._called(method, params, number, refuse=fault == "refuse")

    def _called(self, method: str, params: dict[str, Any], number: Any, *, refuse: bool) -> dict[str, Any]:  # noqa: ANN401
        call = getattr(self, f"_rpc_{method}", None)
        if call is None:
            return _error(number, -32601, "Method not found")
        try:
            if refuse:
                _refuse(f"{method} is refused, as told")
            if method not in _FREE_OF_HANDLE and params.get("api_h") != self._handle:
                _refuse("invalid API handler")
            return {"jsonrpc": "2.0", "id": number, "result": call(params)}
        except (Refusal, ValueError) as error:
            return _error(number, -32000, "Failed To Execute Method", str(error))
        except (LookupError, TypeError, AttributeError) as error:
            return _error(number, -32602, "Invalid params", f"field missing or of a wrong type: {error}")

    def _port(self, params: dict[str, Any], *, owned: bool = False) -> Port:
        number: int = params["port_id"]
        if not 0 <= number < len(self.ports):
            raise Refusal(f"invalid port id - should be between 0 and {len(self.ports) - 1}")
        port = self.ports[number]
        if owned and (not port.handler or params.get("handler") != port.handler):
            raise Refusal(
                f"port {number} is not owned by this session" if port.owner else "port is not owned"
            )
        return port

    def _synchronised(self, major: int, minor: int) -> None:
        if major != self.api[0] or minor > self.api[1]:
            ours = f"{self.api[0]}.{self.api[1]}"
            raise Refusal(f"Version mismatch - server API: {ours}, client API: {major}.{minor}")

    def _rpc_api_sync(self, params: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON, as below
        (wanted,) = params["api_vers"]
        self._synchronised(wanted["major"], wanted["minor"])
        return {"api_vers": [{"type": "core", "api_h": self._handle}]}

    def _rpc_api_sync_v2(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        self._synchronised(params["major"], params["minor"])
        return {"api_h": self._handle}

    def _rpc_get_version(self, _params: dict[str, Any]) -> Any:  # noqa: ANN401
        return {
            "version": RELEASES[self.api],
            "build_date": "none",
            "build_time": "none",
            "built_by": "the GSE conformance suite, as a stand-in",
            "mode": "STL",
        }

    def _rpc_ping(self, _params: dict[str, Any]) -> Any:  # noqa: ANN401
        return {"ts": self._now() / 1e9}

    def _rpc_publish_now(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        self._publish_counters(baseline=params["baseline"])
        self._publish("trex-barrier", params["key"], {})
        return {}

    def _rpc_get_async_events(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        if self.api[0] < 5:
            raise Refusal("this server publishes its events")
        events = self._events.setdefault(params["session_id"], deque(maxlen=_KEPT_EVENTS))
        data = list(events)
        events.clear()
        return {"data": data}

    def _rpc_get_system_info(self, _params: dict[str, Any]) -> Any:  # noqa: ANN401
        ports = [
            {
                "index": port.index,
                "driver": "net_af_packet",
                "description": port.wire.name,
                "numa": -1,
                "pci_addr": port.wire.name,
                "hw_mac": port.wire.mac.hex(":"),
                "is_fc_supported": False,
                "is_led_supported": False,
                "is_link_supported": False,
                "is_prom_supported": True,
                "is_virtual": True,
                "supp_speeds": [],
                "rx": {"caps": ["flow_stats", "latency"], "counters": 127},
            }
            for port in reversed(self.ports)
        ]
        return {
            "hostname": "stand-in",
            "uptime": f"{self._now() // 1_000_000_000} s",
            "dp_core_count": 1,
            "dp_core_count_per_port": 1,
            "core_type": "stand-in",
            "is_multiqueue_mode": False,
            "port_count": len(ports),
            "ports": ports,
        }

    def _rpc_get_supported_cmds(self, _params: dict[str, Any]) -> Any:  # noqa: ANN401
        names = [name.removeprefix("_rpc_") for name in dir(self) if name.startswith("_rpc_")]
        return names + (["get_profile_list"] if self.api[0] >= 5 else [])

    def _rpc_get_port_status(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        return self._port(params).status()

    def _rpc_get_port_stats(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        return self._port(params).statistics()

    def _rpc_get_global_stats(self, _params: dict[str, Any]) -> Any:  # noqa: ANN401
        return self._global_statistics()

    def _rpc_get_port_xstats_names(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        return {"xstats_names": list(self._port(params).statistics())[:6]}

    def _rpc_get_port_xstats_values(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        return {"xstats_values": list(self._port(params).statistics().values())[:6]}

    def _rpc_get_tpg_status(self, _params: dict[str, Any]) -> Any:  # noqa: ANN401
        return {"enabled": False, "data": {}}

    def _rpc_get_active_pgids(self, _params: dict[str, Any]) -> Any:  # noqa: ANN401
        groups = sorted(self.groups.values(), key=lambda group: group.id)
        return {
            "ids": {
                "flow_stats": [group.id for group in groups if not group.latency],
                "latency": [group.id for group in groups if group.latency],
            }
        }

    def _rpc_get_pgid_stats(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        groups = [self.groups[number] for number in params["pgids"] if number in self.groups]
        ports = range(len(self.ports))
        none = {str(port): 0 for port in ports}
        return {
            "ver_id": {str(group.id): group.version for group in groups},
            "flow_stats": {str(group.id): group.flow_stats(ports) for group in groups}
            | {"g": {"rx_err": none, "tx_err": none}},
            "latency": {str(group.id): group.latency_stats() for group in groups if group.latency}
            | {"g": {"old_flow": 0, "bad_hdr": 0}},
        }

    def _rpc_acquire(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        port, user, session = self._port(params), params["user"], params["session_id"]
        if port.owner and port.session != session and not params["force"]:
            who = f"another session of '{user}'" if user == port.owner else f"'{port.owner}'"
            raise Refusal(f"port is already taken by {who}")
        return self._acquired(port, user, session, force=params["force"])

    def _acquired(self, port: Port, user: str, session: int, *, force: bool) -> str:
        port.owner, port.session, port.handler = user, session, secrets.token_hex(4)
        self._event(_PORT_ACQUIRED, port, who=user, session_id=session, force=force)
        return port.handler

    def _rpc_release(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        port = self._port(params, owned=True)
        self._event(_PORT_RELEASED, port, who=port.owner, session_id=port.session)
        port.owner, port.session, port.handler = "", 0, ""
        return {}

    def _rpc_set_port_attr(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        port = self._port(params, owned=True)
        for name, value in params["attr"].items():
            if name == "promiscuous":
                port.promiscuous = value["enabled"]
            elif name == "multicast":
                port.multicast = value["enabled"]
            elif name == "link_status":
                raise Refusal("setting the link of this port is not supported")
            elif name not in {"flow_ctrl_mode", "led_status", "rx_filter_mode", "vxlan_fs"}:
                raise Refusal(f"unknown attribute '{name}'")
        self._event(_PORT_ATTRIBUTES, port, attr=port.attributes())
        return {}

    def _rpc_set_rx_feature(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        self._port(params, owned=True)
        if params["enabled"]:
            raise Refusal(f"the stand-in has no receive feature '{params['type']}'")
        return {}

    def _rpc_stop_capture_port(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        self._port(params, owned=True)
        return {}

    def _rpc_service(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        port = self._port(params, owned=True)
        if not params["enabled"] and self.captures.on(port.index):
            raise Refusal(f"unable to disable service - an active capture on port {port.index} exists")
        port.service = params["enabled"]
        return {}

    def _rpc_set_l2(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        port = self._port(params, owned=True)
        if not port.service:
            raise Refusal("port is not under service mode")
        port.neighbour = bytes.fromhex(params["dst_mac"].replace(":", ""))
        self._event(_PORT_ATTRIBUTES, port, attr=port.attributes())
        return {}

    def _rpc_capture(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        if params.get("command") == "start":
            for number in {*params["tx"], *params["rx"]}:
                if not self._port({"port_id": number}).service:
                    raise Refusal(f"port {number} is not under service mode, which captures need")
        return self.captures.command(params, self._now() / 1e9)

    def _rpc_push_pkts(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        port = self._port(params)
        frames = []
        for packet in params["pkts"]:
            frame = base64.b64decode(packet["binary"])
            check_size(frame)
            if packet["use_port_dst_mac"]:
                frame = port.neighbour + frame[6:]
            if packet["use_port_src_mac"]:
                frame = frame[:6] + port.wire.mac + frame[12:]
            frames.append(frame)
        if sum(map(len, frames)) > _MOST_PUSHED and not params["force"]:
            raise Refusal("the packets are longer than 1 MB together")
        gap = int(params["ipg_usec"] * 1000)
        if not gap:  # measured: they leave in disorder
            frames = [frame for pair in zip_longest(frames[1::2], frames[::2]) for frame in pair if frame]
        now = self._now()
        for number, frame in enumerate(frames):
            self._at(now + number * gap, lambda frame=frame: self._send(port, frame))  # type: ignore[misc]
        return {"ts": now / 1e9}

    def _rpc_get_all_streams(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        streams = {str(n): dict(spec.data) for n, spec in self._port(params).streams.items()}
        return {"profiles": {_PROFILE: streams}} if self.api[0] >= 5 else {"streams": streams}

    def _rpc_remove_all_streams(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        port = self._idle(params)
        for spec in port.streams.values():
            if spec.group is not None:
                self.groups.pop(spec.group, None)
        port.streams.clear()
        return {}

    def _rpc_add_stream(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        port, number = self._idle(params), params["stream_id"]
        if number in port.streams:
            raise Refusal(f"stream {number} already exists")
        spec = StreamSpec.of(number, params["stream"], port.wire.mac, port.neighbour)
        if spec.group is not None:
            group = self.groups.get(spec.group)
            if group is not None and (group.latency or spec.latency):
                raise Refusal(f"packet group {spec.group} is in use already")
            self.groups[spec.group] = group or Group(spec.group, spec.latency)
        port.streams[number] = spec
        return {}

    def _rpc_remove_stream(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        port, number = self._idle(params), params["stream_id"]
        if number not in port.streams:
            raise Refusal(f"stream {number} does not exist")
        spec = port.streams.pop(number)
        if spec.group is not None:
            self.groups.pop(spec.group, None)
        return {}

    def _idle(self, params: dict[str, Any]) -> Port:
        port = self._port(params, owned=True)
        if port.transmission:
            raise Refusal("port is active")
        return port

    def _rpc_start_traffic(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        port = self._idle(params)
        if not port.up and not params["force"]:
            raise Refusal("port link is down")
        check_graph(port.streams)
        speed = port.wire.speed_mbps
        factor = multiplier(params["mul"], list(port.streams.values()), speed)
        load = sum(
            spec.rate(speed) * factor * 8 * (len(spec.frame) + 24)
            for spec in port.streams.values()
            if spec.kind == "continuous"
        )
        if load > speed * 1e6 * 1.001 and not params["force"]:
            raise Refusal(f"the rate of {load / 1e6:.0f} Mbit/s is more than the link has")
        for number in {spec.group for spec in port.streams.values() if spec.group is not None}:
            old = self.groups[number]
            self.groups[number] = Group(number, old.latency, old.version + 1)
        port.transmission = Transmission(port.streams, factor, speed, self._now(), params["duration"])
        if self.api[0] >= 5:
            self._event(_PROFILE_STARTED, port, profile_id=_PROFILE)
        self._event(_PORT_STARTED, port)
        return {"multiplier": factor, "ts": self._now() / 1e9}

    def _rpc_stop_traffic(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        port = self._port(params, owned=True)
        if port.transmission:
            self._finish(port, done=False)
        return {}

    def _rpc_remove_rx_filters(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        port = self._port(params, owned=True)
        for spec in port.streams.values():
            if spec.group in self.groups:
                self.groups[spec.group].counting = False
        return {}


def _refuse(reason: str) -> NoReturn:
    raise Refusal(reason)


def _error(number: Any, code: int, message: str, specific: str | None = None) -> dict[str, Any]:  # noqa: ANN401
    error = {"code": code, "message": message} | ({"specific_err": specific} if specific else {})
    return {"jsonrpc": "2.0", "id": number, "error": error}


def _bind(box: "zmq.Socket[bytes]", host: str, port: int) -> int:
    if not port:
        return int(box.bind_to_random_port(f"tcp://{host}"))
    box.bind(f"tcp://{host}:{port}")
    return port


def _versions() -> str:
    return ", ".join(f"{major}.{minor}" for major, minor in RELEASES)


def _api(text: str) -> tuple[int, int]:
    for major, minor in RELEASES:
        if text == f"{major}.{minor}":
            return major, minor
    raise InputError("trex stand-in", "--api", f"{text!r} is none of its versions", f"take {_versions()}")


def _faults(texts: list[str]) -> dict[str, Fault]:
    faults = {}
    for text in texts:
        method, _, fault = text.partition(":")
        if fault not in get_args(Fault):
            mend = "write METHOD:die, for example"
            raise InputError("trex stand-in", "--fail", f"{text!r} names no fault", mend)
        faults[method] = cast("Fault", fault)
    return faults


def main(
    *,
    interface: Annotated[list[str] | None, typer.Option(help="a port on this interface, in order")] = None,
    api: Annotated[str, typer.Option(help=f"the API version to speak: {_versions()}")] = "4.8",
    host: Annotated[str, typer.Option(help="the address to listen on")] = "127.0.0.1",
    rpc_port: Annotated[int, typer.Option(help="port of the requests, 0 for a free one")] = 4501,
    async_port: Annotated[int, typer.Option(help="port of the events, 0 for a free one")] = 4500,
    fail: Annotated[list[str] | None, typer.Option(help="METHOD:die, :hang, :mute or :refuse")] = None,
    netns: Annotated[Path | None, typer.Option(help="the network namespace of the interfaces")] = None,
    with_parent: Annotated[bool, typer.Option(help="end when the process that started it does")] = False,
) -> None:
    """Serve as a stand-in for TRex until interrupted."""
    parent = os.getppid() if with_parent else None
    if with_parent:
        with suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(os.sched_get_priority_min(os.SCHED_RR)))
    try:
        version, faults = _api(api), _faults(fail or [])
        with inside(netns):
            wires: list[Wire] = [*map(Interface, interface)] if interface else [*cable()]
        server = StandIn(
            wires, api=version, host=host, rpc_port=rpc_port, async_port=async_port, faults=faults
        )
    except (InputError, OSError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(Exit.USAGE) from error
    with server:
        ports = f"{host}:{server.rpc_port} and {server.async_port}"
        print(f"stand-in for TRex {RELEASES[version]} on {ports}", flush=True)
        with suppress(KeyboardInterrupt):
            server.wait(parent)


if __name__ == "__main__":
    typer.run(main)
