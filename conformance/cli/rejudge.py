"""`gse-cts rejudge`: judge the recordings of a run again, without the device."""

from pathlib import Path
from typing import Annotated

import typer

from conformance.cli import run as play
from reports.results import read_results
from spec.node_id import NodeId


def command(
    run: Annotated[Path, typer.Argument(help="The folder of the run.")],
    *,
    out: Annotated[Path | None, typer.Option(help="A new folder for the verdicts.")] = None,
    workers: Annotated[str, typer.Option(help="Processes: a number, or auto.")] = "auto",
    allure: Annotated[bool, typer.Option(help="Make the Allure page, which needs Node.")] = True,
) -> None:
    """Judge what a run recorded by the cases as they are now; a case whose scenario changed is an ERROR.

    The folder of the run is enough. Where the clauses are not those of the run, the new one says so.
    """
    play.command(
        sorted({str(NodeId.of(case).case) for case in read_results(run).header.selection}),
        binding="replay",
        recordings=run,
        workers=workers,
        out=out,
        allure=allure,
    )
