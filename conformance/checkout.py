"""Whether all is of one checkout: packages have common names, and a checkout is copied with its `.venv`."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

PACKAGES: Final = ("spec", "conformance", "reference_impl", "traffic", "reports")
ROOT: Final = Path(__file__).resolve().parent.parent
SIGN: Final = Path("conformance", "checkout.py")
"""By this file a folder is known to be a checkout."""


def stranger() -> str | None:
    """Say in one sentence what is not this checkout's, or nothing.

    A package may be another's of that name. The command, its environment and the current folder may lie in a
    copy of the checkout: whoever calls the one that he copied, or works in it, means the copy.
    """
    for name in PACKAGES:
        found = find_spec(name)
        origin = Path(found.origin).resolve() if found and found.origin else None
        if origin is None or origin.parent.parent != ROOT:
            place = origin.parent if origin else "nowhere"
            return f"{ROOT}: {name}: is found in {place}; use an environment of this checkout alone."
    places = (("the current folder", "."), ("the command", sys.argv[0]), ("the environment", sys.prefix))
    for words, place in places:
        other = _checkout(place)
        if other is not None and not other.samefile(ROOT):
            mend = f"call make in {other} and use its .venv, or work in {ROOT}"
            return f"{ROOT}: {words}: is of another checkout, {other}; {mend}."
    return None


def _checkout(place: str) -> Path | None:
    """Return the innermost checkout that a file or folder lies in; none where it is not there (any more)."""
    try:
        path = Path(os.path.realpath(place))
        return next((folder for folder in (path, *path.parents) if (folder / SIGN).is_file()), None)
    except OSError:
        return None
