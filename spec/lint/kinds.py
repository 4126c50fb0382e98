"""Which kinds of flaw the mutants of each chapter have."""

from spec.catalogue import Catalogue
from spec.coverage import Coverage
from spec.documents import did_you_mean
from spec.kinds import FILE, by_chapter, load_kinds
from spec.lint import Finding, Rule


class MutantsNameKinds(Rule):
    """A kind that a mutant names is one of `kinds.yaml`."""

    name = "mutants-name-kinds"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:
        """Look at the marks of every mutant."""
        known = load_kinds(catalogue.root).kinds
        return [
            self.finding(
                mutant.file, mutant.name, f"names {mark.kind}, no kind; {did_you_mean(mark.kind, known)}"
            )
            for mutant in coverage.mutants
            for mark in mutant.marks
            if mark.kind is not None and mark.kind not in known
        ]


class KindsHaveMutants(Rule):
    """Every chapter has a mutant of every kind, or a reason why not, and never both."""

    name = "kinds-have-mutants"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:
        """Look every chapter and kind up."""
        kinds = load_kinds(catalogue.root)
        found = by_chapter(catalogue, coverage)
        file = catalogue.root / FILE
        findings = [
            self.finding(file, f"left_out.{chapter}", "is no chapter")
            for chapter in kinds.left_out.keys() - catalogue.chapters.keys()
        ]
        for chapter in catalogue.chapters:
            for kind in kinds.kinds:
                reason, key = kinds.reason(chapter, kind), f"left_out.{chapter}.{kind}"
                if (chapter, kind) in found and reason is not None:
                    findings.append(self.finding(file, key, "stands although a mutant is of the kind"))
                elif (chapter, kind) not in found and reason is None:
                    findings.append(self.finding(file, key, "is missing; write a mutant, or the reason"))
        return findings
