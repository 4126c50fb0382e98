"""`gse-cts agreement`: how far runs over other benches agree with one that is trusted."""

from pathlib import Path
from typing import Annotated

import typer

from reports.results import Results, read_results
from reports.tables import console
from reports.views.agreement import print_agreement
from spec.errors import Exit, InputError
from spec.text import line


def command(
    trusted: Annotated[Path, typer.Argument(help="The folder of the run to compare with.")],
    others: Annotated[list[Path], typer.Argument(help="Folders of runs over other benches.")],
    *,
    inconclusive: Annotated[
        float, typer.Option(help="Share of the verdicts that may be INCONCLUSIVE, of those not limited.")
    ] = 1.0,
    whole: Annotated[bool, typer.Option("--all", help="Print the cases that agree, too.")] = False,
) -> None:
    """Compare runs case by case; exit code 1 when one differs, too many are INCONCLUSIVE, or none tells.

    TESTER_LIMITED and INCONCLUSIVE contradict no verdict; they are listed with their reasons.
    """
    base = read_results(trusted)
    runs = [_comparable(base, path) for path in others]
    counts = print_agreement((line(trusted.name), base), runs, console(), whole=whole)
    doubtful, sure = counts["inconclusive"], counts["agrees"] + counts["disagrees"]
    if not sure or counts["disagrees"] or doubtful > inconclusive * (doubtful + sure):
        raise typer.Exit(Exit.FAILED)


def _comparable(trusted: Results, path: Path) -> tuple[str, Results]:
    """Read a run; InputError where it judged other clauses than the trusted one."""
    results = read_results(path)
    if results.header.catalogue.digest != trusted.header.catalogue.digest:
        fault = "was judged by another catalogue of clauses"
        raise InputError(path, "catalogue", fault, "play both runs with the same checkout")
    return line(path.name), results
