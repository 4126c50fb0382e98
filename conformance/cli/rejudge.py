"""`gse-cts rejudge`: judge the recordings of a run again, without the device."""

from pathlib import Path
from typing import Annotated

import typer

from conformance.api.parameters import LINE
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
    """Judge what a run recorded by the cases as they are now; a case whose scenario changed is an ERROR."""
    header = read_results(run).header
    play.command(
        sorted({str(NodeId.of(case).case) for case in header.selection}),
        binding="replay",
        parameter=[f"{name}={item.value}" for name, item in header.parameters.items() if item.origin == LINE],
        wire_profile=header.wire_profile.name,
        recordings=run,
        seed=header.seed,
        workers=workers,
        out=out,
        allure=allure,
    )
