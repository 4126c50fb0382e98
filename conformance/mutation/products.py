"""What the compiler of the codec makes of each wire profile, told so that two of them can be compared."""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from operator import attrgetter
from struct import Struct
from types import FunctionType, MethodType
from typing import Any, Final

from conformance.mutation.places import ROOM
from spec.layout import WireProfile
from spec.wire import load_profile

FORMS: Final[Mapping[type, Callable[[Any], object]]] = {
    WireProfile: attrgetter("digest"),
    Struct: attrgetter("format"),
    FunctionType: attrgetter("__qualname__"),
    type: attrgetter("__qualname__"),
    MethodType: lambda value: [value.__func__, value.__self__],
    partial: lambda value: [value.func, *value.args],
    dict: lambda value: [*value.items(), getattr(value, "__dict__", None)],
    tuple: list,
    list: list,
}
"""What is told of a value in its place, by type."""


def product(profile: str) -> str:
    """Compile the codec of a profile with the reference of this process; tell all that was made."""
    return told(sys.modules[f"{ROOM}.codec_compiler.compiler"].compiled(load_profile(profile)), {})


def told(value: object, known: dict[int, tuple[int, object]]) -> str:
    """Tell all that a value is made of, the same for equal ones; what is met again by its number in `known`.

    What has no such form is told with its address, and so differs from any other.
    """
    if id(value) in known:
        return f"#{known[id(value)][0]}"
    form = next((form for kind, form in FORMS.items() if isinstance(value, kind)), None)
    if form is not None:
        known[id(value)] = len(known), value
        parts = form(value)
        if isinstance(parts, list):
            return f"({' '.join(told(part, known) for part in parts)})"
        return str(parts)
    if hasattr(value, "__wrapped__"):
        return told(value.__wrapped__, known)
    if type(value).__module__.startswith(ROOM):
        return f"{type(value).__qualname__} {told(vars(value), known)}"
    return repr(value)
