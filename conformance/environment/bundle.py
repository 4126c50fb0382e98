"""The set-up for a machine without a network: one archive with a checkout and all that was fetched for it."""

import tarfile
import tempfile
import tomllib
from pathlib import Path

from conformance.environment.build import set_up
from conformance.environment.checkout import Checkout, SetUpError, remove
from conformance.environment.fetch import allure, wheels
from conformance.environment.tools import call


def bundle(checkout: Checkout, out: Path) -> Path:
    """Write the archive of the commit that is checked out into a folder, and give its path."""
    set_up(checkout)
    _committed(checkout)
    project = tomllib.loads((checkout.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, parts = f"gse-conformance-{project['version']}", (wheels(checkout), allure(checkout))
    machine = f"{parts[0].purpose['python']}-{parts[0].purpose['platform']}"
    archive = out / f"{name}-{machine}.tar"
    if archive.exists():
        raise SetUpError(f"{archive} is there already; move it away, or name another folder with OUT")
    out.mkdir(parents=True, exist_ok=True)
    draft = archive.with_suffix(".part")
    with tempfile.TemporaryDirectory() as scratch, checkout.locked():
        clone = Path(scratch) / name
        words = ["git", "clone", "--quiet", "--no-hardlinks", checkout.root, clone]
        call(words, checkout.root, "git cannot clone the checkout")
        call(["git", "remote", "remove", "origin"], clone, "git cannot forget the checkout")
        try:
            with tarfile.open(draft, "w") as tar:
                tar.add(clone, name, filter=_anybody)
                for path in (checkout.lock, *(part.folder for part in parts)):
                    tar.add(path, f"{name}/{path.relative_to(checkout.root)}", filter=_anybody)
            draft.rename(archive)
        finally:
            remove(draft)
    return archive


def _committed(checkout: Checkout) -> None:
    """Refuse changes that no commit holds: the other machine would not have them."""
    status = ["git", "status", "--porcelain", "--untracked-files=no"]
    changed = call(status, checkout.root, "git cannot tell what this checkout is").splitlines()
    if changed:
        raise SetUpError(f"{changed[0][3:]} is changed; commit it first, since a bundle is of a commit")


def _anybody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Make a member one that whoever unpacks it owns and others may read."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member
