"""Streams that a server plays and counts by itself: what came of them, and that the counters agree."""

from itertools import count

import pytest

from tests.traffic.trex.test_wires import SILENCE, Play, opened
from traffic.patterns import line_rate, single
from traffic.recordings.recording import Flow
from traffic.scenario import Scenario, Stream, Trigger
from traffic.trex.counted import MOST_READ
from traffic.trex.errors import TrexRefusedError, TrexUnableError
from traffic.trex_stand_in.server import StandIn
from traffic.trex_stand_in.wires import cable

FRAMES = 200
SLOW = Stream(1, "h0", "h1", (128,), FRAMES, gap=500_000)
FAST = Stream(2, "h1", "h0", (128,), FRAMES, gap=10**9 // MOST_READ - 1000)


def of(*streams, **rest):
    return Scenario(streams=streams, counted=True, **rest)


@pytest.fixture
def pipes():
    return cable()


@pytest.fixture
def server(api, pipes):
    with StandIn(pipes, api=api) as server:
        yield server


@pytest.fixture
def wires(server):
    wires = opened(server, timeout=1.0)
    yield wires
    wires.close()


def test_streams_are_counted_and_no_frame_is_kept(wires, server):
    modes = set()
    play = Play(wires, meanwhile=lambda _: modes.add(server.ports[0].service)).run(of(SLOW, FAST))
    assert wires.counted() == (Flow(1, FRAMES, reordered=0), Flow(2, FRAMES, reordered=None))
    assert (play.player.rows, wires.lost(), wires.unsent(), wires.trouble()) == ([], 0, 0, None)
    assert modes == {False}, "in service mode a server keeps no rate"


def test_after_counting_frames_are_captured_again(wires):
    Play(wires).run(of(SLOW))
    play = Play(wires).run(single("h0", "h1"))
    assert wires.counted() is None
    assert len(play.player.rows) == 2


def test_what_was_counted_before_does_not_count_again(wires):
    for _ in range(2):
        Play(wires).run(of(SLOW, FAST))
        assert [flow.sent for flow in wires.counted()] == [FRAMES, FRAMES]


def test_a_full_line_is_counted_in_both_directions(wires):
    load = line_rate([("h0", "h1"), ("h1", "h0")], rate_mbps=100, span=200_000_000, order_interval=50_000)
    Play(wires).run(load)
    flows = wires.counted()
    assert [flow.sent for flow in flows] == [stream.count for stream in load.streams]
    assert {(flow.lost, flow.reordered) for flow in flows} == {(0, 0)}


def loses(deliver):
    number = count()
    return lambda frame: next(number) % 10 == 5 or deliver(frame)


def repeats(deliver):
    number = count()
    return lambda frame: [deliver(frame) for _ in range(2 if next(number) % 10 == 5 else 1)]


def swaps(deliver):
    number, kept = count(), []

    def far(frame):
        if next(number) % 10 == 5:
            kept.append(frame)
            return
        deliver(frame)
        while kept:
            deliver(kept.pop())

    return far


TENTH = FRAMES // 10


def test_lost_frames_are_told(wires, pipes):
    pipes[0].far = loses(pipes[0].far)
    Play(wires).run(of(SLOW))
    assert wires.counted() == (Flow(1, FRAMES, lost=TENTH, reordered=0),)


def test_repeated_frames_are_told(wires, pipes):
    pipes[0].far = repeats(pipes[0].far)
    Play(wires).run(of(SLOW))
    assert wires.counted() == (Flow(1, FRAMES, duplicated=TENTH, reordered=0),)


def test_frames_that_were_overtaken_are_told(wires, pipes):
    pipes[0].far = swaps(pipes[0].far)
    Play(wires).run(of(SLOW))
    assert wires.counted() == (Flow(1, FRAMES, reordered=TENTH),)


def test_a_loss_is_told_where_no_order_is_read(wires, pipes):
    pipes[1].far = loses(pipes[1].far)
    Play(wires).run(of(FAST))
    assert wires.counted() == (Flow(2, FRAMES, TENTH),)


def test_who_counts_does_not_react(wires):
    with pytest.raises(TrexUnableError, match="neither reacts to any nor stands in for devices"):
        Play(wires).run(of(SLOW, triggers=(Trigger("HOST", Scenario(), "h1"),)))


def test_counted_frames_have_one_size(wires):
    with pytest.raises(TrexUnableError, match="stream 3 has frames of several sizes"):
        Play(wires).run(of(Stream(3, "h0", "h1", (64, 128), 10)))


def test_a_stream_that_was_not_sent_whole_is_no_result(wires):
    def cut(_):
        wires.deadline = 0

    Play(wires, meanwhile=cut).run(of(Stream(1, "h0", "h1", (128,), 2 * FRAMES, gap=SILENCE // FRAMES)))
    with pytest.raises(TrexRefusedError, match=f"of the {2 * FRAMES} frames of stream 1 it sent"):
        wires.counted()


def test_a_port_without_link_sends_nothing(wires, server):
    server.link(0, up=False)
    Play(wires).run(of(SLOW))
    with pytest.raises(TrexRefusedError, match=f"port 0 counted 0 frames sent, its streams {FRAMES}"):
        wires.counted()


def test_a_port_that_counted_less_than_its_streams_is_no_result(wires):
    Play(wires).run(of(SLOW))
    wires.account.before[1] = wires.trex.counters()[1]
    with pytest.raises(
        TrexRefusedError, match=f"port 1 counted 0 frames received, the streams to it {FRAMES}"
    ):
        wires.counted()
