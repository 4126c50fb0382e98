"""`gse-cts mutate`: what the cases notice of small slips anywhere in the source of the reference."""

import json
import random
import sys
import time
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape

from conformance.checkout import ROOT
from conformance.mutation.equivalents import gone, load_equivalents, noticed
from conformance.mutation.places import Key, Place, selected, sources
from conformance.mutation.playing import bench, collect
from conformance.mutation.table import SCHEMA, chapters_of, document, survivors, table_of, tally
from conformance.mutation.trial import Outcome
from reports.tables import console
from spec.catalogue import Catalogue
from spec.errors import Exit, InputError
from spec.loader import load_catalogue

MINUTE: Final = 60.0


def command(
    files: Annotated[
        list[str] | None, typer.Argument(help="Only places in these files of reference_impl, by either end.")
    ] = None,
    *,
    sample: Annotated[int | None, typer.Option(min=1, help="Only so many places, drawn by chance.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the drawing; the cases play as ever.")] = 1,
    longest: Annotated[
        float | None, typer.Option(min=0, help="Minutes after which no other mutant is begun.")
    ] = None,
    least: Annotated[
        float, typer.Option(min=0, max=100, help="Percent of FAIL below which the exit code is 1.")
    ] = 0,
    equivalents: Annotated[
        bool, typer.Option("--equivalents", help="Only the places that are listed as equivalent.")
    ] = False,
    chapter: Annotated[list[str] | None, typer.Option(help="Play only cases of this chapter.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Mutants that are tried at once.")] = 1,
    wire_profile: Annotated[str, typer.Option(help="Name or YAML file of the wire profile.")] = "open-1",
    out: Annotated[Path, typer.Option(help="Where the outcomes are written, as JSON.")] = Path(
        "out/mutants.json"
    ),
) -> None:
    """Change the reference at one place after another, and play the cases that come by it until one fails.

    Exit code 1 when less than `--least` percent are a FAIL, or a listed equivalent is noticed or gone.
    """
    from conformance.mutation.runner import Runner  # noqa: PLC0415 - coverage.py costs others time

    _admit(out)
    listed = load_equivalents()
    words = [f"--wire-profile={wire_profile}", *(f"--chapter={name}" for name in chapter or ())]
    runner = Runner(collect(words), bench(wire_profile))
    texts = [*sources(ROOT), *runner.generated()]
    findings = gone(listed, texts)
    home = {place: text for text in texts for place in text.places}
    chosen = _chosen(list(home), files or [], sample, seed)
    if equivalents:
        chosen = [place for place in chosen if place.key in listed]
    if not chosen:
        raise InputError("command line", "FILES", "hold no place that is chosen", "widen them")
    outcomes = []
    begun = shown = time.monotonic()
    for outcome in runner.try_all(
        [(home[place], place) for place in chosen], workers, longest and longest * MINUTE
    ):
        outcomes.append(outcome)
        if time.monotonic() - shown > MINUTE / 2:
            shown = time.monotonic()
            left = (shown - begun) / len(outcomes) * (len(chosen) - len(outcomes)) / MINUTE
            so_far = f"{len(outcomes)} of {len(chosen)} tried, {tally(outcomes, listed).killed:.1f} % FAIL"
            print(f"{so_far}; about {left:.0f} min left", file=sys.stderr, flush=True)
    findings += noticed(listed, outcomes)
    catalogue = load_catalogue()
    chapters = _show(outcomes, listed, home, catalogue)
    options = {"sample": sample, "seed": seed, "files": files or [], "cases": words}
    data = document(outcomes, listed, chapters, options | {"catalogue": catalogue.digest})
    out.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for finding in findings:
        print(finding)
    killed = tally(outcomes, listed).killed
    if killed < least:
        print(f"{killed:.1f} % FAIL is below {least:g} %.")
    raise typer.Exit(Exit.FAILED if findings or killed < least else Exit.OK)


def _chosen(places: list[Place], files: list[str], sample: int | None, seed: int) -> list[Place]:
    """Return the places in files, or a sample of them."""
    found = selected(places, files)
    if sample is None or sample >= len(found):
        return found
    return random.Random(seed).sample(found, sample)


def _show(
    outcomes: Sequence[Outcome], listed: Collection[Key], home: Iterable[Place], catalogue: Catalogue
) -> dict[str, str]:
    """Print the mutants that no case judged, and the table; return the chapter of each file."""
    chapters = chapters_of(dict.fromkeys(place.file for place in home), catalogue)
    out = console()
    for text in survivors(outcomes, listed):
        out.print(escape(text), soft_wrap=True, highlight=False)
    out.print(table_of(outcomes, listed, chapters))
    return chapters


def _admit(path: Path) -> None:
    """Raise InputError, before anything is played, unless outcomes may be written here."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and SCHEMA not in path.read_text(encoding="utf-8", errors="replace")[:64]:
        raise InputError(path, "file", "is there and holds no outcomes of mutants", "choose another name")
