"""The values in force: what the ICS declares or the suite defaults to, then what the run and the case set."""

from collections.abc import Iterable, Mapping

from spec.catalogue import Catalogue
from spec.documents import did_you_mean
from spec.errors import InputError
from spec.ics import Ics, Setting
from spec.model import Parameter
from spec.scalars import UnclearError, number
from traffic.recordings.recording import ParameterValue

Value = int | float | str
LINE = "command line"
CASE = "set by the case"
BENCH = "pace of the bench"


def in_force(
    ics: Ics, pace: Mapping[str, Value], overrides: Mapping[str, Value]
) -> dict[str, ParameterValue]:
    """Give every parameter with its value, unit and origin; `pace` is what the bench itself sets."""
    values = {
        name: ParameterValue(setting.value, setting.unit, setting.origin)
        for name, setting in ics.settings.items()
    }
    own = {name: value for name, value in pace.items() if value != values[name].value}
    return having(having(values, own, BENCH), overrides, LINE)


def having(
    values: Mapping[str, ParameterValue], settings: Mapping[str, Value], origin: str
) -> dict[str, ParameterValue]:
    """Give these values with others for some parameters."""
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
