"""What the stand-in tells unasked: events and counters, on PUB (API 4.x) or kept until polled (5.x)."""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

from traffic.trex.messages import pack
from traffic.trex_stand_in.port import Port

PORT_STARTED, PORT_STOPPED, PORT_DONE, PORT_ACQUIRED, PORT_RELEASED, PORT_ATTRIBUTES = 0, 1, 4, 5, 6, 8
PROFILE_STARTED, PROFILE_STOPPED, PROFILE_DONE = 10, 11, 14


class Publisher:
    """Tells of events through `send`, unless `mute`; `events` are those that sessions have not polled yet."""

    def __init__(self, api: tuple[int, int], ports: Sequence[Port], send: Callable[[bytes], None]) -> None:
        self.api = api
        self.ports = ports
        self.send = send
        self.mute = False
        self.events: dict[int, deque[dict[str, Any]]] = {}
        self.sequence: Counter[int] = Counter()

    def publish(self, name: str, kind: int, data: dict[str, Any], *, baseline: bool = False) -> None:
        """Tell whoever listens; API 5 keeps it for each session until it asks."""
        message: dict[str, Any] = {"name": name, "type": kind, "data": data}
        if baseline:
            message["baseline"] = True
        if self.api[0] >= 5:
            for session, events in self.events.items():
                self.sequence[session] += 1
                events.append(message | {"seq": self.sequence[session]})
            message = {}
        if not self.mute:
            self.send(pack(message))

    def event(self, kind: int, port: Port, **details: Any) -> None:  # noqa: ANN401 - JSON
        """Tell that something happened to a port."""
        self.publish("trex-event", kind, {"port_id": port.index, **details})

    def counters(self, *, baseline: bool) -> None:
        """Tell the counters of all ports, which API 5 is asked for."""
        if self.api[0] >= 5:
            return
        data = self.statistics()
        for port in self.ports:
            data |= {f"{name}-{port.index}": value for name, value in port.statistics().items()}
        self.publish("trex-global", 0, data, baseline=baseline)

    def statistics(self) -> dict[str, float]:
        """Return what all ports do together."""
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
