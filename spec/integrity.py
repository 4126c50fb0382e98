"""The references inside a catalogue: what must hold before anybody may use it."""

from collections.abc import Callable, Iterator
from pathlib import Path

from spec.applicability import ApplicabilityError, Comparison, parse
from spec.catalogue import Catalogue
from spec.documents import did_you_mean
from spec.errors import InputError
from spec.formula import Formula, FormulaError, Inequality, formula, inequality
from spec.model import Chapter, Clause
from spec.relations import breaches, dependent


def faults(catalogue: Catalogue) -> Iterator[InputError]:
    """Return every broken reference and every incomplete entry of a catalogue."""
    for check in CHECKS:
        yield from check(catalogue)


def duplicate_ids(catalogue: Catalogue) -> Iterator[InputError]:
    """No clause id and, within a clause, no purpose id stands twice."""
    seen: dict[str, Path] = {}
    for path, chapter, clause in _entries(catalogue):
        if clause.id in seen:
            yield InputError(
                path,
                f"clauses[{clause.id}]",
                f"stands a second time, after {seen[clause.id].name}",
                "rename one",
            )
        seen[clause.id] = catalogue.files[chapter.chapter]
        purposes = [purpose.id for purpose in clause.purposes]
        for name in sorted({name for name in purposes if purposes.count(name) > 1}):
            key = f"clauses[{clause.id}].purposes[{name}]"
            yield InputError(path, key, "stands a second time in its clause", "rename one of the two")


def prefixes(catalogue: Catalogue) -> Iterator[InputError]:
    """Every clause id begins with the prefix of its chapter, and chapters share none."""
    owners: dict[str, str] = {}
    for slug, chapter in catalogue.chapters.items():
        if chapter.prefix in owners:
            fault = f"is {chapter.prefix}, as in chapter {owners[chapter.prefix]}"
            yield InputError(catalogue.files[slug], "prefix", fault, "give each chapter its own prefix")
        owners[chapter.prefix] = slug
    for path, chapter, clause in _entries(catalogue):
        if not clause.id.startswith(f"{chapter.prefix}-"):
            mend = f"begin it with {chapter.prefix}-"
            yield InputError(
                path, f"clauses[{clause.id}].id", f"lacks the prefix of chapter {chapter.chapter}", mend
            )


def retired_ids(catalogue: Catalogue) -> Iterator[InputError]:
    """No id that was retired comes back."""
    retired = {name for chapter in catalogue.chapters.values() for name in chapter.retired}
    for path, _, clause in _entries(catalogue):
        if clause.id in retired:
            yield InputError(path, f"clauses[{clause.id}].id", "was retired", "give the clause a new id")


def purposes_present(catalogue: Catalogue) -> Iterator[InputError]:
    """Every clause has purposes, unless it says why it is untestable."""
    for path, _, clause in _entries(catalogue):
        if not clause.purposes and clause.untestable is None:
            mend = "write a purpose, or say in untestable why there is none"
            yield InputError(path, f"clauses[{clause.id}].purposes", "is missing", mend)
        if clause.purposes and clause.untestable is not None:
            mend = "keep either the purposes or untestable"
            yield InputError(path, f"clauses[{clause.id}].untestable", "contradicts the purposes", mend)


def facts_exist(catalogue: Catalogue) -> Iterator[InputError]:
    """Every fact that a clause names is in the fact base."""
    for path, _, clause in _entries(catalogue):
        for name in clause.facts:
            if name not in catalogue.facts:
                key = f"clauses[{clause.id}].facts[{name}]"
                yield InputError(path, key, "is not in facts.yaml", did_you_mean(name, catalogue.facts))


def sources_exist(catalogue: Catalogue) -> Iterator[InputError]:
    """Every source that a clause or a fact names is listed."""
    for path, _, clause in _entries(catalogue):
        for name in clause.sources:
            if name not in catalogue.sources:
                key = f"clauses[{clause.id}].sources[{name}]"
                yield InputError(path, key, "is not in sources.yaml", did_you_mean(name, catalogue.sources))
    for fact_id, fact in catalogue.facts.items():
        for name in fact.sources:
            if name not in catalogue.sources:
                yield InputError(
                    catalogue.root / "facts.yaml",
                    f"{fact_id}.sources[{name}]",
                    "is not in sources.yaml",
                    did_you_mean(name, catalogue.sources),
                )


def fact_clauses_exist(catalogue: Catalogue) -> Iterator[InputError]:
    """Every clause that a fact names exists and names the fact in turn."""
    for fact_id, fact in catalogue.facts.items():
        for name in fact.clauses:
            key = f"{fact_id}.clauses[{name}]"
            path = catalogue.root / "facts.yaml"
            if name not in catalogue.clauses:
                yield InputError(path, key, "is no clause", did_you_mean(name, catalogue.clauses))
            elif fact_id not in catalogue.clauses[name].facts:
                yield InputError(path, key, "does not name the fact", f"add {fact_id} to the facts of {name}")


def parameters_exist(catalogue: Catalogue) -> Iterator[InputError]:
    """Every parameter that a clause names is defined."""
    for path, _, clause in _entries(catalogue):
        for name in clause.parameters:
            if name not in catalogue.parameters:
                key = f"clauses[{clause.id}].parameters[{name}]"
                mend = did_you_mean(name, catalogue.parameters)
                yield InputError(path, key, "is not in parameters.yaml", mend)


def applicability_parses(catalogue: Catalogue) -> Iterator[InputError]:
    """Every applicability is an expression over known names."""
    for path, _, clause in _entries(catalogue):
        try:
            parse(clause.applicability, catalogue.vocabulary)
        except ApplicabilityError as error:
            yield InputError(path, f"clauses[{clause.id}].applicability", error.fault, error.mend)


def settings_parse(catalogue: Catalogue) -> Iterator[InputError]:
    """Every setting of an ICS item compares one parameter of the device that has whole numbers or words."""
    path = catalogue.root / "ics_items.yaml"
    for name, item in catalogue.ics_items.items():
        if item.setting is None:
            continue
        try:
            wanted = parse(item.setting, catalogue.vocabulary)
        except ApplicabilityError as error:
            yield InputError(path, f"{name}.setting", error.fault, error.mend)
            continue
        if not isinstance(wanted, Comparison) or wanted.name not in catalogue.parameters:
            mend = "write one comparison, such as unsolicited_bytes > 0"
            yield InputError(path, f"{name}.setting", "compares no parameter", mend)


def relations_hold(catalogue: Catalogue) -> Iterator[InputError]:
    """Every relation and dependent default is understood, and the defaults keep them all."""
    path = catalogue.root / "relations.yaml"
    known = {name for name, parameter in catalogue.parameters.items() if parameter.type != "enum"}
    broken = False
    for key, text, read in _formulas(catalogue):
        file = catalogue.root / "parameters.yaml" if key.endswith(".least") else path
        try:
            unknown = [name for name in read(text).names() if name not in known]
        except FormulaError as error:
            yield InputError(file, key, f"is wrong ({error})", "write it as the others are")
            broken = True
            continue
        if unknown:
            broken = True
            yield InputError(file, key, f"names {unknown[0]}", did_you_mean(unknown[0], known))
        if key.startswith("terms."):
            known.add(key.removeprefix("terms.").removesuffix(".formula"))
    for name, relation in catalogue.relations.relations.items():
        try:
            parse(relation.when, catalogue.vocabulary)
        except ApplicabilityError as error:
            broken = True
            yield InputError(path, f"relations.{name}.when", error.fault, error.mend)
    if not broken:
        yield from _defaults_hold(catalogue)


def _defaults_hold(catalogue: Catalogue) -> Iterator[InputError]:
    defaults = {name: parameter.default for name, parameter in catalogue.parameters.items()}
    for breach in breaches(catalogue, defaults):
        key = f"relations.{breach.name}.that"
        fault = f"does not hold for the defaults (here {breach.left:.6g} and {breach.right:.6g})"
        yield InputError(catalogue.root / "relations.yaml", key, fault, "correct it, or a default")
    if not any(parameter.scale or parameter.least for parameter in catalogue.parameters.values()):
        return
    for name, value in dependent(catalogue, defaults, defaults.keys()).items():
        if value != defaults[name]:
            fault = f"is {defaults[name]}, and {value} follows from what it depends on"
            yield InputError(
                catalogue.root / "parameters.yaml", f"{name}.default", fault, "correct one of them"
            )


def _formulas(catalogue: Catalogue) -> Iterator[tuple[str, str, Callable[[str], Formula | Inequality]]]:
    for name, term in catalogue.relations.terms.items():
        yield f"terms.{name}.formula", term.formula, formula
    for name, relation in catalogue.relations.relations.items():
        yield f"relations.{name}.that", relation.that, inequality
    for name, parameter in catalogue.parameters.items():
        if parameter.least is not None:
            yield f"{name}.least", parameter.least, formula


CHECKS = (
    duplicate_ids,
    prefixes,
    retired_ids,
    purposes_present,
    facts_exist,
    sources_exist,
    fact_clauses_exist,
    parameters_exist,
    applicability_parses,
    settings_parse,
    relations_hold,
)


def _entries(catalogue: Catalogue) -> Iterator[tuple[Path, Chapter, Clause]]:
    for chapter, clause in catalogue.entries():
        yield catalogue.files[chapter.chapter], chapter, clause
