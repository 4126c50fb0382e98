"""Giving back: every step is taken, whatever happened before it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Step = Callable[[], object]


@contextmanager
def giving_back(*steps: Step) -> Iterator[None]:
    """Take steps one after the other at the end, each though another failed.

    The first fault of theirs is raised, unless something else is on its way, to which all are noted.
    """
    try:
        yield
    except BaseException as error:
        for fault in _faults(steps):
            error.add_note(f"not given back: {fault}")
        raise
    faults = _faults(steps)
    if faults:
        raise faults[0]


def give_back(*steps: Step) -> None:
    """Take steps, each though another failed, and raise the first fault."""
    with giving_back(*steps):
        pass


def at_last(step: Step) -> None:
    """Take a step as the process ends, when there is nobody left to tell that it failed."""
    with suppress(Exception):
        step()


def _faults(steps: tuple[Step, ...]) -> list[Exception]:
    found = []
    for step in steps:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next step is taken
            found.append(error)
    return found
