"""The driver of one device, on wires whose far ends the test holds."""

import secrets
from contextlib import closing
from select import select
from time import monotonic_ns

import pytest

from reference_impl.config import DeviceConfig, PortConfig
from reference_impl.device import Device
from reference_impl.live import fabric, links, namespaces, wires
from reference_impl.live.packets import PacketPort
from reference_impl.live.plan import End, Plan, Wire
from reference_impl.live.runner import STALL, Lateness, Runner
from traffic.wires.afpacket import Interfaces, Tap
from traffic.wires.player import PortView

LINKS = ("one", "two")
FRAME = bytes.fromhex("020000000002 020000000001 88b6") + bytes(46)


class Answering(Device):
    """Answers each frame with one on every port by turns, the last port first, twice over."""

    def handle(self, _port, frame, now):
        """Answer."""
        for number, out in enumerate(self.ports[::-1] * 2):
            out.send(frame[:-1] + bytes([number]), now)


def answering(_changes):
    ports = tuple(PortConfig("fabric", 1_000_000, bytes(6)) for _ in LINKS)
    return Answering(DeviceConfig("answering", 1, ports))


@pytest.fixture
def spaces(privileged):
    """Lay two wires from a tester to a namespace without device."""
    run = f"gse-test-{secrets.token_hex(2)}"
    named = {name: namespaces.NAMED / f"{run}-{name}" for name in ("tester", "dut")}
    laid = tuple(
        Wire(link, *(End(space, link, f"02:47:00:0{number}:00:01") for number, space in enumerate(named)))
        for link in LINKS
    )
    namespaces.share(namespaces.NAMED)
    try:
        for path in named.values():
            namespaces.create(path)
        wires.lay(Plan("test", (), laid), named)
        yield named
    finally:
        for path in named.values():
            namespaces.remove(path)


@pytest.fixture
def runner(spaces):
    with namespaces.inside(spaces["dut"]):
        running = Runner(answering, LINKS)
    with closing(running):
        yield running


@pytest.fixture
def taps(spaces):
    """See what passes the tester's ends, with the times of the kernel."""
    with namespaces.inside(spaces["tester"]):
        opened = [Tap(link) for link in LINKS]
    yield opened
    for tap in opened:
        tap.close()


@pytest.fixture
def host(spaces):
    with namespaces.inside(spaces["tester"]):
        port = PacketPort(LINKS[0])
    with closing(port):
        yield port


def test_frames_leave_in_the_order_in_which_the_device_sent_them(runner, taps, host):
    host.put([FRAME])
    seen = []

    def have_answered():
        runner.work(monotonic_ns())
        seen.extend(seen for tap in taps for seen in tap.take() if not seen.outgoing)
        return len(seen) >= 4

    assert fabric.until(have_answered, 10)
    assert [each.frame[-1] for each in sorted(seen, key=lambda each: each.time)] == [0, 1, 2, 3]


def test_a_runner_tells_how_late_it_was(runner, host):
    host.put([FRAME])
    runner.device.at(monotonic_ns(), lambda _: None)
    stalled = monotonic_ns() + STALL + 5_000_000
    assert fabric.until(lambda: monotonic_ns() > stalled, 10)
    assert fabric.until(lambda: runner.work(monotonic_ns()), 10)
    lateness = runner.lateness
    assert STALL + 5_000_000 <= lateness.stalled < lateness.worst + 5_000_000, (
        "one stall, though two were late"
    )
    runner.restart({})
    assert runner.lateness == Lateness()


def test_a_port_that_went_down_is_not_ready_for_ever(spaces, runner):
    (port, _) = runner.ports
    with namespaces.inside(spaces["dut"]):
        links.switch(port.interface, up=False)
    assert select([port], (), (), 10)[0] == [port]
    port.clear_error()
    assert select([port], (), (), 0)[0] == []


def test_a_tap_that_went_down_is_not_ready_for_ever(spaces, taps):
    with namespaces.inside(spaces["tester"]):
        links.switch(LINKS[0], up=False)
    assert select(taps, (), (), 10)[0] == taps[:1]
    lines = [PortView(link, lower=True) for link in LINKS]
    assert list(Interfaces(lines, taps, {}).passing(0)) == []
    assert select(taps, (), (), 0)[0] == []
