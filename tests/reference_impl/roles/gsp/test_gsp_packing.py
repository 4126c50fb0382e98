"""Containers: what goes into one, when it closes, which path it takes."""

from itertools import groupby, pairwise

import pytest

from reference_impl import codec

LARGE = 1 << 40


def containers(world):
    """Sequence to [(uplink, flags, index, previous frames, fill, credit)] of what was sent."""
    rows = {}
    for _, port, sent in world.of(codec.DATA):
        _, flags, _, _, _, _, sequence, _, index, previous, fill = codec.decode_data(sent)
        octets = max(len(codec.host_frame(sent)), 60) + 24
        rows.setdefault(sequence, []).append((port, flags, index, previous, fill, octets))
    return dict(sorted(rows.items()))


def play(world, frame, sizes, granted=LARGE):
    world.host(0, *(frame(32, size=size, mark=mark) for mark, size in enumerate(sizes)))
    world.run(world.now + 1000)
    world.grant(granted)
    world.run(world.now + 500_000)
    return containers(world)


@pytest.mark.parametrize("mode", ["close-early", "overflow", "overflow-borrow"])
def test_containers_fill_by_the_overflow_mode(bench, frame, mode):
    got = play(bench(overflow_mode=mode), frame, [1500] * 200)
    assert list(got) == list(range(len(got)))
    previous, excess = 0, 0
    for number, rows in enumerate(got.values()):
        assert [row[2] for row in rows] == list(range(len(rows)))
        assert {row[3] for row in rows} == {previous}
        fills = [row[4] for row in rows]
        assert fills[0] == excess
        assert all(after == before + 1520 for before, after in pairwise(fills))
        end = fills[-1] + 1520
        if number < len(got) - 1:
            assert [row[1] & codec.LAST for row in rows] == [0] * (len(rows) - 1) + [codec.LAST]
            assert (end <= 16384 < end + 1520) if mode == "close-early" else (end - 1520 < 16384 <= end)
        excess = end - 16384 if mode == "overflow-borrow" else 0
        previous = len(rows)


def test_one_container_takes_one_path_and_containers_alternate(bench, frame):
    world = bench()
    got = play(world, frame, [1500] * 200)
    paths = [{row[0] for row in rows} for rows in got.values()]
    assert all(len(path) == 1 for path in paths)
    assert all(first != second for first, second in pairwise(paths))


def test_a_container_closes_flush_time_after_its_last_frame_left(bench, frame):
    world = bench(flush_time=20_000)
    world.host(0, frame(32))
    world.run(world.now + 1000)
    world.grant(LARGE)
    ((left, _, sent),) = world.of(codec.DATA)
    left += len(sent) + 24
    dgsq = world.gsp.dgsqs.queues[2, 0, 0]
    world.run(left + 19_999)
    assert dgsq.container is not None
    world.run(left + 20_000)
    assert dgsq.container is None
    world.host(0, frame(32))
    world.run(left + 30_000)
    assert [(tag[6], tag[8], tag[9], tag[10]) for tag in world.tags()] == [(0, 0, 0, 0), (1, 0, 1, 0)]
    assert world.counter("containers_closed_flush") == 1


def test_a_container_closes_even_while_its_next_frame_waits_for_a_grant(bench, frame):
    world = bench()
    world.host(0, frame(32, size=1000), frame(32, size=1000))
    world.run(world.now + 1000)
    world.grant(1500)
    world.run(world.now + 40_000)
    world.grant(3000)
    world.run(world.now + 10_000)
    assert [(tag[6], tag[1]) for tag in world.tags()] == [(0, 0), (1, 0)]


def test_flush_counts_from_the_wire_not_from_the_queue(bench, frame):
    world = bench(hosts=2, uplinks=1, flush_time=1000)
    world.host(0, frame(32), frame(33), frame(48))
    world.run(world.now + 1000)
    for node, port in ((2, 0), (2, 1), (3, 0)):
        world.grant(LARGE, node=node, port=port)
    dgsq = world.gsp.dgsqs.queues[3, 0, 0]
    world.run(world.now + 3200)
    assert dgsq.container is not None
    world.run(world.now + 1200)
    assert dgsq.container is None


def test_sequence_numbers_wrap(bench, frame):
    world = bench()
    world.host(0, frame(32))
    world.gsp.dgsqs.queues[2, 0, 0].sequence = 0xFFFFFFFF
    got = play(world, frame, [1500] * 29)
    assert set(got) == {0xFFFFFFFF, 0, 1}
    assert [got[number][0][3] for number in (0xFFFFFFFF, 0, 1)] == [0, 11, 10]


def test_containers_follow_the_weights(bench, frame):
    world = bench()
    world.gsp.ports[3].run_at(4000)
    world.gsp.paths.rebuild(world.now)
    got = play(world, frame, [1500] * 1000)
    bytes_by_port = {
        port: sum(row[5] for row in rows)
        for port, rows in groupby(sorted(row for rows in got.values() for row in rows), lambda row: row[0])
    }
    assert bytes_by_port[2] / bytes_by_port[3] == pytest.approx(2, rel=0.05)


def test_a_lost_path_closes_the_container_and_moves_the_rest_of_it_together(bench, frame):
    world = bench()
    world.host(0, *(frame(32, size=1500, mark=mark) for mark in range(40)))
    world.run(world.now + 1000)
    world.grant(LARGE)
    world.run(world.now + 3000)
    started = len(world.of(codec.DATA))
    world.note(world.gsp.carrier(2, False, world.now))
    world.run(world.now + 200_000)
    assert world.counter("containers_moved") >= 1
    rows = [(tag[6], tag[8]) for tag in world.tags()]
    assert len(rows) == len(set(rows)) == 40
    assert all(port == 3 for _, port, _ in world.of(codec.DATA)[started:])
    got = containers(world)
    assert [got[sequence][0][3] for sequence in sorted(got)][1:] == [
        len(got[sequence]) for sequence in sorted(got)
    ][:-1]
    split = [rows for rows in got.values() if len({row[0] for row in rows}) == 2]
    assert len(split) <= world.counter("containers_moved")
    assert world.counter("dropped_frames") == 0


def test_frames_for_a_node_that_no_path_reaches_are_dropped_and_counted(bench, frame):
    world = bench()
    world.host(0, *(frame(32, size=1500) for _ in range(20)))
    world.run(world.now + 1000)
    world.grant(LARGE)
    world.hello(nodes=(3,))
    on_wire = len(world.of(codec.DATA))
    world.run(world.now + 100_000)
    assert world.counter("drop.no_path") == 20 - on_wire
    assert len(world.of(codec.DATA)) == on_wire
