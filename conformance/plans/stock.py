"""The plans that every run plays: few, and chosen for how much they meet (`gse-cts explore --choose`)."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from conformance.plans.plan import Bed, Plan, read_plan

FILE: Final = Path(__file__).with_name("stock.json")
SCHEMA: Final = "gse-plans/1"
KINDS: Final[Mapping[str, tuple[Bed, Mapping[str, int | str]]]] = {
    "fabric": (Bed("fabric", 3, 2, 2), {}),
    "borrowing": (
        Bed("fabric", 3, 2, 1, 2),
        {"overflow_mode": "overflow-borrow", "dgsq_mode": "on-congestion", "unknown_unicast": "flood"},
    ),
    "gsp": (Bed("gsp", 3, 2, 2), {}),
    "gsf": (Bed("gsf", 3, 1, 1, 2), {}),
}
"""Testbed and settings of each kind of plan."""
SHARE: Final = 6
"""Plans that are played together."""


@cache
def stock() -> Mapping[str, tuple[Plan, ...]]:
    """All plans by kind; InputError where one of them is none."""
    data = json.loads(FILE.read_text(encoding="utf-8"))
    return {
        kind: tuple(read_plan(json.dumps(plan), FILE) for plan in plans)
        for kind, plans in data["plans"].items()
    }


def shares(kind: str) -> Sequence[tuple[Plan, ...]]:
    """Divide the plans of a kind into those that are played together."""
    plans = stock()[kind]
    return [plans[first : first + SHARE] for first in range(0, len(plans), SHARE)]


def parts(kind: str) -> range:
    """Return the numbers of the parts into which the plans of a kind are divided."""
    return range(len(shares(kind)))


def write(plans: Mapping[str, Sequence[Plan]]) -> None:
    """Put other plans in the place of these."""
    data = {
        "schema": SCHEMA,
        "plans": {kind: [plan.to_data() for plan in own] for kind, own in plans.items()},
    }
    FILE.write_text(json.dumps(data, separators=(",", ":")) + "\n", encoding="utf-8")


def find(name: str) -> Plan | None:
    """Return the plan of a name, None if there is none."""
    return next((plan for own in stock().values() for plan in own if plan.name == name), None)
