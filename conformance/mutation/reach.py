"""What each case executes of the reference, and how long it takes: found by playing all cases once."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from coverage import Coverage

from conformance.checkout import ROOT
from conformance.mutation.installation import COMPILER, install, named
from conformance.mutation.places import ROOM, Place
from conformance.mutation.playing import Playable
from conformance.run.context import RunContext
from spec.verdict import Verdict

IMPORTING = "importing"


@dataclass
class Reach:
    """By file the cases, numbered, that execute each line; by generated function, too.

    `seconds` is the processor time of each case, `wrong` says what kept cases from passing on the reference.
    """

    lines: dict[str, dict[int, frozenset[int]]] = field(default_factory=dict)
    functions: dict[tuple[str, str], frozenset[int]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def cases(self, place: Place) -> frozenset[int]:
        """Return the cases that come by a place: all of its file where it is executed by importing that."""
        if place.file in self.texts:
            function = place.scope.partition(".")[0]
            return self.functions.get((place.file, function), frozenset())
        lines = self.lines.get(place.file, {})
        first, last = place.lines
        found = [lines[number] for number in range(first, last + 1) if number in lines]
        if any(-1 in cases for cases in found):
            found = list(lines.values())
        return frozenset().union(*found) - {-1}


def timed(playables: Sequence[Playable], context: RunContext) -> tuple[list[float], list[str]]:
    """Play every case; return the seconds of processor time of each, and what kept cases from passing."""
    fresh = install(context)
    seconds, wrong = [], []
    for playable in playables:
        begun = time.process_time()
        execution = playable.judged(fresh)
        seconds.append(time.process_time() - begun)
        if execution.worst is not Verdict.PASS:
            wrong.append(execution.message())
    return seconds, wrong


def traced(playables: Sequence[Playable], context: RunContext) -> Reach:
    """Play every case under coverage.py, and return what it came by."""
    calls: dict[tuple[str, str], set[int]] = {}
    coverage = Coverage(data_file=None, include=[f"{ROOT / ROOM}/*"], config_file=False)
    coverage.start()
    coverage.switch_context(IMPORTING)
    fresh = install(context)
    codec: Any = sys.modules[f"{ROOM}.codec"]
    texts = _texts()
    for number, playable in enumerate(playables):
        coverage.switch_context(str(number))
        vars(codec)["PROFILE"] = None
        vars(codec)["_COMPILED"].clear()
        with _calls(calls, number):
            playable.judged(fresh)
    coverage.stop()
    data = coverage.get_data()
    reach = Reach(texts=texts)
    for file in data.measured_files():
        name = Path(file).relative_to(ROOT / ROOM).as_posix()
        reach.lines[name] = {
            line: frozenset(-1 if context == IMPORTING else int(context) for context in contexts if context)
            for line, contexts in data.contexts_by_lineno(file).items()
        }
    reach.functions = {name: frozenset(cases) for name, cases in calls.items()}
    return reach


def _texts() -> dict[str, str]:
    """Note the texts that the codec's compiler makes from now on, by name."""
    texts: dict[str, str] = {}

    def noting(source: str, name: str, mode: str) -> CodeType:
        texts[named(name)] = source
        return compile(source, name, mode)

    vars(sys.modules[COMPILER])["compile"] = noting
    return texts


@contextmanager
def _calls(found: dict[tuple[str, str], set[int]], number: int) -> Iterator[None]:
    """Note which generated functions are called."""

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith("<codec of "):
            found.setdefault((named(frame.f_code.co_filename), frame.f_code.co_name), set()).add(number)

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)
