"""Plays cases again on a bench in real time: what was FAIL at once, what was ERROR at the end of the run.

Until it is known what becomes of a case nobody hears of it; a run that is cut off leaves it without verdict.
"""

import pytest
from _pytest.runner import runtestprotocol

from conformance.run.execution import EXECUTION, CaseExecution
from spec.verdict import Verdict


class Again:
    """Runs each case as pytest does, but lets its reports go only when it is not to be played again.

    A `worker` has to be through with a case before the next; so it plays nothing at the end, and all times
    that it plays a case share the time of one. `errors` says whether an ERROR is worth another play.
    """

    def __init__(self, *, worker: bool, errors: bool) -> None:
        self.worker = worker
        self.errors = errors and not worker

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Run a case; afterwards it may stand in the list of its session once more."""
        if EXECUTION not in item.stash:
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        # Whatever was set up for it goes, for what comes next may be this case again.
        reports = runtestprotocol(item, log=False, nextitem=None)
        while self.worker and self._again(item):
            reports = runtestprotocol(item, log=False, nextitem=None)
        if self.worker or not self._again(item):
            for report in reports:
                item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _again(self, item: pytest.Item) -> bool:
        """See that a case is played again that has to be, and say whether it was one."""
        execution: CaseExecution = item.stash[EXECUTION]
        items = item.session.items
        if execution.unstored or execution.context.gone is not None or item.session.shouldstop:
            return False
        if execution.open_question:
            if not self.worker:  # the list grows while pytest goes through it
                items.insert(len(items) - items[::-1].index(item), item)
        elif self.errors and execution.worst is Verdict.ERROR and not execution.broke:
            items.append(item)
        else:
            return False
        item.stash[EXECUTION] = execution.again()
        return True
