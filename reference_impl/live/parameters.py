"""The parameters of a live run: the defaults in slow motion."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic.dataclasses import dataclass

from reference_impl.live.plan import STRICT
from spec.documents import load
from spec.model import Parameter

FILE: Final = Path(__file__).parent / "parameters.yaml"


@dataclass(frozen=True, config=STRICT)
class Pace:
    """How many times slower than virtual time a live run is, and the values that keep another pace.

    Limits get a `leeway` where software is tested; `trex` is what a run through TRex needs besides.
    """

    time_scale: int
    values: dict[str, int | float | str]
    leeway: dict[str, int | float | str]
    trex: dict[str, int | float | str]


def live_values(parameters: Mapping[str, Parameter], *, trex: bool = False) -> dict[str, Any]:
    """Return a value for each parameter: durations times the scale, rates divided by it, the rest as is."""
    pace = load(Pace, FILE)
    slow = {name: _at(pace.time_scale, item) for name, item in parameters.items()}
    return slow | pace.values | pace.leeway | (pace.trex if trex else {})


def _at(scale: int, parameter: Parameter) -> int | float | str:
    value = parameter.default
    if isinstance(value, int) and parameter.unit == "ns":
        return value * scale
    if isinstance(value, int) and parameter.unit == "Mbit/s":
        return value // scale
    return value
