"""A source asks for credit, uses it as whole frames, and gives up what has expired."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impl import codec


def queue(world, key=(2, 0, 0)):
    return world.gsp.dgsqs.queues[key]


def started(world, frame, count=1, size=1000):
    world.host(0, *(frame(32, size=size, mark=mark) for mark in range(count)))
    world.run(world.now + 1000)
    return queue(world)


def test_new_demand_is_requested_at_once_and_nothing_is_sent_without_a_grant(bench, frame):
    world = bench()
    dgsq = started(world, frame)
    assert world.requests() == [(dgsq.generation, 1020, 0, 0)]
    world.run(world.now + 500_000)
    assert not world.tags()


def test_all_demand_is_requested_soon_and_then_refreshed(bench, frame):
    world = bench()
    started(world, frame, count=10)
    world.run(world.now + 9000)
    assert world.requests()[-1][1] == 10 * 1020
    seen = len(world.requests())
    world.run(world.now + 200_000)
    assert len(world.requests()) == seen + 4


@pytest.mark.parametrize(("granted", "sent"), [(1019, 0), (1020, 1), (2039, 1), (2040, 2)])
def test_only_whole_frames_leave(bench, frame, granted, sent):
    world = bench()
    started(world, frame, count=3)
    world.grant(granted)
    world.run(world.now + 10_000)
    assert len(world.tags()) == sent
    assert queue(world).sent == sent * 1020


def test_short_frames_count_sixty_and_twentyfour(bench, frame):
    world = bench()
    world.host(0, frame(32)[:40])
    world.run(world.now + 1000)
    assert world.requests()[0][1] == 84


def test_grants_merge_by_maximum_and_their_order_does_not_matter(bench, frame):
    world = bench()
    started(world, frame, count=5)
    for granted in (2040, 1020, 2040, 0):
        world.grant(granted)
    world.run(world.now + 10_000)
    assert len(world.tags()) == 2


def test_a_grant_for_another_generation_says_nothing(bench, frame):
    world = bench()
    dgsq = started(world, frame)
    world.grant(10_000, generation=dgsq.generation % 65535 + 1)
    world.run(world.now + 10_000)
    assert not world.tags()


def test_unsolicited_bytes_may_be_sent_before_the_first_grant(bench, frame):
    world = bench(unsolicited_bytes=2500)
    started(world, frame, count=5)
    world.run(world.now + 10_000)
    assert len(world.tags()) == 2


def test_credit_lapses_after_its_validity_and_is_reported_as_forfeited(bench, frame):
    world = bench()
    dgsq = started(world, frame)
    world.grant(5000, validity=30_000)
    received = world.now
    world.run(received + 29_999)
    assert dgsq.forfeited == 0
    world.run(received + 31_000)
    assert (dgsq.sent, dgsq.forfeited) == (1020, 3980)
    assert world.requests()[-1] == (dgsq.generation, 1020, 1020, 3980)
    world.host(0, frame(32))
    world.run(world.now + 10_000)
    assert len(world.tags()) == 1
    assert world.counter("forfeited_bytes") == 3980


def test_a_repeated_grant_extends_nothing(bench, frame):
    world = bench()
    dgsq = started(world, frame)
    world.grant(5000, validity=30_000)
    world.run(world.now + 20_000)
    world.grant(5000, validity=30_000)
    world.run(world.now + 11_000)
    assert dgsq.forfeited == 3980


def test_a_source_below_expired_forfeits_up_to_it(bench, frame):
    world = bench()
    dgsq = started(world, frame, count=4)
    world.grant(5000, expired=3000)
    world.run(world.now + 10_000)
    assert dgsq.forfeited == 3000
    assert dgsq.sent == 1020
    world.grant(8000, expired=3000)
    world.run(world.now + 10_000)
    assert dgsq.position <= 8000
    assert dgsq.sent == 4 * 1020


def test_an_idle_queue_ages_out_and_the_next_one_is_one_generation_on(bench, frame):
    world = bench(age_out=400_000)
    first = started(world, frame).generation
    world.grant(2000)
    world.run(world.now + 300_000)
    assert (2, 0, 0) in world.gsp.dgsqs.queues
    world.run(world.now + 110_000)
    assert (2, 0, 0) not in world.gsp.dgsqs.queues
    assert world.counter("dgsq_active") == 0
    quiet = len(world.requests())
    world.run(world.now + 300_000)
    assert len(world.requests()) == quiet
    assert started(world, frame).generation == first % 65535 + 1
    world.grant(2000)
    world.run(world.now + 2000)
    assert world.tags()[-1][6:9] == (0, first % 65535 + 1, 0)


def test_a_queue_with_frames_does_not_age_out(bench, frame):
    world = bench(age_out=400_000)
    started(world, frame)
    world.run(world.now + 2_000_000)
    assert (2, 0, 0) in world.gsp.dgsqs.queues


def test_a_queue_without_any_path_is_dropped_whole_after_age_out(bench, frame):
    world = bench(age_out=400_000)
    started(world, frame, count=3)
    for uplink in (2, 3):
        world.note(world.gsp.carrier(uplink, False, world.now))
    world.next_hello = 1 << 60
    world.run(world.now + 900_000)
    assert world.counter("drop.dgsq_aborted") == world.counter("dropped_frames") == 3
    assert not world.gsp.dgsqs.queues


def test_more_queues_than_dgsq_max_are_refused(bench, frame):
    world = bench(dgsq_max=2)
    world.host(0, frame(32), frame(33), frame(48), frame(32))
    assert world.counter("drop.dgsq_exhausted") == world.counter("dropped_frames") == 1
    assert world.counter("dgsq_active") == 2


def test_generations_are_never_zero(bench):
    table = bench().gsp.dgsqs
    table.generations[2, 0, 0] = 0xFFFF
    assert table.next_generation((2, 0, 0)) == 1
    assert all(table.next_generation((9, 0, 0)) for _ in range(1000))


def test_on_congestion_a_source_sends_freely_until_the_first_back_pressure(bench, frame):
    world = bench(dgsq_mode="on-congestion")
    started(world, frame, count=3)
    world.run(world.now + 10_000)
    assert [(tag[1] & codec.UNGOVERNED, tag[6], tag[8]) for tag in world.tags()] == [
        (codec.UNGOVERNED, 0, index) for index in range(3)
    ]
    assert not world.requests()
    assert world.counter("dgsq_created") == 0
    generation = queue(world).generation
    world.backpressure(1, reporter=2)
    world.host(0, frame(32))
    world.run(world.now + 1000)
    assert world.counter("dgsq_created") == 1
    assert world.requests()[-1] == (generation, 1020, 0, 0)
    world.grant(1020)
    world.run(world.now + 10_000)
    assert world.tags()[-1][1] == 0
    assert world.tags()[-1][6:10] == (1, generation, 0, 3)


def test_a_queue_that_begins_under_back_pressure_is_governed_at_once(bench, frame):
    world = bench(dgsq_mode="on-congestion")
    world.backpressure(1, reporter=2)
    dgsq = started(world, frame)
    assert world.requests() == [(dgsq.generation, 1020, 0, 0)]
    assert not world.tags()


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("frame"), st.sampled_from([64, 600, 1500, 9216])),
            st.tuples(st.just("grant"), st.integers(0, 20_000)),
            st.tuples(st.just("expire"), st.just(0)),
            st.tuples(st.just("replay"), st.integers(0, 30)),
            st.tuples(st.just("wait"), st.sampled_from([100, 5000, 60_000, 250_000])),
        ),
        max_size=40,
    ),
    st.data(),
)
def test_no_loss_copy_or_order_of_grants_creates_credit(bench, frame, steps, data):
    """Grants of an egress that tells, loses and repeats what it likes."""
    world, told, granted, expired = bench(age_out=100_000_000), [], 0, 0
    world.host(0, frame(32))
    world.run(world.now + 1000)
    for kind, value in steps:
        match kind:
            case "frame":
                world.host(0, frame(32, size=value))
            case "grant":
                granted += value
                told.append((granted, expired))
                if data.draw(st.booleans()):
                    world.grant(*told[-1])
            case "expire":
                expired = granted
                told.append((granted, expired))
                if data.draw(st.booleans()):
                    world.grant(*told[-1])
            case "replay" if told:
                world.grant(*told[value % len(told)])
            case "wait":
                world.run(world.now + value)
        dgsq = queue(world)
        assert dgsq.sent + dgsq.forfeited <= granted
        queued = len(world.gsp.ports[2].data) + len(world.gsp.ports[3].data)
        left = sum(max(len(codec.host_frame(each)), 60) + 24 for _, _, each in world.of(codec.DATA))
        assert dgsq.sent == left or queued
    world.grant(granted, expired)
    world.run(world.now + 1_000_000)
    dgsq = queue(world)
    assert dgsq.position == granted, "every credit byte is used or given up"
    demand = dgsq.demand - dgsq.sent
    world.grant(granted + demand, expired)
    world.run(world.now + 100_000)
    assert not dgsq.frames, "and what is then granted for the backlog is enough"
