"""`gse-cts schema`: JSON Schemas of the data files, for editors."""

import typer

from spec.errors import Exit
from spec.schema import outdated, write


def command(
    check: bool = typer.Option(False, "--check", help="Write nothing; exit 1 when a schema is not current."),
) -> None:
    """Write the JSON Schemas of the data files to spec/schemas."""
    if not check:
        for name in write():
            print(f"spec/schemas/{name}: written")
        return
    stale = outdated()
    for name in stale:
        print(f"spec/schemas/{name}: is not current; run gse-cts schema")
    if stale:
        raise typer.Exit(Exit.FAILED)
