"""The states of what a device keeps, and what leads from one to the next, as data."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, StringConstraints, model_validator

from spec.documents import load
from spec.formats import SLUG
from spec.model import ClauseId, Language, Record, Text

FILE: Final = Path(__file__).parent / "states.yaml"

Name = Annotated[str, StringConstraints(pattern=SLUG)]


class Transition(Record):
    """An event that leads from some states to another one; in any other state it cannot happen."""

    origins: tuple[Name, ...] = Field(alias="from", min_length=1)
    event: Name
    to: Name
    meaning: Text


class Machine(Record):
    """The states of one thing; `clauses` are those that require what the transitions say."""

    title: Text
    clauses: tuple[ClauseId, ...]
    initial: Name
    states: dict[Name, Text]
    transitions: tuple[Transition, ...]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        named = {self.initial, *(item.to for item in self.transitions)}
        named.update(origin for item in self.transitions for origin in item.origins)
        if unknown := named - self.states.keys():
            raise ValueError(f"{', '.join(sorted(unknown))} is no state; use those under states")
        if idle := self.states.keys() - named:
            raise ValueError(f"nothing leads to {', '.join(sorted(idle))}; add a transition")
        steps = [(origin, item.event) for item in self.transitions for origin in item.origins]
        if len(set(steps)) < len(steps):
            raise ValueError("an event leads to two states; give one of them another name")
        return self

    @property
    def steps(self) -> Mapping[tuple[str, str], str]:
        """The state that follows, by (state, event)."""
        return {(origin, item.event): item.to for item in self.transitions for origin in item.origins}

    def lines(self, language: Language) -> Iterator[str]:
        """Write the states, and the transitions one a line."""
        for name, meaning in self.states.items():
            yield f"{name}{' *' if name == self.initial else ''}: {meaning.in_language(language)}"
        for item in self.transitions:
            arrow = f"{', '.join(item.origins)} --{item.event}--> {item.to}"
            yield f"{arrow}: {item.meaning.in_language(language)}"


@cache
def load_machines() -> Mapping[str, Machine]:
    """Read every table by the name of what it is for."""
    return load(dict[str, Machine], FILE)
