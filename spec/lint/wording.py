"""What the texts of clauses and purposes must say."""

import re
from collections.abc import Iterator
from pathlib import Path

from spec.catalogue import Catalogue
from spec.coverage import Coverage
from spec.lint import Finding, Rule
from spec.model import Clause, Text

LIMITS = frozenset(
    [
        "none",
        "no",
        "nothing",
        "never",
        "neither",
        "nor",
        "not",
        "every",
        "each",
        "all",
        "exactly",
        "only",
        "any",
        "whole",
        "both",
        "same",
        "equal",
        "equals",
        "unchanged",
        "identical",
        "least",
        "most",
        "below",
        "above",
        "within",
        "under",
        "over",
        "than",
        "before",
        "after",
        "until",
        "once",
        "twice",
        "zero",
        "one",
        "two",
        "three",
        "more",
        "fewer",
        "less",
        "longer",
        "shorter",
        "between",
        "outside",
        "inside",
        "again",
        "still",
        "alone",
        "another",
        "first",
        "last",
        "next",
        "must",
        "without",
        "stops",
        "stop",
    ]
)
OBSERVABLES = frozenset(
    [
        "frame",
        "container",
        "message",
        "request",
        "grant",
        "hello",
        "fault",
        "backpressure",
        "back-pressure",
        "pause",
        "counter",
        "event",
        "state",
        "port",
        "uplink",
        "downlink",
        "link",
        "path",
        "spine",
        "queue",
        "dgsq",
        "rate",
        "byte",
        "octet",
        "order",
        "delay",
        "latency",
        "loss",
        "throughput",
        "goodput",
        "share",
        "duplicate",
        "gap",
        "field",
        "flag",
        "generation",
        "sequence",
        "index",
        "credit",
        "entry",
        "cause",
        "drop",
        "position",
        "demand",
        "weight",
        "class",
        "host",
        "utilisation",
        "ratio",
        "index",
        "time",
        "outage",
        "report",
        "series",
        "node",
        "identifier",
        "inventory",
        "table",
        "address",
        "checksum",
        "crc",
        "header",
        "traffic",
        "flow",
        "hop",
        "level",
        "validity",
        "stream",
        "copy",
        "neighbour",
        "topology",
        "alarm",
        "device",
        "destination",
        "source",
        "bandwidth",
        "completion",
        "jitter",
        "interval",
        "sum",
        "total",
        "difference",
        "number",
        "count",
        "deviation",
        "fairness",
        "occupancy",
        "depth",
        "value",
        "announcement",
        "register",
        "log",
        "payload",
        "length",
        "size",
        "egress",
        "ingress",
        "transmission",
    ]
)
CHINESE = re.compile(r"[\u4e00-\u9fff]")
WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
LATIN = re.compile(r"(?<![A-Za-z0-9_-])[a-z]{2,}(?![A-Za-z0-9_-])")
CODE_WORD = re.compile(r"[a-z]+(?:_[a-z]+)+")


def texts(clause: Clause) -> Iterator[tuple[str, Text]]:
    """Return every text of a clause with its key."""
    place = f"clauses[{clause.id}]"
    yield f"{place}.title", clause.title
    yield f"{place}.text", clause.text
    if clause.note is not None:
        yield f"{place}.note", clause.note
    for purpose in clause.purposes:
        for part, items in (("with", purpose.given), ("when", purpose.when), ("then", purpose.then)):
            for number, text in enumerate(items):
                yield f"{place}.purposes[{purpose.id}].{part}[{number}]", text


def clauses(catalogue: Catalogue) -> Iterator[tuple[Path, Clause]]:
    """Return every clause with its file."""
    for chapter, clause in catalogue.entries():
        yield catalogue.files[chapter.chapter], clause


class ThenIsMeasurable(Rule):
    """Every `then` names an observable and a limit: a parameter, a number, or a word like none or every."""

    name = "then-is-measurable"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:  # noqa: ARG002
        """Read the English text word by word."""
        names = {*catalogue.parameters, *catalogue.counters}
        findings: list[Finding] = []
        for file, clause in clauses(catalogue):
            for key, text in texts(clause):
                if ".then[" not in key:
                    continue
                words = {word.lower() for word in WORD.findall(text.en)}
                stems = (
                    words | {word.removesuffix("s") for word in words} | {word[:-3] + "y" for word in words}
                )
                if not (words & (LIMITS | names) or re.search(r"\d", text.en)):
                    findings.append(
                        self.finding(file, key, "names no limit (parameter, number, none, every, ...)")
                    )
                if not stems & OBSERVABLES and not words & names:
                    findings.append(self.finding(file, key, "names no observable (frames, a counter, ...)"))
        return findings


class ChineseIsChinese(Rule):
    """Every `zh` is written in Chinese, and no `en` is."""

    name = "chinese-is-chinese"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:  # noqa: ARG002
        """Compare Chinese characters with Latin words that are no names."""
        findings: list[Finding] = []
        for file, clause in clauses(catalogue):
            for key, text in texts(clause):
                characters = len(CHINESE.findall(text.zh))
                if not characters or characters < len(LATIN.findall(text.zh)):
                    findings.append(self.finding(file, f"{key}.zh", "is not Chinese"))
                if CHINESE.search(text.en):
                    findings.append(self.finding(file, f"{key}.en", "holds Chinese characters"))
        return findings


class LevelIsWorded(Rule):
    """The text uses the keyword of its level, and no stronger one."""

    name = "level-is-worded"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:  # noqa: ARG002
        """Look for the keyword in capitals."""
        order = ("MAY", "SHOULD", "MUST")
        findings: list[Finding] = []
        for file, clause in clauses(catalogue):
            used = [word for word in order if re.search(rf"\b{word}\b", clause.text.en)]
            key = f"clauses[{clause.id}].text.en"
            if clause.level not in used:
                findings.append(self.finding(file, key, f"lacks the word {clause.level} of its level"))
            elif used[-1] != clause.level:
                findings.append(self.finding(file, key, f"says {used[-1]}, but its level is {clause.level}"))
        return findings


class TextsAreDistinct(Rule):
    """No two clauses have the same title or text."""

    name = "texts-are-distinct"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:  # noqa: ARG002
        """Compare without regard to case and spaces."""
        findings: list[Finding] = []
        seen: dict[tuple[str, str], str] = {}
        for file, clause in clauses(catalogue):
            for part, text in (("title", clause.title), ("text", clause.text)):
                for language in ("en", "zh"):
                    words = " ".join(getattr(text, language).casefold().split())
                    first = seen.setdefault((part, words), clause.id)
                    if first != clause.id:
                        key = f"clauses[{clause.id}].{part}.{language}"
                        findings.append(self.finding(file, key, f"is that of {first}"))
        return findings


class ParametersAreListed(Rule):
    """A parameter that stands in the texts of a clause is in its `parameters`."""

    name = "parameters-are-listed"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:  # noqa: ARG002
        """Look for names of parameters, and for names that look like one but are none."""
        findings: list[Finding] = []
        known = {*catalogue.parameters, *(name.split(".")[-1] for name in catalogue.counters)}
        for file, clause in clauses(catalogue):
            for key, text in texts(clause):
                for word in sorted(set(CODE_WORD.findall(text.en))):
                    if word in catalogue.parameters and word not in clause.parameters:
                        message = f"uses {word}, which clauses[{clause.id}].parameters lacks"
                        findings.append(self.finding(file, key, message))
                    elif word not in known:
                        findings.append(self.finding(file, key, f"uses {word}, no parameter or counter"))
        return findings
