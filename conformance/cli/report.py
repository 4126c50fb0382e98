"""`gse-cts report`: the reports of a run, rebuilt from its folder."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from conformance.run.keeping import differences
from reports.build import build_reports
from reports.results import read_results
from reports.run_folder import CATALOGUE, WIRE_PROFILE, RunFolder
from reports.tables import console
from reports.views.summary import print_summary
from spec.errors import Exit
from spec.loader import load_catalogue
from spec.wire import load_profile


def command(
    run: Annotated[Path, typer.Argument(help="The folder of the run.")],
    *,
    wire_profile: str = typer.Option("", help="The wire profile of the run: a YAML file, or a bundled name."),
    allure: bool = typer.Option(True, help="Make the Allure page, which needs Node."),
) -> None:
    """Rebuild the compliance report and the Allure page of a run from its folder, and print its summary."""
    header, folder = read_results(run).header, RunFolder(run)
    kept = folder.kept(WIRE_PROFILE)
    profile = load_profile(wire_profile or str(kept or header.wire_profile.name))
    own, now = folder.kept(CATALOGUE), load_catalogue()
    catalogue = load_catalogue(own) if own else now
    for words in differences(folder.path, header, now):
        whose = "the run" if own else "today"
        print(f"{words[0].upper()}{words[1:]}; the report is in the words of {whose}.")
    folder.claim()
    try:
        built = build_reports(run, catalogue, profile, allure)
    finally:
        folder.leave()
    print_summary(built.results, catalogue, built.reports, console())
    for fault in built.faults:
        print(fault, file=sys.stderr)
    if built.faults:
        raise typer.Exit(Exit.INTERNAL)
