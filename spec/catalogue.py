"""The whole of the standard as data: clauses, parameters, sources, facts, counters and ICS items."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import get_args

from spec.applicability import Expression, FactType, parse
from spec.model import (
    Chapter,
    Clause,
    CounterDefinition,
    Fact,
    IcsItem,
    Parameter,
    Relations,
    Release,
    Role,
    Scenario,
    Source,
)

ROOT = Path(__file__).parent


@dataclass(frozen=True)
class Catalogue:
    """The catalogue under `root`; `digest` is the SHA-256 over the names of its files and what they mean."""

    root: Path
    digest: str
    chapters: Mapping[str, Chapter]
    files: Mapping[str, Path]
    parameters: Mapping[str, Parameter]
    sources: Mapping[str, Source]
    facts: Mapping[str, Fact]
    counters: Mapping[str, CounterDefinition]
    ics_items: Mapping[str, IcsItem]
    relations: Relations

    @cached_property
    def clauses(self) -> Mapping[str, Clause]:
        """The clauses by id, in the order of chapters and entries."""
        return {clause.id: clause for _, clause in self.entries()}

    @cached_property
    def vocabulary(self) -> Mapping[str, FactType]:
        """The names that an applicability expression may use."""
        names: dict[str, FactType] = {"role": FactType("enum", get_args(Role))}
        for flag in (*get_args(Role), *get_args(Release), *get_args(Scenario)):
            names[flag] = FactType("bool")
        for name, parameter in self.parameters.items():
            if parameter.kind == "device" and parameter.type != "number":
                names[name] = FactType(parameter.type, parameter.values)
        for name, item in self.ics_items.items():
            names[name] = FactType(item.type, item.values)
        return names

    def entries(self) -> Iterator[tuple[Chapter, Clause]]:
        """Return every clause as written, with its chapter, ids that stand twice included."""
        for chapter in self.chapters.values():
            for clause in chapter.clauses:
                yield chapter, clause

    def chapter_of(self, clause_id: str) -> Chapter:
        """Return the chapter of a clause; KeyError when there is no such clause."""
        for chapter, clause in self.entries():
            if clause.id == clause_id:
                return chapter
        raise KeyError(clause_id)

    def applicability(self, clause_id: str) -> Expression:
        """Return the parsed applicability of a clause; KeyError when there is no such clause."""
        return parse(self.clauses[clause_id].applicability, self.vocabulary)
