"""The page that lists what has to hold between parameters, and which of their ends are refused alone."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from spec.catalogue import Catalogue
from spec.model import Parameter
from spec.relations import Breach, Value, breaches, dependent

PAGE: Final = Path(__file__).parent / "RELATIONS.md"
RATES: Final = (10, 25, 100, 200, 400, 800)
"""Gbit/s of the links for which the page lists the defaults."""
STEP: Final = 0.001
"""What the range of a parameter that is no whole number is searched in."""
OF: Final = {"setting": "no device can be set so", "device": "no device can work", "suite": "the suite"}

INTRODUCTION: Final = """# Relations between parameters

Made from `relations.yaml` and `parameters.yaml` by `gse-cts relations --write`; edit those.

A run with parameters that break a relation is refused before anything is played, in one sentence and with
exit code 4. What nobody declares follows from the links and from the timers that are declared.
"""


def page(catalogue: Catalogue) -> str:
    """Return the page in Markdown."""
    tables = (
        ("Relations", ("relation", "because", "who cannot otherwise", "mend"), _relations(catalogue)),
        ("Terms", ("term", "is", "unit", "meaning"), _terms(catalogue)),
        (
            "Ends that are refused alone",
            ("parameter", "end", "breaks", "nearest that is not"),
            _refused(catalogue),
        ),
        ("Defaults by the rate of the links", ("default", *map(_gigabit, (8, *RATES))), _defaults(catalogue)),
    )
    return "\n".join([INTRODUCTION, *(_table(*table) for table in tables)])


def ends(parameter: Parameter) -> tuple[Value, ...]:
    """Return the ends of the range of a parameter, or the words of an enum, but for its default."""
    values = parameter.values or (parameter.min, parameter.max)
    return tuple(value for value in values if value is not None and value != parameter.default)


def alone(catalogue: Catalogue, chosen: Mapping[str, Value]) -> dict[str, Value]:
    """Return every parameter where only these are chosen."""
    values: dict[str, Value] = {name: parameter.default for name, parameter in catalogue.parameters.items()}
    values |= chosen
    return values | dependent(catalogue, values, values.keys() - chosen.keys())


def breach_of(catalogue: Catalogue, name: str, value: Value) -> Breach | None:
    """Return the first relation that a value breaks while all other parameters are at their defaults."""
    return next(breaches(catalogue, alone(catalogue, {name: value})), None)


def nearest(catalogue: Catalogue, name: str, end: float) -> int | float:
    """Return the admissible value nearest to an end that is refused alone; a float to 3 digits."""
    parameter = catalogue.parameters[name]
    assert isinstance(parameter.default, int | float)
    step = 1 if parameter.type == "integer" else STEP
    good, bad = round(parameter.default / step), round(end / step)
    while abs(bad - good) > 1:
        middle = (good + bad) // 2
        if breach_of(catalogue, name, middle * step) is None:
            good = middle
        else:
            bad = middle
    return good if step == 1 else round(good * step, 3)


def _relations(catalogue: Catalogue) -> Iterator[tuple[str, ...]]:
    for relation in catalogue.relations.relations.values():
        yield f"`{relation.that}`", relation.because.en, OF[relation.of], relation.mend


def _terms(catalogue: Catalogue) -> Iterator[tuple[str, ...]]:
    for name, term in catalogue.relations.terms.items():
        yield f"`{name}`", f"`{term.formula}`", term.unit, term.meaning.en


def _refused(catalogue: Catalogue) -> Iterator[tuple[str, ...]]:
    for name, parameter in catalogue.parameters.items():
        for value in ends(parameter):
            broken = breach_of(catalogue, name, value)
            if broken is not None:
                assert not isinstance(value, str)
                near = nearest(catalogue, name, value)
                yield (
                    name,
                    _with(parameter.unit, value),
                    f"`{broken.relation.that}`",
                    _with(parameter.unit, near),
                )


def _defaults(catalogue: Catalogue) -> Iterator[tuple[str, ...]]:
    links = [alone(catalogue, {"link_rate": rate * 1000}) for rate in (8, *RATES)]
    for name, parameter in catalogue.parameters.items():
        if parameter.scale is not None:
            yield f"{name}, {parameter.unit}", *(_number(values[name]) for values in links)


def _gigabit(rate: int) -> str:
    return f"{rate} Gbit/s"


def _with(unit: str, value: Value) -> str:
    return f"{_number(value)} {unit}".rstrip()


def _number(value: Value) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _table(title: str, head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [f"## {title}", "", *(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))]
    return "\n".join(lines) + "\n"
