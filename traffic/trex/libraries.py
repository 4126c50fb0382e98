"""Loads the two generations of TRex's Python client side by side, with the environment's Scapy and pyzmq."""

import importlib
import importlib.util
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from spec.errors import InputError

PACKAGE: Final = "lbr_trex_client"
_TREES: Final = (
    "",
    "trex",
    "interactive/trex",
    "automation/trex_control_plane/interactive/trex",
    "trex_client/interactive/trex",
)
"""Where the client may lie in the folder that the user named."""


def load_v4() -> Any:  # noqa: ANN401 - untyped
    """Load trex-stl-lib."""
    return _load("trex_stl_lib.api")


def load_v5(folder: Path | None, host: str) -> Any:  # noqa: ANN401 - untyped
    """Load the modern client from a folder, or from the extra; InputError if it is not there.

    Its own loader would throw out an imported Scapy for one of its own, so its package is made up here.
    """
    tree = find_v5(folder, host)
    present = sys.modules.get("trex")
    if present is None:
        package = ModuleType("trex")
        package.__path__ = [str(tree)]
        sys.modules["trex"] = package
    elif [Path(path) for path in present.__path__] != [tree]:
        fault = f"the client in {present.__path__[0]} is loaded already"
        raise InputError(f"TRex {host}", "client", fault, "use one client tree in a run")
    return _load("trex.stl.api")


def find_v5(folder: Path | None, host: str) -> Path:
    """Find the package folder of the modern client; InputError if it is not there."""
    if folder is None:
        found = importlib.util.find_spec(PACKAGE)
        if found is None or found.origin is None:
            fault = "the server speaks API 5, for which no client is installed"
            mend = "install it (pip install lbr-trex-client), or name the client tree that the server ships"
            raise InputError(f"TRex {host}", "client", fault, mend)
        folder = Path(found.origin).parent
    for below in _TREES:
        tree = (folder / below).resolve()
        if (tree / "stl" / "api.py").is_file():
            return tree
    fault = f"{folder} holds no client of TRex (interactive/trex/stl/api.py)"
    raise InputError(f"TRex {host}", "client", fault, "name the folder that the server was unpacked to")


def _load(name: str) -> Any:  # noqa: ANN401 - untyped
    if "imp" not in sys.modules and importlib.util.find_spec("imp") is None:
        substitute = ModuleType("imp")  # gone from Python 3.12 on; the clients need this much of it
        substitute.reload = importlib.reload  # type: ignore[attr-defined]
        sys.modules["imp"] = substitute
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)
