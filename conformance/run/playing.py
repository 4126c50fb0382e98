"""How the commands have pytest play the cases: with the suite's own settings and nothing that lies about."""

import os
import sys
from collections.abc import Sequence
from typing import Final

import pytest

from conformance.checkout import ROOT

CASES: Final = ROOT / "conformance" / "cases"
SETTINGS: Final = (
    f"--rootdir={ROOT}",
    f"--config-file={ROOT / 'pyproject.toml'}",
    "-Wignore::pytest.PytestAssertRewriteWarning",  # of modules known here before pytest looks at them
    "-pno:hypothesispytest",  # it takes a second to load in every process, and no case is random
    "-pno:benchmark",
)
"""What every session of the commands has in common."""
KEPT: Final = ("PYTEST_CURRENT_TEST", "PYTEST_VERSION", "PYTEST_XDIST_")
"""How variables begin that pytest sets itself, or that say on how many cores it runs."""


def play(words: Sequence[str], plugins: Sequence[object] = ()) -> int:
    """Run pytest in this process and give its exit code.

    Variables of the environment that would change what is played, and which a command line does not show,
    are left out, and named.
    """
    foreign = [name for name in os.environ if is_foreign(name)]
    for name in foreign:
        del os.environ[name]
    if foreign:
        print(f"gse-cts: {', '.join(foreign)} of the environment is left out.", file=sys.stderr)
    return int(pytest.main([*SETTINGS, *words], plugins=list(plugins)))


def is_foreign(name: str) -> bool:
    """Whether a variable of the environment changes what pytest does."""
    return name.startswith("PYTEST_") and not name.startswith(KEPT)
