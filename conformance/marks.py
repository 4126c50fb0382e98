"""The marks of a case: which clause it tests, on what testbed, and what it needs. All are pytest marks."""

from typing import Any, Final

import pytest

from conformance.testbeds import Request

CAPABILITIES: Final = frozenset(
    {
        "fabric taps",
        "counters",
        "events",
        "state",
        "management",
        "raw frames",
        "reactive peer",
        "link events",
        "impairments",
        "timestamps <= 1 us",
        "pfc",
        "service tags",
        "configure",
    }
)


def clause(id: str, purpose: str | None = None) -> pytest.MarkDecorator:  # noqa: A002 - the clause's own word
    """Name the clause, and its purpose where it has several, that the case realises."""
    return pytest.mark.clause(id, purpose)


def testbed(request: Request) -> pytest.MarkDecorator:
    """Ask for a testbed."""
    mark: pytest.MarkDecorator = pytest.mark.testbed(request)
    return mark


def needs(*names: str) -> pytest.MarkDecorator:
    """Name capabilities that the binding must have, of those in CAPABILITIES."""
    return pytest.mark.needs(*names)


def sweep(parameter: str) -> pytest.MarkDecorator:
    """Run at the minimum, default and maximum of a parameter; the value is an argument of that name."""
    mark: pytest.MarkDecorator = pytest.mark.sweep(parameter)
    return mark


def configure(**settings: Any) -> pytest.MarkDecorator:  # noqa: ANN401 - a number or a word
    """Set parameters of the devices before the case is played."""
    mark: pytest.MarkDecorator = pytest.mark.configure(**settings)
    return mark


def duration(seconds: float) -> pytest.MarkDecorator:
    """Say about how long the case runs on a bench, in seconds."""
    mark: pytest.MarkDecorator = pytest.mark.duration(seconds)
    return mark


testbed.__test__ = False  # type: ignore[attr-defined]  # it is a mark, though its name begins like a test
