"""`gse-cts lint`: the rules that catalogue, cases, mutants and wire profiles must keep."""

from pathlib import Path
from typing import Annotated

import typer

from conformance.mutation.equivalents import gone, load_equivalents
from conformance.mutation.places import sources
from spec.catalogue import ROOT
from spec.coverage import scan
from spec.errors import Exit
from spec.lint import lint, rules
from spec.loader import read_catalogue
from spec.wire import load_profile


def command(
    profiles: Annotated[
        list[Path] | None, typer.Argument(help="Wire profiles of your own to check, and nothing else.")
    ] = None,
    *,
    list_rules: bool = typer.Option(False, "--rules", help="Print the rules and what they demand, and stop."),
) -> None:
    """Check clauses, cases, mutants and wire profiles; print `file: key: rule: message` for every finding."""
    if list_rules:
        for rule in rules():
            print(f"{rule.name}: {(rule.__doc__ or '').split(chr(10))[0]}")
        return
    for path in profiles or ():
        profile = load_profile(path)
        print(f"{path}: {profile.name} is sound.")
    if profiles:
        return
    findings = lint(read_catalogue(), scan(ROOT.parent))
    findings += gone(load_equivalents(), sources(ROOT.parent))
    for finding in findings:
        print(finding)
    if findings:
        raise typer.Exit(Exit.FAILED)
