"""What came of the mutants, as a table by chapter and file, and as JSON."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

from conformance.checkout import ROOT
from conformance.mutation.places import ROOM, Key
from conformance.mutation.trial import Fate, Outcome
from spec.catalogue import Catalogue
from spec.coverage import scan
from spec.text import line

SCHEMA: Final = "gse-mutants/1"
COMMON: Final = "what all chapters share"
SHOWN: Final = (Fate.FAIL, Fate.ERROR, Fate.INCONCLUSIVE, Fate.HANG, Fate.SURVIVED, Fate.IDLE)
NONE: Final = (Fate.STILLBORN, Fate.SAME)
"""What is no other device."""
DETECTED: Final = (Fate.ERROR, Fate.INCONCLUSIVE, Fate.HANG)


@dataclass(frozen=True)
class Tally:
    """How many mutants came to which end, equivalents and those that are no other device left out."""

    fates: Mapping[Fate, int]
    equivalent: int = 0

    @property
    def judged(self) -> int:
        """How many ought to be noticed."""
        return sum(self.fates.get(fate, 0) for fate in SHOWN)

    @property
    def killed(self) -> float:
        """How many of those are a FAIL, in percent."""
        return 100 * self.fates.get(Fate.FAIL, 0) / (self.judged or 1)

    @property
    def detected(self) -> float:
        """How many of those are noticed and not judged, in percent."""
        return 100 * sum(self.fates.get(fate, 0) for fate in DETECTED) / (self.judged or 1)


def tally(outcomes: Iterable[Outcome], equivalent: Collection[Key]) -> Tally:
    """Count outcomes."""
    kept = [outcome for outcome in outcomes if outcome.fate not in NONE]
    judged = [outcome for outcome in kept if outcome.place.key not in equivalent]
    return Tally(Counter(outcome.fate for outcome in judged), len(kept) - len(judged))


def chapters_of(files: Iterable[str], catalogue: Catalogue) -> dict[str, str]:
    """Return the chapter of each file: that of most flaws of its classes in the kill matrix."""
    homes: dict[str, Counter[str]] = {}
    classes = {}
    for path in sorted((ROOT / ROOM).rglob("*.py")):
        for text in path.read_text(encoding="utf-8").splitlines():
            if text.startswith("class "):
                name = text[len("class ") :].partition("(")[0].partition(":")[0]
                classes[name] = path.relative_to(ROOT / ROOM).as_posix()
    for mutant in scan(ROOT).mutants:
        base = getattr(mutant.node.bases[0], "id", "") if mutant.node.bases else ""
        for mark in mutant.marks:
            clause = mark.clause or ""
            if clause in catalogue.clauses and base in classes:
                chapter = catalogue.chapter_of(clause).title.en
                homes.setdefault(classes[base], Counter())[chapter] += 1
    return {file: homes[file].most_common(1)[0][0] if file in homes else COMMON for file in files}


def table_of(outcomes: Sequence[Outcome], equivalent: Collection[Key], chapters: Mapping[str, str]) -> Table:
    """Return a table with a row a file, and a row a chapter above its files."""
    table = Table("chapter, file", "mutants", *SHOWN, "equivalent", "FAIL %", "not judged %")
    for column in table.columns[1:]:
        column.justify = "right"
    for chapter in sorted(set(chapters.values()), key=lambda name: (name == COMMON, name)):
        files = sorted(file for file, where in chapters.items() if where == chapter)
        inside = [outcome for outcome in outcomes if outcome.place.file in files]
        if inside:
            _row(table, f"[bold]{escape(chapter)}[/]", tally(inside, equivalent))
            for file in files:
                own = [outcome for outcome in inside if outcome.place.file == file]
                if own:
                    _row(table, f"  {escape(file)}", tally(own, equivalent))
    _row(table, "[bold]all[/]", tally(outcomes, equivalent))
    return table


def _row(table: Table, name: str, found: Tally) -> None:
    numbers = [str(found.fates.get(fate, 0) or "") for fate in SHOWN]
    shares = f"{found.killed:.1f}", f"{found.detected:.1f}"
    table.add_row(name, str(found.judged), *numbers, str(found.equivalent or ""), *shares)


def survivors(outcomes: Iterable[Outcome], equivalent: Collection[Key]) -> list[str]:
    """Return a line for each mutant that is no equivalent and no FAIL, by file and line."""
    left = [
        outcome
        for outcome in outcomes
        if outcome.fate not in {Fate.FAIL, *NONE} and outcome.place.key not in equivalent
    ]
    left.sort(key=lambda outcome: (outcome.place.file, outcome.place.lines, str(outcome.place)))
    return [f"{outcome.fate} {line(str(outcome.place), 300)} ({_words(outcome)})" for outcome in left]


def _words(outcome: Outcome) -> str:
    if outcome.reason:
        return line(outcome.reason, 160)
    return f"{outcome.cases} cases come by, it acts in {outcome.acted}"


def document(
    outcomes: Sequence[Outcome],
    equivalent: Collection[Key],
    chapters: Mapping[str, str],
    options: Mapping[str, object],
) -> dict[str, Any]:
    """Return everything as JSON."""
    return {
        "schema": SCHEMA,
        "made": datetime.now(UTC).isoformat(),
        "options": dict(options),
        "chapters": {
            chapter: _summary(tally([o for o in outcomes if chapters[o.place.file] == chapter], equivalent))
            for chapter in sorted(set(chapters.values()))
        },
        "all": _summary(tally(outcomes, equivalent)),
        "mutants": [
            {
                **_without(asdict(outcome.place), "step", "variant"),
                **_without(asdict(outcome), "place"),
                "chapter": chapters[outcome.place.file],
                "equivalent": outcome.place.key in equivalent,
            }
            for outcome in outcomes
        ],
    }


def _without(data: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in names}


def _summary(found: Tally) -> dict[str, Any]:
    fates = {fate.value: found.fates.get(fate, 0) for fate in SHOWN}
    shares = {"fail_percent": round(found.killed, 1), "not_judged_percent": round(found.detected, 1)}
    return {"judged": found.judged, **fates, "equivalent": found.equivalent, **shares}
