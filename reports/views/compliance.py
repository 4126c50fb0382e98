"""The compliance report: one HTML file that stands alone and opens from disk."""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import get_args

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.assessment import (
    ClauseResult,
    Conformity,
    Coverage,
    clause_verdicts,
    coverage,
    decide,
    verdict_counts,
)
from reports.results import Results, VerdictRecord
from reports.run_folder import COMPLIANCE
from reports.views.diagrams import BAR_ORDER, Drawing, Segment, header_drawings, stacked_bar
from spec.catalogue import Catalogue
from spec.documents import load
from spec.model import GRADES, Chapter, Language, Level, Text
from spec.node_id import NodeId
from spec.verdict import Verdict
from spec.wire import WireProfile

TEMPLATES = Path(__file__).parent.parent / "templates"
SHOWN_PER_ISSUE = 3
SHOWN_PER_GROUP = 12

# Fills hold as attributes, for renderers without style sheets; report.css repeats them for the dark theme.
COLOURS: Mapping[Verdict, str] = {
    Verdict.PASS: "#2e7d5b",
    Verdict.FAIL: "#b3261e",
    Verdict.ERROR: "#7b3f98",
    Verdict.INCONCLUSIVE: "#c27c0e",
    Verdict.TESTER_LIMITED: "#4f77a8",
    Verdict.NOT_TESTED: "#98a2ae",
    Verdict.NOT_APPLICABLE: "#d3d9e0",
}


@dataclass(frozen=True)
class ChapterView:
    """One chapter with its clauses, counts and bar."""

    chapter: Chapter
    results: tuple[ClauseResult, ...]
    counts: Mapping[Verdict, int]
    bar: tuple[Segment, ...]
    coverage: Coverage
    mandatory: Coverage
    optional: Coverage


@dataclass(frozen=True)
class Issue:
    """A failed clause with the first records that failed it, and how many more there are."""

    result: ClauseResult
    records: tuple[VerdictRecord, ...]
    more: int


@dataclass(frozen=True)
class Pending:
    """Deciding clauses that lack a PASS, taken together by verdict and reason."""

    verdict: Verdict
    reason: str
    clauses: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """Everything the template prints."""

    results: Results
    catalogue: Catalogue
    profile: WireProfile
    clauses: Mapping[str, ClauseResult]
    conformity: Conformity
    counts: Mapping[Verdict, int]
    bar: tuple[Segment, ...]
    whole: Coverage
    mandatory: Coverage
    optional: Coverage
    chapters: tuple[ChapterView, ...]
    issues: tuple[Issue, ...]
    pending: tuple[Pending, ...]
    grades: Mapping[str, int]
    drawings: tuple[Drawing, ...]

    @property
    def deciding(self) -> int:
        """Number of clauses that bear on the statement of conformity."""
        return sum(result.decides for result in self.clauses.values())

    @property
    def failures(self) -> int:
        """Number of records with a FAIL."""
        return sum(record.verdict is Verdict.FAIL for record in self.results.verdicts)

    @property
    def cases(self) -> int:
        """Number of cases with a verdict."""
        return len({record.case for record in self.results.verdicts})


def write_compliance(results: Results, catalogue: Catalogue, profile: WireProfile, folder: Path) -> Path:
    """Write the report into the folder of a run, whose files it links, and give its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / COMPLIANCE
    path.write_text(render(results, catalogue, profile), encoding="utf-8")
    return path


def render(results: Results, catalogue: Catalogue, profile: WireProfile) -> str:
    """Render the report as HTML."""
    template = _environment().get_template("report.html.j2")
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return template.render(
        report=assemble(results, catalogue, profile),
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        script_digest=digest,
    )


def assemble(results: Results, catalogue: Catalogue, profile: WireProfile) -> Report:
    """Work out everything the report prints."""
    clauses = clause_verdicts(results, catalogue)
    every = tuple(clauses.values())
    counts = verdict_counts(every)
    conformity = decide(every)
    longest = max(len(chapter.clauses) for chapter in catalogue.chapters.values())
    return Report(
        results=results,
        catalogue=catalogue,
        profile=profile,
        clauses=clauses,
        conformity=conformity,
        counts=counts,
        bar=stacked_bar(counts, len(every)),
        whole=coverage(every),
        mandatory=coverage(_mandatory(every)),
        optional=coverage(_optional(every)),
        chapters=tuple(_chapter(chapter, clauses, longest) for chapter in catalogue.chapters.values()),
        issues=_issues(every),
        pending=_pending([clauses[name] for name in conformity.pending]),
        grades=Counter(result.clause.grade for result in every),
        drawings=header_drawings(profile),
    )


def _chapter(chapter: Chapter, clauses: Mapping[str, ClauseResult], longest: int) -> ChapterView:
    results = tuple(clauses[clause.id] for clause in chapter.clauses)
    counts = verdict_counts(results)
    return ChapterView(
        chapter=chapter,
        results=results,
        counts=counts,
        bar=stacked_bar(counts, longest),
        coverage=coverage(results),
        mandatory=coverage(_mandatory(results)),
        optional=coverage(_optional(results)),
    )


def _mandatory(results: Sequence[ClauseResult]) -> list[ClauseResult]:
    return [result for result in results if result.clause.level == "MUST"]


def _optional(results: Sequence[ClauseResult]) -> list[ClauseResult]:
    return [result for result in results if result.clause.level != "MUST"]


def _issues(results: Sequence[ClauseResult]) -> tuple[Issue, ...]:
    issues = []
    for level in get_args(Level):
        for result in results:
            if result.clause.level != level or result.verdict is not Verdict.FAIL:
                continue
            failed = tuple(record for record in result.records if record.verdict is Verdict.FAIL)
            issues.append(Issue(result, failed[:SHOWN_PER_ISSUE], len(failed[SHOWN_PER_ISSUE:])))
    return tuple(issues)


def _pending(results: Iterable[ClauseResult]) -> tuple[Pending, ...]:
    groups: dict[tuple[Verdict, str], list[str]] = {}
    for result in results:
        groups.setdefault((result.verdict, result.reason), []).append(result.clause.id)
    ordered = sorted(groups.items(), key=lambda group: group[0][0].severity, reverse=True)
    return tuple(Pending(verdict, reason, tuple(names)) for (verdict, reason), names in ordered)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {
        "t": _both,
        "plain": _plain,
        "text": _text,
        "said": _said,
        "Verdict": Verdict,
        "NAMES": SHOWN_PER_GROUP,
        "ISSUES": SHOWN_PER_ISSUE,
        "colours": COLOURS,
        "verdicts": BAR_ORDER,
        "grades": tuple(GRADES),
        "levels": get_args(Level),
    }
    environment.filters |= {
        "number": _number,
        "percent": _percent,
        "short_case": lambda case: NodeId.of(case).short,
        "moment": lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S %Z"),
        "seconds": lambda seconds: f"{seconds:.3g} s" if seconds < 100 else f"{seconds:.0f} s",
    }
    return environment


@cache
def _words() -> dict[str, Text]:
    return load(dict[str, Text], TEMPLATES / "words.yaml")


def _both(key: str, **values: object) -> Markup:
    words = _words()[key]
    return _spans(words.en.format(**values), words.zh.format(**values))


def _plain(key: str, language: Language) -> str:
    return _words()[key].in_language(language)


def _text(text: Text) -> Markup:
    return _spans(text.en, text.zh)


def _said(reason: str) -> Markup:
    """Return a reason of the suite's own in both languages, any other as it was recorded."""
    words = _words().get(reason)
    return _text(words) if words else Markup("{}").format(reason)


def _spans(english: str, chinese: str) -> Markup:
    spans = Markup('<span class="en" lang="en">{}</span><span class="zh" lang="zh">{}</span>')
    return spans.format(english, chinese)


def _number(value: object) -> str:
    """Group the digits of an integer with narrow spaces; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int):
        return str(value)
    return f"{value:,}".replace(",", "\u202f")


def _percent(part: int, whole: int) -> str:
    """Return a share in whole per cent, rounded down, so that 100 % means all."""
    return f"{100 * part // whole}\u202f%" if whole else "–"
