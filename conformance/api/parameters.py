"""The values in force: what the ICS declares or the suite defaults to, then what the run and the case set."""

from collections.abc import Iterable, Mapping
from typing import Final

from spec.catalogue import Catalogue
from spec.documents import did_you_mean
from spec.errors import InputError
from spec.ics import DECLARED, Ics, Setting
from spec.model import Parameter
from spec.relations import breaches, dependent, sources_of
from spec.scalars import UnclearError, number
from traffic.recordings.recording import ParameterValue

Value = int | float | str
LINE = "command line"
CASE = "set by the case"
BENCH = "pace of the bench"
BLAMED: Final = {LINE: 0, DECLARED: 1, BENCH: 2}
"""In which order those who set the parameters of a senseless set are named."""
FOLLOWS = "suite default for these links and timers"


def in_force(
    catalogue: Catalogue, ics: Ics, pace: Mapping[str, Value], overrides: Mapping[str, Value]
) -> dict[str, ParameterValue]:
    """Return every parameter with its value, unit and origin; `pace` is what the bench itself sets.

    What nobody sets follows from the links and the timers that are set.
    """
    values = {
        name: ParameterValue(setting.value, setting.unit, setting.origin)
        for name, setting in ics.settings.items()
    }
    own = {name: value for name, value in pace.items() if value != values[name].value}
    values = having(having(values, own, BENCH), overrides, LINE)
    free = {
        name for name, value in values.items() if value.origin == catalogue.parameters[name].origin
    } - pace.keys()
    plain = {name: value.value for name, value in values.items()}
    follows = dependent(catalogue, plain, free)
    return having(values, {name: v for name, v in follows.items() if v != plain[name]}, FOLLOWS)


def refuse_senseless(ics: Ics, catalogue: Catalogue, values: Mapping[str, ParameterValue]) -> None:
    """Raise InputError for a set of values that breaks a relation, at the parameter that somebody set.

    Where a value in it follows from the links and from timers, it may be one of those.
    """
    for breach in breaches(catalogue, {name: value.value for name, value in values.items()}):
        names = list(breach.names)
        for name in names:
            if values[name].origin == FOLLOWS:
                names += [source for source in sources_of(catalogue, name) if source not in names]
        name = min(names, key=lambda name: BLAMED.get(values[name].origin, len(BLAMED)))
        if values[name].origin == LINE:
            raise InputError(LINE, f"--parameter {name}", breach.fault, breach.relation.mend)
        raise InputError(ics.path, f"parameters.{name}", breach.fault, breach.relation.mend)


def senseless(catalogue: Catalogue, values: Mapping[str, ParameterValue]) -> str | None:
    """Say why a device cannot be set to a set of values, or None."""
    plain = {name: value.value for name, value in values.items()}
    found = next(breaches(catalogue, plain, ("setting",)), None)
    return None if found is None else f"{', '.join(found.names)}: {found.fault}"


def having(
    values: Mapping[str, ParameterValue], settings: Mapping[str, Value], origin: str
) -> dict[str, ParameterValue]:
    """Return these values with others for some parameters."""
    changed = {name: ParameterValue(value, values[name].unit, origin) for name, value in settings.items()}
    return {**values, **changed}


def instances(setting: Setting, value: Value) -> dict[str, Value]:
    """Values of a sweep by label: the words of an enum, or min, default and max, none twice."""
    if setting.values:
        return {str(word): word for word in setting.values}
    found: dict[str, Value] = {"default": value}
    if setting.minimum is not None and setting.minimum != value:
        found = {"min": setting.minimum, **found}
    if setting.maximum is not None and setting.maximum not in found.values():
        found["max"] = setting.maximum
    return found


def undeclared(setting: Setting, value: Value) -> str | None:
    """Say why the vendor's declaration excludes a value, or None."""
    if setting.values:
        declared = setting.origin == "suite default" or value in setting.values
        return None if declared else f"is {value}, not among the declared {', '.join(setting.values)}"
    if setting.minimum is None or setting.maximum is None or isinstance(value, str):
        return None
    if setting.minimum <= value <= setting.maximum:
        return None
    return f"is {value}, outside the declared {setting.minimum}..{setting.maximum}"


def read_overrides(catalogue: Catalogue, ics: Ics, words: Iterable[str]) -> dict[str, Value]:
    """Read `name=value` words; InputError for an unknown name or a value out of range."""
    found: dict[str, Value] = {}
    for word in words:
        name, sign, text = word.partition("=")
        if not sign:
            raise InputError(LINE, f"--parameter {word}", "has no value", "write name=value")
        parameter = catalogue.parameters.get(name)
        if parameter is None:
            mend = did_you_mean(name, catalogue.parameters)
            raise InputError(LINE, f"--parameter {name}", "is unknown", mend)
        try:
            value = _value(parameter, text)
        except UnclearError as error:
            mend = "write a number in decimal"
            raise InputError(LINE, f"--parameter {name}", error.fault, mend) from error
        fault = parameter.fault_of(value) or undeclared(ics.settings[name], value)
        if fault:
            raise InputError(LINE, f"--parameter {name}", fault, "choose a value in its range")
        found[name] = value
    return found


def _value(parameter: Parameter, text: str) -> Value:
    if parameter.type == "enum":
        return text
    found = number(text)
    if found is None:
        return text
    return float(found) if parameter.type == "number" else found
