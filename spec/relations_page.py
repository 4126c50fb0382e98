"""The page that lists what has to hold between parameters, and which of their ends are refused alone."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from spec.catalogue import Catalogue
from spec.model import Parameter
from spec.relations import Value, breaches, dependent

PAGE: Final = Path(__file__).parent / "RELATIONS.md"
RATES: Final = (10, 25, 100, 200, 400, 800)
"""Gbit/s of the links for which the page lists the defaults."""
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
        ("Ends that are refused alone", ("parameter", "value", "breaks"), _refused(catalogue)),
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


def _relations(catalogue: Catalogue) -> Iterator[tuple[str, ...]]:
    for relation in catalogue.relations.relations.values():
        yield f"`{relation.that}`", relation.because.en, OF[relation.of], relation.mend


def _terms(catalogue: Catalogue) -> Iterator[tuple[str, ...]]:
    for name, term in catalogue.relations.terms.items():
        yield f"`{name}`", f"`{term.formula}`", term.unit, term.meaning.en


def _refused(catalogue: Catalogue) -> Iterator[tuple[str, ...]]:
    for name, parameter in catalogue.parameters.items():
        for value in ends(parameter):
            broken = next(breaches(catalogue, alone(catalogue, {name: value})), None)
            if broken is not None:
                yield name, f"{_number(value)} {parameter.unit}".rstrip(), f"`{broken.relation.that}`"


def _defaults(catalogue: Catalogue) -> Iterator[tuple[str, ...]]:
    links = [alone(catalogue, {"link_rate": rate * 1000}) for rate in (8, *RATES)]
    for name, parameter in catalogue.parameters.items():
        if parameter.scale is not None:
            yield f"{name}, {parameter.unit}", *(_number(values[name]) for values in links)


def _gigabit(rate: int) -> str:
    return f"{rate} Gbit/s"


def _number(value: Value) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _table(title: str, head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [f"## {title}", "", *(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))]
    return "\n".join(lines) + "\n"
