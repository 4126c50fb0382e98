"""Which cases a bench would play, and why not the others: everything is asked, nothing is touched."""

import io
from collections import Counter
from contextlib import redirect_stdout

import pytest

from conformance.api.outcomes import BenchError, NotApplicable, TesterLimited
from conformance.run.case import Case
from conformance.run.context import RunContext
from conformance.run.execution import EXECUTION
from conformance.run.playing import CASES, play
from spec.errors import InputError
from spec.verdict import Verdict


class _Collected:
    """Takes the cases that a collection ends with."""

    def __init__(self) -> None:
        self.cases: list[Case] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Take them."""
        self.cases = [item.stash[EXECUTION].case for item in session.items if EXECUTION in item.stash]


def collected(context: RunContext) -> list[Case]:
    """Return the instances of all cases on a bench; InputError when they cannot be collected."""
    found = _Collected()
    said = io.StringIO()
    options = context.options
    words = [str(CASES), "--collect-only", "-q", f"--binding={options.binding}", f"--ics={options.ics}"]
    with redirect_stdout(said):
        code = play([*words, "-n0", f"--wire-profile={options.wire_profile}"], plugins=[found])
    if code != pytest.ExitCode.OK:
        last = (said.getvalue().strip().splitlines() or ["nothing was said"])[-1]
        raise InputError(options.binding, "cases", f"cannot be collected ({last})", "run gse-cts lint")
    return found.cases


def forecast(context: RunContext, cases: list[Case]) -> Counter[tuple[Verdict | None, str]]:
    """Count the cases by the verdict that they would have unplayed, None for none, and its reason."""
    counts: Counter[tuple[Verdict | None, str]] = Counter()
    for case in cases:
        try:
            context.suit(case)
        except NotApplicable as why:
            counts[Verdict.NOT_APPLICABLE, str(why)] += 1
        except TesterLimited as why:
            counts[Verdict.TESTER_LIMITED, str(why)] += 1
        except BenchError as why:
            counts[Verdict.ERROR, str(why)] += 1
        else:
            counts[None, ""] += 1
    return counts
