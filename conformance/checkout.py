"""Whether the five packages are those of one checkout: their names are common, and so is the mistake."""

from importlib.util import find_spec
from pathlib import Path
from typing import Final

PACKAGES: Final = ("spec", "conformance", "reference_impl", "traffic", "reports")
ROOT: Final = Path(__file__).resolve().parent.parent


def stranger() -> str | None:
    """Say in one sentence which package is not this checkout's, or nothing."""
    for name in PACKAGES:
        found = find_spec(name)
        origin = Path(found.origin).resolve() if found and found.origin else None
        if origin is None or origin.parent.parent != ROOT:
            place = origin.parent if origin else "nowhere"
            return f"{ROOT}: {name}: is found in {place}; use an environment of this checkout alone."
    return None
