"""`.venv` out of what was fetched: without a network, the old one in reach until the new one is whole."""

import os
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Final

from conformance.environment.checkout import (
    MARK,
    Checkout,
    SetUpError,
    Stamp,
    foreign,
    owned,
    present,
    remove,
)
from conformance.environment.fetch import PACKAGES, Part, allure, wheels
from conformance.environment.tools import call

AFTERWARDS: Final = "make setup fetches them when it can; until then a run has no Allure page"


def make_ready(checkout: Checkout) -> None:
    """Make the environment, unless another process just did."""
    with checkout.locked():
        _restore(checkout)
        found = Stamp.read(checkout.ready)
        if found != checkout.wanted:
            _renew(checkout, found)


def set_up(checkout: Checkout) -> None:
    """Make the environment, and fetch what an earlier set-up could not."""
    make_ready(checkout)
    with checkout.locked():
        page = allure(checkout)
        for part in (wheels(checkout), page):
            part.fetch()
        if not (checkout.venv / page.name).exists():
            _unpack(page, checkout.venv)


def clean(checkout: Checkout) -> None:
    """Remove the set-up, and nothing that it did not make."""
    if present(checkout.venv) and not owned(checkout.venv):
        raise SetUpError(foreign(checkout.venv))
    if checkout.store.is_dir():
        with checkout.locked():
            remove(checkout.venv)
            remove(checkout.store)
    remove(checkout.venv)


def _renew(checkout: Checkout, found: Stamp | None) -> None:
    if present(checkout.venv):
        if not owned(checkout.venv):
            raise SetUpError(foreign(checkout.venv))
        why = found.against(checkout.wanted) if found else "it is not complete"
        print(f"{checkout.venv} is made anew: {why}.", flush=True)
    packages, page = wheels(checkout), allure(checkout)
    packages.fetch()
    try:
        page.fetch()
    except SetUpError as error:
        print(f"{error}; {AFTERWARDS}.", file=sys.stderr)
    print("Making .venv of what was fetched.", flush=True)
    remove(checkout.old)
    if checkout.venv.exists():
        checkout.venv.rename(checkout.old)
    try:
        _make(checkout, packages, page)
    except BaseException:
        _restore(checkout)
        raise
    remove(checkout.old)


def _make(checkout: Checkout, packages: Part, page: Part) -> None:
    venv, failure = checkout.venv, ".venv could not be made of what was fetched"
    venv.mkdir()
    (venv / MARK).touch()
    base = getattr(sys, "_base_executable", sys.executable)
    call([base, "-I", "-m", "venv", venv], checkout.root, failure)
    install = [venv / "bin" / "python", "-I", "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    call([*install, *packages.files("*.whl")], checkout.root, failure)
    call([*install, "--no-build-isolation", "--editable", checkout.root], checkout.root, failure)
    _relate(checkout)
    if not page.fault():
        _unpack(page, venv)
    checkout.wanted.write(checkout.ready)


def _relate(checkout: Checkout) -> None:
    """Let the environment find the packages beside it; the path that pip wrote holds in one locale alone."""
    (site,) = checkout.venv.glob("lib/python*/site-packages")
    for written in site.glob("__editable__*"):
        remove(written)
    (site / "gse-checkout.pth").write_text(os.path.relpath(checkout.root, site) + "\n", encoding="ascii")


def _unpack(page: Part, venv: Path) -> None:
    """Put Allure's packages into an environment, all or none."""
    new = venv / f"new-{page.name}"
    shutil.rmtree(new, ignore_errors=True)
    with zipfile.ZipFile(page.folder / PACKAGES) as archive:
        archive.extractall(new)
    new.rename(venv / page.name)


def _restore(checkout: Checkout) -> None:
    """Bring the old environment back where a new one was not completed."""
    ours = owned(checkout.venv) or not present(checkout.venv)
    if checkout.old.exists() and not checkout.ready.exists() and ours:
        remove(checkout.venv)
        checkout.old.rename(checkout.venv)
