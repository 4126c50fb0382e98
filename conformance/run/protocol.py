"""What becomes of one case as pytest sets it up, calls it, takes it down and reports it: its verdict."""

from collections.abc import Callable, Generator

import pytest

from conformance.api.outcomes import NotApplicable, TesterLimited
from conformance.run import allure_view
from conformance.run.devices import device_of
from conformance.run.evidence import keep
from conformance.run.execution import EXECUTION, SHOWN_AS_FAILED, CaseExecution
from spec.text import LONGEST_REPORT, line, lines
from spec.verdict import Verdict


class Admission:
    """Asks the bench before anything is built for a case."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Raise what keeps the case from being played."""
        if EXECUTION in item.stash:
            item.stash[EXECUTION].admit()


class CaseProtocol:
    """Turns whatever a case ends with into its verdict, and lets it travel in the report of its item.

    `keeps` says whether evidence is kept.
    """

    def __init__(self, config: pytest.Config, keeps: Callable[[], bool]) -> None:
        self.config = config
        self.keeps = keeps

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None]:
        """Turn what keeps a case from being played into its verdict."""
        if EXECUTION in item.stash:
            allure_view.name(self.config, item.stash[EXECUTION])
        try:
            return (yield)
        except (KeyboardInterrupt, pytest.exit.Exception):
            raise
        except BaseException as error:
            if EXECUTION not in item.stash:
                raise
            item.stash[EXECUTION].break_off(error)
            _show(item.stash[EXECUTION], error)

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """Turn the end of a case into its verdict; nothing but `expect` makes a FAIL."""
        execution = pyfuncitem.stash.get(EXECUTION, None)
        if execution is None:
            return (yield)
        ended: BaseException | None = None
        try:
            yield
        except (KeyboardInterrupt, pytest.exit.Exception):
            raise
        except BaseException as error:  # noqa: BLE001 - a timeout and a skip are no Exceptions to Python
            ended = error
        execution.settle(ended)
        if self.keeps():
            keep(execution)
        _show(execution, ended)
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None]:
        """Decorate the result of a case for Allure, now that its verdict is known."""
        if EXECUTION in item.stash:
            allure_view.decorate(self.config, item.stash[EXECUTION])
        try:
            return (yield)
        finally:
            if EXECUTION in item.stash:
                item.stash[EXECUTION].forget()

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Let the records travel in the report of the item, and nothing that cannot be printed.

        It comes before every other plugin that reads the report.
        """
        report = yield
        execution = item.stash.get(EXECUTION, None)
        if execution is None:
            return report
        report.sections = [(line(name), lines(text, LONGEST_REPORT)) for name, text in report.sections]
        if call.when != "call" and call.excinfo is None:
            return report
        fault = None if call.excinfo is None else call.excinfo.value
        if fault is not None and fault is not execution.shown:
            execution.break_off(fault)
        report.gse_device = device_of(item)  # type: ignore[attr-defined]
        report.gse_records = execution.written(call.start, call.duration)  # type: ignore[attr-defined]
        if execution.worst in SHOWN_AS_FAILED:  # whatever kept it from being written came after pytest knew
            report.outcome = "failed"
        report.gse_unstored = execution.unstored  # type: ignore[attr-defined]
        if report.failed:
            trace = lines(report.longreprtext, LONGEST_REPORT) if execution.worst is Verdict.ERROR else ""
            report.longrepr = f"{execution.message()}\n\n{trace}".rstrip()
        return report


def _show(execution: CaseExecution, ended: BaseException | None) -> None:
    """Let pytest see the verdict."""
    __tracebackhide__ = True
    execution.shown = execution.ending()
    if isinstance(execution.shown, NotApplicable | TesterLimited):
        execution.shown = pytest.skip.Exception(str(execution.shown))
    if execution.shown is not None:
        raise execution.shown from ended
