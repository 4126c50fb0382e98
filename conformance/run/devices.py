"""The devices that cases are run on in turn, mutants or variants of the reference, and the bench of each."""

from collections.abc import Collection, Sequence
from typing import ClassVar

import pytest

from conformance.checkout import ROOT
from conformance.run.context import RunContext
from spec.coverage import scan
from spec.documents import did_you_mean
from spec.errors import InputError

ALL = "all"


class Devices:
    """Devices of one kind, and the bench of each; `kind` is what `--device` calls them by."""

    kind: ClassVar[str]

    def __init__(self, context: RunContext) -> None:
        self.reference = context
        self.contexts: dict[str, RunContext] = {}

    def on(self, clause_id: str) -> list[str]:
        """Names of the devices for a case of this clause."""
        raise NotImplementedError

    def context(self, name: str) -> RunContext:
        """Return the bench with one of them on it."""
        if name not in self.contexts:
            self.contexts[name] = self.reference.on(f"{self.kind}:{name}")
        return self.contexts[name]

    def label(self, name: str) -> str:
        """Return the parameter of the instance of a case for one of them."""
        return f"{self.kind}={name}"


class Mutants(Devices):
    """The flawed devices, of which each is to fail: on its own clause's cases, or on `all`."""

    kind = "mutant"

    def __init__(self, context: RunContext, extent: str) -> None:
        super().__init__(context)
        self.extent = extent
        self.with_cases = scan(ROOT).by_clause

    def on(self, clause_id: str) -> list[str]:
        """Names of the mutants for a case of this clause, those of its chapter that have no case included."""
        known = self.reference.binding.mutants
        if self.extent == ALL:
            return list(known)
        chapter = self.reference.catalogue.chapter_of
        return [
            name
            for name, clause in known.items()
            if clause == clause_id
            or (clause not in self.with_cases and chapter(clause) is chapter(clause_id))
        ]


class Variants(Devices):
    """The correct devices that differ from the reference: `names` of them, or all; InputError for others."""

    kind = "variant"

    def __init__(self, context: RunContext, names: Sequence[str]) -> None:
        super().__init__(context)
        self.names = chosen(names, context.binding.variants)

    def on(self, clause_id: str) -> list[str]:  # noqa: ARG002 - it has to pass whatever it is
        """Names of all that are wanted."""
        return self.names


def chosen(names: Sequence[str], known: Collection[str]) -> list[str]:
    """Return the variants of these names, or all of them; InputError for a name that none has."""
    for name in names:
        if name != ALL and name not in known:
            mend = did_you_mean(name, [ALL, *known])
            raise InputError("command line", "--variant", f"there is no variant {name}", mend)
    return list(known) if ALL in names else [name for name in known if name in names]


def device_of(item: pytest.Item) -> str | None:
    """Name of the mutant or variant that an item runs on."""
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("bed") if callspec else None
