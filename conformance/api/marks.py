"""The marks of a case: which clause it tests, on what testbed, and what it needs. All are pytest marks."""

from typing import Any, Final

import pytest

from conformance.api.testbeds import Request

MARKERS: Final = (
    "clause(id, purpose=None): the clause, and the purpose of it, that the case realises",
    "testbed(request): the topology that the case asks for",
    "needs(*names): the capabilities of the binding without which the case cannot be run",
    "sweep(parameter): an instance each for the minimum, default and maximum of the declared range",
    "configure(**settings): device settings that the case depends on",
    "duration(seconds): about how long the case runs on a bench",
)
MARKS: Final = tuple(marker.partition("(")[0] for marker in MARKERS)

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


def is_case(node: pytest.Item) -> bool:
    """Whether an item claims to be a case: it has a mark of one, or asks for a bed."""
    return any(node.get_closest_marker(name) for name in MARKS) or "bed" in getattr(node, "fixturenames", ())
