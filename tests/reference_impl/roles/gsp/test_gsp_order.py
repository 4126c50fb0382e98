"""The egress puts frames back in order, exactly once, and never waits for ever."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


def containers(frame, sizes, base=0, size=1000):
    """Arguments of `Bench.data` for containers of so many frames each, and the frames in order."""
    rows, mark, previous = [], 0, 0
    for number, count in enumerate(sizes):
        for index in range(count):
            place = {"sequence": (base + number) & 0xFFFFFFFF, "index": index, "previous": previous}
            rows.append((frame(0, size=size, mark=mark), place | {"fill": index * (size + 20)}))
            mark += 1
        previous = count
    return rows


def play(world, rows, gap=100):
    for octets, place in rows:
        world.data(octets, **place)
        world.run(world.now + gap)


def marks(world):
    return [int.from_bytes(each[14:18], "big") for each in world.delivered()]


def test_in_order_goes_at_once(bench, frame):
    world = bench()
    rows = containers(frame, [3, 1, 2])
    play(world, rows, gap=1100)
    assert marks(world) == list(range(6))
    assert world.counter("reorder_held") == 0


def test_early_frames_wait_for_the_missing_ones(bench, frame):
    world = bench()
    rows = containers(frame, [3, 2])
    play(world, [rows[0], rows[3], rows[4]], gap=5000)
    assert marks(world) == [0]
    play(world, [rows[1], rows[2]], gap=5000)
    assert marks(world) == list(range(5))
    assert world.counter("reorder_held") == 2
    assert world.counter("dropped_frames") == 0


def test_the_last_flag_completes_a_container(bench, frame):
    world = bench()
    rows = containers(frame, [2, 2])
    rows[1][1]["last"] = True
    rows[2][1]["previous"] = rows[3][1]["previous"] = 9
    play(world, rows, gap=1100)
    assert marks(world) == list(range(4))


def test_a_frame_is_held_at_most_reorder_timeout_from_its_own_arrival(bench, frame):
    world = bench()
    rows = containers(frame, [1, 1, 1, 1, 1])
    play(world, [rows[0]])
    world.run(world.now + 2000)
    start = world.now
    world.data(rows[2][0], **rows[2][1])
    world.run(start + 40_000)
    world.data(rows[4][0], **rows[4][1])
    world.run(start + 99_999)
    assert marks(world) == [0]
    world.run(start + 100_000)
    assert marks(world) == [0, 2]
    world.run(start + 139_999)
    assert marks(world) == [0, 2]
    world.run(start + 140_000)
    assert marks(world) == [0, 2, 4]
    assert world.counter("gaps_closed") == 2
    assert world.counter("reorder_timeouts") == 2


def test_late_and_duplicate_frames_are_dropped_and_told_apart(bench, frame):
    world = bench()
    rows = containers(frame, [1, 1, 1])
    play(world, [rows[0], rows[2]])
    world.data(rows[2][0], **rows[2][1])
    assert world.counter("drop.duplicate") == 1
    world.run(world.now + 150_000)
    world.data(rows[1][0], **rows[1][1])
    world.data(rows[0][0], **rows[0][1])
    assert world.counter("drop.late") == 1
    assert world.counter("drop.duplicate") == 2
    assert world.counter("dropped_frames") == 3
    assert marks(world) == [0, 2]


def test_at_reorder_bytes_the_oldest_gap_closes_at_once(bench, frame):
    world = bench(reorder_bytes=16_384)
    rows = containers(frame, [1] * 30)
    play(world, [rows[0], *rows[2:18]], gap=10)
    assert world.counter("gaps_closed") == 0
    play(world, [rows[18]], gap=30_000)
    assert world.counter("gaps_closed") == 1
    assert marks(world) == [0, *range(2, 19)]


@pytest.mark.parametrize("base", [0xFFFFFFFE, 0x7FFFFFFE])
def test_sequence_numbers_compare_serially(bench, frame, base):
    world = bench()
    rows = containers(frame, [2] * 6, base=base)
    play(world, rows[:2])
    world.run(world.now + 110_000)
    play(world, [*rows[4:6], *rows[2:4], *rows[8:], *rows[6:8]])
    world.run(world.now + 50_000)
    assert marks(world) == list(range(12))
    assert world.counter("dropped_frames") == 0


def test_an_unknown_stream_collects_and_starts_at_its_lowest(bench, frame):
    world = bench()
    rows = containers(frame, [1] * 4, base=70)
    start = world.now
    play(world, [rows[2], rows[1]])
    world.run(start + 99_999)
    assert marks(world) == []
    world.run(start + 102_000)
    assert marks(world) == [1, 2]
    assert world.counter("gaps_closed") == 0


def test_a_collecting_stream_starts_at_once_when_its_first_container_comes(bench, frame):
    world = bench()
    rows = containers(frame, [1] * 3)
    play(world, [rows[1], rows[0], rows[2]], gap=1100)
    assert marks(world) == [0, 1, 2]


def test_a_new_generation_releases_what_is_held_and_the_ended_one_is_late(bench, frame):
    world = bench()
    rows = containers(frame, [1] * 4)
    play(world, [rows[0], rows[2]], gap=1100)
    world.data(frame(0, mark=100), generation=6)
    world.run(world.now + 3000)
    assert marks(world) == [0, 2, 100]
    world.data(rows[3][0], **rows[3][1])
    assert world.counter("drop.late") == 1
    world.data(frame(0, mark=200), generation=99)
    world.run(world.now + 3000)
    assert marks(world) == [0, 2, 100, 200]


def test_streams_do_not_wait_for_each_other(bench, frame):
    world = bench()
    rows = containers(frame, [1] * 3)
    play(world, [rows[0], rows[2]])
    world.data(frame(0, mark=50), node=3)
    world.data(frame(0, mark=60, cls=4), cls=4)
    world.data(frame(1, mark=70), port=1)
    world.run(world.now + 5000)
    assert len(world.delivered()) == 3
    assert len(world.delivered(1)) == 1


def test_a_source_that_restarts_with_an_old_generation_is_heard_again_after_silence(bench, frame):
    world = bench(age_out=400_000)
    world.data(frame(0, mark=1), generation=5)
    world.data(frame(0, mark=2), generation=6)
    world.run(world.now + 900_000)
    world.data(frame(0, mark=3), generation=5)
    world.run(world.now + 3000)
    assert marks(world) == [1, 2, 3]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.data())
def test_any_permutation_within_the_timeout_comes_out_in_order_once(bench, frame, sizes, data):
    world = bench()
    flagged, base = data.draw(st.booleans()), data.draw(st.sampled_from([0, 0xFFFFFFFC]))
    rows = containers(frame, sizes, base, size=64)
    if flagged:
        for (_, place), (_, following) in pairwise(rows):
            place["last"] = following["index"] == 0
    copies = data.draw(st.lists(st.sampled_from(rows), max_size=5))
    known = sizes[0] if base else 0
    order = rows[:known] + data.draw(st.permutations(rows[known:] + copies))
    play(world, order, gap=1000)
    world.run(world.now + 200_000)
    assert marks(world) == list(range(sum(sizes)))
    assert world.counter("drop.duplicate") == world.counter("dropped_frames") == len(copies)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.data())
def test_whatever_is_lost_the_rest_comes_out_in_order_once_and_in_time(bench, frame, sizes, data):
    world = bench()
    rows = containers(frame, sizes, size=64)
    kept = data.draw(st.lists(st.sampled_from(rows), unique_by=lambda row: row[0], min_size=1))
    play(world, kept, gap=10)
    world.run(world.now + 100_000 + 50_000)
    got = marks(world)
    assert got == sorted(set(got))
    assert len(got) == len(kept)
    assert world.gsp.egress.reorderer.held_bytes[0] == 0
