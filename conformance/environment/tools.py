"""How the set-up calls pip and npm, and what it says of them when they fail."""

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from conformance.environment.checkout import SetUpError

PATIENCE: Final = {
    "PIP_RETRIES": "2",
    "npm_config_fetch_retries": "1",
    "npm_config_fetch_retry_mintimeout": "1000",
    "npm_config_fetch_retry_maxtimeout": "2000",
    "npm_config_fetch_timeout": "30000",
}
"""Without a network the user shall hear so within seconds; what the environment says goes before."""
SEALED: Final = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
TELLING: Final = (
    r"Failed to establish a new connection: (.+?)'?\)",
    r"connection broken by '(.+?)'",
    r"reason: (.+)",
    r"^npm (?:error|ERR!) (?!A complete log|code|errno|syscall|network|\s)(.+)",
    r"^ERROR: (.+)",
    r"^(?:error|Error): (.+)",
)
LONGEST: Final = 300


def call(words: Sequence[object], folder: Path, failure: str, *, network: bool = False) -> str:
    """Run a tool and give what it said; SetUpError says what failed and why."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            done = subprocess.run(  # noqa: S603 - our own commands, never a shell
                [*map(str, words)],
                cwd=folder,
                env=_environment(scratch, network=network),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        except OSError as error:
            raise SetUpError(f"{failure} ({words[0]}: {error.strerror})") from error
    if done.returncode:
        said = reason(done.stderr + done.stdout)
        raise SetUpError(f"{failure} ({said or f'exit code {done.returncode}'})")
    return done.stdout.decode("utf-8", "replace")


def reason(output: bytes) -> str:
    """Find why a tool failed in what it said: the fault of the network, an error, else the last line."""
    lines = [_plain(line) for line in output.decode("utf-8", "replace").splitlines()]
    for pattern in TELLING:
        found = [match[1] for match in (re.search(pattern, line) for line in lines) if match]
        if found:
            return found[0][:LONGEST].rstrip(" .")
    said = [line for line in lines if line]
    return said[-1][:LONGEST].rstrip(" .") if said else ""


def _plain(line: str) -> str:
    return "".join(char if char.isprintable() else " " for char in re.sub(r"\x1b\[[\d;]*m", "", line)).strip()


def _environment(scratch: str, *, network: bool) -> Mapping[str, str]:
    """Return what a tool sees of the environment.

    Nothing changes what Python is or which repository git means; text is UTF-8 whatever the locale; and
    where nothing is to be fetched, settings of pip have no say. A folder of its own takes what is temporary,
    and stands for a home that cannot be used.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "GIT_")) and (network or not name.startswith("PIP_"))
    }
    home = os.path.expanduser("~")  # noqa: PTH111 - Path's own raises where nobody has this user id
    ours = {
        "LC_ALL": "C.UTF-8",
        "TMPDIR": scratch,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
        "HOME": home if os.access(home, os.W_OK) else scratch,
    }
    return {**PATIENCE, **kept, **ours} if network else {**kept, **ours, **SEALED}
