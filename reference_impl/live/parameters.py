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
    """How many times slower than virtual time a live run is, and the values that keep another pace."""

    time_scale: int
    values: dict[str, int | float | str]


@dataclass(frozen=True, config=STRICT)
class Paces(Pace):
    """The pace where the tester reacts at once, and that for a TRex server, which takes milliseconds."""

    trex: Pace


def live_values(parameters: Mapping[str, Parameter], *, trex: bool = False) -> dict[str, Any]:
    """Give a value for each parameter: durations times the scale, rates divided by it, the rest as it is."""
    paces = load(Paces, FILE)
    pace = paces.trex if trex else paces
    return {name: _at(pace.time_scale, item) for name, item in parameters.items()} | pace.values


def _at(scale: int, parameter: Parameter) -> int | float | str:
    value = parameter.default
    if isinstance(value, int) and parameter.unit == "ns":
        return value * scale
    if isinstance(value, int) and parameter.unit == "Mbit/s":
        return value // scale
    return value
