"""The references inside the catalogue, every fault of them at once."""

from collections.abc import Callable, Iterator
from typing import ClassVar

from spec import integrity
from spec.catalogue import Catalogue
from spec.coverage import Coverage
from spec.errors import InputError
from spec.lint import Finding, Rule


class ReferenceRule(Rule):
    """A rule that the loader enforces too, with its first fault only."""

    faults: ClassVar[Callable[[Catalogue], Iterator[InputError]]]

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:  # noqa: ARG002
        """Return every fault as a finding."""
        return [
            Finding(fault.file, fault.key, self.name, f"{fault.fault}; {fault.mend}")
            for fault in type(self).faults(catalogue)
        ]


class UniqueIds(ReferenceRule):
    """No clause id, and no purpose id within a clause, stands twice."""

    name = "unique-ids"
    faults = integrity.duplicate_ids


class ChapterPrefix(ReferenceRule):
    """Clause ids begin with the prefix of their chapter."""

    name = "chapter-prefix"
    faults = integrity.prefixes


class RetiredIds(ReferenceRule):
    """Retired ids do not come back."""

    name = "retired-ids"
    faults = integrity.retired_ids


class PurposesPresent(ReferenceRule):
    """A clause has purposes or a reason why it is untestable, never both."""

    name = "purposes-present"
    faults = integrity.purposes_present


class FactsExist(ReferenceRule):
    """The facts of a clause are in the fact base."""

    name = "facts-exist"
    faults = integrity.facts_exist


class SourcesExist(ReferenceRule):
    """The sources of clauses and facts are listed."""

    name = "sources-exist"
    faults = integrity.sources_exist


class FactClausesExist(ReferenceRule):
    """The clauses of a fact exist and name it."""

    name = "fact-clauses-exist"
    faults = integrity.fact_clauses_exist


class ParametersExist(ReferenceRule):
    """The parameters of a clause are defined."""

    name = "parameters-exist"
    faults = integrity.parameters_exist


class ApplicabilityParses(ReferenceRule):
    """Applicability is an expression over known names."""

    name = "applicability-parses"
    faults = integrity.applicability_parses


class RelationsHold(ReferenceRule):
    """Relations and dependent defaults are over known names, and the defaults keep them."""

    name = "relations-hold"
    faults = integrity.relations_hold
