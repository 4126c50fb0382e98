"""Tries mutants, some at a time: the cases that come by a place, the likeliest and quickest ones first."""

import os
import pickle
import select
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from conformance.mutation.places import Place, Source
from conformance.mutation.playing import Playable, bench
from conformance.mutation.reach import Normal, Reach, measured, traced
from conformance.mutation.trial import Compiling, Fate, Mutant, Outcome, Planned, Trial
from conformance.run.context import RunContext
from spec.errors import InputError
from spec.wire import bundled

T = TypeVar("T")

NEAR: Final = (("scope", 8.0), ("file", 2.0), ("all", 0.5))
"""What a kill is worth to the next mutant, by what both have in common."""
UNTRIED: Final = 0.2
"""What a case is worth of which nothing is known yet."""


@dataclass
class Order:
    """In which order the cases are played: by how many mutants nearby they killed in how much time."""

    seconds: Sequence[float]
    kills: dict[str, Counter[tuple[str, int]]] = field(
        default_factory=lambda: {name: Counter() for name, _ in NEAR}
    )

    def sort(self, place: Place, numbers: frozenset[int]) -> list[int]:
        """Return cases in the order in which they are best played on a mutant."""

        def worth(number: int) -> float:
            near = sum(weight * self.kills[name][key, number] for (name, weight), key in self._near(place))
            return (near + UNTRIED) / (self.seconds[number] + 0.01)

        return sorted(numbers, key=lambda number: (-worth(number), number))

    def learn(self, place: Place, number: int) -> None:
        """Note that a case killed a mutant."""
        for (name, _), key in self._near(place):
            self.kills[name][key, number] += 1

    @staticmethod
    def _near(place: Place) -> Iterator[tuple[tuple[str, float], str]]:
        yield from zip(NEAR, (f"{place.file}:{place.scope}", place.file, ""), strict=True)


class Runner:
    """Mutants of one bench; the process that makes it stays clean, for every one lives in a child."""

    def __init__(self, playables: Sequence[Playable], context: RunContext) -> None:
        self.playables = playables
        self.context = context
        normal: Normal = InChild(lambda: measured(playables, context)).result()
        self.normal = normal
        self.order = Order(normal.seconds)
        self.reach: Reach = InChild(lambda: traced(playables, context, normal)).result()
        benches = {name: context if name == context.profile.name else bench(name) for name in bundled()}
        self.compiling = Compiling(self.reach.products, benches)
        if wrong := self.normal.wrong:
            raise InputError("reference", "cases", f"{len(wrong)} do not pass: {wrong[0]}", "mend it first")

    def generated(self) -> list[Source]:
        """Return the texts that the reference makes of the wire profile and runs."""
        return [Source(name, text) for name, text in self.reach.texts.items()]

    def try_all(
        self, mutants: Sequence[tuple[Source, Place]], at_once: int, longest: float | None = None
    ) -> Iterator[Outcome]:
        """Try mutants, `at_once` processes at a time, and yield what became of each as it is known.

        After `longest` seconds no other is begun.
        """
        begun = time.monotonic()
        waiting = list(reversed(mutants))
        running: dict[int, Trial] = {}
        while waiting or running:
            if longest is not None and time.monotonic() - begun > longest:
                waiting.clear()
            while waiting and len(running) < at_once:
                source, place = waiting.pop()
                plan = self.plan(place)
                if not plan:
                    yield Outcome(place, Fate.IDLE, reason="no case comes by it")
                    continue
                compiling = self.compiling if self.reach.compiles(place) else None
                trial = Trial.begin(Mutant(source, place, plan, self.context, compiling))
                running[trial.reading] = trial
            if not running:
                continue
            for reading in select.select(list(running), (), ())[0]:
                outcome = self._looked_at(running, reading)
                if outcome is not None:
                    yield outcome

    def _looked_at(self, running: dict[int, Trial], reading: int) -> Outcome | None:
        """Take what a child said so far; return what became of its mutant once it has ended."""
        trial = running[reading]
        part = os.read(reading, 1 << 16)
        trial.said += part
        if part:
            return None
        del running[reading]
        outcome = trial.end()
        if outcome.fate is Fate.FAIL:
            plan = trial.mutant.plan
            number = next(item.number for item in plan if item.playable.case.id == outcome.case)
            self.order.learn(outcome.place, number)
        return outcome

    def plan(self, place: Place) -> list[Planned]:
        """Return the cases that come by a place, in the order in which they are to be played."""
        normal = self.normal
        return [
            Planned(number, self.playables[number], normal.seconds[number], normal.digests[number])
            for number in self.order.sort(place, self.reach.cases(place))
        ]


class InChild(Generic[T]):
    """What a function does in a child of this process, which goes on meanwhile."""

    def __init__(self, function: Callable[[], T]) -> None:
        self.reading, writing = os.pipe()
        self.child = os.fork()
        if self.child:
            os.close(writing)
            return
        try:
            with os.fdopen(writing, "wb") as out:
                pickle.dump(function(), out)
        except BaseException:  # noqa: BLE001 - the parent sees that nothing came
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(0)

    def result(self) -> T:
        """Wait for what it returns; RuntimeError where it ended without."""
        with os.fdopen(self.reading, "rb") as said:
            answer = said.read()
        os.waitpid(self.child, 0)
        if not answer:
            raise RuntimeError("a process that was to play the cases ended without a word")
        result: T = pickle.loads(answer)  # noqa: S301 - of our own child
        return result
