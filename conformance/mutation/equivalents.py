"""Places where a change changes nothing that anybody could see: data, each with its reason."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from conformance.mutation.places import Key, Source
from conformance.mutation.trial import Fate, Outcome
from spec.documents import load
from spec.lint import Finding
from spec.model import Record, Words

FILE: Final = Path(__file__).with_name("equivalents.yaml")
RULE: Final = "equivalents-survive"


class Equivalent(Record):
    """A place, named by what it reads in its function, and why its change shows nowhere.

    `number` tells places apart that read the same in one function, from 1.
    """

    file: Words
    scope: Words
    was: Words
    becomes: Words
    number: Annotated[int, Field(ge=1)] = 1
    reason: Annotated[str, Field(min_length=20)]

    @property
    def key(self) -> Key:
        """What names the place, as `Place.key`."""
        return self.file, self.scope, self.was, self.becomes, self.number

    def __str__(self) -> str:
        return f"{self.file}[{self.scope}: {self.was} -> {self.becomes}]"


class Equivalents(Record):
    """The file with all of them."""

    equivalents: Annotated[tuple[Equivalent, ...], Field(min_length=1)]


def load_equivalents(path: Path = FILE) -> dict[Key, Equivalent]:
    """Return the equivalents by what names their places; InputError where the file is wrong."""
    return {item.key: item for item in load(Equivalents, path).equivalents}


def gone(listed: Mapping[Key, Equivalent], texts: Iterable[Source], path: Path = FILE) -> list[Finding]:
    """Return a finding for each entry about one of these files whose place is there no longer."""
    known = {text.name for text in texts}
    there = {place.key for text in texts for place in text.places}
    return [
        Finding(str(path), str(item), RULE, "is no place of the reference any more; take it out")
        for item in listed.values()
        if item.file in known and item.key not in there
    ]


def noticed(
    listed: Mapping[Key, Equivalent], outcomes: Iterable[Outcome], path: Path = FILE
) -> Iterator[Finding]:
    """Yield a finding for each entry that was tried and did not survive."""
    for outcome in outcomes:
        item = listed.get(outcome.place.key)
        if item is not None and outcome.fate not in {Fate.SURVIVED, Fate.IDLE}:
            what = f"is noticed ({outcome.fate} of {outcome.case or 'the devices'}); take it out"
            yield Finding(str(path), str(item), RULE, what)
