import pytest

from reference_impl import codec
from reference_impl.port import NEVER
from reference_impl.virtual.links import Impairment
from reference_impl.virtual.network import Network
from reference_impl.virtual.timeline import SHIFT

PREFIX = bytes.fromhex("024701000000 024700010002 88b5")


class Probe:
    """Sends what it is told to, when it is told to, and keeps what comes."""

    def __init__(self, plan=()):
        self.plan = sorted(plan)
        self.got = []
        self.carriers = []
        self.rates = []

    @property
    def due(self):
        return self.plan[0][0] if self.plan else NEVER

    def receive(self, port, frame, now):
        self.got.append((now, port, frame))
        return []

    def wake(self, now):
        sends = [(port, frame) for time, port, frame in self.plan if time <= now]
        self.plan = [item for item in self.plan if item[0] > now]
        return sends

    def carrier(self, port, up, now):
        self.carriers.append((now, port, up))
        return []

    def rate(self, port, rate_mbps, now):
        self.rates.append((now, port, rate_mbps))
        return []


def pair(plan, seed=1, **link):
    network = Network(seed)
    a, b = Probe(plan), Probe()
    network.add(a)
    network.add(b)
    network.link("l", (a, 0), (b, 3), **link)
    return network, a, b


def numbered(count, gap=2000, size=1000, start=0):
    return [(start + i * gap, 0, i.to_bytes(2, "big") + bytes(size - 2)) for i in range(count)]


def numbers(probe):
    return [int.from_bytes(frame[:2], "big") for _, _, frame in probe.got]


def test_a_frame_takes_its_wire_time_and_the_delay():
    network, _, b = pair([(100, 0, bytes(1000))])
    network.run(5000)
    assert b.got == [(100 + 1024 + 500, 3, bytes(1000))]
    assert network.taps == [(1124, 0, 0, bytes(1000), 1)]


def test_a_short_frame_holds_the_wire_for_84_octets_and_rates_round_up():
    network, _, b = pair([(0, 0, b"x"), (0, 0, b"y")], rate_mbps=3000, delay_ns=0)
    network.run(5000)
    assert [time for time, _, _ in b.got] == [224, 448]


def test_frames_of_one_ns_keep_their_order():
    network, _, b = pair([(0, 0, bytes([i]) * 60) for i in range(50)], rate_mbps=1 << 40, delay_ns=0)
    network.run(100)
    assert [frame[0] for _, _, frame in b.got] == list(range(50))


def test_run_stops_at_its_time_and_goes_on_from_there():
    plan = numbered(40, gap=37, size=60)
    whole, _, b = pair(plan)
    whole.run(100_000)
    parts, _, c = pair(plan)
    for until in (*range(0, 3000, 7), 100_000):
        parts.run(until)
        assert all(time <= until for time, _, _ in c.got)
    assert b.got == c.got


def test_far_timers_come_in_time():
    times = [0, 5, (1 << SHIFT) - 1, 1 << SHIFT, (1 << SHIFT) + 1, 3 << SHIFT, 10**9]
    network, _, b = pair([(time, 0, bytes(60)) for time in times])
    network.run(2 * 10**9)
    assert [time - 584 for time, _, _ in b.got] == [
        0,
        84,
        *times[2:3],
        times[3] + 83,
        times[4] + 166,
        *times[5:],
    ]


def test_a_plan_that_grows_between_runs_is_seen():
    network, a, b = pair([])
    network.run(10_000)
    a.plan.append((12_345, 0, bytes(60)))
    network.run(20_000)
    assert [time for time, _, _ in b.got] == [12_345 + 584]


@pytest.mark.parametrize(
    ("options", "lost"),
    [
        ({"ordinals": (1, 4)}, {0, 3}),
        ({"every": 3}, {2, 5, 8}),
        ({"start": 4000, "stop": 8001}, {2, 3, 4}),
        ({}, set(range(10))),
    ],
)
def test_loss(options, lost):
    network, _, b = pair(numbered(10), delay_ns=0)
    network.impair(Impairment("l", "loss", direction=0, **options))
    network.run(100_000)
    assert set(range(10)) - set(numbers(b)) == lost
    assert {i for i, tap in enumerate(network.taps) if tap[4] == 0} == lost


def test_loss_by_message_type():
    grant = codec.encode_grant(PREFIX, 0, 2, 1, 0, 1, 2, 0, 9)
    request = codec.encode_request(PREFIX, 0, 2, 1, 0, 1, 2, 0, 9)
    host = bytes(60)
    network, _, b = pair([(0, 0, grant), (1000, 0, request), (2000, 0, host), (3000, 0, grant)])
    network.impair(Impairment("l", "loss", messages=("GRANT", "HOST")))
    network.run(100_000)
    assert [frame for _, _, frame in b.got] == [request]


def test_loss_by_probability_is_repeatable_and_the_seed_matters():
    def received(seed):
        network, _, b = pair(numbered(400), seed)
        network.impair(Impairment("l", "loss", probability=0.25))
        network.run(2_000_000)
        return numbers(b)

    assert received(1) == received(1)
    assert received(1) != received(2)
    assert 250 < len(received(1)) < 350


def test_duplicates_come_after_the_original():
    network, _, b = pair(numbered(3))
    network.impair(Impairment("l", "duplicate", value=2, ordinals=(2,)))
    network.run(100_000)
    assert numbers(b) == [0, 1, 1, 1, 2]
    assert [tap[4] for tap in network.taps] == [1, 3, 1]


def test_delay_keeps_the_order_even_when_it_ends():
    network, _, b = pair(numbered(10, gap=1100))
    network.impair(Impairment("l", "delay", value=50_000, stop=5000))
    network.run(200_000)
    assert numbers(b) == list(range(10))
    assert b.got[0][0] == 1024 + 500 + 50_000


def test_reorder_changes_the_order():
    network, _, b = pair(numbered(50, gap=1100))
    network.impair(Impairment("l", "reorder", value=10_000))
    network.run(200_000)
    assert sorted(numbers(b)) == list(range(50))
    assert numbers(b) != list(range(50))


def test_corruption_is_seen_by_the_checksum_and_the_tap_shows_what_was_sent():
    grant = codec.encode_grant(PREFIX, 0, 2, 1, 0, 1, 2, 0, 9)
    network, _, b = pair([(i * 1000, 0, grant) for i in range(100)])
    network.impair(Impairment("l", "corrupt"))
    network.run(1_000_000)
    assert len(b.got) == 100
    assert all(codec.verify(frame) for _, _, frame in b.got)
    assert {tap[3] for tap in network.taps} == {grant}


def test_a_slower_rate_spaces_the_frames_and_tells_the_sender():
    network, a, b = pair(numbered(3, gap=1024), delay_ns=0)
    network.impair(Impairment("l", "rate", direction=0, value=4000, start=10, stop=50_000))
    network.run(100_000)
    assert [time for time, _, _ in b.got] == [1024, 1024 + 2048, 1024 + 4096]
    assert a.rates == [(10, 0, 4000), (50_000, 0, 8000)]
    assert b.rates == []


def test_a_blackout_says_nothing_to_anybody():
    network, a, b = pair(numbered(5))
    network.impair(Impairment("l", "blackout", start=0, stop=5000))
    network.run(100_000)
    assert numbers(b) == [3, 4]
    assert a.carriers == b.carriers == []


def test_a_cut_loses_what_is_on_the_wire_and_tells_both_ends():
    network, a, b = pair(numbered(5), delay_ns=500)
    network.link_event(3100, "l", up=False)
    network.link_event(7000, "l", up=True)
    network.run(100_000)
    assert numbers(b) == [0, 4]
    assert a.carriers == [(3100, 0, False), (7000, 0, True)]
    assert b.carriers == [(3100, 3, False), (7000, 3, True)]
    assert [tap[4] for tap in network.taps] == [1, 0, 0, 0, 1]


def test_an_unknown_link_is_an_error():
    network, _, _ = pair([])
    with pytest.raises(KeyError, match="nowhere"):
        network.impair(Impairment("nowhere", "loss"))


def test_the_same_seed_gives_the_same_run(fabric):
    def taps():
        world = fabric(gsps=3)
        world.network.impair(Impairment("gsp0-gsf0", "loss", probability=0.3))
        world.network.impair(Impairment("gsp1-gsf0", "reorder", value=3000))
        world.up().network.run(3_000_000)
        return world.network.taps

    assert taps() == taps()
