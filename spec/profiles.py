"""Profiles: which clauses a run is about, as data."""

from collections.abc import Collection
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

from pydantic import Field

from spec.documents import did_you_mean, find, load
from spec.errors import InputError
from spec.model import Record, Text, Words

FOLDER = Path(__file__).parent / "profiles"


class Profile(Record):
    """A named choice of clauses, each by its id or a glob."""

    title: Text
    clauses: Annotated[tuple[Words, ...], Field(min_length=1)]

    def has(self, clause_id: str) -> bool:
        """Whether a clause is in it."""
        return any(fnmatchcase(clause_id, glob) for glob in self.clauses)


def load_choice(name_or_path: str | Path, clauses: Collection[str]) -> Profile:
    """Load a profile by the name of a bundled one or by path; InputError where it matches no clause."""
    path = find(name_or_path, FOLDER, "profile")
    profile = load(Profile, path)
    for glob in profile.clauses:
        if not any(fnmatchcase(clause_id, glob) for clause_id in clauses):
            raise InputError(path, f"clauses[{glob}]", "matches no clause", did_you_mean(glob, clauses))
    return profile
