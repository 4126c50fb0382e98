"""The results file: one JSON object a line, a header, the verdicts as they fall, and a footer.

It is the only source of verdicts; every report is rebuilt from it. The records of a case are written at
once, its invariants' first and its own verdict last. A run that was cut off leaves no footer, at worst half
a case, and reads as incomplete; when it is continued the file becomes what one uninterrupted run leaves.
"""

import json
import os
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from spec.errors import InputError
from spec.ics import Ics
from spec.text import Command, Line, Lines, printable
from spec.verdict import Verdict

SCHEMA: Final = "gse-results/2"
SCHEMA_PATH = Path(__file__).parent / "schema" / "results.schema.json"

Scalar = Annotated[bool | int | float | str, BeforeValidator(printable)]
FactValue = Annotated[bool | int | str | tuple[str, ...], BeforeValidator(printable)]
Status = Literal["under test", "reference", "emulated"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Record(BaseModel):
    """What every record of the file has in common: no unknown key, no change once made.

    Its texts are printable and bounded (`spec.text`), wherever they come from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)


class Suite(Record):
    """The suite that judged: its version, the SHA-256 over its own files, and what git says of them.

    `state` is `clean` where they are those of `commit`, `changed` where they are not, and `unknown` where
    that cannot be told; `why` says why not.
    """

    version: Line
    digest: Sha256
    state: Literal["clean", "changed", "unknown"] = "unknown"
    commit: Line = ""
    why: Line = ""

    @property
    def words(self) -> str:
        """Say in a line which suite it is."""
        where = f" at commit {self.commit[:12]}" if self.commit else ""
        sure = {"clean": "", "changed": " and changes", "unknown": f", no commit can be named ({self.why})"}
        return f"version {self.version}{where}{sure[self.state]}, files {self.digest[:12]}"


class CatalogueIdentity(Record):
    """The catalogue of clauses, by the SHA-256 of its files."""

    digest: Line


class WireProfileIdentity(Record):
    """The wire profile, by name and SHA-256."""

    name: Line
    digest: Line


class IcsIdentity(Record):
    """The implementation conformance statement, and the facts it declares for each role under test."""

    file: Line
    digest: Line
    identification: Mapping[Line, Line] = Field(default_factory=dict)
    facts: Mapping[Line, Mapping[Line, FactValue]] = Field(default_factory=dict)

    @classmethod
    def of(cls, ics: Ics) -> Self:
        """Describe a loaded statement."""
        return cls(
            file=ics.path.name,
            digest=ics.digest,
            identification=ics.identification.model_dump(exclude_none=True),
            facts={role: ics.facts_for(role) for role in ics.roles},
        )


class Kept(Record):
    """A file that the run rested on and keeps in its folder, and the SHA-256 of the copy."""

    file: Line
    sha256: Sha256


class CaptureIdentity(Record):
    """The capture that the user gave to be played as traffic, by name and SHA-256."""

    file: Line
    digest: Sha256


class BenchIdentity(Record):
    """The laboratory's file that says how the bench is cabled and managed."""

    file: Line
    digest: Sha256


class ParameterValue(Record):
    """A value, its unit and who said so (`declared by the vendor`, `suite default`)."""

    value: Scalar
    unit: Line
    origin: Line


class PlannedCase(Record):
    """A case that there is, selected or not, and the purpose it realises."""

    case: Line
    clause: Line
    purpose: Line | None = None


class Continuation(Record):
    """A later session, which played what the run had left: since when, and what is its own.

    `differences` says which files were no longer what the run rests on, of which it has its own copies.
    """

    started: AwareDatetime
    suite: Suite
    command: Command
    environment: Mapping[Line, Line] = Field(default_factory=dict)
    tools: Mapping[Line, Line] = Field(default_factory=dict)
    differences: tuple[Line, ...] = ()


class Header(Record):
    """Identity of a run, written before the first case.

    `selection` holds the ids of the cases that were to run, `cases` all that there are. `options` are
    those of the pytest plugin that make a run what it is, by name, with `cases` for what it was to collect;
    `environment` holds the variables that may have changed it. `kept` are the files of its folder that all
    judging rests on; `differences` says, where an earlier run is judged again, what is not as it was then.
    """

    kind: Literal["header"] = "header"
    schema_name: Literal["gse-results/2"] = Field(default=SCHEMA, alias="schema")
    run: Line
    started: AwareDatetime
    suite: Suite
    catalogue: CatalogueIdentity
    wire_profile: WireProfileIdentity
    binding: Line
    bench: BenchIdentity | None = None
    device: Line
    ics: IcsIdentity
    parameters: Mapping[Line, ParameterValue] = Field(default_factory=dict)
    pcap: CaptureIdentity | None = None
    seed: int
    options: Mapping[Line, FactValue] = Field(default_factory=dict)
    command: Command
    environment: Mapping[Line, Line] = Field(default_factory=dict)
    selection: tuple[Line, ...]
    cases: tuple[PlannedCase, ...] = ()
    tools: Mapping[Line, Line] = Field(default_factory=dict)
    kept: tuple[Kept, ...] = ()
    differences: tuple[Line, ...] = ()
    continued: tuple[Continuation, ...] = ()


class Finding(Record):
    """One breach: what was looked at, what was expected, what was got, and the packets that show it.

    Packet numbers count from 1 in `recording`, a path relative to the folder of the run.
    """

    what: Lines
    expected: Lines
    got: Lines
    packets: tuple[int, ...] = ()
    recording: Line | None = None


class Evidence(Record):
    """A file of the run that supports a verdict, relative to the folder of the run, and its SHA-256."""

    file: Line
    sha256: Sha256


class VerdictRecord(Record):
    """One verdict of one case instance on one clause.

    An invariant's record names the case whose recording it judged. `duration` is in seconds, `checked`
    the number of expectations evaluated, `notes` what the case says of what its verdict covers, `reproduce`
    the command that plays this case again.
    """

    kind: Literal["verdict"] = "verdict"
    case: Line
    clause: Line
    purpose: Line | None = None
    verdict: Verdict
    reason: Lines = ""
    invariant: bool = False
    findings: tuple[Finding, ...] = ()
    checked: int = Field(default=0, ge=0)
    notes: tuple[Line, ...] = ()
    parameters: Mapping[Line, ParameterValue] = Field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    testbed: Line = ""
    nodes: Mapping[Line, Status] = Field(default_factory=dict)
    seed: int
    started: AwareDatetime
    duration: float = Field(ge=0)
    worker: Line = ""
    reproduce: Command = ""


class Footer(Record):
    """The last line of a run that ended by itself: its counts and its exit code."""

    kind: Literal["footer"] = "footer"
    finished: AwareDatetime
    counts: Mapping[Verdict, int]
    exit: int
    complete: Literal[True] = True


AnyRecord = Annotated[Header | VerdictRecord | Footer, Field(discriminator="kind")]
_LINE: TypeAdapter[Header | VerdictRecord | Footer] = TypeAdapter(AnyRecord)


@dataclass(frozen=True)
class Results:
    """What a results file holds."""

    header: Header
    verdicts: tuple[VerdictRecord, ...]
    footer: Footer | None

    @property
    def complete(self) -> bool:
        """Whether the run ended by itself and every selected case has a verdict."""
        return self.footer is not None and not self.unfinished()

    def counts(self) -> dict[Verdict, int]:
        """Count the records of each verdict."""
        return dict(Counter(record.verdict for record in self.verdicts))

    def errors(self) -> tuple[str, ...]:
        """List the cases that say nothing of a device, because the bench or the suite broke."""
        worst: dict[str, Verdict] = {}
        for record in self.verdicts:
            worst[record.case] = max(worst.get(record.case, record.verdict), record.verdict)
        return tuple(case for case in self.header.selection if worst.get(case) is Verdict.ERROR)

    def unfinished(self) -> tuple[str, ...]:
        """List the selected cases without any verdict, in the order of the selection."""
        judged = {record.case for record in self.verdicts}
        return tuple(case for case in self.header.selection if case not in judged)


class ResultsWriter:
    """Writes a results file; what is appended is on the disk before `append` returns.

    Raises InputError where the file is there already: a run never overwrites another.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self.counts: Counter[Verdict] = Counter()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._file = path.open("xb", buffering=0)
        except FileExistsError:
            raise InputError(path, "file", "holds another run", "choose a new output folder") from None
        try:
            self._write(header)
        except OSError:
            self.close()
            path.unlink()
            raise

    @classmethod
    def resume(cls, path: Path, header: Header, kept: Iterable[VerdictRecord]) -> Self:
        """Put a file that begins with what an earlier run kept in the place of its own, at one stroke."""
        draft = path.with_name(f"{path.name}.new")
        draft.unlink(missing_ok=True)
        writer = cls(draft, header)
        writer.append(*kept)
        draft.replace(path)
        writer.path = path
        return writer

    def append(self, *records: VerdictRecord) -> None:
        """Write verdicts at once. Where the disk refuses, OSError is raised and nothing of them is left."""
        self._write(*records)
        self.counts.update(record.verdict for record in records)

    def finish(self, finished: AwareDatetime, exit_code: int) -> Footer:
        """Write the footer with the counts of what was appended, and close."""
        footer = Footer(finished=finished, counts=dict(self.counts), exit=exit_code)
        self._write(footer)
        self.close()
        return footer

    def close(self) -> None:
        """Close without a footer: the run reads as incomplete unless it was finished."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, *records: Header | VerdictRecord | Footer) -> None:
        octets = b"".join(record.model_dump_json(by_alias=True).encode() + b"\n" for record in records)
        end = self._file.seek(0, os.SEEK_END)
        try:
            while octets:
                octets = octets[self._file.write(octets) :]
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(end)
            raise


def read_results(path: Path) -> Results:
    """Read a results file; a torn last case is left out and the run then counts as incomplete.

    A mark of the byte order, other ends of lines and empty lines, as editors leave them, mean nothing.

    Raises InputError where the file is missing, has no header, or is corrupt before its last line.
    """
    if path.is_dir():
        path /= "results.jsonl"
    try:
        raw = path.read_bytes()
    except OSError as error:
        fault = f"cannot be read ({error.strerror})"
        raise InputError(path, "file", fault, "name the output folder of a run") from None
    *lines, tail = raw.removeprefix(BOM_UTF8).split(b"\n")
    if _is_whole(tail):
        lines.append(tail)
    records = [(n, _parse(path, n, line)) for n, line in enumerate(lines, start=1) if line.strip()]
    return _assemble(path, records)


def results_schema() -> dict[str, object]:
    """JSON Schema of one line of a results file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"One line of a GSE results file ({SCHEMA})",
        **_LINE.json_schema(by_alias=True, mode="validation"),
    }


def _is_whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def _parse(path: Path, number: int, line: bytes) -> Header | VerdictRecord | Footer:
    try:
        return _LINE.validate_json(line, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        fault = f"{place} is not a record ({first['msg']})" if place else f"is not a record ({first['msg']})"
        other = place.endswith(".schema")
        mend = "use the checkout that wrote it" if other else "restore the file, or run again"
        raise InputError(path, f"line {number}", fault, mend) from None


def _assemble(path: Path, records: list[tuple[int, Header | VerdictRecord | Footer]]) -> Results:
    """Make results of the records, which come with the numbers of their lines."""
    number, header = records[0] if records else (1, None)
    if not isinstance(header, Header):
        raise InputError(
            path, f"line {number}", "is not a header", "run again, the run ended before it began"
        )
    _, last = records[-1]
    footer = last if isinstance(last, Footer) else None
    found = []
    for number, record in records[1:-1] if footer else records[1:]:
        if not isinstance(record, VerdictRecord):
            raise InputError(path, f"line {number}", "is not a verdict", "keep one run in one file")
        found.append(record)
    verdicts = tuple(found)
    if footer is None:
        whole = {record.case for record in verdicts if not record.invariant}
        verdicts = tuple(record for record in verdicts if record.case in whole)
    results = Results(header, verdicts, footer)
    if footer and dict(footer.counts) != results.counts():
        raise InputError(path, "footer", "counts other verdicts than the file holds", "restore the file")
    return results
