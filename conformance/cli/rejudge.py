"""`gse-cts rejudge`: judge the recordings of a run again, without the device."""

from pathlib import Path
from typing import Annotated

import typer

from conformance.api.parameters import LINE
from conformance.cli import run as play
from reports.results import read_results
from reports.run_folder import CAPTURE, WIRE_PROFILE, RunFolder
from spec.errors import InputError
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
    header, folder = read_results(run).header, RunFolder(run)
    pcap = folder.kept(CAPTURE)
    if header.pcap is not None and pcap is None:
        fault = f"is not in the folder of the run, which played {header.pcap.file}"
        raise InputError(run, CAPTURE, fault, "put the file there under that name")
    play.command(
        sorted({str(NodeId.of(case).case) for case in header.selection}),
        binding="replay",
        parameter=[f"{name}={item.value}" for name, item in header.parameters.items() if item.origin == LINE],
        wire_profile=str(folder.kept(WIRE_PROFILE) or header.wire_profile.name),
        pcap=pcap,
        recordings=run,
        seed=header.seed,
        workers=workers,
        out=out,
        allure=allure,
    )
