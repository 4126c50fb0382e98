"""Whatever a play or a run altered is given back, however it ended."""

import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from mmap import mmap
from pathlib import Path

import pytest

from conformance.api.outcomes import BenchError
from conformance.bindings import realtime
from conformance.bindings.live.testers import TESTERS, named_tester
from conformance.bindings.realtime import RealTimeDriver, Rig
from conformance.bindings.undo import giving_back
from tests.conformance.test_realtime import SETUP, TOPOLOGY, Nothing
from traffic.scenario import LinkEvent, Scenario
from traffic.wires import afpacket
from traffic.wires.player import PortView

MS = 1_000_000


class Quiet:
    """Wires on which nothing passes."""

    lines = tuple(PortView(link.name, lower=True, port=number) for number, link in enumerate(TOPOLOGY.links))
    latest = 0
    whole = None
    apart = 0
    busy = False

    def prepare(self, scenario):
        pass

    def begin(self, scenario, *, ahead):  # noqa: ARG002
        return time.monotonic_ns(), scenario

    def passing(self, seconds):
        time.sleep(seconds)
        return iter(())

    def send(self, port, frame):
        pass

    def counted(self):
        return None

    def lost(self):
        return 0

    unsent = lost

    def trouble(self):
        return None

    def mend(self):
        pass


class Switched(Nothing):
    """Links that are switched, and may refuse to be; `carry_out` is what it takes."""

    names = ("gsp0",)

    def __init__(self, refuses=(), carry_out=lambda: None):
        super().__init__()
        self.refuses = refuses
        self.carry_out = carry_out
        self.links = {}
        self.managed = []
        self.restored = 0

    def switch(self, link, *, up):
        self.carry_out()
        self.links[link] = up
        if (link, up) in self.refuses:
            raise BenchError(f"{link} cannot be switched")

    def manage(self, order):
        self.managed.append(order.action)

    def restore(self):
        self.restored += 1
        for link in [link for link, up in self.links.items() if not up]:
            self.links[link] = True


def bed(devices):
    return RealTimeDriver(SETUP, Rig(TOPOLOGY.links, devices, Quiet(), frozenset(), 1000 * MS))


DARK = Scenario(links=(LinkEvent(0, "h0", up=False), LinkEvent(1500 * MS, "h1", up=False)))


def test_a_link_is_given_back_by_a_play_that_ends_or_fails():
    for refuses in ((), [("h0", False)]):
        devices = Switched(refuses)
        recording = bed(devices).play(Scenario(links=DARK.links[:1]), 1, fresh=False)
        assert (recording.columns.trouble is None) == (not refuses)
        assert devices.links == {"h0": True}
        assert devices.restored == 1


def test_what_is_planned_later_than_the_settle_time_happens_in_real_time():
    devices = Switched()
    assert SETUP.facts.parameters["settle_time"].value < DARK.links[1].at
    assert bed(devices).play(DARK, 1, fresh=False).columns.trouble is None
    assert devices.links == {"h0": True, "h1": True}


@pytest.fixture
def heeds_interrupts():
    """Raise KeyboardInterrupt at SIGINT, which a shell has its background jobs ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeds_interrupts")
def test_a_play_that_is_broken_off_leaves_no_order_to_be_carried_out_behind_it(monkeypatch):
    """The signal comes while the first of two orders is carried out, which ends when the operator is told."""
    begun, told = threading.Event(), threading.Event()
    main = threading.main_thread().ident

    class Operator(ThreadPoolExecutor):
        def shutdown(self, wait=True, **words):
            super().shutdown(wait=False, **words)
            told.set()
            super().shutdown(wait=wait)

    def strike():
        assert begun.wait(60)
        signal.pthread_kill(main, signal.SIGINT)

    def carry_out():
        begun.set()
        assert told.wait(60)

    monkeypatch.setattr(realtime, "ThreadPoolExecutor", Operator)
    devices = Switched(carry_out=carry_out)
    links = tuple(LinkEvent(0, name, up=False) for name in ("h0", "h1"))
    threading.Thread(target=strike, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        bed(devices).play(Scenario(links=links), 1, fresh=False)
    assert devices.restored == 1
    assert devices.links == {"h0": True}, "the second order waited, and is none any more"


def test_every_step_is_taken_and_the_first_fault_told():
    taken = []

    def step(name, fault=None):
        def act():
            taken.append(name)
            if fault is not None:
                raise fault

        return act

    first = BenchError("first")
    with pytest.raises(BenchError, match="first"), giving_back(step(1, first), step(2, OSError()), step(3)):
        pass
    assert taken == [1, 2, 3]
    with pytest.raises(KeyboardInterrupt) as kept, giving_back(step(4, first), step(5)):
        raise KeyboardInterrupt
    assert taken == [1, 2, 3, 4, 5]
    assert kept.value.__notes__ == ["not given back: first"]


def sockets():
    count = 0
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            count += str(path.readlink()).startswith("socket:")
    return count


class Socket(socket.socket):
    """One that anybody may open, and that some interfaces cannot be bound to."""

    def __init__(self, *_):
        super().__init__(socket.AF_UNIX, socket.SOCK_DGRAM)

    def setsockopt(self, *_):
        pass

    def bind(self, address):
        if address in self.refused:
            raise OSError(19, "No such device")


@pytest.mark.parametrize("refused", [("b", 3), ("b", 0)], ids=["tap", "sender"])
def test_no_socket_stays_open_where_one_cannot_be_opened(monkeypatch, refused):
    monkeypatch.setattr(Socket, "refused", [refused], raising=False)
    monkeypatch.setattr(afpacket.socket, "socket", Socket)
    monkeypatch.setattr(afpacket, "mmap", lambda _, size: mmap(-1, size))
    monkeypatch.setattr(afpacket.Tap, "synchronise", lambda _: None)
    before = sockets()
    ends = [(PortView("one", lower=True, port=0), "a"), (PortView("two", lower=True, port=1), "b")]
    with pytest.raises(OSError, match="No such device") as fault:
        afpacket.open_interfaces(afpacket.Interfaces, ends)
    assert fault.value.filename == "b"
    assert sockets() == before


def test_all_bindings_of_a_process_know_how_slow_its_tester_is():
    for name in TESTERS:
        assert named_tester(name) is named_tester(name)


CASE = """
@clause("PKTC-ONE-PATH")
@testbed(LeafSpine())
def test_one(bed, expect):
    expect.equal(1, 1, "one")
"""


@pytest.mark.parametrize("workers", ["-n0", "-n1"])
def test_results_are_whole_where_a_bench_cannot_be_given_back(bench, workers):
    bench.cases(test_a=CASE)
    (bench.path / "refuses").touch()
    result = bench.run(workers)
    assert "The bench could not be given back as it was: the switch is gone." in result.stderr.str()
    assert bench.lines()[-1]["kind"] == "footer"
    assert result.ret == 3
