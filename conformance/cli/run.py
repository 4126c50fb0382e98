"""`gse-cts run`: the cases on a bench, their records, and the reports made of them."""

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from conformance.bindings.registry import factory_of
from conformance.checkout import ROOT
from conformance.run.continuation import Earlier
from conformance.run.identity import suite
from conformance.run.options import CASES as NOTED
from conformance.run.options import USUAL
from conformance.run.playing import CASES, play
from conformance.run.plugin import NOTHING
from conformance.run.signals import heed
from reports.build import build_reports
from reports.results import read_results
from reports.run_folder import JUNIT, WIRE_PROFILE, RunFolder
from reports.tables import console
from reports.views import junit
from reports.views.allure import MORE_FILES, allows
from reports.views.summary import print_summary
from spec.errors import Exit, InputError
from spec.loader import load_catalogue
from spec.node_id import NodeId
from spec.wire import load_profile

FEWEST_FILES: Final = 256
"""Files that a process must be allowed to open for a run with an Allure report to be begun."""


def command(
    cases: Annotated[list[str] | None, typer.Argument(help="Cases, as their records name them.")] = None,
    *,
    binding: Annotated[
        str | None,
        typer.Option(help="What supplies the testbeds: a name, or LAB.yaml.", show_default="reference"),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="What is tested: reference, mutant:NAME.", show_default="reference"),
    ] = None,
    tester: Annotated[
        str | None,
        typer.Option(help="What plays, for --binding live: afpacket, trex-4.8, trex-5.0, trex-5.1."),
    ] = None,
    ics: Annotated[Path | None, typer.Option(help="The conformance statement of the device.")] = None,
    chapter: Annotated[list[str] | None, typer.Option(help="Only cases of this chapter.")] = None,
    profile: Annotated[
        str | None, typer.Option(help="Only cases of a profile's clauses: smoke, or a YAML file.")
    ] = None,
    clause: Annotated[list[str] | None, typer.Option(help="Only cases of this clause, or glob.")] = None,
    parameter: Annotated[list[str] | None, typer.Option(help="Override a parameter, as name=value.")] = None,
    wire_profile: Annotated[
        str | None, typer.Option(help="Name or YAML file of the wire profile.", show_default="open-1")
    ] = None,
    recordings: Annotated[Path | None, typer.Option(help="Run to judge again, for replay.")] = None,
    pcap: Annotated[Path | None, typer.Option(help="A capture of your own to play as traffic.")] = None,
    confirm: Annotated[
        int | None,
        typer.Option(min=0, help="Plays again of a case that failed in real time.", show_default="2"),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the run.", show_default="1")] = None,
    workers: Annotated[str, typer.Option(help="Processes: a number, or auto.")] = "",
    out: Annotated[Path | None, typer.Option(help="A new folder for this run.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Write over the run that --out holds.")] = False,
    continued: Annotated[
        Path | None,
        typer.Option("--continue", help="Play what an interrupted run has left, as it was begun."),
    ] = None,
    evidence: Annotated[
        str | None,
        typer.Option(help="Plays to keep of passing cases: all, small, failed.", show_default="small"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Play and write nothing; print what would be played.")
    ] = False,
    allure: Annotated[bool, typer.Option(help="Make the Allure page, which needs Node.")] = True,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Name every case.")] = False,
) -> None:
    """Run cases and write their reports; exit code 1 when one did not pass."""
    heed()
    earlier = Earlier.read(continued) if continued else None
    kept = earlier.options if earlier else USUAL
    bench = str(binding or kept["binding"])
    factory = factory_of(bench)
    factory.prepare()
    load_catalogue()
    folder = RunFolder(earlier.folder if earlier else _folder(out))
    options: dict[str, Sequence[object]] = {
        "--binding": [binding],
        "--device": [device],
        "--tester": [tester],
        "--ics": [ics],
        "--wire-profile": [wire_profile],
        "--recordings": [recordings],
        "--pcap": [pcap],
        "--confirm": [confirm],
        "--run-seed": [seed],
        "--evidence": [evidence],
        "--profile": [profile],
        "--continue": [continued],
        "--out": [out if earlier else folder.path],
        "--chapter": chapter or (),
        "--clause": clause or (),
        "--parameter": parameter or (),
    }
    words = [f"{name}={value}" for name, values in options.items() for value in values if value is not None]
    words += ["--replace"] * replace
    words += _places(cases or ()) if cases or not earlier else _noted(earlier)
    if allure and not dry_run and not allows(FEWEST_FILES):
        fault = f"is below {FEWEST_FILES}, of which Allure needs more"
        raise InputError("command line", "limit of open files", fault, MORE_FILES)
    if dry_run:
        raise typer.Exit(_preview(words, folder.path.parent, factory.name))
    try:
        if earlier:
            folder.claim()
            _announce(earlier)
        else:
            folder.prepare(replace=replace)
        words += ["--tb=short", "-v" if verbose else "-q"]
        here = bool(cases) or factory.workers is not None
        one = factory.workers == 1 and workers == "1"  # this process is as good as one more
        words += ["-n", "0" if one else workers or ("0" if here else "auto")]
        code, began = _play(folder, words, continued=earlier is not None)
        if began and code != Exit.USAGE:
            with _after(code):
                _report(folder, str(wire_profile or kept["wire_profile"]), allure=allure)
    finally:
        folder.leave()
    raise typer.Exit(code)


def _play(folder: RunFolder, words: Sequence[str], *, continued: bool) -> tuple[int, bool]:
    """Play the cases; give pytest's exit code, and whether that began or continued the results.

    The JUnit file, which pytest writes whatever came of it, takes its place only then.
    """
    before = _stamp(folder.results)
    with tempfile.TemporaryDirectory() as scratch:
        part = Path(scratch) / JUNIT
        code = play([*words, f"--junitxml={part}"])
        began = _stamp(folder.results) not in {None, before}
        if began and part.exists():
            if continued:
                junit.complete(read_results(folder.results), part)
            with _after(code):
                shutil.copyfile(part, folder.path / JUNIT)
    return code, began


def _after(code: int) -> AbstractContextManager[None]:
    """Let what follows a run fail quietly where the system broke it off, which has been said, and why."""
    return suppress(OSError) if code == Exit.INTERNAL else nullcontext()


def _stamp(path: Path) -> tuple[int, int] | None:
    """Tell one state of a file from another; None where there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _folder(out: Path | None) -> Path:
    """Return the folder of a new run."""
    return (out or Path("out") / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}").absolute()


def _places(cases: Sequence[str]) -> list[str]:
    """Return cases as paths that hold wherever the command is called."""
    if not cases:
        return [str(CASES)]
    found = [NodeId.of(case) for case in cases]
    return [str(case if Path(case.file).exists() else case.at(str(ROOT / case.file))) for case in found]


def _noted(earlier: Earlier) -> list[str]:
    """Return what an earlier run was to collect."""
    places = earlier.options[NOTED]
    assert isinstance(places, tuple)
    found = [NodeId.of(place) for place in places]
    return [str(place.at(str(ROOT / place.file))) for place in found]


def _announce(earlier: Earlier) -> None:
    """Say what is left of a run, and whether another suite has begun it."""
    print(f"{len(earlier.left)} of {len(earlier.header.selection)} cases are left.", flush=True)
    ran, now = earlier.header.suite, suite()
    if ran != now:
        print(f"The run was begun with {ran.words} and goes on with {now.words}.", flush=True)


def _preview(words: list[str], runs: Path, binding: str) -> int:
    """Print what a run would play, with the times of earlier runs in a folder."""
    from conformance.run.preview import Preview, known_seconds, print_prospects  # noqa: PLC0415 - costs others time

    preview = Preview()
    quiet = ["--collect-only", "-pno:terminal", "-pno:cacheprovider", "-n0"]
    code = play([*words, *quiet], plugins=[preview])
    if code == Exit.OK:
        seconds = known_seconds(runs, binding)
        print_prospects(preview.prospects, seconds, console())
    elif code == Exit.EMPTY:
        print(NOTHING, file=sys.stderr)
    return code


def _report(folder: RunFolder, wire_profile: str, *, allure: bool) -> None:
    catalogue = load_catalogue()
    profile = load_profile(str(folder.kept(WIRE_PROFILE) or wire_profile))
    built = build_reports(folder.path, catalogue, profile, allure)
    print_summary(built.results, catalogue, built.reports, console())
    for fault in built.faults:
        print(fault, file=sys.stderr)
    if built.faults:
        raise typer.Exit(Exit.INTERNAL)
