"""Plays in real time over TRex, whose server may fail: two hosts on a cable, and no device at all."""

from dataclasses import replace

import pytest

from conformance.api import outcomes, testbeds
from conformance.api.binding import Setup
from conformance.api.marks import CAPABILITIES
from conformance.api.testbeds import LeafSpine, SoloGsf, SoloGsp
from conformance.bindings.lasting import least_time, refuse_endless
from conformance.bindings.live.devices import quiesce_time
from conformance.bindings.live.trex import limits
from conformance.bindings.realtime import REPEATS, RealTimeDriver, Rig, operator
from conformance.bindings.resting import LOOK, Question, Rest, is_quiesced, paths_of
from spec.loader import load_catalogue
from traffic.patterns import elephant, line_rate, single
from traffic.recordings.recording import Facts, Flow, ParameterValue, Trouble
from traffic.scenario import Scenario, Stream, TimedFrame
from traffic.trex.client import connect
from traffic.trex.wires import TrexWires
from traffic.trex_stand_in.quirks import Quirks
from traffic.trex_stand_in.server import StandIn
from traffic.trex_stand_in.wires import cable
from traffic.wires.player import PortView

TOPOLOGY = LeafSpine(gsps=1, gsfs=0, hosts=2).topology(100, 0)
MS = 1_000_000


def parameters():
    values = {
        name: ParameterValue(item.default, item.unit, "here")
        for name, item in load_catalogue().parameters.items()
    }
    slow = {"settle_time": 50 * MS, "play_limit": 2000 * MS}
    return values | {name: replace(values[name], value=value) for name, value in slow.items()}


SETUP = Setup("a case", TOPOLOGY, Facts(TOPOLOGY.nodes, TOPOLOGY.addresses, parameters(), "open-1"), (), 1)


class Nothing:
    """No device; `when_read` happens when it is read before a play, `troubles` befall it in turn.

    `rests` are what it says of its rest in turn, the last for ever; without, it cannot be asked.
    """

    names = ()
    quiesced_in = 0

    def __init__(self, when_read=lambda: None, troubles=(), rests=()):
        self.when_read = when_read
        self.troubles = list(troubles)
        self.rests = list(rests)

    def halt(self):
        pass

    mark = restore = halt

    def renew(self, setup, seed, *, fresh):
        pass

    def quiesce_time(self, _):
        return self.quiesced_in

    def rest(self):
        if not self.rests:
            return None
        return {"gsp0": self.rests.pop(0) if len(self.rests) > 1 else self.rests[0]}

    def counters(self):
        self.when_read()
        return {}

    def events(self):
        return []

    def states(self):
        return {}

    def trouble(self, **_):
        return self.troubles.pop(0) if self.troubles else None


@pytest.fixture
def server(request):
    with StandIn(cable(), quirks=Quirks(**getattr(request, "param", {}))) as server:
        yield server


@pytest.fixture
def stood(server):
    """Make a bed; what a server that is gone is followed by is a new one."""
    running, made = [server], []

    def dialled():
        if not running[-1]._thread.is_alive() or running[-1]._hung:
            running.append(StandIn(cable()).start())
        host = running[-1]
        ports = {"rpc_port": host.rpc_port, "async_port": host.async_port}
        return connect(host.host, **ports, timeout=0.4)

    def bedded(**words):
        described = testbeds.tester_ports(TOPOLOGY, TOPOLOGY.links)
        lines = [PortView(link.name, lower=True, port=number) for number, link in enumerate(TOPOLOGY.links)]
        wires = TrexWires(
            dialled(), lines, {0: 0, 1: 1}, described, TOPOLOGY.addresses, profile="open-1", again=dialled
        )
        made.append(wires)
        capabilities = CAPABILITIES - {"counters"}
        return RealTimeDriver(SETUP, Rig(TOPOLOGY.links, Nothing(**words), wires, capabilities, 1000 * MS))

    yield bedded
    for wires in made:
        wires.close()
    for other in running[1:]:
        other.stop()


def test_a_play_is_recorded(stood):
    for fresh in (False, True):
        recording = stood().play(elephant("h0", "h1", count=30), 1, fresh=fresh)
        assert (recording.hosts.delivered(), recording.columns.trouble) == (30, None)


BUSY, CALM = Rest(paths=0, held=1, kept=1), Rest(paths=0, held=0, kept=0)
AGES = 600_000 * MS


@pytest.fixture
def lasting(monkeypatch):
    """Let a play be quiesced after, and settle for, longer than a test may take; it is cut after 2 s."""
    values = SETUP.facts.parameters
    settle = {"settle_time": replace(values["settle_time"], value=AGES)}
    monkeypatch.setitem(
        globals(), "SETUP", replace(SETUP, facts=replace(SETUP.facts, parameters=values | settle))
    )
    monkeypatch.setattr(Nothing, "quiesced_in", AGES)


@pytest.mark.usefixtures("lasting")
def test_a_play_begins_when_devices_are_quiesced_and_ends_when_nothing_waits_in_them(stood):
    kept = BUSY._replace(held=0)
    bed = stood(rests=[BUSY, kept, CALM, BUSY, BUSY, kept])
    recording = bed.play(single("h0", "h1"), 1, fresh=False)
    assert (recording.hosts.delivered(), recording.columns.trouble, recording.columns.cut) == (1, None, "")
    assert bed.rig.devices.rests == [kept]


@pytest.mark.usefixtures("lasting")
def test_devices_in_which_something_waits_are_watched_until_the_play_has_settled(stood):
    recording = stood(rests=[CALM, BUSY]).play(single("h0", "h1"), 1, fresh=False)
    assert recording.columns.cut == "play_limit of 2,000,000,000 ns"


def test_what_was_said_before_data_moved_does_not_end_a_play():
    with operator() as person:
        question = Question(lambda: True, person)
        assert not question.answered(10)
        while not question.asked[1].done():
            pass
        assert not question.answered(20, since=15)
        assert not question.answered(20 + LOOK, since=15)
        while not question.asked[1].done():
            pass
        assert question.answered(20 + LOOK, since=15)


def test_who_cannot_tell_is_not_asked_again():
    asked = []
    with operator() as person:
        question = Question(lambda: asked.append(1), person)
        assert not any(question.answered(now * LOOK) for now in range(100))
    assert len(asked) == 1


def test_devices_that_hold_their_links_at_first_are_waited_for_within_what_they_declare():
    values = {name: item.value for name, item in parameters().items()}
    assert quiesce_time(values) > values["flap_hold"] + 5 * values["hello_interval"]
    topology = LeafSpine().topology(100, 0)
    for paths, kept, quiesced in ((1, 0, False), (2, 0, True), (2, 1, False)):
        assert is_quiesced({"gsp0": Rest(paths, 0, kept)}, topology) is quiesced


def test_paths_are_counted_by_link_and_node():
    for request, device, count in (
        (LeafSpine(), "gsp0", 2),
        (LeafSpine(gsps=3, gsfs=2), "gsp1", 4),
        (LeafSpine(parallel=2), "gsf1", 4),
        (SoloGsp(remotes=3), "gsp0", 6),
        (SoloGsf(), "gsf0", 3),
    ):
        assert paths_of(request.topology(100, 0), device) == count


def test_a_play_that_is_counted_holds_counters(stood):
    load = line_rate([("h0", "h1"), ("h1", "h0")], rate_mbps=100, span=100 * MS, order_interval=50_000)
    recording = stood().play(load, 1, fresh=False)
    assert (recording.holds, len(recording), recording.columns.trouble) == ("counters", 0, None)
    expected = [Flow(stream.id, stream.count, reordered=0) for stream in load.streams]
    assert recording.hosts.flows() == expected


def test_a_play_measured_badly_is_repeated_and_one_on_a_broken_bench_is_not(stood):
    late, broken = Trouble("measurement", "late"), Trouble("bench", "broken")
    for troubles, left, told in (
        ([late, late], 0, None),
        ([late] * (REPEATS + 2), 1, late),
        ([broken, late], 1, broken),
    ):
        bed = stood(troubles=troubles)
        assert bed.play(single("h0", "h1"), 1, fresh=False).columns.trouble == told
        assert len(bed.rig.devices.troubles) == left


@pytest.mark.parametrize("fault", ["die", "hang"])
def test_a_server_that_goes_costs_one_play(stood, server, fault):
    struck = stood(when_read=lambda: getattr(server, fault)() if server._thread.is_alive() else None)
    with pytest.raises(outcomes.BenchError, match="TRex"):
        struck.play(single("h0", "h1"), 1, fresh=False)
    recording = struck.play(single("h0", "h1"), 2, fresh=False)
    assert (recording.hosts.delivered(), recording.columns.trouble) == (1, None)


def test_a_port_taken_during_a_play_is_the_benchs_trouble(stood, server):
    taken = stood(when_read=lambda: server.take(1, "rival"))
    for number in (1, 2):
        recording = taken.play(single("h0", "h1"), number, fresh=False)
        assert recording.columns.trouble.breaks == "bench"
        assert "port 1 of TRex was taken by rival" in recording.columns.trouble.words


def test_a_frame_beyond_trex_limits_the_tester(stood):
    long = Scenario(frames=(TimedFrame(0, "h0", bytes(9300)),))
    with pytest.raises(outcomes.TesterLimited, match="14 to 9238"):
        stood().play(long, 1, fresh=False)


def test_a_tester_that_reacts_too_late_has_no_peers():
    topology = SoloGsp().topology(8000, 0)
    found = limits(topology, parameters(), 5 * MS)
    assert "react after 5.0 ms, too late where grant_round_trip is 0.04 ms and" in found["reactive peer"]
    assert "reactive peer" not in limits(topology, parameters(), 1)


def test_trex_has_no_taps_between_devices():
    assert "fabric taps" not in limits(SoloGsp().topology(8000, 0), parameters(), 1)
    inner = limits(LeafSpine().topology(8000, 0), parameters(), 1)
    assert inner["fabric taps"] == "TRex has no port on gsp0-gsf0, which joins two devices"


@pytest.mark.parametrize("server", [{"cut": 700}], indirect=True)
def test_frames_that_the_tester_may_have_cut_are_no_devices_fault(stood):
    driver, load = stood(), elephant("h0", "h1", count=5, size=1000)
    trouble = driver.play(load, 1, fresh=False).columns.trouble
    assert trouble.breaks == "limit"
    assert "octets with 700" in trouble.words
    driver.rig.wires.whole = 1500
    assert driver.play(load, 2, fresh=False).columns.trouble is None


def test_a_play_that_cannot_end_in_time_is_not_begun():
    """1,000 frames of 1,000 octets, 20 more each on the wire, take 81.6 ms at 100 Mbit/s."""
    load = elephant("h0", "h1", count=1000, size=1000)
    rates = {"h0": 100, "h1": 100}
    assert least_time(load, rates) == 81_600_000
    more = replace(load.streams[0], id=2, count=10)
    assert least_time(replace(load, streams=(*load.streams, more)), rates) == 82_416_000
    refuse_endless(load, rates, 81_600_000)
    with pytest.raises(outcomes.TesterLimited, match="its 1000 frames take at least 0"):
        refuse_endless(load, rates, 81_599_999)


def test_frames_that_are_spaced_last_as_long_as_their_gaps():
    stream = Stream(1, "h0", "h1", sizes=(64,), count=11, start=5, gap=100)
    assert least_time(Scenario(streams=(stream,)), {"h0": 100}) == 1005
    assert least_time(Scenario(), {}) == 0
