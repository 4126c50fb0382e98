"""The page that lists the correct devices that differ from the reference, and what allows that."""

from pathlib import Path
from typing import Final

from spec.catalogue import Catalogue
from spec.coverage import Coverage, Variant

PORTS: Final = "first_port"
"""What a variant is said to have that is no parameter."""
INTRODUCTION: Final = """# Variants

Made from the classes in this folder by `gse-cts variants --write`; edit those.

A variant is a correct device that behaves otherwise than the reference. Each has to pass every case
(`gse-cts variants`): a case that fails one asks for more than its clause. So for each the table says what the
clauses were found to allow. A behaviour that a clause forbids in words is a mutant of that clause.
"""


def place(root: Path) -> Path:
    """Return where the page of a checkout is."""
    return root / "reference_impl" / "variants" / "README.md"


def page(catalogue: Catalogue, coverage: Coverage) -> str:
    """Return the page in Markdown."""
    lines = [INTRODUCTION]
    for chapter in catalogue.chapters:
        found = [variant for variant in coverage.variants if variant.file.stem == chapter]
        lines += [f"## {chapter}", "", "| variant | what it does otherwise | clauses | what they allow |"]
        lines += ["| --- | --- | --- | --- |", *map(_row, found), ""]
    return "\n".join(lines)


def _row(variant: Variant) -> str:
    differs, allowed = variant.words
    declared = [f" Declares `{name}` {value}." for name, value in variant.declares.items() if name != PORTS]
    clauses = ", ".join(map(str, variant.clauses))
    return f"| {variant.name} | {differs}{''.join(declared)} | {clauses} | {allowed} |"
