"""Which mutants a case is run on, and the context of each."""

from typing import Final

import pytest

from conformance.checkout import ROOT
from conformance.run.context import RunContext
from spec.coverage import scan

MUTANT: Final = "mutant="
"""How the parameters of the instance of a case for a mutant begin."""


class Mutants:
    """Which mutants a case runs on, and the bench of each."""

    def __init__(self, context: RunContext, extent: str) -> None:
        self.reference = context
        self.extent = extent
        self.contexts: dict[str, RunContext] = {}
        self.with_cases = scan(ROOT).by_clause

    def on(self, clause_id: str) -> list[str]:
        """Names of the mutants for a case of this clause, those of its chapter that have no case included."""
        known = self.reference.binding.mutants
        if self.extent == "all":
            return list(known)
        chapter = self.reference.catalogue.chapter_of
        return [
            name
            for name, clause in known.items()
            if clause == clause_id
            or (clause not in self.with_cases and chapter(clause) is chapter(clause_id))
        ]

    def context(self, name: str) -> RunContext:
        """Return the bench with a mutant on it."""
        if name not in self.contexts:
            self.contexts[name] = self.reference.on(f"mutant:{name}")
        return self.contexts[name]


def mutant_of(item: pytest.Item) -> str | None:
    """Name of the mutant that an item runs on."""
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("bed") if callspec else None
