"""What `make` asks for: `ready`, `setup`, `bundle FOLDER` or `clean`."""

import sys
from pathlib import Path
from typing import Final

from conformance.environment.checkout import Checkout, SetUpError, Stamp
from conformance.run.signals import heed

ROOT: Final = Path(__file__).resolve().parents[2]
INTERRUPTED: Final = 2
BROKEN: Final = 3
"""Exit codes as everywhere in the suite, the rest of which needs what is not installed yet."""


def main(verb: str, *words: str) -> int:
    """Do it; what cannot be done is one sentence on standard error and exit code 3."""
    checkout = Checkout(ROOT)
    try:
        if verb == "ready" and Stamp.read(checkout.ready) == checkout.wanted:
            return 0  # every make comes here, and waits for no more than this
        heed()
        _change(checkout, verb, words)
    except SetUpError as error:
        print(f"set-up: {error}.", file=sys.stderr)
        return BROKEN
    except OSError as error:
        print(f"set-up: {error.filename}: {error.strerror}.", file=sys.stderr)
        return BROKEN
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _change(checkout: Checkout, verb: str, words: tuple[str, ...]) -> None:
    from conformance.environment import build, bundle  # noqa: PLC0415

    if verb == "ready":
        build.make_ready(checkout)
    elif verb == "setup":
        build.set_up(checkout)
    elif verb == "clean":
        build.clean(checkout)
    else:
        archive = bundle.bundle(checkout, Path(*words))
        print(f"{archive}\nOn the other machine: tar xf it, and call make in the folder that it holds.")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
