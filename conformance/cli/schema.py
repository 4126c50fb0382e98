"""`gse-cts schema`: JSON Schemas of the data files, for editors."""

import typer

from conformance.bindings.lab.model import BenchFile
from conformance.checkout import ROOT
from spec.errors import Exit
from spec.schema import FOLDER, SHAPES, outdated, write

LAB = "conformance/bindings/lab/schemas"
PLACES = {"spec/schemas": (FOLDER, SHAPES), LAB: (ROOT / LAB, {"bench": BenchFile})}


def command(
    check: bool = typer.Option(False, "--check", help="Write nothing; exit 1 when a schema is not current."),
) -> None:
    """Write the JSON Schemas of the data files to spec/schemas, and of a laboratory's beside its model."""
    stale = False
    for place, (folder, shapes) in PLACES.items():
        for name in outdated(folder, shapes) if check else write(folder, shapes):
            print(f"{place}/{name}: {'is not current; run gse-cts schema' if check else 'written'}")
            stale |= check
    if stale:
        raise typer.Exit(Exit.FAILED)
