"""Whole plays through a server: two hosts whose ports are joined in memory, over both generations."""

import time

import pytest

from traffic.frames.roce import frames, host_addresses
from traffic.patterns import elephant, single
from traffic.scenario import UP, Scenario, Stream, TimedFrame, Trigger
from traffic.tester.tester import TesterPort, VirtualTester
from traffic.trex import wires as module
from traffic.trex.client import connect
from traffic.trex.errors import TrexError, TrexGoneError, TrexTakenError, TrexUnableError
from traffic.trex.open_loop import MOST_SCHEDULED
from traffic.trex.wires import TrexWires
from traffic.trex_stand_in.server import StandIn
from traffic.trex_stand_in.wires import cable
from traffic.wires.player import Player, PortView

HOSTS = host_addresses(2)
PORTS = [TesterPort(name, 100, host.mac, "host") for name, host in HOSTS.items()]
LINES = [PortView(name, lower=True, port=number) for number, name in enumerate(HOSTS)]
SILENCE = 150_000_000


def dialled(server, user="me", timeout=0.4):
    return connect(
        server.host, rpc_port=server.rpc_port, async_port=server.async_port, user=user, timeout=timeout
    )


def opened(server, again=None, **words):
    return TrexWires(
        dialled(server, **words), LINES, {0: 0, 1: 1}, PORTS, HOSTS, profile="open-1", again=again
    )


@pytest.fixture
def wires(server):
    wires = opened(server)
    yield wires
    wires.close()


class Play:
    """A play until nothing has left or arrived for a while."""

    def __init__(self, wires, *, meanwhile=lambda _: None, silence=SILENCE):
        self.player = Player(VirtualTester(PORTS, HOSTS, "open-1"), wires)
        self.meanwhile = meanwhile
        self.silence = silence

    def run(self, scenario, **words):
        self.player.begin(scenario, **words)
        self.player.run(self.goes_on)
        return self

    def goes_on(self, now):
        self.meanwhile(self.player)
        return self.player.busy or now < self.player.moved + self.silence

    def passed(self, host, way="sent"):
        index, direction = list(HOSTS).index(host), UP if way == "sent" else 1 - UP
        return [frame for _, line, went, frame, _ in self.player.rows if (line, went) == (index, direction)]


def assert_whole(wires):
    assert (wires.lost(), wires.unsent(), wires.trouble()) == (0, 0, None)


def test_a_plain_stream_is_left_to_the_server(wires, server):
    stream = Stream(1, "h0", "h1", (128,), 300, gap=100_000, kind="ethernet")
    given = []
    play = Play(wires, meanwhile=lambda _: given.append(len(server.ports[0].streams)))
    play.run(Scenario(streams=(stream,)))
    expected = list(frames(stream, HOSTS))
    assert (play.passed("h0"), play.passed("h1", "received")) == (expected, expected)
    assert set(given) == {1}
    assert_whole(wires)


def test_frames_that_differ_are_given_one_by_one(wires, server):
    load = elephant("h0", "h1", count=20, size=500)
    given = []
    play = Play(wires, meanwhile=lambda _: given.append(len(server.ports[0].streams))).run(load)
    assert play.passed("h1", "received") == list(frames(load.streams[0], HOSTS))
    assert set(given) == {20}
    assert_whole(wires)


def test_what_is_too_much_to_give_is_pushed_in_order(wires, server):
    load = elephant("h0", "h1", count=MOST_SCHEDULED + 100, size=200)
    play = Play(wires, silence=10 * SILENCE).run(load)
    assert play.passed("h1", "received") == list(frames(load.streams[0], HOSTS))
    assert server.ports[0].streams == {}
    assert_whole(wires)


def test_short_frames_arrive_as_they_are_on_a_wire(wires):
    short = [HOSTS["h1"].mac + HOSTS["h0"].mac + b"\x88\xb5" + bytes(number) for number in range(30)]
    scripted = [TimedFrame(number * 1000, "h0", frame) for number, frame in enumerate(short)]
    play = Play(wires).run(Scenario(frames=tuple(scripted)))
    assert play.passed("h1", "received") == [frame.ljust(60, b"\0") for frame in short]
    assert_whole(wires)


def test_nothing_leaves_ahead_where_nothing_may(wires, server):
    load = single("h0", "h1")
    play = Play(wires, meanwhile=lambda _: server.ports[0].streams and pytest.fail("a stream was added"))
    play.run(load, ahead=False)
    assert len(play.passed("h1", "received")) == 1


def test_what_arrives_is_answered(wires):
    answer = Scenario(streams=(Stream(2, "h1", "h0", (100,), 5),))
    play = Play(wires).run(single("h0", "h1") + Scenario(triggers=(Trigger("HOST", answer, "h1"),)))
    assert play.passed("h0", "received") == list(frames(answer.streams[0], HOSTS))
    sent, received = ([row[0] for row in play.player.rows if row[1:3] == (0, way)] for way in (UP, 1 - UP))
    assert sent[0] < received[0]
    assert_whole(wires)


def test_frames_of_an_earlier_play_are_forgotten(wires):
    for _ in range(2):
        play = Play(wires).run(single("h0", "h1"))
        assert len(play.player.rows) == 2
    assert_whole(wires)


def test_times_are_those_of_the_local_clock(wires):
    start, _ = wires.begin(Scenario())
    before = time.monotonic_ns()
    wires.send(0, bytes(60))
    seen = []
    while len(seen) < 2:
        seen += [item for _, item in wires.passing(0.1)]
    after = time.monotonic_ns()
    for item in seen:
        assert before - wires.uncertainty <= item.time <= after + wires.uncertainty
    assert start <= before
    assert 0 < wires.uncertainty < wires.reaction


def test_frames_that_the_capture_has_no_room_for_are_lost(wires, monkeypatch):
    monkeypatch.setattr(module, "ROOM", 10)
    wires.begin(Scenario())
    for frame in frames(elephant("h0", "h1", count=50).streams[0], HOSTS):
        wires.send(0, frame)
    list(wires.passing(0))
    until_counted(wires, 50)
    assert wires.lost() >= 100 - 20 - 50


def until_counted(wires, count):
    end = time.monotonic() + 3
    while wires.trex.counters()[1].received < count:
        assert time.monotonic() < end


def test_frames_that_a_port_counted_and_nobody_saw_are_lost(wires, server, monkeypatch):
    wires.begin(Scenario())
    see = server.engine.captures.see
    monkeypatch.setattr(
        server.engine.captures,
        "see",
        lambda port, *rest, sent: see(port, *rest, sent=sent) if not port else None,
    )
    wires.send(0, bytes(60))
    list(wires.passing(0))
    until_counted(wires, 1)
    assert wires.lost() == 1


def test_a_port_that_lost_its_link_is_told(wires, server):
    play = Play(wires)
    server.link(0, up=False)
    play.run(single("h0", "h1"))
    assert wires.unsent() == 1
    assert "port 0 of TRex, h0, lost its link" in wires.trouble()


def test_a_port_that_was_taken_is_told(wires, server):
    wires.begin(Scenario())
    server.take(1, "rival")
    assert wires.trouble() == "port 1 of TRex was taken by rival during the play"
    with pytest.raises(TrexTakenError, match="'rival'"):
        push_for_ever(wires)


def push_for_ever(wires):
    while True:
        wires.send(1, bytes(60))
        list(wires.passing(0))


def test_a_frame_that_trex_does_not_send_is_beyond_it(wires):
    wires.begin(Scenario())
    with pytest.raises(TrexUnableError, match="14 to 9238 octets, not of 9239; set max_frame"):
        wires.send(0, bytes(9239))


@pytest.mark.parametrize("fault", ["die", "hang"])
def test_a_server_that_goes_ends_the_play_and_another_goes_on(server, api, fault):
    with StandIn(cable(), api=api) as other:
        wires = opened(server, again=lambda: dialled(other))

        def strike(player):
            if player.rows:
                getattr(server, fault)()

        load = elephant("h0", "h1", count=MOST_SCHEDULED + 100)
        play = Play(wires, meanwhile=strike)
        with pytest.raises(TrexGoneError):
            play.run(load)
        assert play.player.rows
        assert wires.trouble() is not None
        again = Play(wires).run(single("h0", "h1"))
        assert len(again.player.rows) == 2
        assert_whole(wires)
        wires.close()


def test_without_another_connection_a_broken_one_stays_broken(wires, server):
    server.die()
    for _ in range(2):
        with pytest.raises(TrexGoneError):
            wires.begin(Scenario())


def test_ports_that_the_same_user_left_are_taken_over(server):
    with dialled(server) as left:
        left.acquire([0, 1])
        wires = opened(server)
        assert len(Play(wires).run(single("h0", "h1")).player.rows) == 2
        wires.close()


def test_ports_of_others_are_left_alone(server):
    with dialled(server, user="rival") as rival:
        rival.acquire([1])
        with pytest.raises(TrexTakenError, match="port 1 belongs to 'rival'"):
            opened(server)
        assert rival.ports()[1].owner == "rival"


def test_a_port_that_sends_nothing_is_no_wire(server, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    server.link(0, up=False)
    with pytest.raises(TrexError, match="port 0 does not send"):
        opened(server)


class Interrupted(BaseException):
    """What a timeout or a signal raises wherever the program is just then."""


@pytest.mark.parametrize("times", [1, 2])
def test_a_client_that_was_interrupted_is_never_used_again(server, monkeypatch, times):
    """A reply may still be due on its socket, so another takes the ports, with nothing left on them."""
    dials = []
    wires = opened(server, again=lambda: dials.append(1) or dialled(server))
    for number in range(times):
        first, sent = wires.trex, []

        def interrupted(*_arguments, **_more):
            raise Interrupted

        monkeypatch.setattr(first, "fetch_some", interrupted)
        with pytest.raises(Interrupted):
            Play(wires).run(elephant("h0", "h1", count=200))
        monkeypatch.setattr(first._client, "_transmit", lambda *words, sent=sent: sent.append(words))
        again = Play(wires).run(single("h0", "h1"))
        assert len(again.player.rows) == 2
        assert_whole(wires)
        assert wires.trex is not first
        assert sent == []
        assert len(dials) == number + 1
    wires.close()


def test_an_interrupted_client_that_is_closed_gives_the_ports_back_by_another(server, monkeypatch):
    wires = opened(server, again=lambda: dialled(server))
    with pytest.raises(Interrupted), wires._watched():
        raise Interrupted
    monkeypatch.setattr(wires.trex._client, "_transmit", None)
    wires.close()
    with dialled(server, user="another") as another:
        assert {port.owner for port in another.ports().values()} == {""}


def test_the_reach_of_a_port_is_measured_once(server, monkeypatch):
    known = {}
    wires = TrexWires(dialled(server), LINES, {0: 0, 1: 1}, PORTS, HOSTS, profile="open-1", known=known)
    assert known.keys() == {0, 1}
    reach = wires.reach
    wires.close()
    monkeypatch.setattr(module, "measured", None)
    wires = TrexWires(dialled(server), LINES, {0: 0, 1: 1}, PORTS, HOSTS, profile="open-1", known=known)
    assert wires.reach == reach
    wires.close()
