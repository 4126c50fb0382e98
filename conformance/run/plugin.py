"""The pytest plugin. It is loaded in every run of this environment and stays idle where no case is."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from conformance.api.marks import MARKERS, is_case
from conformance.run.options import CERTAIN, USUAL, add_options, check_words, settle
from conformance.run.shared import (
    EARLIER,
    FAULTS,
    FOLDER,
    FOUND,
    IS_RUN,
    LEFT,
    MADE,
    NODES,
    OPTIONS,
    RUN,
    TO_PLAY,
)
from reports.run_folder import PLAN, RunFolder
from spec.errors import InputError
from spec.text import LONGEST_REPORT, lines

if TYPE_CHECKING:
    from conformance.api.testbed import Testbed
    from conformance.judge.expect import Expect
    from conformance.run.session import Session

SESSION: Final = pytest.StashKey["Session"]()
NOTHING: Final = "command line: --clause, --chapter, --profile: select no case; widen them."
CAPTURE: Final = Path(__file__).parent.parent / "cases" / "forwarding" / "mixed.pcap"
"""TCP, UDP, ICMP, ARP and IPv6 between two Linux hosts, as an interface of theirs saw it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a conformance run."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks, and read the options once where they matter: in the process that was started."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    config.stash[FAULTS], config.stash[MADE], config.stash[NODES] = [], [], []
    option = config.option
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker is not None:
        vars(option).update(worker[OPTIONS])
        config.stash[LEFT], config.stash[RUN] = worker[TO_PLAY], worker[IS_RUN]
        return
    config.stash[RUN] = bool(option.out or option.continued or option.mutants or option.variants)
    try:
        _settle(config)
    except InputError as error:
        raise pytest.UsageError(str(error)) from error
    odd = any(getattr(option, name) != usual for name, usual in USUAL.items() if name not in CERTAIN)
    fault = _session(config).fault if odd or option.continued else None
    if fault:
        raise pytest.UsageError(fault)


def _settle(config: pytest.Config) -> None:
    """Set the options, and find the run to continue; InputError when one is wrong."""
    option, kept = config.option, None
    if config.stash[RUN] or any(getattr(option, name) is not None for name in USUAL):
        check_words(config)
    if option.continued:
        from conformance.run.continuation import Earlier  # noqa: PLC0415 - no other run pays for it

        folder = RunFolder(Path(option.continued))
        if folder.path.is_dir() and not option.collectonly:
            config.add_cleanup(folder.leave)
            folder.claim()
        earlier = Earlier.read(folder.path)
        kept = {**earlier.options, "out": str(earlier.folder)}
        config.stash[EARLIER] = earlier
    elif option.out is not None and option.collectonly:
        RunFolder(Path(option.out)).admit(replace=option.replace)
    elif option.out is not None:
        folder = config.stash[FOLDER] = RunFolder(Path(option.out))
        config.add_cleanup(folder.leave)
        folder.prepare(replace=option.replace)
    config.stash[LEFT] = earlier.left if kept is not None else None
    settle(option, kept)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Wake the rest of the plugin before cases are found, where it is known that there must be some."""
    config = session.config
    if config.stash[RUN] and not config.pluginmanager.has_plugin("dsession"):
        _session(config)


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Check the marks of a case, and make an instance for each value of its sweeps.

    Mutant and sweeps come first in the name of an instance, before parameters of the case's own.
    """
    if not is_case(metafunc.definition):
        return
    fault, faults = _session(metafunc.config).expand(metafunc), metafunc.config.stash[FAULTS]
    if fault and fault not in faults:
        faults.append(fault)


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class,
) -> Generator[None, object, object]:
    """Note the cases of a file, whatever of them the options leave."""
    made = yield
    if isinstance(made, list):
        collector.config.stash[MADE] += [
            item for item in made if isinstance(item, pytest.Item) and is_case(item)
        ]
    return made


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Note in a sentence what cannot be collected."""
    report = yield
    words = report.longreprtext
    if isinstance(report.longrepr, tuple):
        file, number, why = report.longrepr
        report.longrepr = file, number, lines(why)
    elif words != lines(words, LONGEST_REPORT):
        report.longrepr = lines(words, LONGEST_REPORT)
    if report.failed:
        last = report.longreprtext.strip().rpartition("\n")[2].removeprefix("E ").strip()
        fault = InputError(collector.path, "(whole)", f"cannot be collected ({last})", "mend the file")
        collector.config.stash[FAULTS].append(str(fault))
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:  # noqa: ANN401 - xdist's WorkerController
    """Tell a worker what was read once, and what its own command line may not name."""
    config: pytest.Config = node.config
    node.workerinput[OPTIONS] = {name: getattr(config.option, name) for name in (*USUAL, "out")}
    node.workerinput[TO_PLAY], node.workerinput[IS_RUN] = config.stash[LEFT], config.stash[RUN]
    config.stash[NODES].append(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: list[object]) -> None:
    """Refuse more workers than the bench has beds."""
    if not config.stash[RUN] and SESSION not in config.stash:
        return
    beds = _session(config).context.binding.workers
    if beds is not None and len(specs) > beds:
        words = f"{len(specs)} workers are more than the {beds} beds of the binding"
        raise pytest.UsageError(f"command line: -n: {words}; use -n {beds}.")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any) -> None:  # noqa: ANN401 - xdist's WorkerController
    """Begin the results when a worker has found cases."""
    if (Path(node.config.option.out) / PLAN).exists():
        _session(node.config).begin_for_workers()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # noqa: ANN401 - xdist's WorkerController
    """Stop when a worker found that cases are wrong."""
    faults = getattr(node, "workeroutput", {}).get(FOUND)
    if faults:
        raise pytest.UsageError(*faults)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    """Say that no case was selected."""
    asked = config.option.clauses or config.option.chapter or config.option.profile
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and asked:
        terminalreporter.write_line(NOTHING, red=True)


@pytest.fixture
def expect(request: pytest.FixtureRequest) -> "Expect":
    """Return the judge of this case."""
    return _session(request.config).execution(request.node).expect


@pytest.fixture
def bed(request: pytest.FixtureRequest) -> "Iterator[Testbed]":
    """Stand the testbed up that the case asks for."""
    bed = _session(request.config).execution(request.node).open()
    yield bed
    bed.close()


@pytest.fixture
def pcap(request: pytest.FixtureRequest) -> Path:
    """Return the captured traffic to play: the user's own, or a small one that comes with the suite."""
    return _session(request.config).capture(CAPTURE)


def _session(config: pytest.Config) -> "Session":
    """Wake the rest of the plugin."""
    if SESSION not in config.stash:
        from conformance.run.session import Session  # noqa: PLC0415 - only a run with cases pays for it

        config.stash[SESSION] = Session(config)
        config.pluginmanager.register(config.stash[SESSION], "gse-session")
    return config.stash[SESSION]
