"""Which suite judges: its version, the digest of its own files, and what git says of them.

Git is asked about this checkout alone: what the environment says of other repositories (in a hook, say) does
not reach it, and who owns the checkout does not matter, for its code is running already. Where git cannot
tell, the answer is `unknown` with the reason, never `clean`.
"""

import os
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Final

from conformance.checkout import PACKAGES, ROOT
from reports.results import Suite
from spec.files import meant

PARTS: Final = (*PACKAGES, "pyproject.toml", "requirements.lock")
"""What a verdict rests on, relative to the checkout."""
MADE: Final = frozenset({"__pycache__", "node_modules"})
"""Folders that are made from the others."""
SECONDS: Final = 20
"""How long git may take to answer."""
SETTINGS: Final = ("core.fsmonitor=false", "core.quotePath=false")


class _UnknownError(Exception):
    """Why git could not tell."""


def suite(root: Path = ROOT) -> Suite:
    """Identify the suite that judges."""
    number, digest = version("gse-conformance"), digest_of(root)
    try:
        commit, changes = _asked(root)
    except _UnknownError as error:
        return Suite(version=number, digest=digest, state="unknown", why=str(error))
    return Suite(version=number, digest=digest, state="changed" if changes else "clean", commit=commit)


def digest_of(root: Path) -> str:
    """Return the SHA-256 over names and contents of what a verdict rests on, line ends of text apart."""
    digest = sha256()
    for path in sorted(_files(root), key=lambda path: path.relative_to(root).as_posix()):
        octets = path.read_bytes()
        if b"\0" not in octets:
            octets = meant(octets)
        digest.update(
            f"{path.relative_to(root).as_posix()}\0{len(octets)}\0".encode("utf-8", "surrogateescape")
        )
        digest.update(octets)
    return digest.hexdigest()


def _files(root: Path) -> Iterator[Path]:
    for part in PARTS:
        if (root / part).is_file():
            yield root / part
        for folder, folders, names in os.walk(root / part):
            folders[:] = [name for name in folders if name not in MADE and not name.startswith(".")]
            yield from (Path(folder, name) for name in names if not name.startswith(".") and _is_kept(name))


def _is_kept(name: str) -> bool:
    return not name.endswith((".pyc", ".pyo", "~"))


def _asked(root: Path) -> tuple[str, bool]:
    """Ask git for the commit of a checkout, and whether the files that count differ from it."""
    if not (root / ".git").exists():
        raise _UnknownError("the suite is not in a git checkout")
    top = _git(root, "rev-parse", "--show-toplevel")
    if not Path(top).samefile(root):
        raise _UnknownError(f"git takes it for a part of {top}")
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    listed = [entry for entry in _git(root, "ls-files", "-v", "-z", "--", *PARTS).split("\0") if entry]
    if any(entry[0].islower() or entry[0] == "S" for entry in listed):
        raise _UnknownError("git was told to overlook changes of some files (git ls-files -v)")
    tracked = {entry[2:] for entry in listed}
    if any(path.relative_to(root).as_posix() not in tracked for path in _files(root)):
        return commit, True
    return commit, bool(_git(root, "status", "--porcelain", "--", *PARTS))


def _git(root: Path, *words: str) -> str:
    settings = [word for setting in (f"safe.directory={root}", *SETTINGS) for word in ("-c", setting)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {
        "GIT_CEILING_DIRECTORIES": str(root.parent),
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
    try:
        done = subprocess.run(  # noqa: S603 - our own question, never a shell
            ["git", "-C", str(root), *settings, *words],  # noqa: S607 - whichever git the user has
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise _UnknownError("there is no git here") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _UnknownError(f"git did not answer ({error})") from error
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[0]
        raise _UnknownError(f"git said: {said}")
    return done.stdout.strip("\n")
