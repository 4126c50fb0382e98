from collections import Counter

import pytest

from traffic import patterns
from traffic.frames.roce import frames, host_addresses
from traffic.patterns import credit_bytes, gap_at, line_rate

NAMES = [f"h{i}" for i in range(6)]
HOSTS = host_addresses(6)


def lengths(stream):
    return [len(frame) + 4 for frame in frames(stream, HOSTS)]


def test_elephant_has_at_least_the_bytes_asked_for():
    (stream,) = patterns.elephant("h0", "h1", bytes=10_000, size=1500).streams
    assert stream.count * 1520 >= 10_000 > (stream.count - 1) * 1520


@pytest.mark.parametrize("given", [{}, {"bytes": 1, "count": 1}])
def test_elephant_wants_one_measure(given):
    with pytest.raises(ValueError, match="either bytes or count"):
        patterns.elephant("h0", "h1", **given)


def test_sweep_covers_every_size():
    (stream,) = patterns.sweep("h0", "h1", count=2).streams
    assert Counter(lengths(stream)) == dict.fromkeys(patterns.SIZES, 2)


def test_imix_is_seven_four_one():
    (stream,) = patterns.imix("h0", "h1", count=120).streams
    assert Counter(lengths(stream)) == {64: 70, 594: 40, 1518: 10}


def test_imix_of_a_class_has_room_for_the_tag():
    (stream,) = patterns.imix("h0", "h1", count=12, cls=3).streams
    assert Counter(lengths(stream)) == {66: 7, 594: 4, 1518: 1}


def test_incast_starts_together_or_staggered():
    starts = [s.start for s in patterns.incast(NAMES[1:], "h0", count=1, stagger=100).streams]
    assert starts == [0, 100, 200, 300, 400]
    together = patterns.incast(NAMES[1:], "h0", count=1).streams
    assert {(s.start, s.destination) for s in together} == {(0, "h0")}


@pytest.mark.parametrize("seed", range(8))
def test_permutation_loads_every_host_once_each_way(seed):
    streams = patterns.permutation(NAMES, seed=seed, count=1).streams
    assert sorted(s.source for s in streams) == NAMES
    assert sorted(s.destination for s in streams) == NAMES
    assert all(s.source != s.destination for s in streams)


def test_permutation_follows_its_seed():
    drawn = {patterns.permutation(NAMES, seed=seed, count=1).digest() for seed in range(8)}
    assert len(drawn) > 1
    assert patterns.permutation(NAMES, seed=1, count=1) == patterns.permutation(NAMES, seed=1, count=1)


def test_all_to_all_has_every_ordered_pair():
    streams = patterns.all_to_all(NAMES, count=1, shift=50).streams
    assert len({(s.source, s.destination) for s in streams}) == 30 == len(streams)
    for start in {s.start for s in streams}:
        receivers = [s.destination for s in streams if s.start == start]
        assert len(receivers) == len(set(receivers))


def test_victim_is_the_last_stream():
    streams = patterns.victim(["h1", "h2"], "h0", "h1", "h3", count=5).streams
    assert [(s.id, s.destination) for s in streams] == [(1, "h0"), (2, "h0"), (3, "h3")]


def test_ring_starts_each_step_on_what_arrived():
    scenario = patterns.ring(NAMES[:3], count=4)
    assert len(scenario.stream_ids()) == len(set(scenario.stream_ids())) == 12
    waits = [t.count for t in scenario.triggers if t.port == "h1"]
    assert waits == [4, 8, 12]


def test_hot_expert_receives_more():
    streams = patterns.moe_dispatch(NAMES[:3], bytes=8232, hot=4).streams
    assert {s.destination: s.count for s in streams} == {"h0": 8, "h1": 2, "h2": 2}


def test_gap_reaches_the_rate():
    assert patterns.gap_at(64, 8000) == 84
    assert patterns.gap_at(1518, 4000) == 3076


@pytest.mark.parametrize("rate", [10, 8000, 100_000])
def test_a_full_line_is_full_and_has_a_slow_stream(rate):
    span = 100 * gap_at(1518, 10)
    load = line_rate([("h0", "h1"), ("h1", "h0")], rate_mbps=rate, span=span, order_interval=50_000)
    assert load.counted
    for host in ("h0", "h1"):
        fast, slow = (stream for stream in load.streams if stream.source == host)
        octets = (fast.count + slow.count) * credit_bytes(1518)
        assert octets * 8000 / (slow.count * slow.gap) == pytest.approx(rate, rel=0.01)
        assert slow.gap >= max(10 * gap_at(1518, rate), 50_000)
        assert slow.count >= 30


def test_bursts_repeat():
    streams = patterns.bursts("h0", "h1", repeat=3, frames=4, period=1000).streams
    assert [(s.start, s.count) for s in streams] == [(0, 4), (1000, 4), (2000, 4)]


def test_in_and_out_loads_the_middle_both_ways():
    streams = patterns.in_and_out(["h1", "h2"], "h0", ["h3", "h4"], count=1).streams
    assert [(s.source, s.destination) for s in streams] == [
        ("h1", "h0"),
        ("h2", "h0"),
        ("h0", "h3"),
        ("h0", "h4"),
    ]
