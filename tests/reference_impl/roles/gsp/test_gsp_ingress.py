"""Where a host frame goes, and what DATA says about it."""

import pytest

from reference_impl import codec

GOLDEN = bytes.fromhex(
    "024701000000 024700010002 88b5"  # to gsf0, from uplink 2
    "10 00 0001 0002 00 04"  # version 1 DATA, class 0, no flags, node 1 to node 2 port 0, 4 hops
    "00000000 269f 0000 0000 000000 00 e383"  # sequence 0, generation, index 0, previous 0, fill 0, CRC
)


def test_a_data_frame_is_laid_out_as_the_profile_says(bench, frame):
    world = bench()
    host = frame(32, size=64)
    world.host(0, host)
    world.run(11_000)
    world.grant(1000)
    ((_, port, sent),) = world.of(codec.DATA)
    assert (port, sent) == (2, GOLDEN + host)


@pytest.mark.parametrize(
    ("cause", "octets"),
    [
        ("frame_too_long", lambda frame: frame(32, size=9217)),
        ("bad_message", lambda frame: frame(32)[:13]),
        ("link_local", lambda frame: bytes.fromhex("0180c2000002") + frame(32)[6:]),
        ("link_local", lambda frame: bytes.fromhex("0180c2000001") + frame(32)[6:]),
        ("hairpin", lambda frame: frame(0)),
        ("unknown_destination", lambda frame: frame(99)),
    ],
)
def test_a_frame_that_goes_nowhere_is_counted_under_its_cause(bench, frame, cause, octets):
    world = bench()
    world.host(0, octets(frame))
    world.run(30_000)
    assert world.counter(f"drop.{cause}") == world.counter("dropped_frames") == 1
    assert not world.requests()
    assert not world.delivered(1)


def test_the_longest_frame_is_carried(bench, frame):
    world = bench()
    world.host(0, frame(32, size=9216))
    world.run(30_000)
    assert world.requests()[0][1] == 9212 + 24


def test_no_path_is_a_cause(bench, frame):
    world = bench()
    world.hello(nodes=(3,))
    world.host(0, frame(32))
    assert world.counter("drop.no_path") == 1


@pytest.mark.parametrize("destination", [b"\xff" * 6, bytes.fromhex("01005e000001")])
def test_a_group_frame_is_copied_into_a_queue_for_every_other_port(bench, frame, destination):
    world = bench()
    copy = destination + frame(0)[6:]
    world.host(0, copy)
    world.run(30_000)
    assert set(world.gsp.dgsqs.queues) == {(1, 1, 0), (2, 0, 0), (2, 1, 0), (3, 0, 0), (3, 1, 0)}
    assert world.delivered(1) == [copy]
    assert world.delivered(0) == []


def test_unknown_unicast_is_flooded_where_that_is_set(bench, frame):
    world = bench(unknown_unicast="flood")
    world.host(0, frame(99))
    world.run(30_000)
    assert len(world.gsp.dgsqs.queues) == 5


def test_the_class_is_the_priority_of_an_outer_tag(bench, frame):
    world = bench()
    world.host(0, frame(32, cls=5), frame(32))
    world.run(30_000)
    assert set(world.gsp.dgsqs.queues) == {(2, 0, 5), (2, 0, 0)}
    world.grant(10_000, cls=5)
    world.run(31_000)
    assert [tag[0] for tag in world.tags()] == [5]


def test_local_traffic_needs_no_message(bench, frame):
    world = bench()
    frames = [frame(1, mark=mark) for mark in range(100)]
    world.host(0, *frames)
    world.run(200_000)
    assert world.delivered(1) == frames
    assert not world.requests()
    assert not world.of(codec.GRANT)


def test_a_host_set_by_management_is_reached_and_a_withdrawn_one_loses_its_queue_whole(bench, frame):
    world = bench()
    world.gsp.manage("table_set", {"mac": "02:00:00:00:01:63", "node": 3, "port": 1}, 0)
    world.host(0, frame(99), frame(99))
    generation = world.gsp.dgsqs.queues[3, 1, 0].generation
    world.gsp.manage("table_withdraw", {"mac": "020000000163"}, 0)
    assert (3, 1, 0) in world.gsp.dgsqs.queues, "another host is still entered there"
    world.gsp.manage("table_withdraw", {"mac": "020000000131"}, 0)
    assert (3, 1, 0) not in world.gsp.dgsqs.queues
    assert world.counter("drop.table_withdrawn") == world.counter("dropped_frames") == 2
    world.gsp.manage("table_set", {"mac": "020000000163", "node": 3, "port": 1}, 0)
    world.host(0, frame(99))
    assert world.gsp.dgsqs.queues[3, 1, 0].generation == generation % 65535 + 1


def test_a_withdrawn_local_queue_leaves_no_credit_behind(bench, frame):
    world = bench()
    world.host(0, *(frame(1) for _ in range(3)))
    world.gsp.manage("table_withdraw", {"mac": "020000000101"}, 0)
    world.run(100_000)
    assert world.gsp.egress.granter.ports[1].sources == {}
    assert sum(world.gsp.egress.granter.ports[1].unused) == 0


@pytest.mark.parametrize(
    ("cause", "change"),
    [
        ("bad_version", lambda f: f[:14] + b"\x20" + f[15:]),
        ("bad_message", lambda f: f[:12] + b"\x08\x00" + f[14:]),
        ("bad_checksum", lambda f: f[:25] + b"\xee" + f[26:]),
        ("not_for_this_node", lambda f: bytes(6) + f[6:]),
    ],
)
def test_a_bad_frame_of_the_fabric_is_counted_under_its_cause(bench, frame, cause, change):
    world = bench()
    good = codec.encode_data(world.prefix(), 0, 0, 2, 1, 0, 0, 5, 0, 0, 0, frame(0))
    world.fabric(change(good))
    assert world.counter(f"drop.{cause}") == world.counter("dropped_frames") == 1
    world.fabric(good)
    assert world.delivered() == [frame(0)]


@pytest.mark.parametrize(
    ("cause", "change"),
    [
        ("bad_checksum", lambda f: f[: codec.HEADER_END] + b"\xee" + f[codec.HEADER_END + 1 :]),
        ("bad_message", lambda f: f[: codec.DATA_HEADER_OCTETS - 1]),
        ("bad_message", lambda f: f[: codec.HEADER_END]),
    ],
)
def test_a_bad_frame_after_a_good_one_with_the_same_header_is_dropped(bench, frame, cause, change):
    world = bench()
    good = [
        codec.encode_data(world.prefix(), 0, 0, 2, 1, 0, 0, 5, n, 0, n * 84, frame(n)[:60]) for n in range(2)
    ]
    world.fabric(good[0])
    world.fabric(change(good[1]))
    assert world.counter(f"drop.{cause}") == world.counter("dropped_frames") == 1
    assert len(world.delivered()) == 1
    world.fabric(good[1])
    world.run(world.now + 1_000)
    assert len(world.delivered()) == 2


@pytest.mark.parametrize(
    ("cause", "place"),
    [("not_for_this_node", (2, 3, 0)), ("unknown_node", (1, 1, 0)), ("unknown_destination", (2, 1, 7))],
)
def test_data_for_another_place_is_dropped(bench, frame, cause, place):
    world = bench()
    world.fabric(codec.encode_data(world.prefix(), 0, 0, *place, 0, 5, 0, 0, 0, frame(0)))
    assert world.counter(f"drop.{cause}") == world.counter("dropped_frames") == 1
