"""A port of the stand-in: who has it, what it plays, and what it counted."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from traffic.trex_stand_in.streams import StreamSpec, Transmission
from traffic.trex_stand_in.wires import Wire

PROFILE: Final = "_"
"""The one profile that streams are in."""


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
            "state_profile": {PROFILE: self.state},
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
        """Return the counters and rates of `get_port_stats`."""
        counts = {
            name: self.counters[name]
            for name in ("opackets", "ipackets", "obytes", "ibytes", "oerrors", "ierrors")
        }
        names = ("m_total_tx_bps", "m_total_tx_pps", "m_total_rx_bps", "m_total_rx_pps", "m_cpu_util")
        return counts | {name: self.rates.get(name, 0.0) for name in names}
