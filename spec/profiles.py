"""Profiles: which clauses a run is about, as data."""

from collections.abc import Collection
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

from pydantic import Field

from spec.documents import did_you_mean, load
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
    path = _find(name_or_path)
    profile = load(Profile, path)
    for glob in profile.clauses:
        if not any(fnmatchcase(clause_id, glob) for clause_id in clauses):
            raise InputError(path, f"clauses[{glob}]", "matches no clause", did_you_mean(glob, clauses))
    return profile


def _find(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"}:
        return path
    bundled = {found.stem: found for found in FOLDER.glob("*.yaml")}
    if str(name_or_path) in bundled:
        return bundled[str(name_or_path)]
    mend = did_you_mean(str(name_or_path), bundled)
    raise InputError("profile", str(name_or_path), "is not a bundled profile and not a .yaml file", mend)
