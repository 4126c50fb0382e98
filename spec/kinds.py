"""The kinds of flaw that cases must reach, and where a kind is left out, as data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, StringConstraints, model_validator

from spec.catalogue import ROOT, Catalogue
from spec.coverage import Coverage, Mutant
from spec.documents import load
from spec.formats import SLUG
from spec.model import Record, Text, Words

FILE: Final = "kinds.yaml"

Name = Annotated[str, StringConstraints(pattern=SLUG)]


class Kind(Record):
    """A kind of flaw."""

    title: Text
    meaning: Text


class Kinds(Record):
    """All kinds, and the reasons why a chapter has no mutant of one, by chapter and kind."""

    kinds: dict[Name, Kind] = Field(min_length=1)
    left_out: dict[Name, dict[Name, Words]]

    @model_validator(mode="after")
    def _names_kinds(self) -> Self:
        named = {kind for reasons in self.left_out.values() for kind in reasons}
        if unknown := named - self.kinds.keys():
            raise ValueError(f"{', '.join(sorted(unknown))} is no kind; use those under kinds")
        return self

    def reason(self, chapter: str, kind: str) -> str | None:
        """Return why a chapter has no mutant of a kind, or None."""
        return self.left_out.get(chapter, {}).get(kind)


def load_kinds(root: Path = ROOT) -> Kinds:
    """Read the kinds of the catalogue under `root`."""
    return load(Kinds, root / FILE)


def by_chapter(catalogue: Catalogue, coverage: Coverage) -> Mapping[tuple[str, str], tuple[Mutant, ...]]:
    """Return the mutants of each (chapter, kind) that has any, by their clause."""
    chapters = {clause.id: chapter.chapter for chapter, clause in catalogue.entries()}
    found: dict[tuple[str, str], list[Mutant]] = {}
    for mutant in coverage.mutants:
        for mark in mutant.marks:
            if mark.kind is not None and mark.clause in chapters:
                found.setdefault((chapters[mark.clause], mark.kind), []).append(mutant)
    return {place: tuple(mutants) for place, mutants in found.items()}
