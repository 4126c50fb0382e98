"""What variants must say of themselves."""

from spec.catalogue import Catalogue
from spec.coverage import Coverage
from spec.documents import did_you_mean
from spec.lint import Finding, Rule


class VariantsNameClauses(Rule):
    """Every variant names clauses that allow it, and that exist."""

    name = "variants-name-clauses"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:
        """Look at the clauses of every variant."""
        findings = []
        for variant in coverage.variants:
            faults = [_fault(clause, catalogue) for clause in variant.clauses] or ["names no clause"]
            findings += [self.finding(variant.file, variant.name, fault) for fault in faults if fault]
        return findings


class VariantsAreExplained(Rule):
    """Every variant says in a paragraph how it differs, and in another why it may."""

    name = "variants-are-explained"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:  # noqa: ARG002
        """Look at the docstrings."""
        return [
            self.finding(
                variant.file, variant.name, "does not say in a paragraph each how it differs and why it may"
            )
            for variant in coverage.variants
            if not all(variant.words)
        ]


def _fault(clause: str | None, catalogue: Catalogue) -> str | None:
    if clause is None:
        return "names a clause by something else than a string"
    if clause not in catalogue.clauses:
        return f"names {clause}, no clause; {did_you_mean(clause, catalogue.clauses)}"
    return None
