"""Which cases a run wants: by clause, chapter and profile, or those that an earlier run has left."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from conformance.run.case import Case
from spec.catalogue import Catalogue
from spec.documents import did_you_mean
from spec.errors import InputError
from spec.profiles import Profile


@dataclass(frozen=True)
class Selection:
    """Clause ids or globs of them, chapter names, and a profile; nothing wants everything.

    InputError when one is unknown.

    `left` are the ids of the cases that a run which is continued has left; then they alone are wanted.
    """

    catalogue: Catalogue
    clauses: tuple[str, ...] = ()
    chapters: tuple[str, ...] = ()
    profile: Profile | None = None
    left: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        known = self.catalogue.clauses
        for glob in self.clauses:
            if not any(fnmatchcase(clause_id, glob) for clause_id in known):
                raise InputError(
                    "command line", f"--clause {glob}", "matches no clause", did_you_mean(glob, known)
                )
        for name in self.chapters:
            if name not in self.catalogue.chapters:
                mend = did_you_mean(name, self.catalogue.chapters)
                raise InputError("command line", f"--chapter {name}", "is unknown", mend)

    def wants(self, case: Case) -> bool:
        """Whether the case is selected."""
        if self.left is not None:
            return case.id in self.left
        if self.clauses and not any(fnmatchcase(case.clause.id, glob) for glob in self.clauses):
            return False
        if self.profile is not None and not self.profile.has(case.clause.id):
            return False
        return not self.chapters or self.catalogue.chapter_of(case.clause.id).chapter in self.chapters

    def missing(self, collected: Iterable[Case]) -> str | None:
        """Say in one sentence which case that is left was not found, or nothing."""
        gone = sorted(set(self.left or ()) - {case.id for case in collected})
        if not gone:
            return None
        fault = "has no verdict yet and was not collected"
        return str(InputError("--continue", gone[0], fault, "use the checkout that began the run"))
