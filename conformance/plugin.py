"""The pytest plugin. It is loaded in every run of this environment and stays idle where no case is."""

import os
from collections import deque
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from spec.errors import InputError

if TYPE_CHECKING:
    from conformance.bed import Bed
    from conformance.expect import Expect
    from conformance.session import Session

MARKERS: Final = (
    "clause(id, purpose=None): the clause, and the purpose of it, that the case realises",
    "testbed(request): the topology that the case asks for",
    "needs(*names): the capabilities of the binding without which the case cannot be run",
    "sweep(parameter): an instance each for the minimum, default and maximum of the declared range",
    "configure(**settings): device settings that the case depends on",
    "duration(seconds): about how long the case runs on a bench",
)
MARKS: Final = tuple(marker.partition("(")[0] for marker in MARKERS)

SESSION: Final = pytest.StashKey["Session"]()
FAULTS: Final = pytest.StashKey[list[str]]()
OUT: Final = "gse_out"
MUTANT: Final = "mutant="
"""How the instance of a case for a mutant begins."""
CAPTURE: Final = Path(__file__).parent / "cases" / "forwarding" / "mixed.pcap"
"""TCP, UDP, ICMP, ARP and IPv6 between two Linux hosts, as an interface of theirs saw it."""
PLAN_FILE: Final = ".plan.json"
"""Left in the folder of the run by a worker that found cases."""

CHECKED: Final[dict[str, object]] = {
    "binding": "reference",
    "device": "reference",
    "ics": None,
    "wire_profile": "open-1",
    "recordings": None,
    "tester": None,
    "parameters": [],
    "clauses": [],
    "chapter": [],
}
"""Options that are checked before anything is collected, once they differ from this."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a conformance run."""
    add = parser.getgroup("gse", "GSE conformance").addoption
    add("--binding", default="reference", metavar="NAME", help="what supplies the testbeds")
    add("--device", default="reference", metavar="NAME", help="what is tested: reference, mutant:NAME")
    add("--tester", metavar="NAME", help="what plays and captures, for --binding live: afpacket, trex-5.1")
    add("--ics", metavar="FILE", help="the implementation conformance statement of the device")
    add("--wire-profile", default="open-1", metavar="NAME", help="name or YAML file of the wire profile")
    add("--recordings", metavar="RUN", help="folder of an earlier run, for --binding replay")
    add(
        "--parameter",
        action="append",
        dest="parameters",
        default=[],
        metavar="NAME=VALUE",
        help="override a parameter",
    )
    add("--pcap", metavar="FILE", help="a pcap or pcapng file to play where a case plays captured traffic")
    add("--run-seed", type=int, default=1, metavar="N", help="seed of the run")
    add(
        "--clause",
        action="append",
        dest="clauses",
        default=[],
        metavar="GLOB",
        help="only cases of these clauses",
    )
    add("--chapter", action="append", default=[], metavar="NAME", help="only cases of this chapter")
    add("--out", metavar="DIR", help="folder of this run (default: a new one below out/)")
    add("--mutants", choices=("own", "all"), help="on each mutant, its own clause's cases or all cases")
    stored = "plays to store of cases that pass: all, small (up to 4 MiB a case), or none (failed)"
    add("--evidence", choices=("all", "small", "failed"), default="small", help=stored)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks, and read the options once where they matter: in the process that was started."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    config.stash[FAULTS] = []
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker is not None:
        config.option.out = worker[OUT]
        return
    config.pluginmanager.register(_Faults(config.stash[FAULTS]))
    option = config.option
    if option.out is not None and (Path(option.out) / "results.jsonl").exists():
        raise pytest.UsageError(f"command line: --out: {option.out} holds another run; choose a new folder.")
    if option.pcap is not None:
        _check_capture(option.pcap)
    option.out = str(Path(option.out or f"out/{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}").absolute())
    if any(getattr(option, name) != usual for name, usual in CHECKED.items()):
        fault = _session(config).fault
        if fault:
            raise pytest.UsageError(fault)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Check the marks of a case, and make an instance for each value of its sweeps."""
    if not is_case(metafunc.definition):
        return
    fault = _session(metafunc.config).expand(metafunc)
    if fault:
        metafunc.config.stash[FAULTS].append(fault)
        raise pytest.Collector.CollectError(fault)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Carry the sentence about a bad case to the process that was started."""
    known = len(collector.config.stash[FAULTS])
    report = yield
    faults = collector.config.stash[FAULTS][known:]
    if faults:
        report.gse_fault = faults[0]  # type: ignore[attr-defined]
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:  # noqa: ANN401 - xdist's WorkerController
    """Tell a worker the folder of the run, which its own command line may not name."""
    node.workerinput[OUT] = node.config.option.out


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: list[object]) -> None:
    """Refuse more workers than the bench has beds."""
    if config.option.binding == CHECKED["binding"]:
        return
    beds = _session(config).parallelism
    if beds is not None and len(specs) > beds:
        words = f"{len(specs)} workers are more than the {beds} beds of the binding"
        raise pytest.UsageError(f"command line: -n: {words}; use -n {beds}.")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any) -> None:  # noqa: ANN401 - xdist's WorkerController
    """Begin the results when a worker has found cases."""
    if (Path(node.config.option.out) / PLAN_FILE).exists():
        _session(node.config).begin_for_workers()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Call a bad case a usage error."""
    if session.config.stash[FAULTS]:
        session.exitstatus = pytest.ExitCode.USAGE_ERROR


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    """Say in a sentence each what is wrong with cases, or that none was selected."""
    for fault in config.stash[FAULTS]:
        terminalreporter.write_line(fault, red=True)
    asked = config.option.clauses or config.option.chapter
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and asked:
        terminalreporter.write_line(
            "command line: --clause, --chapter: select no case; widen them.", red=True
        )


class _Faults:
    """Gathers what the workers found wrong with cases."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        fault = getattr(report, "gse_fault", None)
        if fault and fault not in self.faults:
            self.faults.append(fault)


@pytest.fixture
def expect(request: pytest.FixtureRequest) -> "Expect":
    """Give the judge of this case."""
    return _session(request.config).trial(request.node).expect


@pytest.fixture
def bed(request: pytest.FixtureRequest) -> "Iterator[Bed]":
    """Stand the testbed up that the case asks for."""
    bed = _session(request.config).trial(request.node).open()
    yield bed
    bed.close()


@pytest.fixture
def pcap(request: pytest.FixtureRequest) -> Path:
    """Give the captured traffic to play: the user's own, or a small one that comes with the suite."""
    return Path(request.config.option.pcap or CAPTURE)


def is_case(node: pytest.Item) -> bool:
    """Whether an item claims to be a case: it has a mark of one, or asks for a bed."""
    return any(node.get_closest_marker(name) for name in MARKS) or "bed" in getattr(node, "fixturenames", ())


def _check_capture(file: str) -> None:
    """Read a capture file to its end, which only a run that is given one pays for."""
    from traffic.pcapload import read_frames  # noqa: PLC0415

    try:
        deque(read_frames(file), maxlen=0)
    except InputError as error:
        raise pytest.UsageError(str(error)) from error


def _session(config: pytest.Config) -> "Session":
    """Wake the rest of the plugin."""
    if SESSION not in config.stash:
        from conformance.session import Session  # noqa: PLC0415 - only a run with cases pays for it

        config.stash[SESSION] = Session(config)
        config.pluginmanager.register(config.stash[SESSION], "gse-session")
    return config.stash[SESSION]
