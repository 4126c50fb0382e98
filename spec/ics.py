"""The implementation conformance statement: what a vendor declares that a device is, can do and is set to."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, get_args

from pydantic import Field

from spec.applicability import Comparison, Value, parse
from spec.catalogue import Catalogue
from spec.documents import did_you_mean, load
from spec.errors import InputError
from spec.files import digest
from spec.loader import load_catalogue
from spec.model import IcsItem, Number, Parameter, Record, Release, Role, Scenario, Words

DECLARED = "declared by the vendor"


class Identification(Record):
    """Who made the device, and which it is."""

    supplier: Words
    product: Words
    version: Words
    hardware: Words | None = None
    software: Words | None = None
    date: Words | None = None
    contact: Words | None = None
    note: Words | None = None


class Declaration(Record):
    """A parameter as declared: `value` alone, or `default` with its range `min`, `max` or its `values`."""

    value: Number | Words | None = None
    min: Number | None = None
    default: Number | Words | None = None
    max: Number | None = None
    values: tuple[Words, ...] = ()


class Statement(Record):
    """An ICS file as written."""

    identification: Identification
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    release: Annotated[tuple[Release, ...], Field(min_length=1)]
    scenario: Annotated[tuple[Scenario, ...], Field(min_length=1)]
    facts: dict[str, bool | int | Words | tuple[Words, ...]] = Field(min_length=1)
    parameters: dict[str, Declaration] = Field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """A parameter of a device: the value in force, the range it can be set to, unit and origin."""

    name: str
    value: int | float | str
    unit: str
    origin: str
    minimum: int | float | None = None
    maximum: int | float | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ics:
    """A checked statement; `settings` holds every parameter of the catalogue, declared or by default."""

    path: Path
    digest: str
    identification: Identification
    roles: tuple[Role, ...]
    release: tuple[Release, ...]
    scenario: tuple[Scenario, ...]
    facts: Mapping[str, Value]
    settings: Mapping[str, Setting]
    items: Mapping[str, IcsItem]

    def facts_for(self, role: Role) -> dict[str, Value]:
        """Return the facts under which clauses apply to a node of that role.

        Roles, releases and scenarios are yes or no; what is asked of other roles only is no; device
        parameters stand with their value, or with all words they can be set to.
        """
        facts: dict[str, Value] = {"role": role}
        facts |= {name: name == role for name in get_args(Role)}
        facts |= {name: name in self.release for name in get_args(Release)}
        facts |= {name: name in self.scenario for name in get_args(Scenario)}
        for name, setting in self.settings.items():
            if setting.values:
                facts[name] = setting.values
            elif not isinstance(setting.value, float):
                facts[name] = setting.value
        for name, item in self.items.items():
            if role in item.roles and name in self.facts:
                facts[name] = self.facts[name]
            elif item.type == "bool":
                facts[name] = False
        return facts

    def parameter(self, name: str) -> int | float | str:
        """Return the value of a parameter; InputError when it does not exist."""
        return self.setting(name).value

    def setting(self, name: str) -> Setting:
        """Return a parameter with range, unit and origin; InputError when it does not exist."""
        if name not in self.settings:
            raise InputError(
                self.path, f"parameters.{name}", "is no parameter", did_you_mean(name, self.settings)
            )
        return self.settings[name]


def load_ics(path: str | Path, catalogue: Catalogue | None = None) -> Ics:
    """Load and check a statement against a catalogue, by default the bundled one."""
    path = Path(path)
    catalogue = catalogue or load_catalogue()
    statement = load(Statement, path)
    check = _Check(path, catalogue)
    facts = check.facts(statement)
    settings = check.settings(statement)
    check.agreement(statement, settings)
    return Ics(
        path=path,
        digest=digest(path),
        identification=statement.identification,
        roles=statement.roles,
        release=statement.release,
        scenario=statement.scenario,
        facts=facts,
        settings=settings,
        items=catalogue.ics_items,
    )


class _Check:
    """Checks a statement against the items and parameters of a catalogue, and raises its first fault."""

    def __init__(self, path: Path, catalogue: Catalogue) -> None:
        self.path = path
        self.items = catalogue.ics_items
        self.parameters = catalogue.parameters

    def error(self, key: str, fault: str, mend: str) -> InputError:
        return InputError(self.path, key, fault, mend)

    def facts(self, statement: Statement) -> dict[str, Value]:
        roles = set(statement.roles)
        for name, value in statement.facts.items():
            key = f"facts.{name}"
            if name not in self.items:
                if name in self.parameters:
                    raise self.error(key, "is a parameter", "move it to parameters")
                raise self.error(key, "is no item of the ICS", did_you_mean(name, self.items))
            item = self.items[name]
            if not roles & set(item.roles):
                mend = f"remove it, or add one of the roles {', '.join(item.roles)}"
                raise self.error(key, "is asked of other roles only", mend)
            fault = _fault_of(item, value)
            if fault:
                raise self.error(key, *fault)
        for name, item in self.items.items():
            if roles & set(item.roles) and name not in statement.facts:
                answer = "true or false" if item.type == "bool" else f"its {item.type} value"
                raise self.error(f"facts.{name}", "is not answered", f"declare {answer} ({item.meaning.en})")
        return dict(statement.facts)

    def settings(self, statement: Statement) -> dict[str, Setting]:
        for name in statement.parameters:
            key = f"parameters.{name}"
            if name not in self.parameters:
                raise self.error(key, "is no parameter", did_you_mean(name, self.parameters))
            if self.parameters[name].kind == "suite":
                raise self.error(key, "belongs to the suite, not to the device", "remove it")
        return {
            name: self.declared(name, parameter, statement.parameters[name])
            if name in statement.parameters
            else by_default(name, parameter)
            for name, parameter in self.parameters.items()
        }

    def agreement(self, statement: Statement, settings: Mapping[str, Setting]) -> None:
        """Refuse an answer that the declared setting of its parameter contradicts, and a NIC without E2E."""
        if "NIC" in statement.roles and "E2E" not in statement.scenario:
            raise self.error(
                "scenario", "lacks E2E, which alone has a part for a NIC", "add E2E or drop the role"
            )
        for name, item in self.items.items():
            if item.setting is None or name not in statement.facts:
                continue
            wanted = parse(item.setting)
            assert isinstance(wanted, Comparison)
            if wanted.name not in statement.parameters:
                continue
            setting = settings[wanted.name]
            ends = setting.values or (setting.minimum, setting.maximum)
            can = any(
                wanted.evaluate({wanted.name: end}) for end in ends if not isinstance(end, float | None)
            )
            if can != statement.facts[name]:
                said = "is no, and {} can be set" if can else "is yes, and {} cannot be set"
                fault = f"{said.format(f'parameters.{wanted.name}')} so that {wanted}"
                raise self.error(f"facts.{name}", fault, "correct one of the two")

    def declared(self, name: str, parameter: Parameter, given: Declaration) -> Setting:
        key = f"parameters.{name}"
        default = given.default if given.value is None else given.value
        if (given.value is None) == (given.default is None):
            raise self.error(key, "needs a value, or a default with its range", "give either of the two")
        if given.value is not None and (given.min is not None or given.max is not None or given.values):
            raise self.error(key, "has a value and a range", "write default in the place of value")
        assert default is not None
        self.legal(f"{key}.{'default' if given.value is None else 'value'}", parameter, default)
        if parameter.type == "enum":
            return self.choice(name, parameter, given, default)
        if given.values:
            raise self.error(f"{key}.values", "is for an enum", "write min and max")
        if isinstance(default, str):
            raise self.error(key, f"is {default!r}", "write a number")
        minimum = default if given.min is None else given.min
        maximum = default if given.max is None else given.max
        if given.value is None and (given.min is None or given.max is None):
            raise self.error(key, "has a default without its range", "add min and max, or write value")
        self.legal(f"{key}.min", parameter, minimum)
        self.legal(f"{key}.max", parameter, maximum)
        if not minimum <= default <= maximum:
            raise self.error(
                f"{key}.default", f"is {default}, outside {minimum}..{maximum}", "correct the range"
            )
        return Setting(name, default, parameter.unit, DECLARED, minimum, maximum)

    def choice(self, name: str, parameter: Parameter, given: Declaration, default: float | str) -> Setting:
        key = f"parameters.{name}"
        if given.min is not None or given.max is not None:
            raise self.error(key, "has min or max, but is an enum", "write values")
        values = given.values or (str(default),)
        for value in values:
            self.legal(f"{key}.values", parameter, value)
        if default not in values:
            raise self.error(f"{key}.default", f"is {default}, not among its values", "add it to values")
        return Setting(name, default, parameter.unit, DECLARED, values=values)

    def legal(self, key: str, parameter: Parameter, value: float | str) -> None:
        fault = parameter.fault_of(value)
        if fault is None:
            return
        if parameter.type == "enum":
            raise self.error(key, fault, did_you_mean(str(value), parameter.values))
        raise self.error(
            key, fault, f"give a value in {parameter.min}..{parameter.max} {parameter.unit}".strip()
        )


def by_default(name: str, parameter: Parameter) -> Setting:
    """Return a parameter that nobody declared: its default alone, never its range."""
    values = (str(parameter.default),) if parameter.type == "enum" else ()
    return Setting(name, parameter.default, parameter.unit, parameter.origin, values=values)


def _fault_of(item: IcsItem, value: Value) -> tuple[str, str] | None:
    match item.type:
        case "bool" if not isinstance(value, bool):
            return f"is {value!r}, not yes or no", "write true or false"
        case "integer" if isinstance(value, bool) or not isinstance(value, int):
            return f"is {value!r}, not an integer", "write an integer"
        case "enum":
            for word in value if isinstance(value, tuple) else (value,):
                if word not in item.values:
                    return f"is {word!r}", did_you_mean(str(word), item.values)
    return None
