"""An earlier run that did not come to its end: what it has left, and whether that can still be played."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from conformance.api.parameters import LINE
from conformance.run.case import slug_of
from conformance.run.context import RunContext
from reports.results import (
    Continuation,
    FactValue,
    Header,
    Results,
    ResultsWriter,
    read_results,
)
from reports.run_folder import ICS, RECORDINGS, RESULTS, RunFolder
from spec.errors import InputError
from spec.files import digest

ANEW = "begin a new run"


@dataclass(frozen=True)
class Earlier:
    """A run to be continued."""

    folder: Path
    results: Results

    @classmethod
    def read(cls, folder: Path) -> "Earlier":
        """Read the folder of a run; InputError when it is none or is complete."""
        path = folder.absolute() / RESULTS
        results = read_results(path)
        if results.complete and not results.errors():
            raise InputError(
                path, "--continue", "the run is complete", "gse-cts report makes its reports again"
            )
        if not results.header.options:
            raise InputError(path, "--continue", "the run did not note its options", ANEW)
        return cls(path.parent, results)

    @property
    def header(self) -> Header:
        """Identity of the run."""
        return self.results.header

    @property
    def options(self) -> Mapping[str, FactValue]:
        """What the run was told, by the name of the plugin's option."""
        return self.header.options

    @cached_property
    def left(self) -> tuple[str, ...]:
        """Ids of the cases that were to run and have no verdict, or none but that the bench broke."""
        again = {*self.results.unfinished(), *self.results.errors()}
        return tuple(case for case in self.header.selection if case in again)

    def check(self, context: RunContext) -> None:
        """Compare what the run rests on with what is here now; InputError when anything changed."""
        for place, what, ran, now in self._identities(context):
            if ran != now:
                fault = f"is {now[:12] or 'none'} here and {ran[:12] or 'none'} in the run"
                raise InputError(place, what, fault, f"restore it, or {ANEW}")

    def _identities(self, context: RunContext) -> Iterator[tuple[str | Path, str, str, str]]:
        """Return what the run rests on: where it is, what it is, and its identity in the run and now."""
        header, sources = self.header, context.sources
        yield (
            context.catalogue.root,
            "digest of the catalogue",
            header.catalogue.digest,
            context.catalogue.digest,
        )
        ran, now = header.wire_profile.digest, context.profile.digest
        yield sources.wire_profile, "digest of the wire profile", ran, now
        for path in (context.ics.path, self.folder / ICS):
            yield path, "digest of the ICS", header.ics.digest, _meaning(path)
        if context.binding.file is not None and header.bench is not None:
            yield (
                context.binding.file,
                "digest of the bench",
                header.bench.digest,
                _meaning(context.binding.file),
            )
        yield LINE, "--device", header.device, context.binding.device
        values = {name: str(value.value) for name, value in context.parameters.items()}
        noted = {name: str(value.value) for name, value in header.parameters.items()}
        for name in sorted(values | noted):
            yield LINE, f"--parameter {name}", noted.get(name, ""), values.get(name, "")

    def resume(self, part: Continuation) -> ResultsWriter:
        """Begin to write where the run left off, and clear away what unfinished cases left."""
        for case in self.left:
            RunFolder(self.folder).clear(f"{RECORDINGS}/{slug_of(case)}")
        header = self.header.model_copy(update={"continued": (*self.header.continued, part)})
        kept = (record for record in self.results.verdicts if record.case not in self.left)
        return ResultsWriter.resume(self.folder / RESULTS, header, kept)


def _meaning(path: Path) -> str:
    try:
        return digest(path)
    except InputError:
        return ""
