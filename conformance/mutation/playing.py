"""The cases as they are played on a mutant: collected once by pytest, then called without it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from hashlib import sha256
from inspect import signature
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from conformance.api.binding import Driver, Setup
from conformance.judge.expect import Expect
from conformance.run.case import Case
from conformance.run.context import RunContext, RunOptions
from conformance.run.execution import EXECUTION, CaseExecution
from conformance.run.judgement import Judgement
from conformance.run.playing import CASES, play
from conformance.run.plugin import CAPTURE
from spec.errors import Exit, InputError
from spec.verdict import Verdict
from traffic.recordings.recording import Recording
from traffic.scenario import Scenario


class Unchanged(Exception):  # noqa: N818 - it ends a case, and nothing is wrong
    """Every play of a case gave, octet by octet, what it gives on the reference."""


@dataclass
class Observed:
    """The driver of a bench that keeps a digest of what each play gave.

    Raises `Unchanged` when the last play of a case is over, where all gave what is `known` of the reference:
    then a case need not judge them.
    """

    driver: Driver
    known: Sequence[str]
    digests: list[str] = field(default_factory=list)

    def play(self, scenario: Scenario, number: int, *, fresh: bool) -> Recording:
        """Play, and note what came of it."""
        recording = self.driver.play(scenario, number, fresh=fresh)
        self.digests.append(digest(recording))
        if self.digests == list(self.known):
            raise Unchanged
        return recording

    def close(self) -> None:
        """Give the driver back."""
        self.driver.close()


def digest(recording: Recording) -> str:
    """Digest all of a recording that comes of the play: frames, counters, events, states, its end."""
    data = recording.columns
    found = sha256(data.blob)
    for column in (data.time, data.link, data.direction, data.delivered, data.length):
        found.update(column.tobytes())
    told = (data.counters, data.baseline, data.events, data.states, data.trouble, data.cut, data.read)
    found.update(repr(told).encode())
    return found.hexdigest()


@dataclass(frozen=True)
class Judged:
    """What a case made of a bench: its worst verdict with the clause and the reason, and what its plays gave.

    `acted` says whether a play gave anything else than what was known of it.
    """

    verdict: Verdict
    clause: str
    reason: str
    digests: tuple[str, ...]
    acted: bool = True


@dataclass(frozen=True)
class Playable:
    """An instance of a case: its function, and the values of what it sweeps."""

    case: Case
    function: Callable[..., object]
    swept: Mapping[str, object]

    def judged(self, context: RunContext, known: Sequence[str] = ()) -> Judged:
        """Play the case on a bench, and return what came of it; the bench is not asked whether it may.

        Nothing is judged after a FAIL, and nothing at all where all plays gave what is `known` of them.
        """
        observed = copy(context)
        observed.binding = copy(context.binding)
        drivers: list[Observed] = []

        def opened(setup: Setup) -> Driver:
            drivers.append(Observed(context.binding.open(setup), known))
            return drivers[0]

        vars(observed.binding)["open"] = opened
        execution = CaseExecution(observed, self.case, Expect(context.binding.uncertainty))
        ended: BaseException | None = None
        try:
            given = {"bed": execution.open(), "expect": execution.expect, "pcap": CAPTURE, **self.swept}
            self.function(**{name: given[name] for name in signature(self.function).parameters})
        except Exception as error:  # noqa: BLE001 - whatever ends a case becomes its verdict
            ended = error
        finally:
            if execution.bed is not None:
                execution.bed.close()
        digests = tuple(drivers[0].digests) if drivers else ()
        if isinstance(ended, Unchanged):
            return Judged(Verdict.PASS, "", "", digests, acted=False)
        worst = _worst(execution.judging(ended))
        return Judged(worst.verdict, worst.clause.id, worst.reason, digests)


def _worst(judgements: Iterator[Judgement]) -> Judgement:
    """Return the worst judgement, the first FAIL at once."""
    worst = next(judgements)
    while worst.verdict is not Verdict.FAIL:
        other = next(judgements, None)
        if other is None:
            break
        worst = max(worst, other, key=lambda judgement: judgement.verdict)
    return worst


class Collected:
    """Takes the place of a run: pytest collects, and this keeps the cases."""

    def __init__(self) -> None:
        self.playables: list[Playable] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Keep every case that the bench can play and that applies to its devices."""
        for item in session.items:
            execution = item.stash.get(EXECUTION, None)
            if execution is None or not isinstance(item, pytest.Function):
                continue
            try:
                execution.context.admit(execution.case)
            except Exception:  # noqa: BLE001, S112 - a case that is not played notices no mutant
                continue
            swept = item.callspec.params if hasattr(item, "callspec") else {}
            self.playables.append(Playable(execution.case, item.function, swept))


def collect(words: Sequence[str] = (), places: Sequence[str] = ()) -> list[Playable]:
    """Return the cases in order of their ids; InputError where they cannot be collected."""
    collected = Collected()
    quiet = ["--collect-only", "-pno:terminal", "-pno:cacheprovider", "-n0"]
    with TemporaryDirectory() as folder:  # a run has a folder of its own, and this is to write nothing
        out = f"--out={Path(folder) / 'run'}"
        code = play([*(places or [str(CASES)]), out, *words, *quiet], plugins=[collected])
    if code != Exit.OK:
        raise InputError("cases", "collection", f"ended with exit code {code}", "see gse-cts run --dry-run")
    return sorted(collected.playables, key=lambda playable: playable.case.id)


def bench(wire_profile: str = "open-1", seed: int = 1) -> RunContext:
    """Return the bench of the reference, which was seen to work before any mutant stands on it."""
    context = RunContext(RunOptions(wire_profile=wire_profile, seed=seed))
    if context.smoke is not None:
        raise InputError("reference", "smoke check", context.smoke, "mend it before it is mutated")
    return context
