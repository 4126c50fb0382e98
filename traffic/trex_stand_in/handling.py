"""Requests of TRex's protocol about ports: whose they are, how they are set, what is captured and pushed."""

import base64
from itertools import zip_longest
from typing import Any, Final

from traffic.trex_stand_in.publisher import PORT_ATTRIBUTES, PORT_RELEASED
from traffic.trex_stand_in.requests import Refusal, Requests
from traffic.trex_stand_in.streams import check_size

_MOST_PUSHED: Final = 1_000_000


class Handling(Requests):
    """Gives ports away, sets them, and captures and pushes frames."""

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
