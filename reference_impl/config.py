"""What a device is told: its settings, its ports and the hosts it starts with."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self


@dataclass(frozen=True)
class PortConfig:
    """One port: what it faces, its rate in Mbit/s and its own MAC address."""

    kind: Literal["host", "fabric"]
    rate_mbps: int
    mac: bytes


@dataclass(frozen=True)
class Settings:
    """The device parameters of `spec/parameters.yaml`: times in ns, sizes in octets, rates in Mbit/s."""

    container_bytes: int = 16384
    overflow_mode: str = "close-early"
    flush_time: int = 20_000
    max_frame: int = 9216
    unsolicited_bytes: int = 0
    request_refresh: int = 50_000
    grant_validity: int = 200_000
    grant_round_trip: int = 40_000
    age_out: int = 1_000_000
    dgsq_mode: str = "on-first-frame"
    dgsq_max: int = 1024
    reorder_timeout: int = 100_000
    reorder_bytes: int = 1_048_576
    path_delay_max: int = 50_000
    hello_interval: int = 100_000
    hello_misses: int = 3
    flap_hold: int = 1_000_000
    bp_threshold: int = 65_536
    bp_validity: int = 100_000
    bp_window: int = 50_000
    unknown_unicast: str = "drop"
    buffer_bytes: int = 8_388_608
    class_weight_ratio: int = 1

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Take the device parameters out of the parameters of a run."""
        return cls(**{name: values[name] for name in (item.name for item in fields(cls)) if name in values})


@dataclass(frozen=True)
class DeviceConfig:
    """What a device is told before it starts; `table` maps a host MAC to its (node, port)."""

    name: str
    node: int
    ports: tuple[PortConfig, ...]
    settings: Settings = field(default_factory=Settings)
    table: Mapping[bytes, tuple[int, int]] = field(default_factory=dict)
    seed: int = 0
