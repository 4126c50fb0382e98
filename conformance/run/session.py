"""The part of the plugin that a run with cases wakes: it selects, runs, judges and writes."""

import os
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import pytest

from conformance.api.marks import is_case
from conformance.bindings.undo import give_back
from conformance.checkout import stranger
from conformance.judge.expect import Expect
from conformance.run import allure_view
from conformance.run.again import Again
from conformance.run.case import Case, case_of
from conformance.run.context import RunContext, RunOptions
from conformance.run.devices import Devices, Mutants, Variants, device_of
from conformance.run.execution import EXECUTION, CaseExecution
from conformance.run.options import settled
from conformance.run.plan import Plan, leave_plan, plan_of, take_plan
from conformance.run.progress import Progress
from conformance.run.protocol import Admission, CaseProtocol
from conformance.run.recorder import ENDED, ResultsRecorder
from conformance.run.selection import Selection
from conformance.run.shared import EARLIER, FAULTS, FOLDER, FOUND, LEFT, MADE, NODES
from conformance.run.signals import heed
from reports.run_folder import ALLURE_RESULTS, CAPTURE, RunFolder
from spec.errors import Exit, InputError, fault_of
from spec.node_id import NodeId
from spec.profiles import load_choice
from spec.text import line, lines, said
from traffic.frames.pcapload import playable


class Session:
    """A run with cases, in the process that was started and in each worker."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.out = Path(config.option.out)
        self.worker = hasattr(config, "workerinput")
        self.earlier = config.stash.get(EARLIER, None)
        self.plan: Plan | None = None
        self.recorder: ResultsRecorder | None = None
        heed()
        _keep_utc()
        config.pluginmanager.register(Admission(), "gse-admission")
        config.pluginmanager.register(CaseProtocol(config, lambda: self.devices is None), "gse-protocol")

    @cached_property
    def context(self) -> RunContext:
        """Everything that is the same for all cases; InputError when the options are wrong."""
        option = self.config.option
        return RunContext(
            RunOptions(
                binding=option.binding,
                device=option.device,
                ics=Path(option.ics) if option.ics else None,
                recordings=Path(option.recordings) if option.recordings else None,
                wire_profile=option.wire_profile,
                tester=option.tester,
                parameters=tuple(option.parameters),
                pcap=Path(option.pcap) if option.pcap else None,
                seed=option.run_seed,
                out=self.out,
                evidence=option.evidence,
                confirm=option.confirm,
                continues=option.continued is not None,
            )
        )

    @cached_property
    def selection(self) -> Selection:
        """What the run wants; InputError when it names what is not there."""
        option = self.config.option
        catalogue, left = self.context.catalogue, self.config.stash[LEFT]
        chosen = option.profile if left is None else None  # its file may be gone, and what it chose is noted
        profile = load_choice(chosen, catalogue.clauses) if chosen else None
        return Selection(catalogue, tuple(option.clauses), tuple(option.chapter), profile, left)

    @cached_property
    def devices(self) -> Devices | None:
        """The devices to run cases on in turn, where the run is about them; InputError for an unknown one."""
        option = self.config.option
        if option.variants:
            return Variants(self.context, option.variants)
        return Mutants(self.context, option.mutants) if option.mutants else None

    @cached_property
    def fault(self) -> str | None:
        """What is wrong with the checkout, the options or the run to continue, in one sentence."""
        try:
            wrong = stranger() or (str((self.selection, self.devices)) and None)
            if self.earlier is not None:
                self.earlier.check(self.context)
            if (own := self.context.sources.capture) is not None:
                playable(own, int(self.context.parameters["max_frame"].value))
        except InputError as error:
            return str(error)
        return wrong

    def capture(self, usual: Path) -> Path:
        """Return the capture to play: the run's own copy of the user's, or the usual one."""
        own = self.context.sources.capture
        return usual if own is None else RunFolder(self.out).kept(CAPTURE) or own

    def execution(self, item: pytest.Item) -> CaseExecution:
        """Return the execution of a case."""
        return item.stash[EXECUTION]

    def expand(self, metafunc: pytest.Metafunc) -> str | None:
        """Make the instances of a case, or say in one sentence what is wrong with it."""
        node = metafunc.definition
        wrong = self.fault
        if wrong:
            return wrong
        try:
            case = case_of(node, self.context.catalogue)
        except InputError as error:
            return str(error)
        if self.devices is not None and "bed" in metafunc.fixturenames:
            names = self.devices.on(case.clause.id)
            if names:
                metafunc.parametrize("bed", names, indirect=True, ids=[*map(self.devices.label, names)])
        for mark in node.iter_markers("sweep"):
            name = mark.args[0]
            if name not in metafunc.fixturenames:
                found = NodeId.of(node.nodeid)
                fault = f"does not take {name}, which it sweeps"
                return str(InputError(found.file or node.path, found.function, fault, "add the argument"))
            values = self.context.sweep(name)
            metafunc.parametrize(name, list(values.values()), ids=[f"{name}={label}" for label in values])
        return None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Select the cases that were asked for, and order them; play nothing when anything is wrong."""
        faults = self.config.stash[FAULTS]
        if not faults:
            faults += self._select(items)
        if faults and self.worker:
            self.config.workeroutput[FOUND] = faults  # type: ignore[attr-defined]
            items.clear()
        elif faults:
            raise pytest.UsageError(*faults)

    def _select(self, items: list[pytest.Item]) -> Iterator[str]:
        """Order the cases that are wanted by testbed, configuration and duration; say what is missing."""
        others = [item for item in items if not is_case(item)]
        kept: list[pytest.Item] = []
        dropped: list[pytest.Item] = []
        cases = []
        for item in items:
            if not is_case(item):
                continue
            case, context, wanted = case_of(item, self.context.catalogue), self.context, True
            if self.devices is not None:
                name = device_of(item)
                wanted = name is not None
                if name is not None:
                    case = case.without(self.devices.label(name))
                    context = self.devices.context(name)
            cases.append(case)
            confirm = 0 if self.devices is not None else context.binding.confirmations(case.id)
            item.stash[EXECUTION] = CaseExecution(context, case, Expect(context.binding.uncertainty), confirm)
            (kept if wanted and self.selection.wants(case) else dropped).append(item)
            if not item.get_closest_marker("timeout"):
                time_out = context.binding.case_time(case.seconds, context.parameters)
                item.add_marker(pytest.mark.timeout(time_out))
        kept.sort(key=_order)
        items[:] = others + kept
        if dropped:
            self.config.hook.pytest_deselected(items=dropped)
        if self.devices is None:
            if cases or self.selection.left is not None:
                made = {item.nodeid: item for item in (*self.config.stash[MADE], *items) if is_case(item)}
                every = [case_of(item, self.context.catalogue) for item in made.values()]
                self.plan = plan_of(every, [item.nodeid for item in kept], self.context.catalogue)
            yield from _doubles(cases)
        missing = self.selection.missing(cases)
        if missing:
            yield missing

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self) -> None:
        """Begin the results before the first case; a worker leaves its plan where the controller finds it."""
        if self.plan is None or self.config.stash[FAULTS] or self.config.option.collectonly:
            return
        if not self.plan.selection and self.selection.left is None:
            return
        binding = self.context.binding
        if binding.real_time or any(map(binding.confirmations, self.plan.selection)):
            again = Again(worker=self.worker, errors=binding.real_time)
            self.config.pluginmanager.register(again, "gse-again")
        if binding.real_time and not self.worker:
            self.config.pluginmanager.register(Progress(self.context), "gse-progress")
        allure_view.begin(self.config, self.out / ALLURE_RESULTS)
        if self.worker:
            leave_plan(self.out, self.plan)
        else:
            self._begin(self.plan)

    def begin_for_workers(self) -> None:
        """Begin the results with the plan that a worker left."""
        plan = take_plan(self.out)
        if plan is not None and self.recorder is None:
            self._begin(plan)

    def _begin(self, plan: Plan) -> None:
        try:
            if FOLDER in self.config.stash:
                self.config.stash[FOLDER].clear()
            elif self.earlier is None:
                folder = RunFolder(self.out)
                self.config.add_cleanup(folder.leave)
                folder.take()
            self.recorder = ResultsRecorder(self.context, plan, settled(self.config), self.earlier)
        except OSError as error:
            raise pytest.UsageError(str(fault_of(error, self.out))) from error
        except InputError as error:
            raise pytest.UsageError(str(error)) from error

    def pytest_keyboard_interrupt(self) -> None:
        """End the workers with the run, whatever they do."""
        for node in self.config.stash[NODES]:
            with suppress(ProcessLookupError):
                os.kill(node.gateway._rinfo().pid, signal.SIGTERM)  # noqa: SLF001 - xdist asks the same way

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write the records of an item; a crashed worker's case is an ERROR.

        Where the disk refuses them, or a recording, the run ends: what it has so far can be continued.
        """
        if self.recorder is None:
            return
        fault = getattr(report, "gse_unstored", "")
        try:
            if not fault:
                self.recorder.write(report)
        except OSError as error:
            fault = str(fault_of(error, self.recorder.path))
        if fault:
            print(f"{fault} The results so far are kept.", file=sys.stderr)
            pytest.exit(fault, Exit.INTERNAL)

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """Close the results and the context. An interrupted run gets no footer and so reads as incomplete.

        The exit code of a run that was continued is of the whole of it.
        """
        if self.recorder is not None and self.earlier is not None and session.exitstatus in ENDED:
            session.exitstatus = pytest.ExitCode(self.recorder.failed())
        try:
            yield
        finally:
            fault = self._leave()
            if self.recorder is not None:
                self._close(self.recorder, int(session.exitstatus))
            if fault:
                pytest.exit(fault, Exit.INTERNAL)

    def _leave(self) -> str:
        """Give every bench of this process back; say in a sentence which could not be, and why.

        A worker has nobody to tell but its standard error.
        """
        contexts = [self.context] if "context" in vars(self) else []
        if vars(self).get("devices"):
            assert self.devices is not None
            contexts += self.devices.contexts.values()
        try:
            give_back(*(context.binding.clear for context in contexts))
        except Exception as error:  # noqa: BLE001 - whatever it is, the results are closed
            fault = f"The bench could not be given back as it was: {said(error)}."
            print(fault, file=sys.stderr)
            return "" if self.worker else fault
        return ""

    @staticmethod
    def _close(recorder: ResultsRecorder, exit_code: int) -> None:
        try:
            recorder.close(exit_code)
        except OSError as error:
            pytest.exit(str(fault_of(error, recorder.path)), Exit.INTERNAL)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name the results."""
        if self.recorder is not None:
            terminalreporter.write_line(f"results: {line(str(self.recorder.path))}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        """Let no warning travel or be shown that cannot be printed."""
        words = lines(str(warning_message.message))
        if words != str(warning_message.message):
            warning_message.message = UserWarning(words)


def _doubles(cases: Sequence[Case]) -> Iterator[str]:
    """Say which cases would leave their evidence in one folder, as two of the same id do."""
    for slug, times in Counter(case.slug for case in cases).items():
        if times > 1:
            name = next(case.id for case in cases if case.slug == slug)
            fault = f"{times} cases would share the folder {slug}"
            yield str(InputError(NodeId.of(name).file, name, fault, "collect each case once"))


def _keep_utc() -> None:
    """Let every time of a report be of UTC, as in the results.

    A zone more than a day away, which the system takes and Python does not, would break the JUnit report.
    """
    os.environ["TZ"] = "UTC0"
    time.tzset()


def _order(item: pytest.Item) -> tuple[str, str, float, str]:
    case = item.stash[EXECUTION].case
    return repr(case.request), repr(sorted(case.settings.items())), case.seconds, case.id
