"""`gse-cts lint`: the rules that catalogue, cases and mutants must keep."""

import typer

from spec.catalogue import ROOT
from spec.coverage import scan
from spec.errors import Exit
from spec.lint import lint, rules
from spec.loader import read_catalogue


def command(
    list_rules: bool = typer.Option(False, "--rules", help="Print the rules and what they demand, and stop."),
) -> None:
    """Check clauses, cases and mutants; print `file: key: rule: message` for every finding."""
    if list_rules:
        for rule in rules():
            print(f"{rule.name}: {(rule.__doc__ or '').split(chr(10))[0]}")
        return
    findings = lint(read_catalogue(), scan(ROOT.parent))
    for finding in findings:
        print(finding)
    if findings:
        raise typer.Exit(Exit.FAILED)
