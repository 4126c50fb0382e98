"""What is worked out once for all invariants that ask for it, and goes with what it was worked out of."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

Owner = TypeVar("Owner")
Value = TypeVar("Value")


def kept(work: Callable[[Owner], Value]) -> Callable[[Owner], Value]:
    """Let a function of one object, such as a recording, work once for each, and keep the value with it."""
    name = f"{work.__module__}.{work.__qualname__}"

    @wraps(work)
    def once(owner: Owner) -> Value:
        known = vars(owner)
        if name not in known:
            known[name] = work(owner)
        found: Value = known[name]
        return found

    return once
