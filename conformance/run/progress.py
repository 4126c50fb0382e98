"""How long a run in real time is going to take: said before its first case, and again as it goes on."""

from collections.abc import Mapping
from time import monotonic
from typing import Final

import pytest

from conformance.api.binding import INTERVALS
from conformance.run.case import Case
from conformance.run.context import RunContext
from conformance.run.execution import EXECUTION
from conformance.run.preview import known_seconds, prospect, span_of

EVERY: Final = 30.0
"""Seconds between two words on the progress."""


class Progress:
    """Reckons with what each case took in earlier runs of the same binding, or with how long a play rests."""

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self.left: dict[str, float] = {}
        self.expected = 0.0
        self.took = 0.0
        self.begun = 0.0
        self.said = 0.0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Say how long it will take."""
        executions = [item.stash[EXECUTION] for item in session.items if EXECUTION in item.stash]
        known = known_seconds(self.context.options.out.parent, self.context.binding.name)
        played = [one.case for one in executions if prospect(one).verdict is None]
        self.left = {case.id: self.forecast(case, known) for case in played}
        self.say(session.config, f"{len(played)} cases to play, about {span_of(sum(self.left.values()))}")

    def forecast(self, case: Case, known: Mapping[str, float]) -> float:
        """Return the seconds that a case takes."""
        values = self.context.parameters
        rest = INTERVALS * int(values["hello_interval"].value) + int(values["settle_time"].value)
        return known.get(case.id, case.seconds + rest / 1e9)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item):  # type: ignore[no-untyped-def]  # noqa: ANN201
        """Note how long a case took, and say from time to time how long the others will."""
        begun = monotonic()
        result = yield
        if item.nodeid in self.left:
            self.expected += self.left.pop(item.nodeid)
            self.took += monotonic() - begun
        if self.left and monotonic() >= self.said + EVERY:
            pace = self.took / self.expected if self.expected else 1.0
            left = span_of(pace * sum(self.left.values()))
            self.say(item.config, f"{len(self.left)} cases left, about {left}")
        return result

    def say(self, config: pytest.Config, words: str) -> None:
        """Print a line."""
        self.said = monotonic()
        terminal = config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None:
            terminal.ensure_newline()
            terminal.write_line(words)
