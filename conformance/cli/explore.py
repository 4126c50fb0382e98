"""`gse-cts explore`: scenarios that nobody wrote, judged by the invariants and an oracle."""

import json
import re
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Annotated, Final

import typer

from conformance.api.parameters import LINE
from conformance.exploration.choose import choose
from conformance.exploration.explore import Discovery, Exploration
from conformance.exploration.keep import again, keep, load
from conformance.exploration.play import play
from conformance.plans import stock
from conformance.plans.plan import Plan
from conformance.plans.tour import array
from conformance.run.context import RunContext, RunOptions
from spec.errors import Exit, InputError
from spec.text import lines

UNITS: Final = {"s": 1, "m": 60, "h": 3600}
MUTANT_SECONDS: Final = 20.0
"""Processor time that each mutant is explored for."""


def command(
    *,
    budget: Annotated[str, typer.Option(help="How long to explore: 60s, 10m, 1h.")] = "60s",
    seed: Annotated[int, typer.Option(help="Seed of the first search.")] = 1,
    seeds: Annotated[int, typer.Option(min=1, help="How many searches, with seeds from the first on.")] = 1,
    binding: Annotated[str, typer.Option(help="What supplies the testbeds.")] = "reference",
    device: Annotated[str, typer.Option(help="What is tested: reference, mutant:NAME.")] = "reference",
    tester: Annotated[str | None, typer.Option(help="What plays and captures.")] = None,
    ics: Annotated[Path | None, typer.Option(help="The statement of the device under test.")] = None,
    wire_profile: Annotated[str, typer.Option(help="Name or file of the wire profile.")] = "open-1",
    parameter: Annotated[list[str] | None, typer.Option(help="Override a parameter, NAME=VALUE.")] = None,
    mutants: Annotated[
        bool, typer.Option("--mutants", help="Explore each mutant, and count the kills.")
    ] = False,
    only: Annotated[list[str] | None, typer.Option(help="Of the mutants, only these.")] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="Of the mutants, so many by chance.")] = None,
    replay: Annotated[Path | None, typer.Option(help="Play one kept scenario again.")] = None,
    plan: Annotated[str | None, typer.Option(help="Play one plan of those that every run plays.")] = None,
    choosing: Annotated[
        bool, typer.Option("--choose", help="Choose anew the plans that every run plays.")
    ] = False,
    covering: Annotated[
        bool, typer.Option("--array", help="Play a covering array of pairs, then triples.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for what is found.")] = Path("out/explore"),
) -> None:
    """Draw scenarios, play them, and judge them; what breaks a rule is shrunk and kept."""
    options = RunOptions(
        binding=binding,
        device=device,
        tester=tester,
        ics=ics,
        wire_profile=wire_profile,
        parameters=tuple(parameter or ()),
        out=out,
    )
    context = RunContext(options)
    if replay is not None:
        _replay(load(replay), context)
        return
    if plan is not None:
        _replay(_known(plan), context)
        return
    if choosing:
        _choose(context, seed)
        return
    if mutants:
        _mutants(options, seed, only or (), sample, out)
        return
    found = _array(context, out) if covering else 0
    for number in range(seed, seed + seeds) if not covering else ():
        found += _explore(context, seconds(budget), number, out)
    if found:
        raise typer.Exit(Exit.FAILED)


def seconds(text: str) -> float:
    """Read a time such as 90s, 10m or 1h; InputError for anything else."""
    match = re.fullmatch(r"(\d+)([smh]?)", text)
    if match is None or not int(match[1]):
        raise InputError(LINE, "--budget", f"is {text}", "write a time such as 60s, 10m or 1h")
    return float(int(match[1]) * UNITS[match[2] or "s"])


def _explore(context: RunContext, budget: float, number: int, out: Path) -> int:
    """Search with one seed; returns how many breaches were found."""
    search = Exploration(context, budget, number)
    found = 0
    for discovery in search.run():
        found += 1
        _tell(discovery, context, out)
    pairs = len(search.coverage.pairs)
    void = f", {search.voids} of which say nothing" if search.voids else ""
    print(f"seed {number}: {search.plays} plays{void}, {pairs:,} pairs of conditions met, {found} breaches")
    return found


def _array(context: RunContext, out: Path) -> int:
    """Play the covering array of pairs, then that of triples; returns how many plans broke a rule."""
    found = 0
    for strength in (2, 3):
        plans = list(array(strength))
        broken = 0
        for plan in plans:
            outcome = play(plan, context)
            if outcome.breaches:
                broken += 1
                _tell(Discovery(plan, outcome), context, out)
        print(f"{'pairs' if strength == 2 else 'triples'}: {len(plans)} plays, {broken} broke a rule")
        found += broken
    return found


def _known(name: str) -> Plan:
    """Return a plan of those that every run plays; InputError without."""
    found = stock.find(name)
    if found is None:
        raise InputError(LINE, "--plan", f"{name} is no plan that a run plays", f"see {stock.FILE.name}")
    return found


def _choose(context: RunContext, seed: int) -> None:
    """Choose the plans that every run plays, as many of each kind as there were."""
    chosen = {}
    for kind, plans in stock.stock().items():
        chosen[kind] = choose(context, *stock.KINDS[kind], len(plans), seed)
        print(f"{kind}: {len(chosen[kind])} plans", flush=True)
    stock.write(chosen)


def _replay(plan: Plan, context: RunContext) -> None:
    """Play a plan again, and say what it breaks."""
    outcome = play(plan, context)
    for breach in outcome.breaches:
        print(f"{breach.rule}: {lines(breach.words)}")
    print(outcome.void or f"{len(outcome.breaches)} rules broken")
    if outcome.breaches:
        raise typer.Exit(Exit.FAILED)


def _mutants(options: RunOptions, seed: int, only: Iterable[str], sample: int | None, out: Path) -> None:
    """Explore each mutant for its time, and say which are found by which rule."""
    names = sorted(RunContext(options).binding.mutants)
    chosen = [name for name in names if name in set(only)] if only else names
    if sample is not None:
        chosen = sorted(Random(seed).sample(chosen, min(sample, len(chosen))))
    if not chosen:
        raise InputError(LINE, "--only", "names no mutant", "see gse-cts kill-matrix")
    fates: dict[str, list[str]] = {}
    for name in chosen:
        context = RunContext(replace(options, device=f"mutant:{name}"))
        search = Exploration(context, MUTANT_SECONDS, seed, time.process_time, first=True, shrinks=False)
        fates[name] = sorted(rule for found in search.run() for rule in found.outcome.rules)
        print(f"{name}: {', '.join(fates[name]) or 'not found'} ({search.plays} plays)", flush=True)
    killed = sum(bool(rules) for rules in fates.values())
    print(f"{killed} of {len(fates)} found ({killed / len(fates):.0%})")
    out.mkdir(parents=True, exist_ok=True)
    words = json.dumps({"seconds": MUTANT_SECONDS, "seed": seed, "found": fates}, indent=1)
    (out / "mutants.json").write_text(words + "\n", encoding="utf-8")


def _tell(found: Discovery, context: RunContext, out: Path) -> None:
    """Keep what was found, and say so with the command that plays it again."""
    path = keep(found, context, out)
    print(f"{len(found.plan.steps)} steps break {', '.join(sorted(found.outcome.rules))}")
    for breach in found.outcome.breaches:
        print(f"  {breach.rule}: {lines(breach.words)}")
    print(f"  again: {again(path, context.options)}", flush=True)
