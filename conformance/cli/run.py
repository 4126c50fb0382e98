"""`gse-cts run`: the cases on a bench, their records, and the reports made of them."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import pytest
import typer
from rich.console import Console

from conformance.checkout import ROOT
from conformance.lab.bench import is_bench
from reports.build import build_reports
from reports.summary import print_summary
from spec.catalogue import load_catalogue
from spec.errors import Exit
from spec.wire import load_profile

CASES = ROOT / "conformance" / "cases"
SETTINGS = (
    f"--rootdir={ROOT}",
    f"--config-file={ROOT / 'pyproject.toml'}",
    "-Wignore::pytest.PytestAssertRewriteWarning",  # of modules known here before pytest looks at them
    "-pno:hypothesispytest",  # it takes a second to load in every process, and no case is random
    "-pno:benchmark",
)
"""What every session of the commands has in common."""


def command(
    cases: Annotated[list[str] | None, typer.Argument(help="Cases, as their records name them.")] = None,
    *,
    binding: Annotated[
        str, typer.Option(help="What supplies the testbeds: a name, or a laboratory's LAB.yaml.")
    ] = "reference",
    device: Annotated[str, typer.Option(help="What is tested: reference, mutant:NAME.")] = "reference",
    ics: Annotated[Path | None, typer.Option(help="The conformance statement of the device.")] = None,
    chapter: Annotated[list[str] | None, typer.Option(help="Only cases of this chapter.")] = None,
    clause: Annotated[list[str] | None, typer.Option(help="Only cases of this clause, or glob.")] = None,
    parameter: Annotated[list[str] | None, typer.Option(help="Override a parameter, as name=value.")] = None,
    wire_profile: Annotated[str, typer.Option(help="Name or YAML file of the wire profile.")] = "open-1",
    recordings: Annotated[Path | None, typer.Option(help="Run to judge again, for replay.")] = None,
    pcap: Annotated[Path | None, typer.Option(help="A capture of your own to play as traffic.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the run.")] = 1,
    workers: Annotated[str, typer.Option(help="Processes: a number, or auto.")] = "",
    out: Annotated[Path | None, typer.Option(help="A new folder for this run.")] = None,
    evidence: Annotated[
        str, typer.Option(help="Plays to keep of passing cases: all, small, failed.")
    ] = "small",
    allure: Annotated[bool, typer.Option(help="Make the Allure page, which needs Node.")] = True,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Name every case.")] = False,
) -> None:
    """Run cases and write their reports; exit code 1 when one did not pass."""
    if binding == "live":
        from conformance.bindings.live import acquire  # noqa: PLC0415 - costs every other run 300 ms

        acquire()
    if is_bench(binding):
        binding = str(Path(binding).absolute())
    load_catalogue()
    folder = (out or Path("out") / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}").absolute()
    options = {
        "--binding": binding,
        "--device": device,
        "--ics": ics and ics.absolute(),
        "--wire-profile": wire_profile,
        "--recordings": recordings and recordings.absolute(),
        "--pcap": pcap and pcap.absolute(),
        "--run-seed": seed,
        "--out": folder,
        "--evidence": evidence,
        "-n": workers or ("0" if cases or binding != "reference" else "auto"),
        "--junitxml": folder / "junit.xml",
    }
    words = [f"{name}={value}" for name, value in options.items() if value is not None and name != "-n"]
    words += ["-n", str(options["-n"]), "--tb=short", "-v" if verbose else "-q"]
    for name, values in (("--chapter", chapter), ("--clause", clause), ("--parameter", parameter)):
        words += [f"{name}={value}" for value in values or ()]
    results = folder / "results.jsonl"
    earlier = results.exists()
    code = pytest.main([*_places(cases or []), *SETTINGS, *words])
    if results.exists() and not earlier:
        _report(folder, wire_profile, allure=allure)
    elif not results.exists():
        _remove_empty(folder)
    raise typer.Exit(int(code))


def _places(cases: list[str]) -> list[str]:
    """Give cases as paths that hold wherever the command is called."""
    if not cases:
        return [str(CASES)]
    return [case if Path(case.partition("::")[0]).exists() else str(ROOT / case) for case in cases]


def _remove_empty(folder: Path) -> None:
    """Take back the JUnit file that pytest writes without any case, and the folder it made for it."""
    (folder / "junit.xml").unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _report(folder: Path, wire_profile: str, *, allure: bool) -> None:
    catalogue = load_catalogue()
    built = build_reports(folder, catalogue, load_profile(wire_profile), allure)
    console = Console(width=None if sys.stdout.isatty() else 140)
    print_summary(built.results, catalogue, built.reports, console)
    for fault in built.faults:
        print(fault, file=sys.stderr)
    if built.faults:
        raise typer.Exit(Exit.INTERNAL)
