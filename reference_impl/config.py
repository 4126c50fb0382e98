"""What a device is told: its settings, its ports and the hosts it starts with."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal, Self

from reference_impl.sizes import LONGER_THAN_SIZE
from spec.errors import InputError

CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "overflow_mode": ("close-early", "overflow", "overflow-borrow"),
    "dgsq_mode": ("on-first-frame", "on-congestion"),
    "unknown_unicast": ("drop", "flood"),
}
"""The values of each setting that is a word."""
LEAST: Final[Mapping[str, int]] = {
    "unsolicited_bytes": 0,
    "reorder_timeout": 0,
    "path_delay_max": 0,
    "flap_hold": 0,
    "bp_validity": 2,  # it is repeated at half of it
    "max_frame": 64,
}
"""The least that a number can be, where that is not 1: what recurs at once would recur for ever."""

FRACTIONS: Final = frozenset({"grant_window_factor"})
"""Settings that need not be whole numbers."""
ABILITIES: Final = frozenset({"multicast", "pfc"})
"""What a device can be made without."""


@dataclass(frozen=True)
class PortConfig:
    """One port: what it faces, its rate in Mbit/s and its own MAC address."""

    kind: Literal["host", "fabric", "unused"]
    rate_mbps: int
    mac: bytes


@dataclass(frozen=True)
class Settings:
    """The device parameters of `spec/parameters.yaml`: times in ns, sizes in octets, rates in Mbit/s.

    `multicast` and `pfc` are options of the ICS that a device can be made without.
    """

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
    grant_window_factor: float = 1.5
    fault_repeats: int = 3
    refresh_misses: int = 3
    multicast: bool = True
    pfc: bool = True

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Take the device parameters out of the parameters of a run."""
        return cls(**{name: values[name] for name in (item.name for item in fields(cls)) if name in values})

    @property
    def window_time(self) -> int:
        """Time in ns for which a link is granted ahead, the grant round trip with what is kept on top."""
        return round(self.grant_window_factor * self.grant_round_trip)

    def faults(self) -> dict[str, str]:
        """Return why a device cannot work with a setting, by its name."""
        result = {}
        for name, value in vars(self).items():
            if name in CHOICES:
                if value not in CHOICES[name]:
                    result[name] = f"is none of {', '.join(CHOICES[name])}"
            elif type(value) is bool and name in ABILITIES:
                continue
            elif type(value) is float and name in FRACTIONS:
                if not value >= 1:
                    result[name] = "is below 1"
            elif type(value) is not int:
                result[name] = "is no integer"
            elif value < LEAST.get(name, 1):
                result[name] = f"is below {LEAST.get(name, 1)}"
        return result or self.contradictions()

    def contradictions(self) -> dict[str, str]:
        """Return which settings do not go together, each named where it is mended."""
        result = {}
        longest = f"the longest frame of {self.max_frame} octets"
        if self.container_bytes < self.max_frame + LONGER_THAN_SIZE:
            more = f"{LONGER_THAN_SIZE} octets more"
            result["container_bytes"] = f"cannot hold {longest} with its {more}"
            result["max_frame"] = (
                f"a container of {self.container_bytes} octets cannot hold it with its {more}"
            )
        if self.buffer_bytes < self.max_frame:
            result["buffer_bytes"] = f"cannot hold {longest}"
        return result


@dataclass(frozen=True)
class DeviceConfig:
    """What a device is told before it starts; `table` maps a host MAC to its (node, port)."""

    name: str
    node: int
    ports: tuple[PortConfig, ...]
    settings: Settings = field(default_factory=Settings)
    table: Mapping[bytes, tuple[int, int]] = field(default_factory=dict)
    seed: int = 0

    def check(self) -> None:
        """InputError for what a device cannot work with, the first such thing."""
        if self.node < 1:
            raise InputError(self.name, "node", f"{self.node} is below 1", "give it another number")
        for number, port in enumerate(self.ports):
            if port.rate_mbps < 1:
                fault = f"{port.rate_mbps} is below 1"
                raise InputError(self.name, f"ports.{number}.rate_mbps", fault, "give it a rate in Mbit/s")
        for mac, target in self.table.items():
            cause = self.misplaced(target)
            if cause is not None:
                raise InputError(
                    self.name, f"table.{mac.hex(':')}", cause, "name a host port, or another node"
                )
        for name, cause in self.settings.faults().items():
            fault = f"{getattr(self.settings, name)} {cause}"
            raise InputError(self.name, name, fault, "choose another value")

    def misplaced(self, target: tuple[int, int]) -> str | None:
        """Return why no host can be at (node, port): this node has no such host port."""
        node, port = target
        if node != self.node or (0 <= port < len(self.ports) and self.ports[port].kind == "host"):
            return None
        return f"port {port} of this node is no host port"
