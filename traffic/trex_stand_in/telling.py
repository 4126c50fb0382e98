"""Requests of TRex's protocol that ask what the server is, has and counted."""

from collections import deque
from typing import Any, Final

from traffic.trex_stand_in.requests import Refusal, Requests

RELEASES: Final = {(4, 8): "v2.87", (5, 0): "v2.93", (5, 1): "v3.08"}
_KEPT_EVENTS: Final = 1000


class Telling(Requests):
    """Greets a client, and tells what it wants to know."""

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
