"""Requests of TRex's protocol about streams, and the traffic that a port makes of them."""

from typing import Any

from traffic.trex_stand_in.port import PROFILE
from traffic.trex_stand_in.publisher import PORT_STARTED, PROFILE_STARTED
from traffic.trex_stand_in.requests import Refusal, Requests
from traffic.trex_stand_in.streams import Group, StreamSpec, Transmission, check_graph, multiplier


class Playing(Requests):
    """Takes streams, and starts and stops them."""

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
