"""The requests of TRex's protocol that the stand-in answers, one method each."""

import base64
import secrets
from collections import deque
from itertools import zip_longest
from typing import Any, Final, NoReturn

from traffic.trex_stand_in.engine import Engine
from traffic.trex_stand_in.port import PROFILE, Port
from traffic.trex_stand_in.publisher import (
    PORT_ATTRIBUTES,
    PORT_RELEASED,
    PORT_STARTED,
    PROFILE_STARTED,
)
from traffic.trex_stand_in.streams import (
    Group,
    StreamSpec,
    Transmission,
    check_graph,
    check_size,
    multiplier,
)

RELEASES: Final = {(4, 8): "v2.87", (5, 0): "v2.93", (5, 1): "v3.08"}
_KEPT_EVENTS: Final = 1000
_MOST_PUSHED: Final = 1_000_000
_FREE_OF_HANDLE: Final = frozenset({"api_sync", "api_sync_v2", "get_version", "ping"})


class Refusal(Exception):  # noqa: N818 - it is the fact, not an error of the program
    """An error that the client is told."""


class Methods:
    """Answers requests on the engine of a server; a session has to show the handle that it was given."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.publisher = engine.publisher
        self._handle = secrets.token_hex(4)

    def called(self, method: str, params: dict[str, Any], number: Any, *, refuse: bool) -> dict[str, Any]:  # noqa: ANN401
        """Answer a request by its number; `refuse` it, if that was told."""
        call = getattr(self, f"_rpc_{method}", None)
        if call is None:
            return failure(number, -32601, "Method not found")
        try:
            if refuse:
                _refuse(f"{method} is refused, as told")
            if method not in _FREE_OF_HANDLE and params.get("api_h") != self._handle:
                _refuse("invalid API handler")
            return {"jsonrpc": "2.0", "id": number, "result": call(params)}
        except (Refusal, ValueError) as error:
            return failure(number, -32000, "Failed To Execute Method", str(error))
        except (LookupError, TypeError, AttributeError) as error:
            return failure(number, -32602, "Invalid params", f"field missing or of a wrong type: {error}")

    def _port(self, params: dict[str, Any], *, owned: bool = False) -> Port:
        number: int = params["port_id"]
        if not 0 <= number < len(self.engine.ports):
            raise Refusal(f"invalid port id - should be between 0 and {len(self.engine.ports) - 1}")
        port = self.engine.ports[number]
        if owned and (not port.handler or params.get("handler") != port.handler):
            raise Refusal(
                f"port {number} is not owned by this session" if port.owner else "port is not owned"
            )
        return port

    def _synchronised(self, major: int, minor: int) -> None:
        if major != self.engine.api[0] or minor > self.engine.api[1]:
            ours = f"{self.engine.api[0]}.{self.engine.api[1]}"
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
            "version": RELEASES[self.engine.api],
            "build_date": "none",
            "build_time": "none",
            "built_by": "the GSE conformance suite, as a stand-in",
            "mode": "STL",
        }

    def _rpc_ping(self, _params: dict[str, Any]) -> Any:  # noqa: ANN401
        return {"ts": self.engine.now() / 1e9}

    def _rpc_publish_now(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        self.publisher.counters(baseline=params["baseline"])
        self.publisher.publish("trex-barrier", params["key"], {})
        return {}

    def _rpc_get_async_events(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        if self.engine.api[0] < 5:
            raise Refusal("this server publishes its events")
        events = self.publisher.events.setdefault(params["session_id"], deque(maxlen=_KEPT_EVENTS))
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
            for port in reversed(self.engine.ports)
        ]
        return {
            "hostname": "stand-in",
            "uptime": f"{self.engine.now() // 1_000_000_000} s",
            "dp_core_count": 1,
            "dp_core_count_per_port": 1,
            "core_type": "stand-in",
            "is_multiqueue_mode": False,
            "port_count": len(ports),
            "ports": ports,
        }

    def _rpc_get_supported_cmds(self, _params: dict[str, Any]) -> Any:  # noqa: ANN401
        names = [name.removeprefix("_rpc_") for name in dir(self) if name.startswith("_rpc_")]
        return names + (["get_profile_list"] if self.engine.api[0] >= 5 else [])

    def _rpc_get_port_status(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        return self._port(params).status()

    def _rpc_get_port_stats(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        return self._port(params).statistics()

    def _rpc_get_global_stats(self, _params: dict[str, Any]) -> Any:  # noqa: ANN401
        return self.publisher.statistics()

    def _rpc_get_port_xstats_names(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        return {"xstats_names": list(self._port(params).statistics())[:6]}

    def _rpc_get_port_xstats_values(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        return {"xstats_values": list(self._port(params).statistics().values())[:6]}

    def _rpc_get_tpg_status(self, _params: dict[str, Any]) -> Any:  # noqa: ANN401
        return {"enabled": False, "data": {}}

    def _rpc_get_active_pgids(self, _params: dict[str, Any]) -> Any:  # noqa: ANN401
        groups = sorted(self.engine.groups.values(), key=lambda group: group.id)
        return {
            "ids": {
                "flow_stats": [group.id for group in groups if not group.latency],
                "latency": [group.id for group in groups if group.latency],
            }
        }

    def _rpc_get_pgid_stats(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        groups = [self.engine.groups[number] for number in params["pgids"] if number in self.engine.groups]
        ports = range(len(self.engine.ports))
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
        return self.engine.acquired(port, user, session, force=params["force"])

    def _rpc_release(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        port = self._port(params, owned=True)
        self.publisher.event(PORT_RELEASED, port, who=port.owner, session_id=port.session)
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
        self.publisher.event(PORT_ATTRIBUTES, port, attr=port.attributes())
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
        if not params["enabled"] and self.engine.captures.on(port.index):
            raise Refusal(f"unable to disable service - an active capture on port {port.index} exists")
        port.service = params["enabled"]
        return {}

    def _rpc_set_l2(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        port = self._port(params, owned=True)
        if not port.service:
            raise Refusal("port is not under service mode")
        port.neighbour = bytes.fromhex(params["dst_mac"].replace(":", ""))
        self.publisher.event(PORT_ATTRIBUTES, port, attr=port.attributes())
        return {}

    def _rpc_capture(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        if params.get("command") == "start":
            for number in {*params["tx"], *params["rx"]}:
                if not self._port({"port_id": number}).service:
                    raise Refusal(f"port {number} is not under service mode, which captures need")
        if params.get("command") == "fetch":
            self.engine.go_on(self.engine.quirks.fetch)
        return self.engine.captures.command(params, self.engine.now() / 1e9)

    def _rpc_push_pkts(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        port = self._port(params)
        frames = []
        for packet in params["pkts"]:
            frame = base64.b64decode(packet["binary"])
            check_size(frame)
            if self.engine.quirks.push and len(frame) > self.engine.quirks.push:
                continue
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
        now = self.engine.now()
        for number, frame in enumerate(frames):
            self.engine.at(now + number * gap, lambda frame=frame: self.engine.send(port, frame))  # type: ignore[misc]
        return {"ts": now / 1e9}

    def _rpc_get_all_streams(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        streams = {str(n): dict(spec.data) for n, spec in self._port(params).streams.items()}
        return {"profiles": {PROFILE: streams}} if self.engine.api[0] >= 5 else {"streams": streams}

    def _rpc_remove_all_streams(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        port = self._idle(params)
        for spec in port.streams.values():
            if spec.group is not None:
                self.engine.groups.pop(spec.group, None)
        port.streams.clear()
        return {}

    def _rpc_add_stream(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        port, number = self._idle(params), params["stream_id"]
        if number in port.streams:
            raise Refusal(f"stream {number} already exists")
        spec = StreamSpec.of(number, params["stream"], port.wire.mac, port.neighbour)
        if spec.group is not None:
            group = self.engine.groups.get(spec.group)
            if group is not None and (group.latency or spec.latency):
                raise Refusal(f"packet group {spec.group} is in use already")
            self.engine.groups[spec.group] = group or Group(spec.group, spec.latency)
        port.streams[number] = spec
        return {}

    def _rpc_remove_stream(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        port, number = self._idle(params), params["stream_id"]
        if number not in port.streams:
            raise Refusal(f"stream {number} does not exist")
        spec = port.streams.pop(number)
        if spec.group is not None:
            self.engine.groups.pop(spec.group, None)
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
            old = self.engine.groups[number]
            self.engine.groups[number] = Group(number, old.latency, old.version + 1)
        begun = self.engine.now() + self.engine.quirks.start * 1_000_000
        port.transmission = Transmission(port.streams, factor, speed, begun, params["duration"])
        if self.engine.api[0] >= 5:
            self.publisher.event(PROFILE_STARTED, port, profile_id=PROFILE)
        self.publisher.event(PORT_STARTED, port)
        return {"multiplier": factor, "ts": self.engine.now() / 1e9}

    def _rpc_stop_traffic(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        port = self._port(params, owned=True)
        if port.transmission:
            self.engine.finish(port, done=False)
        return {}

    def _rpc_remove_rx_filters(self, params: dict[str, Any]) -> Any:  # noqa: ANN401
        port = self._port(params, owned=True)
        for spec in port.streams.values():
            if spec.group in self.engine.groups:
                self.engine.groups[spec.group].counting = False
        return {}


def _refuse(reason: str) -> NoReturn:
    raise Refusal(reason)


def failure(number: Any, code: int, message: str, specific: str | None = None) -> dict[str, Any]:  # noqa: ANN401
    """Make the answer that says an error."""
    fault = {"code": code, "message": message} | ({"specific_err": specific} if specific else {})
    return {"jsonrpc": "2.0", "id": number, "error": fault}
