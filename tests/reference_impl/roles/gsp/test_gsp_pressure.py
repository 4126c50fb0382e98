"""What a source withholds under back-pressure."""

import pytest

from reference_impl import codec

LARGE = 1 << 40


def running(world, frame, count=60):
    """A queue to node 2 that has sent at line rate for a while."""
    world.host(0, frame(32, size=1500))
    world.run(world.now + 1000)
    world.grant(LARGE, validity=100_000_000)
    for mark in range(count):
        world.host(0, frame(32, size=1500, mark=mark))
        world.run(world.now + 1520)
    return world.gsp.dgsqs.queues[2, 0, 0]


def sent_bytes(world, since):
    return sum(
        max(len(codec.host_frame(sent)), 60) + 24 for time, _, sent in world.of(codec.DATA) if time >= since
    )


def offer(world, frame, duration):
    start = world.now
    while world.now < start + duration:
        world.host(0, frame(32, size=1500))
        world.run(world.now + 1520)
    return sent_bytes(world, start) / duration


@pytest.mark.parametrize(("level", "share"), [(128, 127 / 255), (204, 51 / 255)])
def test_the_rate_of_a_queue_is_scaled(bench, frame, level, share):
    world = bench()
    running(world, frame)
    world.backpressure(level, reporter=2, validity=1000_000)
    assert offer(world, frame, 90_000) == pytest.approx(share, rel=0.08)


def test_a_full_stop_lasts_for_the_validity(bench, frame):
    world = bench()
    running(world, frame)
    start = world.now
    world.backpressure(255, reporter=2, validity=50_000)
    world.host(0, frame(32), frame(32))
    world.run(start + 49_999)
    assert sent_bytes(world, start + 1) == 0
    world.run(start + 60_000)
    assert sent_bytes(world, start + 1) == 2 * 1020


def test_a_repeat_replaces_and_never_compounds(bench, frame):
    world = bench()
    running(world, frame)
    world.backpressure(128, reporter=2, validity=1000_000)
    offer(world, frame, 30_000)
    for _ in range(3):
        world.backpressure(128, reporter=2, validity=1000_000)
    assert offer(world, frame, 60_000) == pytest.approx(127 / 255, rel=0.1)


def test_the_highest_live_reporter_rules(bench, frame):
    world = bench()
    dgsq = running(world, frame)
    world.backpressure(50, reporter=2, validity=1000_000)
    world.backpressure(100, reporter=3, validity=30_000)
    assert dgsq.level == 100
    world.run(world.now + 31_000)
    assert dgsq.level == 50
    world.backpressure(0, reporter=2)
    assert dgsq.level == 0


def test_other_destinations_keep_their_rate(bench, frame):
    world = bench()
    running(world, frame)
    world.host(0, frame(48))
    world.run(world.now + 1000)
    world.backpressure(255, reporter=2, about=2)
    world.grant(LARGE, node=3)
    world.run(world.now + 2000)
    assert world.tags()[-1][3] == 3


def test_an_adjacent_gsf_scales_the_weight_of_its_path_alone(bench, frame):
    world = bench()
    dgsq = running(world, frame)
    world.backpressure(255, reporter=0x100, validity=1000_000)
    world.run(world.now + 5000)
    start = world.now
    assert offer(world, frame, 60_000) > 0.9
    assert {port for time, port, _ in world.of(codec.DATA) if time > start} == {3}
    assert dgsq.level == 0


def test_a_queue_that_begins_in_an_episode_is_restrained_too(bench, frame):
    world = bench()
    world.backpressure(255, reporter=2, validity=100_000)
    world.host(0, frame(32))
    world.run(world.now + 1000)
    world.grant(LARGE)
    world.run(world.now + 10_000)
    assert not world.tags()
    world.run(world.now + 100_000)
    assert len(world.tags()) == 1
