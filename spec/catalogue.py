"""The whole of the standard as data: clauses, parameters, sources, facts, counters and ICS items."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import get_args

from spec.applicability import Expression, FactType, parse
from spec.documents import load
from spec.errors import InputError
from spec.files import octets
from spec.integrity import faults
from spec.model import (
    Chapter,
    Clause,
    CounterDefinition,
    Fact,
    FactId,
    IcsItem,
    Parameter,
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
        """Give every clause as written, with its chapter, ids that stand twice included."""
        for chapter in self.chapters.values():
            for clause in chapter.clauses:
                yield chapter, clause

    def chapter_of(self, clause_id: str) -> Chapter:
        """Give the chapter of a clause; KeyError when there is no such clause."""
        for chapter, clause in self.entries():
            if clause.id == clause_id:
                return chapter
        raise KeyError(clause_id)

    def applicability(self, clause_id: str) -> Expression:
        """Give the parsed applicability of a clause; KeyError when there is no such clause."""
        return parse(self.clauses[clause_id].applicability, self.vocabulary)


def read_catalogue(root: Path = ROOT) -> Catalogue:
    """Read the files under `root`, each strictly for itself; references between them are not followed."""
    folder = root / "clauses"
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise InputError(folder, "*.yaml", "holds no chapter", "write one file a chapter")
    chapters: dict[str, Chapter] = {}
    files: dict[str, Path] = {}
    for path in paths:
        chapter = load(Chapter, path)
        if chapter.chapter in chapters:
            taken = files[chapter.chapter].name
            raise InputError(path, "chapter", f"is {chapter.chapter}, as in {taken}", "give it its own slug")
        chapters[chapter.chapter] = chapter
        files[chapter.chapter] = path
    shared = {name: root / f"{name}.yaml" for name in SHARED}
    return Catalogue(
        root=root,
        digest=_digest(root, [*paths, *shared.values()]),
        chapters=chapters,
        files=files,
        parameters=load(dict[str, Parameter], shared["parameters"]),
        sources=load(dict[str, Source], shared["sources"]),
        facts=load(dict[FactId, Fact], shared["facts"]),
        counters=load(dict[str, CounterDefinition], shared["counters"]),
        ics_items=load(dict[str, IcsItem], shared["ics_items"]),
    )


SHARED = ("parameters", "sources", "facts", "counters", "ics_items")


def load_catalogue(root: Path | None = None) -> Catalogue:
    """Load and check a catalogue, by default the bundled one; its first fault is an InputError."""
    return _load_checked(ROOT if root is None else root)


@cache
def _load_checked(root: Path) -> Catalogue:
    catalogue = read_catalogue(root)
    for fault in faults(catalogue):
        raise fault
    return catalogue


def _digest(root: Path, paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        content = octets(path)
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
