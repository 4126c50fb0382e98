"""The page that shows for each chapter how many mutants of each kind there are, and what was left out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from spec.catalogue import Catalogue
from spec.coverage import Coverage
from spec.kinds import Kinds, by_chapter

PAGE: Final = Path(__file__).parent / "KINDS.md"

INTRODUCTION: Final = """# Kinds of flaw

Made from `kinds.yaml` and the mutants by `gse-cts kinds --write`; edit those.

Each kind has mutants in every chapter where it can occur; `gse-cts kill-matrix` shows which cases notice.
A mutant without a kind breaks its clause wherever that applies.
"""


def page(catalogue: Catalogue, coverage: Coverage, kinds: Kinds) -> str:
    """Return the page in Markdown."""
    tables = (
        ("Kinds", ("kind", "what such a flaw does"), _meanings(kinds)),
        ("Mutants", ("chapter", *kinds.kinds), _numbers(catalogue, coverage, kinds)),
        ("Left out", ("chapter", "kind", "because"), _left_out(kinds)),
        ("By name", ("chapter", "kind", "mutants"), _names(catalogue, coverage, kinds)),
    )
    return "\n".join([INTRODUCTION, *(_table(*table) for table in tables)])


def _meanings(kinds: Kinds) -> Iterator[tuple[str, ...]]:
    for name, kind in kinds.kinds.items():
        yield name, kind.meaning.en


def _numbers(catalogue: Catalogue, coverage: Coverage, kinds: Kinds) -> Iterator[tuple[str, ...]]:
    found = by_chapter(catalogue, coverage)
    for chapter in catalogue.chapters:
        yield chapter, *(str(len(found.get((chapter, kind), ())) or "-") for kind in kinds.kinds)


def _left_out(kinds: Kinds) -> Iterator[tuple[str, ...]]:
    for chapter, reasons in sorted(kinds.left_out.items()):
        for kind, reason in reasons.items():
            yield chapter, kind, reason


def _names(catalogue: Catalogue, coverage: Coverage, kinds: Kinds) -> Iterator[tuple[str, ...]]:
    found = by_chapter(catalogue, coverage)
    for chapter in catalogue.chapters:
        for kind in kinds.kinds:
            if mutants := found.get((chapter, kind)):
                yield chapter, kind, ", ".join(sorted(mutant.name for mutant in mutants))


def _table(title: str, head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [f"## {title}", "", *(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))]
    return "\n".join(lines) + "\n"
