"""What each case executes of the reference, and how long it takes: found by playing all cases once."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Final

from coverage import Coverage

from conformance.checkout import ROOT
from conformance.mutation.installation import COMPILER, install, named
from conformance.mutation.places import ROOM, Place
from conformance.mutation.playing import Playable
from conformance.mutation.products import product
from conformance.run.context import RunContext
from spec.verdict import Verdict
from spec.wire import bundled

IMPORTING = "importing"
COMPILING = "compiling"
NUMBERS: Final = {IMPORTING: -1, COMPILING: -2}
"""What stands for a case where a line is executed before any is played."""


@dataclass
class Reach:
    """By file the cases, numbered, that execute each line; by generated function, too.

    `played` are all cases, `products` what the codec is compiled to, by wire profile.
    """

    played: frozenset[int] = frozenset()
    lines: dict[str, dict[int, frozenset[int]]] = field(default_factory=dict)
    functions: dict[tuple[str, str], frozenset[int]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    products: dict[str, str] = field(default_factory=dict)

    def cases(self, place: Place) -> frozenset[int]:
        """Return the cases that come by a place, all of its file where that is before any is played."""
        if place.file in self.texts:
            function = place.scope.partition(".")[0]
            return self.functions.get((place.file, function), frozenset())
        found = self._found(place)
        if NUMBERS[COMPILING] in found:
            return self.played
        if NUMBERS[IMPORTING] in found:
            found = frozenset().union(*self.lines[place.file].values())
        return found - set(NUMBERS.values())

    def compiles(self, place: Place) -> bool:
        """Whether a place does nothing but to compile the codec."""
        return self._found(place) == {NUMBERS[COMPILING]}

    def _found(self, place: Place) -> frozenset[int]:
        lines = self.lines.get(place.file, {})
        first, last = place.lines
        return frozenset().union(*(lines.get(number, ()) for number in range(first, last + 1)))


@dataclass
class Normal:
    """What is normal of each case: its seconds of processor time, and the digests of what its plays give.

    `wrong` says what kept cases from passing.
    """

    seconds: list[float] = field(default_factory=list)
    digests: list[tuple[str, ...]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def measured(playables: Sequence[Playable], context: RunContext) -> Normal:
    """Play every case on the reference."""
    fresh = install(context)
    normal = Normal()
    for playable in playables:
        begun = time.process_time()
        judged = playable.judged(fresh)
        normal.seconds.append(time.process_time() - begun)
        normal.digests.append(judged.digests)
        if judged.verdict is not Verdict.PASS:
            normal.wrong.append(f"{playable.case.id}: {judged.clause} {judged.verdict}: {judged.reason}")
    return normal


def traced(playables: Sequence[Playable], context: RunContext, normal: Normal) -> Reach:
    """Play every case under coverage.py, without judging it again, and return what it came by."""
    coverage = Coverage(data_file=None, include=[f"{ROOT / ROOM}/*"], config_file=False)
    coverage.start()
    coverage.switch_context(IMPORTING)
    fresh = install(context)
    coverage.switch_context(COMPILING)
    reach = Reach(frozenset(range(len(playables))), products={name: product(name) for name in bundled()})
    calls = Calls()
    sys.modules[f"{ROOM}.codec"].use(context.profile)
    for number, (playable, known) in enumerate(zip(playables, normal.digests, strict=True)):
        coverage.switch_context(str(number))
        calls.number = number
        playable.judged(fresh, known)
    coverage.stop()
    data = coverage.get_data()
    for file in data.measured_files():
        path = Path(file).relative_to(ROOT / ROOM)
        reach.lines[path.as_posix()] = {
            line: frozenset(NUMBERS[name] if name in NUMBERS else int(name) for name in contexts if name)
            for line, contexts in data.contexts_by_lineno(file).items()
        }
    reach.texts = calls.texts
    reach.functions = {name: frozenset(cases) for name, cases in calls.found.items()}
    return reach


class Calls:
    """Notes the texts that the codec's compiler makes from now on, and which of their functions are called.

    `found` has the cases by name of the text and function, `number` is the case that is played.
    """

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.found: dict[tuple[str, str], set[int]] = {}
        self.number = -1
        codec = sys.modules[f"{ROOM}.codec"]
        vars(codec)["PROFILE"] = None
        vars(codec)["_COMPILED"].clear()
        vars(sys.modules[COMPILER]).update(compile=self.compile, exec=self.exec)

    def compile(self, source: str, name: str, mode: str) -> CodeType:
        """Compile, and note the text."""
        self.texts[named(name)] = source
        return compile(source, name, mode)

    def exec(self, code: CodeType, names: dict[str, Any]) -> None:
        """Make the functions of a text, each so that its calls are noted."""
        exec(code, names)  # noqa: S102 - in the place of the compiler
        for name, value in names.items():
            if isinstance(value, FunctionType) and value.__code__.co_filename == code.co_filename:
                names[name] = self._noting(
                    value, self.found.setdefault((named(code.co_filename), name), set())
                )

    def _noting(self, function: FunctionType, cases: set[int]) -> Callable[..., object]:
        def noting(*given: object) -> object:
            cases.add(self.number)
            return function(*given)

        return noting
