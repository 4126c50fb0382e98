"""What clauses rest on: facts, grades, sources and parameters."""

import re
from typing import get_args

from spec.applicability import ApplicabilityError, Comparison, parse
from spec.catalogue import Catalogue
from spec.coverage import Coverage
from spec.lint import Finding, Rule
from spec.lint.wording import clauses
from spec.model import GRADES, Grade, Release, Role

OWN = "open-1"
STRENGTH = {grade: len(GRADES) - position for position, grade in enumerate(GRADES)}


class MustIsSupported(Rule):
    """A MUST that only weak facts support is derived from open-1, or has a note that says why."""

    name = "must-is-supported"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:  # noqa: ARG002
        """Look at the facts of every MUST."""
        findings: list[Finding] = []
        for file, clause in clauses(catalogue):
            facts = [catalogue.facts[name] for name in clause.facts if name in catalogue.facts]
            weak = bool(facts) and all(fact.weak or fact.grade == "open" for fact in facts)
            own = clause.grade == "derived" and OWN in clause.sources
            if clause.level == "MUST" and weak and not own and clause.note is None:
                message = "is MUST on weak facts alone; add a note, another fact, or lower it"
                findings.append(self.finding(file, f"clauses[{clause.id}].level", message))
        return findings


class GradeIsSupported(Rule):
    """A clause claims no better grade than the best of its facts."""

    name = "grade-is-supported"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:  # noqa: ARG002
        """Compare the grades; without facts a clause is derived."""
        findings: list[Finding] = []
        for file, clause in clauses(catalogue):
            grades = [catalogue.facts[name].grade for name in clause.facts if name in catalogue.facts]
            best: Grade = "derived"
            for grade in grades:
                if grade != "open" and STRENGTH[grade] > STRENGTH[best]:
                    best = grade
            if STRENGTH[clause.grade] > STRENGTH[best]:
                message = f"is {clause.grade}, but the best of its facts is {best}"
                findings.append(self.finding(file, f"clauses[{clause.id}].grade", message))
        return findings


class FactsAreCovered(Rule):
    """Every fact has a clause, or the reason why it has none."""

    name = "facts-are-covered"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:  # noqa: ARG002
        """Look for the fact in the clauses."""
        used = {name for clause in catalogue.clauses.values() for name in clause.facts}
        file = catalogue.root / "facts.yaml"
        findings: list[Finding] = []
        for name, fact in catalogue.facts.items():
            if name not in used and not fact.clauses and fact.reason is None:
                findings.append(self.finding(file, name, "has neither a clause nor a reason"))
            if (name in used or fact.clauses) and fact.reason is not None:
                findings.append(
                    self.finding(file, f"{name}.reason", "stands although a clause names the fact")
                )
        return findings


class SourcesAreUsed(Rule):
    """Every source supports a clause or a fact."""

    name = "sources-are-used"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:  # noqa: ARG002
        """Collect the names of sources."""
        used = {name for clause in catalogue.clauses.values() for name in clause.sources}
        used |= {name for fact in catalogue.facts.values() for name in fact.sources}
        file = catalogue.root / "sources.yaml"
        return [
            self.finding(file, name, "supports nothing") for name in catalogue.sources if name not in used
        ]


class ParametersAreUsed(Rule):
    """Every parameter is used by a clause or a case; those of the suite serve its own waiting."""

    name = "parameters-are-used"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:
        """Look in the lists, the applicability and the cases."""
        used = {name for clause in catalogue.clauses.values() for name in clause.parameters}
        for clause in catalogue.clauses.values():
            used |= set(re.findall(r"[a-z_]+", clause.applicability))
        used |= coverage.strings
        file = catalogue.root / "parameters.yaml"
        return [
            self.finding(file, name, "is used by no clause and no case")
            for name, parameter in catalogue.parameters.items()
            if name not in used and parameter.kind != "suite"
        ]


class IcsItemsAreUsed(Rule):
    """Every question of the ICS changes what is played, or says why it is asked."""

    name = "ics-items-are-used"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:
        """Look in the applicability, in the cases, and at what the item shows."""
        used = set(coverage.strings)
        for clause in catalogue.clauses.values():
            used |= set(re.findall(r"\w+", clause.applicability))
        file = catalogue.root / "ics_items.yaml"
        findings: list[Finding] = []
        for name, item in catalogue.ics_items.items():
            serves = name in used or item.shows is not None
            if not serves and item.unused is None:
                message = "decides nothing; name it in an applicability, or say in unused why it is asked"
                findings.append(self.finding(file, name, message))
            if serves and item.unused is not None:
                findings.append(self.finding(file, f"{name}.unused", "stands although the item is used"))
        return findings


class ApplicabilityAgrees(Rule):
    """The roles and releases that the applicability names are those that the clause lists."""

    name = "applicability-agrees"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:  # noqa: ARG002
        """Compare the names; an expression that names none leaves the list to speak."""
        findings: list[Finding] = []
        for file, clause in clauses(catalogue):
            try:
                expression = parse(clause.applicability)
            except ApplicabilityError:
                continue
            named = set(expression.names())
            named |= {
                str(leaf.operand)
                for leaf in expression.leaves()
                if isinstance(leaf, Comparison) and leaf.name == "role"
            }
            for part, listed, known in (
                ("roles", clause.roles, get_args(Role)),
                ("release", clause.release, get_args(Release)),
            ):
                extra = sorted((named & set(known)) - set(listed))
                if extra:
                    message = f"names {', '.join(extra)}, which {part} does not list"
                    findings.append(self.finding(file, f"clauses[{clause.id}].applicability", message))
                missing = sorted(set(listed) - named)
                if part == "roles" and named & set(known) and missing:
                    message = f"lists {', '.join(missing)}, which the applicability does not name"
                    findings.append(self.finding(file, f"clauses[{clause.id}].roles", message))
        return findings
