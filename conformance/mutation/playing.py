"""The cases as they are played on a mutant: collected once by pytest, then called without it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from conformance.judge.expect import Expect
from conformance.run.case import Case
from conformance.run.context import RunContext, RunOptions
from conformance.run.execution import EXECUTION, CaseExecution
from conformance.run.playing import CASES, play
from conformance.run.plugin import CAPTURE
from spec.errors import Exit, InputError


@dataclass(frozen=True)
class Playable:
    """An instance of a case: its function, and the values of what it sweeps."""

    case: Case
    function: Callable[..., object]
    swept: Mapping[str, object]

    def judged(self, context: RunContext) -> CaseExecution:
        """Play the case on a bench, and return what came of it; the bench is not asked whether it may."""
        execution = CaseExecution(context, self.case, Expect(context.binding.uncertainty))
        ended: BaseException | None = None
        try:
            given = {"bed": execution.open(), "expect": execution.expect, "pcap": CAPTURE, **self.swept}
            self.function(**{name: given[name] for name in signature(self.function).parameters})
        except Exception as error:  # noqa: BLE001 - whatever ends a case becomes its verdict
            ended = error
        finally:
            if execution.bed is not None:
                execution.bed.close()
        execution.settle(ended)
        return execution


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
