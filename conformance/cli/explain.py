"""`gse-cts explain`: all there is to know about one clause."""

import ast
from collections.abc import Iterable, Iterator, Sequence

import typer

from spec.catalogue import ROOT, Catalogue
from spec.coverage import Coverage, Mutant, scan
from spec.documents import did_you_mean
from spec.errors import InputError
from spec.loader import load_catalogue
from spec.model import GRADES, Clause, Language, Parameter, Text
from spec.states import load_machines

LABELS: dict[Language, dict[str, str]] = {
    "en": {},
    "zh": {
        "level": "级别",
        "roles": "角色",
        "release": "版本",
        "scenario": "场景",
        "grade": "依据等级",
        "observability": "可观测性",
        "applicability": "适用条件",
        "note": "注",
        "untestable": "不可测原因",
        "sources": "来源",
        "facts": "事实",
        "parameters": "参数",
        "invariant": "不变量",
        "purpose": "测试目的",
        "with": "初始条件",
        "when": "激励",
        "then": "预期行为",
        "states": "状态",
        "cases": "用例",
        "mutants": "变异体",
        "none": "无",
        "judged on every recording": "对每次记录都判定",
        "normative": "有可引用的正式文本",
        "reported": "有关GSE的公开文字如此表述",
        "attributed": "归于某一文件，措辞未经核对",
        "derived": "由其他事实推导而来，没有任何文件为GSE如此表述",
    },
}


def command(
    clause: str = typer.Argument(
        help="The id of a clause, such as PKTC-ONE-PATH, or dgsq, link or stream for its states."
    ),
    lang: str = typer.Option("en", help="Language of the texts: en or zh."),
) -> None:
    """Explain a clause: text, grade, sources, parameters, purposes, states, and what tests it."""
    catalogue, machines = load_catalogue(), load_machines()
    if clause not in catalogue.clauses and clause not in machines:
        mend = did_you_mean(clause.upper(), catalogue.clauses)
        raise InputError("command line", clause, "is no clause", mend)
    language: Language
    match lang:
        case "en" | "zh":
            language = lang
        case _:
            raise InputError("command line", "--lang", f"{lang} is unknown", did_you_mean(lang, LABELS))
    if clause in machines:
        machine = machines[clause]
        print("\n".join([machine.title.in_language(language), "", *machine.lines(language)]))
        return
    page = _Page(catalogue, scan(ROOT.parent), language)
    print("\n".join(page.lines(catalogue.clauses[clause])))


class _Page:
    """Writes a clause in one language."""

    def __init__(self, catalogue: Catalogue, coverage: Coverage, language: Language) -> None:
        self.catalogue = catalogue
        self.coverage = coverage
        self.language = language

    def word(self, word: str) -> str:
        return LABELS[self.language].get(word, word)

    def text(self, text: Text) -> str:
        return text.in_language(self.language)

    def lines(self, clause: Clause) -> Iterator[str]:
        yield f"{clause.id}  {self.text(clause.title)}"
        yield ""
        yield self.text(clause.text)
        yield ""
        meaning = GRADES[clause.grade] if self.language == "en" else self.word(clause.grade)
        yield self.field("level", clause.level)
        yield self.field("roles", ", ".join(clause.roles))
        yield self.field("release", ", ".join(clause.release))
        yield self.field("scenario", ", ".join(clause.scenario))
        yield self.field("grade", f"{clause.grade} ({meaning})")
        yield self.field("observability", ", ".join(clause.observability))
        yield self.field("applicability", str(self.catalogue.applicability(clause.id)))
        if clause.invariant:
            yield self.field("invariant", self.word("judged on every recording"))
        if clause.note is not None:
            yield self.field("note", self.text(clause.note))
        if clause.untestable is not None:
            yield self.field("untestable", clause.untestable)
        yield from self.listing("sources", (self.source(name) for name in clause.sources))
        yield from self.listing("facts", (self.fact(name) for name in clause.facts))
        yield from self.listing("parameters", (self.parameter(name) for name in clause.parameters))
        yield from self.purposes(clause)
        for machine in load_machines().values():
            if clause.id in machine.clauses:
                yield from self.listing("states", [self.text(machine.title), *machine.lines(self.language)])
        cases = self.coverage.by_clause.get(clause.id, ())
        yield from self.listing("cases", (case.id for case in cases))
        mutants = self.coverage.killers.get(clause.id, ())
        yield from self.listing("mutants", (self.mutant(mutant) for mutant in mutants))

    def field(self, name: str, value: str) -> str:
        return f"{self.word(name)}: {value}"

    def listing(self, name: str, values: Iterable[str]) -> Iterator[str]:
        items = list(values)
        if not items:
            yield self.field(name, self.word("none"))
            return
        yield f"{self.word(name)}:"
        for item in items:
            yield f"  - {item}"

    def purposes(self, clause: Clause) -> Iterator[str]:
        for purpose in clause.purposes:
            yield f"{self.word('purpose')} {purpose.id}:"
            for part, texts in (("with", purpose.given), ("when", purpose.when), ("then", purpose.then)):
                yield from self.steps(part, texts)

    def steps(self, part: str, texts: Sequence[Text]) -> Iterator[str]:
        for text in texts:
            yield f"  {self.word(part)}: {self.text(text)}"

    def mutant(self, mutant: Mutant) -> str:
        """Return its name and what it breaks."""
        breaks, _, _ = (ast.get_docstring(mutant.node) or "").partition("\n")
        return f"{mutant.name}: {breaks}" if breaks else mutant.name

    def source(self, name: str) -> str:
        return f"{name}: {self.catalogue.sources[name].title}"

    def fact(self, name: str) -> str:
        fact = self.catalogue.facts[name]
        return f"{name} [{fact.grade}{', weak' if fact.weak else ''}]: {fact.summary}"

    def parameter(self, name: str) -> str:
        parameter = self.catalogue.parameters[name]
        value = f"{parameter.default} {parameter.unit}".rstrip()
        return f"{name} = {value} ({_range(parameter)}; {parameter.origin}): {self.text(parameter.meaning)}"


def _range(parameter: Parameter) -> str:
    if parameter.type == "enum":
        return " | ".join(parameter.values)
    return f"{parameter.min}..{parameter.max}"
