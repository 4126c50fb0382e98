"""The command `gse-cts`: each module here is one; `foo_bar.py` is `foo-bar`, and runs its `command`.

A module with subcommands has a typer application `group` instead.
"""

import sys
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from pkgutil import iter_modules

import typer

from conformance.checkout import stranger

USAGE = 4
INTERRUPTED = 2
TYPER_INTERRUPTED = 130


def main() -> None:
    """Run a command; whatever keeps it from its end is a sentence and an exit code of its own."""
    wrong = stranger()
    if wrong:
        print(wrong, file=sys.stderr)
        sys.exit(USAGE)
    from conformance.guard import guarded  # noqa: PLC0415 - only now is it known to be this checkout's

    sys.exit(guarded(_command))


def _command() -> int:
    from conformance.guard import say  # noqa: PLC0415 - as above

    try:
        code = typer.main.get_command(_application())(standalone_mode=False)
    except typer.Abort:
        return INTERRUPTED
    except typer.TyperException as error:
        if str(error):  # none where the help was shown
            say(f"gse-cts: {error}; try gse-cts --help.")
        return USAGE
    return INTERRUPTED if code == TYPER_INTERRUPTED else int(code or 0)


def _application() -> typer.Typer:
    application = typer.Typer(no_args_is_help=True, add_completion=False, help="GSE conformance test suite")
    for module in sorted(iter_modules(__path__), key=lambda module: module.name):
        found, name = import_module(f"{__name__}.{module.name}"), module.name.replace("_", "-")
        if hasattr(found, "group"):
            for part in found.group.registered_commands:
                part.callback = _shielded(part.callback)
            application.add_typer(found.group, name=name)
        else:
            application.command(name)(_shielded(found.command))
    return application


def _shielded(command: Callable[..., None]) -> Callable[..., None]:
    """Say what the system refused before typer sees it, which would end a broken pipe with exit code 1."""
    from spec.errors import fault_of  # noqa: PLC0415 - only now is it known to be this checkout's

    @wraps(command)
    def shielded(*words: object, **options: object) -> None:
        try:
            command(*words, **options)
        except OSError as error:
            raise fault_of(error) from error

    return shielded
