"""The records of the catalogue as strict, frozen models: an unknown key or a wrong type is an error."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from spec.formats import CLAUSE_ID, FACT_ID, PREFIX, SLUG

ClauseId = Annotated[str, StringConstraints(pattern=CLAUSE_ID)]
PurposeId = Annotated[str, StringConstraints(pattern=SLUG)]
FactId = Annotated[str, StringConstraints(pattern=FACT_ID)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Number = Annotated[int | float, Field(allow_inf_nan=False)]

Level = Literal["MUST", "SHOULD", "MAY"]
Role = Literal["GSP", "GSF", "GSOS", "NIC"]
Release = Literal["GSE1.0", "GSE2.0"]
Scenario = Literal["N2N", "E2E"]
Grade = Literal["normative", "reported", "attributed", "derived"]
Observability = Literal["black-box", "fabric-tap", "counter", "management", "inspection"]
Language = Literal["en", "zh"]

GRADES: dict[Grade, str] = {
    "normative": "an official text that can be cited says it",
    "reported": "a public text about GSE says it",
    "attributed": "ascribed to a named document whose wording was not verified",
    "derived": "follows by engineering logic from other facts; nobody states it for GSE",
}


class Record(BaseModel):
    """Base of everything that is read from YAML."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, populate_by_name=True)


class Text(Record):
    """A text in English and Chinese."""

    en: Words
    zh: Words

    def in_language(self, language: Language) -> str:
        """Return the text in one of its languages."""
        return self.zh if language == "zh" else self.en


class Purpose(Record):
    """A test purpose: with (initial conditions), when (stimulus), then (expected behaviour)."""

    id: PurposeId
    given: tuple[Text, ...] = Field(alias="with", min_length=1)
    when: tuple[Text, ...] = Field(min_length=1)
    then: tuple[Text, ...] = Field(min_length=1)


class Clause(Record):
    """One requirement of the standard."""

    id: ClauseId
    title: Text
    text: Text
    level: Level
    roles: tuple[Role, ...] = Field(min_length=1)
    release: tuple[Release, ...] = Field(min_length=1)
    scenario: tuple[Scenario, ...] = Field(min_length=1)
    facts: tuple[FactId, ...] = ()
    sources: tuple[str, ...] = Field(min_length=1)
    grade: Grade
    observability: tuple[Observability, ...] = Field(min_length=1)
    parameters: tuple[str, ...] = ()
    applicability: Words
    invariant: bool = False
    untestable: Words | None = None
    note: Text | None = None
    purposes: tuple[Purpose, ...] = ()


class Chapter(Record):
    """One file of `spec/clauses`; `retired` maps ids that must never come back to the reason."""

    chapter: Annotated[str, StringConstraints(pattern=SLUG)]
    prefix: Annotated[str, StringConstraints(pattern=PREFIX)]
    title: Text
    retired: dict[ClauseId, Words] = {}
    clauses: tuple[Clause, ...] = Field(min_length=1)


class Parameter(Record):
    """A named number or choice with unit, range, default and origin.

    The default is that of the links of the suite; `scale` says with what of other links it grows, `least` is
    a formula that it is no less than.
    """

    unit: str
    type: Literal["integer", "number", "enum"]
    min: Number | None = None
    max: Number | None = None
    default: Number | Words
    values: tuple[Words, ...] = ()
    origin: Words = "suite default"
    scale: Literal["time", "octets"] | None = None
    least: Words | None = None
    meaning: Text
    kind: Literal["device", "limit", "suite"]

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.type == "enum":
            if not self.values or self.min is not None or self.max is not None:
                raise ValueError("an enum has values, and neither min nor max")
        elif self.values or self.min is None or self.max is None or self.min > self.max:
            raise ValueError("a number has min and max in that order, and no values")
        fault = self.fault_of(self.default)
        if fault:
            raise ValueError(f"the default {fault}")
        if self.type != "integer" and (self.scale or self.least):
            raise ValueError("only an integer has scale or least")
        return self

    def fault_of(self, value: object) -> str | None:
        """Say what is wrong with a value of this parameter, or None when it is legal."""
        if self.type == "enum":
            return None if value in self.values else f"is {value!r}, not one of {', '.join(self.values)}"
        if isinstance(value, bool) or not isinstance(value, int if self.type == "integer" else int | float):
            return f"is {value!r}, not {'an integer' if self.type == 'integer' else 'a number'}"
        assert isinstance(value, int | float)
        assert self.min is not None
        assert self.max is not None
        if not self.min <= value <= self.max:
            unit = f" {self.unit}" if self.unit else ""
            return f"is {value}{unit}, outside {self.min}..{self.max}{unit}"
        return None


class Term(Record):
    """A quantity that several relations use."""

    formula: Words
    unit: Words
    meaning: Text


class Relation(Record):
    """What has to hold between parameters; `of` says what it is about: a setting, device or suite."""

    of: Literal["setting", "device", "suite"]
    that: Words
    when: Words = "ALWAYS"
    mend: Words
    because: Text


class Relations(Record):
    """The file of relations, and the terms they are written in."""

    terms: dict[str, Term]
    relations: dict[Annotated[str, StringConstraints(pattern=SLUG)], Relation]


class Source(Record):
    """A document that facts and clauses rest on."""

    title: Words
    publisher: Words | None = None
    date: Words | None = None
    url: Words | None = None
    note: Words | None = None


class Fact(Record):
    """Something publicly known about GSE, and the clauses made from it or the reason why there are none.

    `weak` marks thin support: such a fact alone never makes a MUST.
    """

    summary: Words
    grade: Grade | Literal["open"]
    weak: bool = False
    sources: tuple[str, ...] = ()
    clauses: tuple[ClauseId, ...] = ()
    reason: Words | None = None


class CounterDefinition(Record):
    """A counter that devices of these roles offer; `drop` marks the closed set of drop causes."""

    unit: Words
    meaning: Text
    roles: tuple[Role, ...] = Field(min_length=1)
    drop: bool = False
    gauge: bool = False


class IcsItem(Record):
    """A question of the ICS; `roles` are the roles that must answer it.

    `setting` is what the parameter that goes with a yes can be set to, and with a no cannot. Without `shows`,
    a capability that cases need, nothing can be read from the device. `unused` says why the answer is asked
    for although no applicability, setting or need depends on it.
    """

    type: Literal["bool", "integer", "enum"]
    values: tuple[Words, ...] = ()
    meaning: Text
    roles: tuple[Role, ...] = Field(min_length=1)
    setting: Words | None = None
    shows: Words | None = None
    unused: Words | None = None

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if (self.type == "enum") != bool(self.values):
            raise ValueError("an enum, and nothing else, has values")
        if self.type != "bool" and (self.setting or self.shows):
            raise ValueError("only a yes or no goes with a setting or shows something")
        return self
