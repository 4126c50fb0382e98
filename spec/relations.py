"""What has to hold between parameters, and what the defaults are of those that depend on others.

Both are data, `relations.yaml` and the `scale` and `least` of `parameters.yaml`; here they are worked out.
"""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from spec.applicability import parse
from spec.catalogue import Catalogue
from spec.formula import Formula, Inequality, formula, inequality
from spec.model import Parameter, Relation

Value = int | float | str

FRAME: Final = 9216 + 20
"""Octets of the frame, with preamble and gap, whose time on a link the defaults follow."""
RATE: Final = 8000
DELAY: Final = 500
"""Mbit/s and ns of the links that the defaults are made for."""
WHOLE: Final = 1000
"""Times that grow are whole microseconds, the unit of times in messages; ns."""

formula_of = cache(formula)
inequality_of = cache(inequality)


@dataclass(frozen=True)
class Breach:
    """A relation that does not hold: the values of its names, and those of its two sides."""

    name: str
    relation: Relation
    names: tuple[str, ...]
    left: float
    right: float

    @property
    def fault(self) -> str:
        """What is wrong, as the fault of a sentence about one of the parameters."""
        sides = f"{_short(self.left)} and {_short(self.right)}"
        return f"breaks {self.relation.that} (here {sides}): {self.relation.because.en}"


def breaches(
    catalogue: Catalogue, values: Mapping[str, Value], kinds: Collection[str] = ("setting", "device", "suite")
) -> Iterator[Breach]:
    """Yield each relation of these kinds that a set of values does not keep, in the order of the file."""
    known = numbers(catalogue, values)
    words: dict[str, bool | int | str | tuple[str, ...]] = {
        name: value for name, value in values.items() if not isinstance(value, float)
    }
    for name, relation in catalogue.relations.relations.items():
        if relation.of not in kinds or not parse(relation.when).evaluate(words):
            continue
        that = inequality_of(relation.that)
        if not that.holds(known):
            sides = that.left.value(known), that.right.value(known)
            yield Breach(name, relation, parameters_of(catalogue, that), *sides)


def numbers(catalogue: Catalogue, values: Mapping[str, Value]) -> dict[str, float]:
    """Return the numbers that formulas may ask for: those of the values, and the terms made of them."""
    found: dict[str, float] = {name: value for name, value in values.items() if not isinstance(value, str)}
    for name, term in catalogue.relations.terms.items():
        found[name] = formula_of(term.formula).value(found)
    return found


def parameters_of(catalogue: Catalogue, that: Formula | Inequality) -> tuple[str, ...]:
    """Return the parameters that a formula depends on, through its terms too, those of the term last."""
    direct = [name for name in that.names() if name not in catalogue.relations.terms]
    for name in that.names():
        if name in catalogue.relations.terms:
            direct += parameters_of(catalogue, formula_of(catalogue.relations.terms[name].formula))
    return tuple(dict.fromkeys(direct))


def sources_of(catalogue: Catalogue, name: str) -> tuple[str, ...]:
    """Return the parameters that the default of a parameter follows from."""
    parameter = catalogue.parameters[name]
    links = () if parameter.scale is None else ("link_rate", "link_delay")
    if parameter.least is None:
        return links
    return (*links, *parameters_of(catalogue, formula_of(parameter.least)))


def dependent(
    catalogue: Catalogue, values: Mapping[str, Value], undeclared: Collection[str]
) -> dict[str, Value]:
    """Return the defaults, for these links and declared values, of parameters that nobody declared.

    Those that are the same on all links are left out. A default never leaves the range of its parameter.
    """
    own = dict(values)
    changed: dict[str, Value] = {}
    links = values.get("link_rate", RATE), values.get("link_delay", DELAY)
    growth = growths(*map(float, links))
    for name, parameter in catalogue.parameters.items():
        if name in undeclared and parameter.scale is not None:
            own[name] = changed[name] = _grown(parameter, growth[parameter.scale])
    for name, parameter in catalogue.parameters.items():
        if name in undeclared and parameter.least is not None:
            least = math.ceil(formula_of(parameter.least).value(numbers(catalogue, own)))
            own[name] = changed[name] = _within(parameter, max(int(own[name]), least))
    return changed


def growths(rate_mbps: float, delay_ns: float) -> dict[str, float]:
    """Return by what factor times and octets grow on links other than those of the defaults."""
    time = (FRAME * 8000 / rate_mbps + delay_ns) / (FRAME * 8000 / RATE + DELAY)
    return {"time": time, "octets": time * rate_mbps / RATE}


def _grown(parameter: Parameter, factor: float) -> int:
    assert isinstance(parameter.default, int)
    whole = math.ceil(round(parameter.default * factor / WHOLE, 6)) * WHOLE
    return _within(parameter, parameter.default if factor == 1 else whole)


def _within(parameter: Parameter, value: int) -> int:
    assert parameter.min is not None
    assert parameter.max is not None
    return int(min(max(value, parameter.min), parameter.max))


def _short(number: float) -> str:
    return f"{round(number):,}" if abs(number) >= FRAME else f"{number:.6g}"
