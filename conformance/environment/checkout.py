"""Where the set-up of a checkout lies, what it is made for, and that only one process makes it."""

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Final

INPUTS: Final = ("requirements.lock", "pyproject.toml", "reports/allure/package-lock.json")
MARK: Final = ".gse-setup"
"""An empty file in each folder that the set-up begins, so that it never removes another."""


class SetUpError(Exception):
    """Why the set-up could not be made, in one sentence."""


@dataclass(frozen=True)
class Checkout:
    """A folder that holds the suite, and the places of its set-up."""

    root: Path

    @property
    def venv(self) -> Path:
        """The environment."""
        return self.root / ".venv"

    @property
    def store(self) -> Path:
        """What was fetched, and what is being made."""
        return self.root / ".setup"

    @property
    def lock(self) -> Path:
        """An empty file that whoever changes the set-up holds; by it the store is known to be one."""
        return self.store / "lock"

    @property
    def old(self) -> Path:
        """The environment as it was, until the new one is complete."""
        return self.store / "old"

    @property
    def ready(self) -> Path:
        """The stamp of a complete environment."""
        return self.venv / ".ready"

    @cached_property
    def wanted(self) -> "Stamp":
        """The stamp that an environment of this checkout would have, made by this Python."""
        digest = sha256()
        for name in INPUTS:
            digest.update(sha256((self.root / name).read_bytes()).digest())
        return Stamp(str(self.root), interpreter(), sys.version.split()[0], digest.hexdigest())

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let one process at a time change the set-up; the others wait.

        SetUpError where `.setup` is somebody else's folder.
        """
        path = self.lock
        while True:
            self.store.mkdir(exist_ok=True)
            if not path.exists() and any(self.store.iterdir()):
                raise SetUpError(foreign(self.store))
            with path.open("ab") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    print("Another process is setting up this checkout; waiting for it.", flush=True)
                    fcntl.flock(file, fcntl.LOCK_EX)
                if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
                    # else it was cleaned away meanwhile, and others lock another
                    yield
                    return


@dataclass(frozen=True)
class Stamp:
    """What an environment was made for: it is of no use in another place, under another Python or lock."""

    checkout: str
    interpreter: str
    python: str
    inputs: str
    """Digest of the files that say what to install."""

    @classmethod
    def read(cls, path: Path) -> "Stamp | None":
        """Read the stamp of an environment; None where there is none, or one of an older set-up."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Say that an environment is complete."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    def against(self, wanted: "Stamp") -> str:
        """Say why an environment with this stamp is not the one that is wanted."""
        if self.checkout != wanted.checkout:
            return f"it was made for the checkout {self.checkout}"
        if (self.interpreter, self.python) != (wanted.interpreter, wanted.python):
            return f"it is of Python {self.python} ({self.interpreter})"
        return "what it has to hold has changed"


def interpreter() -> str:
    """Name the Python under this one, where this one is of an environment."""
    base: str = getattr(sys, "_base_executable", "") or sys.executable
    return os.path.realpath(base)


def remove(path: Path) -> None:
    """Remove a file or folder that the set-up made; a link goes, never what it points to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def present(path: Path) -> bool:
    """Whether there is something by this name, be it a link to nothing."""
    return path.exists() or path.is_symlink()


def foreign(folder: Path) -> str:
    """Say that a folder is in the way."""
    return f"{folder} was not made by this set-up; move it away"


def owned(folder: Path) -> bool:
    """Whether the set-up made a folder; an older set-up left its stamp alone."""
    return not folder.is_symlink() and ((folder / MARK).is_file() or (folder / ".ready").is_file())
