"""The folder of a run: the names of its files, whether it is one, who may write to it, how it is replaced.

Nothing is removed by its name alone: a folder counts as a run by how its results file begins, and of a run
only files of the forms that a run writes are removed. What else lies among them stays.
"""

import errno
import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from spec.errors import InputError, fault_of, shown

RESULTS: Final = "results.jsonl"
"""The verdicts as they fell."""
JUNIT: Final = "junit.xml"
COMPLIANCE: Final = "compliance.html"
ALLURE_PAGE: Final = "allure/index.html"
ALLURE_RESULTS: Final = "allure-results"
RECORDINGS: Final = "recordings"
"""Folder of the plays that are kept, a folder a case."""
ICS: Final = "ics.yaml"
"""Copy of the conformance statement."""
BENCH: Final = "bench.yaml"
"""Copy of the laboratory's file."""
WIRE_PROFILE: Final = "wire-profile.yaml"
"""Copy of the wire profile."""
CAPTURE: Final = "capture.pcap"
"""Copy of the capture that the user gave; it is this that is played."""
CATALOGUE: Final = "catalogue"
"""Folder of the catalogue that judged: clauses, parameters and what else belongs to them."""
PLAN: Final = ".plan.json"
"""Left by a worker that found cases, for the process that was started."""

SIGN: Final = re.compile(rb'\s*\{"kind": ?"header", ?"schema": ?"gse-results/')
"""How the results file of a run begins."""
BOM: Final = b"\xef\xbb\xbf"
FORMS: Final = re.compile(
    r"\.?junit\.xml|compliance\.html|ics\.yaml|bench\.yaml|wire-profile\.yaml|capture\.pcap"
    r"|catalogue/(clauses/)?\w+\.yaml|allure/index\.html"
    r"|allure-results/[\w-]+-(result|container|globals|attachment)(\.\w+)*"
    r"|recordings/[^/]+/(\d+-)?\d+\.(pcapng|json)"
    r"|results\.jsonl(\.new)?"
)
"""The files that a run writes, relative to its folder; the results come last, so that a run stays one."""
KEPT: Final = (ICS, BENCH, WIRE_PROFILE, CAPTURE, CATALOGUE)
"""What the run rested on, of which it has its own copy."""
TOPS: Final = (JUNIT, COMPLIANCE, *KEPT, "allure", ALLURE_RESULTS, RECORDINGS, RESULTS)
"""What a run writes directly into its folder."""
PROBE: Final = 1 << 20
"""Octets that are written, and removed, to see that a folder takes any."""


def play_name(attempt: int, play: int) -> str:
    """Name the files of a play in the folder of its case, which may have been played more than once."""
    return str(play) if attempt == 1 else f"{attempt}-{play}"


_held: dict[Path, int] = {}
"""The folders that this process has for itself, by descriptor."""


class RunFolder:
    """The folder of one run, there or yet to be made."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._made: list[Path] = []
        self._file: int | None = None

    @property
    def results(self) -> Path:
        """The results file."""
        return self.path / RESULTS

    def kept(self, name: str) -> Path | None:
        """Return the run's own copy of what it rested on; None where it has none."""
        path = self.path / name
        return path if path.exists() else None

    def is_run(self) -> bool:
        """Whether this suite began a run here."""
        try:
            with self.results.open("rb") as file:
                return SIGN.match(file.read(64).removeprefix(BOM)) is not None
        except OSError:
            return False

    def admit(self, *, replace: bool) -> None:
        """Raise InputError unless nothing is in the way of a new run but one to `replace`."""
        taken = [name for name in TOPS if os.path.lexists(self.path / name)]
        if not self.is_run():
            if taken:
                fault = f"{shown(self.path)} holds {taken[0]} and is no run of this suite"
                raise InputError("command line", "--out", fault, "choose a new folder")
        elif not replace:
            mend = "choose a new folder, or say --replace"
            raise InputError("command line", "--out", f"{shown(self.path)} holds another run", mend)
        elif links := [name for name in taken if (self.path / name).is_symlink()]:
            fault = f"{links[0]} in {shown(self.path)} is a link, which no run made"
            raise InputError("command line", "--out", fault, "choose a new folder")

    def prepare(self, *, replace: bool = False) -> None:
        """Take the folder and admit a new run; InputError where that cannot be, and it is as it was."""
        self.take()
        try:
            self.admit(replace=replace)
        except InputError:
            self.leave()
            raise

    def take(self) -> None:
        """Make the folder, have it for this process alone, and see that it can be written.

        InputError, or its StorageError, where that cannot be; then it is as it was.
        """
        try:
            self._make()
            self.claim()
            with tempfile.TemporaryFile(dir=self.path) as probe:
                probe.write(bytes(PROBE))
                probe.flush()
        except OSError as error:
            self.leave()
            raise fault_of(error, self.path) from error
        except InputError:
            self.leave()
            raise

    def claim(self) -> None:
        """Have a folder that is there for this process alone; InputError where another process has it."""
        key = self.path.resolve()
        if key in _held:
            return
        try:
            file = os.open(key, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise fault_of(error, self.path) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise InputError(self.path, "folder", "is in use by another run", "wait for its end") from None
        except OSError:  # not every file system has locks
            pass
        _held[key] = self._file = file

    def leave(self) -> None:
        """Let go of what this object has claimed, and remove the folders that it made and nobody filled."""
        if self._file is not None:
            _held.pop(self.path.resolve(), None)
            os.close(self._file)
            self._file = None
        while self._made:
            with suppress(OSError):
                self._made[-1].rmdir()
            self._made.pop()

    def clear(self, part: str = "") -> None:
        """Remove the files that a run wrote, here or in a part of it, and folders of cases left empty."""
        for folder, _, names in os.walk(self.path / part, topdown=False):
            own = list(self._own(folder, names))
            for name in own:
                Path(folder, name).unlink()
            if own and Path(folder).parent == self.path / RECORDINGS:
                with suppress(OSError):  # something else lies in it
                    Path(folder).rmdir()

    def _own(self, folder: str, names: list[str]) -> Iterator[str]:
        """Return the files of a folder that a run wrote, its results last."""
        for name in sorted(names, key=lambda name: (name == RESULTS, name)):
            path = Path(folder, name)
            if FORMS.fullmatch(path.relative_to(self.path).as_posix()) and not path.is_symlink():
                yield name

    def _make(self) -> None:
        """Make the folder and those above it, and remember which were not there."""
        missing = [path for path in (self.path, *self.path.parents) if not os.path.lexists(path)]
        for folder in reversed(missing):
            folder.mkdir(exist_ok=True)
            self._made.append(folder)
        if not self.path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(self.path))
