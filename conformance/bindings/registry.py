"""Loads bindings by what the user says: a name, or a file that describes a bench."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

from conformance.api.binding import Binding, BindingFactory, BindingOptions
from spec.documents import did_you_mean
from spec.errors import InputError

GROUP: Final = "gse.bindings"
FILES: Final = "gse.binding_files"
"""Bindings that a file describes, by how it ends, without the dot."""

USEFUL: Final[Mapping[str, str]] = {
    "device": "name the devices in the file that describes the bench",
    "recordings": "choose the binding that gives recordings back",
    "tester": "name the tester in the file that describes the bench",
    "confirm": "play in real time, where a FAIL may be the bench's",
}
"""Options that are not for every binding, and what to do instead."""


@cache
def names() -> tuple[str, ...]:
    """Names of the bindings that are installed."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def is_file(word: str) -> bool:
    """Whether what the user says names a file that describes a bench."""
    suffix = Path(word).suffix[1:]
    return bool(suffix) and bool(tuple(entry_points(group=FILES, name=suffix)))


def factory_of(word: str) -> BindingFactory:
    """Find what makes a binding by its name or its file; InputError when there is none such."""
    group, name = (FILES, Path(word).suffix[1:]) if is_file(word) else (GROUP, word)
    for point in entry_points(group=group, name=name):
        factory: BindingFactory = point.load()
        return factory
    mend = f"{did_you_mean(word, names()).rstrip('?.')}, or name a laboratory's file, LAB.yaml"
    raise InputError("command line", "--binding", f"there is no binding {word}", mend)


def load_binding(word: str, options: BindingOptions) -> Binding:
    """Make the binding that a name or a file stands for; InputError when there is none such."""
    factory = factory_of(word)
    _refuse_useless(word, factory.takes, options)
    tester = (options.tester or "").partition(":")[0]
    if options.tester is not None and tester not in factory.testers:
        fault = f"the binding {word} has no tester {tester}"
        raise InputError("command line", "--tester", fault, did_you_mean(tester, factory.testers))
    return factory(replace(options, file=Path(word)) if is_file(word) else options)


def _refuse_useless(word: str, takes: Collection[str], options: BindingOptions) -> None:
    """Raise InputError for the first option that was given and that a binding has no use for."""
    usual = BindingOptions()
    for option, instead in USEFUL.items():
        value = getattr(options, option)
        if value != getattr(usual, option) and option not in takes:
            fault = f"is {value}, for which the binding {word} has no use"
            raise InputError("command line", f"--{option}", fault, f"leave it out, or {instead}")
