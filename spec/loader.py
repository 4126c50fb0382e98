"""Reading the catalogue: each file strictly for itself, then the references between them."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from spec.catalogue import ROOT, Catalogue
from spec.documents import load
from spec.errors import InputError
from spec.files import octets
from spec.integrity import faults
from spec.model import Chapter, CounterDefinition, Fact, FactId, IcsItem, Parameter, Relations, Source

SHARED: Final = ("parameters", "sources", "facts", "counters", "ics_items", "relations")
"""Files of the catalogue beside those of its chapters."""


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
        relations=load(Relations, shared["relations"]),
    )


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
