"""An egress grants: to whom, how much, when it takes back, and what loss and copies of REQUEST do to it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impl import codec

QUANTUM = 16384
WINDOW = 60_000


def granted(world, node):
    """The last cumulative grant of a source."""
    last = 0
    for _, _, sent in world.of(codec.GRANT):
        if codec.peek(sent)[4] == node:
            last = codec.decode_grant(sent)[1]
    return last


def source(world, node=2, port=0, cls=0):
    return world.gsp.egress.granter.ports[port].sources[node, cls]


def test_backlog_is_granted_up_to_the_demand(bench):
    world = bench()
    world.request(5000)
    world.run(world.now + 1000)
    assert world.grants() == [(5, 5000, 0, 200_000)]
    world.request(7000, sent=1000)
    world.run(world.now + 1000)
    assert world.grants()[-1][1] == 7000


def test_new_credit_only_while_a_source_holds_less_than_its_allowance(bench):
    world = bench()
    world.request(1_000_000)
    world.run(world.now + 1000)
    assert granted(world, 2) == 2 * QUANTUM
    world.request(1_000_000, sent=1)
    world.run(world.now + 1000)
    assert granted(world, 2) == 2 * QUANTUM
    world.request(1_000_000, sent=2 * QUANTUM - WINDOW // 2 + 1)
    world.run(world.now + 1000)
    assert granted(world, 2) == 3 * QUANTUM


@pytest.mark.parametrize("factor", [1.0, 1.5, 2.0])
def test_the_window_is_as_declared(bench, factor):
    world = bench(grant_window_factor=factor)
    window = int(factor * 40_000)
    for node in (2, 3, 4, 5):
        world.request(10_000_000, node=node)
    world.run(world.now + 1000)
    total = sum(granted(world, node) for node in (2, 3, 4, 5))
    assert window - QUANTUM <= total <= window + 4 * 9236


@pytest.mark.parametrize("misses", [2, 3, 10])
def test_a_source_is_silent_after_as_many_refreshes_as_declared(bench, misses):
    """A source that was granted nothing for want of demand, and falls silent, is forgotten just then."""
    world = bench(refresh_misses=misses)
    world.request(0)
    world.run(world.now + misses * 50_000 - 2_000)
    assert not source(world).silent
    world.run(world.now + 4_000)
    assert (2, 0) not in world.gsp.egress.granter.ports[0].sources or source(world).silent


def test_outstanding_credit_stays_within_the_window(bench):
    world = bench()
    for sent in range(0, 200_000, 5000):
        for node in (2, 3):
            world.request(10_000_000, sent=sent, node=node)
        world.run(world.now + 1000)
    total = granted(world, 2) + granted(world, 3)
    assert WINDOW - QUANTUM <= total <= WINDOW + 2 * 9236, "one longest frame a source is not counted"
    assert abs(granted(world, 2) - granted(world, 3)) <= QUANTUM


def test_arrived_data_counts_as_sent_at_once_and_makes_room(bench, frame):
    world = bench()
    world.request(10_000_000)
    for index in range(200):
        world.data(frame(0, size=1500), index=index)
        world.run(world.now + 1600)
    assert 200 * 1520 < granted(world, 2) <= 200 * 1520 + WINDOW // 2 + QUANTUM


def test_the_queue_for_the_host_counts_against_the_window(bench, frame):
    world = bench()
    world.request(10_000_000)
    for index in range(60):
        world.data(frame(0, size=1500), index=index)
        world.run(world.now + 10)
    assert world.gsp.host_ports[0].queued_credit(world.now) > 80_000
    before = granted(world, 2)
    world.request(10_000_000, sent=before)
    world.run(world.now + 100)
    assert granted(world, 2) == before
    world.run(world.now + 60_000)
    assert granted(world, 2) > before


def test_the_egress_never_grants_below_the_reported_position(bench):
    world = bench()
    world.request(500_000, sent=300_000, forfeited=100_000)
    world.run(world.now + 1000)
    assert granted(world, 2) == 400_000 + 2 * QUANTUM


def test_classes_share_by_weight(bench, frame):
    world = bench(class_weight_ratio=3)
    for cls in (0, 1):
        world.request(100_000_000, cls=cls)
    arrived = {0: 0, 1: 0}
    for _ in range(600):
        for cls in (0, 1):
            credit = source(world, cls=cls)
            if credit.held >= 1520:
                world.data(frame(0, size=1500), index=arrived[cls], cls=cls)
                arrived[cls] += 1
        world.run(world.now + 1520)
    assert 2.7 < arrived[1] / arrived[0] < 3.3


def test_unused_credit_expires_and_is_granted_to_others(bench):
    world = bench()
    world.request(60_000_000)
    for sent in (1, 2, 3):
        world.request(60_000_000, sent=sent)
    start = world.now
    stuck = granted(world, 2)
    world.request(1_000_000, node=3)
    for time in (100_000, 200_000, 239_000):
        world.run(start + time)
        world.request(60_000_000, sent=3)
        world.request(1_000_000, node=3)
    assert granted(world, 3) <= WINDOW - stuck + QUANTUM
    world.run(start + 245_000)
    assert source(world).expired >= stuck - 3
    assert world.counter("expired_bytes") >= stuck - 3
    assert any(grant[2] >= stuck - 3 for grant in world.grants())


def test_a_repeated_grant_carries_what_is_left_of_the_validity(bench):
    world = bench()
    world.request(5000)
    world.run(world.now + 100_000)
    world.request(5000)
    world.run(world.now + 1000)
    assert world.grants() == [(5, 5000, 0, 200_000), (5, 5000, 0, 100_000)]


def test_three_silent_refreshes_write_the_state_off_once_its_credit_is_void(bench):
    world = bench(grant_validity=50_000)
    world.request(5000)
    start = world.now
    world.run(start + 149_000)
    assert (2, 0) in world.gsp.egress.granter.ports[0].sources
    world.run(start + 200_000)
    assert (2, 0) not in world.gsp.egress.granter.ports[0].sources
    assert sum(world.gsp.egress.granter.ports[0].unused) == 0


def test_a_late_request_of_the_ended_generation_is_ignored(bench):
    world = bench()
    world.request(5000, generation=5)
    world.request(3000, generation=6)
    world.request(900_000, generation=5)
    world.run(world.now + 1000)
    assert source(world).generation == 6
    assert granted(world, 2) == 3000


def test_unsolicited_bytes_start_the_cumulative_grant(bench):
    world = bench(unsolicited_bytes=4000)
    world.request(3000, sent=3000)
    world.run(world.now + 1000)
    assert not world.grants()
    world.request(9000, sent=4000)
    world.run(world.now + 1000)
    assert world.grants() == [(5, 9000, 0, 200_000)]


def pfc(cls, quanta):
    times = b"".join((quanta if each == cls else 0).to_bytes(2, "big") for each in range(8))
    return bytes.fromhex("0180c2000001 020000000100 8808 0101 00") + bytes([1 << cls]) + times + bytes(26)


def test_a_paused_class_is_neither_sent_nor_granted_and_others_are(bench, frame):
    world = bench()
    world.host(0, pfc(3, 1000))
    pause = 1000 * 512 * 1000 // 8000
    start = world.now
    world.request(5000, cls=3)
    world.request(5000, cls=0)
    world.data(frame(0, cls=3), cls=3)
    world.data(frame(0), cls=0)
    world.run(start + pause - 1)
    assert [codec.peek(sent)[1] for _, _, sent in world.of(codec.GRANT)] == [0]
    assert world.delivered() == [frame(0)]
    world.run(start + pause + 2000)
    assert {codec.peek(sent)[1] for _, _, sent in world.of(codec.GRANT)} == {0, 3}
    assert world.delivered() == [frame(0), frame(0, cls=3)]
    assert world.counter("dropped_frames") == 0


def test_the_queue_of_a_paused_class_alarms_nobody(bench, frame):
    world = bench()
    world.host(0, pfc(3, 0xFFFF))
    for mark in range(80):
        world.data(frame(0, mark=mark, cls=3), index=mark, cls=3)
    world.run(world.now + 1000)
    assert world.gsp.host_ports[0].queued > world.gsp.settings.bp_threshold
    assert not world.of(codec.BACKPRESSURE)


def test_a_source_beyond_its_grant_waits_until_others_had_as_much(bench):
    world = bench()
    world.request(1_000_000, node=2)
    world.run(world.now + 1000)
    beyond = granted(world, 2) + 40_000
    world.request(1_000_000, node=3)
    world.request(1_000_000, forfeited=beyond, node=2)
    world.run(world.now + 1000)
    assert granted(world, 2) < beyond
    for forfeited in range(0, 100_000, 5000):
        world.request(1_000_000, forfeited=forfeited, node=3)
        world.run(world.now + 1000)
    assert granted(world, 3) > 40_000
    assert granted(world, 2) > beyond


def test_a_pause_of_zero_resumes(bench, frame):
    world = bench()
    world.host(0, pfc(0, 0xFFFF))
    world.data(frame(0))
    world.run(world.now + 10_000)
    assert not world.delivered()
    world.host(0, pfc(0, 0))
    world.run(world.now + 1000)
    assert world.delivered() == [frame(0)]


def test_a_pause_does_not_take_the_window_from_other_classes(bench, frame):
    world = bench()
    world.host(0, pfc(3, 0xFFFF))
    for index in range(60):
        world.data(frame(0, size=1500, cls=3), cls=3, index=index)
    world.request(500_000, cls=0)
    world.run(world.now + 1000)
    assert world.grants()[-1] == (5, 2 * QUANTUM, 0, 200_000)


def test_the_fabric_towards_the_gsp_is_shared_by_its_ports(bench, frame):
    world = bench(hosts=4, uplinks=1)
    for index in range(40):
        world.data(frame(0, size=64), index=index)
    world.run(world.now + 50_000)
    world.sent.clear()
    for port in range(4):
        world.request(1_000_000, port=port)
        world.request(1_000_000, sent=1, port=port)
    world.run(world.now + 1000)
    fabric = 8000 * 40_000 // 8000
    ratio = (60 + 38 + 24) / 84
    outstanding = sum(source(world, port=port).unused for port in range(4))
    assert outstanding <= fabric / ratio + 4 * 9236
    assert outstanding < 4 * QUANTUM


def test_ungoverned_data_takes_its_rate_from_the_window(bench, frame):
    world = bench()
    for index in range(40):
        world.data(frame(0, size=1500), index=index, governed=False)
        world.run(world.now + 3040)
    credit = world.gsp.egress.granter.ports[0]
    assert 0.4 * WINDOW < world.gsp.egress.window.size(credit, world.now) < 0.6 * WINDOW
    world.run(world.now + 100_000)
    assert world.gsp.egress.window.size(credit, world.now) == WINDOW


def test_a_long_queue_tells_its_sources_and_releases_them(bench, frame):
    world = bench(uplinks=1, bp_threshold=20_000)
    for index in range(40):
        world.data(frame(0, size=1500), index=index, governed=False)
    told = [codec.decode_backpressure(sent) for _, _, sent in world.of(codec.BACKPRESSURE)]
    world.run(world.now + 200_000)
    told = [codec.decode_backpressure(sent) for _, _, sent in world.of(codec.BACKPRESSURE)]
    assert told[0] == (1, told[0][1], 100_000)
    assert told[0][1] > 0
    assert told[-1] == (1, 0, 0)
    assert {codec.peek(sent)[4] for _, _, sent in world.of(codec.BACKPRESSURE)} == {2}


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("demand"), st.integers(84, 30_000)),
            st.tuples(st.just("request"), st.just(0)),
            st.tuples(st.just("replay"), st.integers(0, 30)),
            st.tuples(st.just("data"), st.sampled_from([64, 1500, 9216])),
            st.tuples(st.just("lose"), st.sampled_from([64, 1500, 9216])),
            st.tuples(st.just("wait"), st.sampled_from([100, 2000, 60_000, 300_000])),
        ),
        max_size=40,
    )
)
def test_no_loss_copy_or_order_of_requests_or_data_breaks_the_window(bench, frame, steps):
    """A source that keeps the rules, over a network that does not."""
    world, told = bench(), []
    demand = sent = forfeited = grant = expired = index = 0
    for kind, value in (*steps, ("demand", 84), ("request", 0), ("wait", 2000)):
        for _, tag, _ in [(0, codec.decode_grant(each), 0) for _, _, each in world.of(codec.GRANT)]:
            grant, expired = max(grant, tag[1]), max(expired, tag[2])
        forfeited += max(expired - sent - forfeited, 0)
        octets = value + 20
        match kind:
            case "demand":
                demand += value
            case "request":
                told.append((demand, sent, forfeited))
                world.request(*told[-1])
            case "replay" if told:
                world.request(*told[value % len(told)])
            case "data" | "lose" if sent + octets <= demand and sent + forfeited + octets <= grant:
                sent += octets
                if kind == "data":
                    world.data(frame(0, size=value), index=index)
                index += 1
            case "wait":
                world.run(world.now + value)
        credit = world.gsp.egress.granter.ports[0]
        known = credit.sources.get((2, 0))
        if known is not None:
            assert known.granted >= known.reported
            assert known.known_sent <= sent
            assert known.granted <= demand + max(forfeited, known.expired)
            assert sum(credit.beyond_one_frame) <= WINDOW
            assert known.unused == sum(credit.unused)
    assert sent + forfeited <= grant or not grant
    before = world.gsp.egress.granter.ports[0].sources[2, 0]
    assert (
        before.granted > sent + forfeited or before.need == 0 or world.gsp.egress.reorderer.held_bytes[0] > 0
    ), "backlog is never left without credit"
