from itertools import pairwise

import pytest

from reference_impl import codec
from reference_impl.parts.transit import TransitForwarder
from reference_impl.virtual.links import Impairment


def data(world, gsp, port, *, sequence=0, index=0, destination=2, size=1000, hops=4, cls=0):
    prefix = world.gsps[gsp].paths.links[port].prefix
    frame = codec.encode_data(prefix, cls, 0, gsp + 1, destination, 0, sequence, 1, index, 0, 0, bytes(size))
    return frame[:21] + bytes([hops]) + frame[22:]


def test_data_is_passed_on_with_one_hop_less_and_new_macs(fabric):
    world = fabric().up()
    frame = data(world, 0, 1)
    world.send(0, 1, frame)
    world.network.run(100_000 - 1)
    ((_, port, got),) = world.gsps[1].got
    assert port == 1
    assert got[:12] == world.gsps[1].ports[1].mac + world.gsfs[1].ports[1].mac
    assert got[14:21] == frame[14:21]
    assert codec.peek(got)[6] == 3
    assert got[22:] == frame[22:]


@pytest.mark.parametrize(
    ("cause", "change"),
    [
        ("bad_version", lambda f: f[:14] + b"\x20" + f[15:]),
        ("bad_message", lambda f: f[:14] + b"\x19" + f[15:]),
        ("bad_message", lambda f: f[:30]),
        ("bad_message", lambda f: f[:12] + b"\x08\x00" + f[14:]),
        ("bad_checksum", lambda f: f[:25] + b"\xee" + f[26:]),
        ("not_for_this_node", lambda f: bytes(6) + f[6:]),
        ("hop_limit", lambda f: f[:21] + b"\x01" + f[22:]),
        ("hop_limit", lambda f: f[:21] + b"\x00" + f[22:]),
    ],
)
def test_a_bad_frame_is_dropped_under_its_cause(fabric, cause, change):
    world = fabric().up()
    world.send(0, 0, change(data(world, 0, 0)))
    world.network.run(90_000)
    assert world.gsps[1].got == []
    counters = world.gsfs[0].counters()
    assert counters[f"drop.{cause}"] == counters["dropped_frames"] == 1


@pytest.mark.parametrize(("destination", "cause"), [(77, "unknown_node"), (1, "hairpin")])
def test_data_that_leads_nowhere_is_dropped(fabric, destination, cause):
    world = fabric().up()
    world.send(0, 0, data(world, 0, 0, destination=destination))
    world.network.run(90_000)
    assert world.gsfs[0].counters()[f"drop.{cause}"] == 1


def test_data_for_a_lost_node_has_no_path(fabric):
    world = fabric().up()
    world.network.link_event(55_000, "gsp1-gsf0", up=False)
    world.send(0, 0, data(world, 0, 0), at=60_000)
    world.network.run(90_000)
    assert world.gsfs[0].counters()["drop.no_path"] == 1


def test_control_passes_ahead_of_data(fabric):
    world = fabric(gsps=3, gsfs=1).up()
    prefix = world.gsps[2].paths.links[0].prefix
    world.send(0, 0, *[data(world, 0, 0, sequence=i) for i in range(20)])
    world.send(2, 0, *[data(world, 2, 0, sequence=i) for i in range(10)])
    world.send(2, 0, codec.encode_request(prefix, 0, 3, 2, 0, 1, 5000, 0, 0))
    world.network.run(90_000)
    kinds = [codec.peek(frame)[0] for _, _, frame in world.gsps[1].got]
    request = kinds.index(codec.REQUEST)
    assert len(kinds) == 31
    waiting = 30 - request
    assert waiting >= 8
    assert codec.decode_request(world.gsps[1].got[request][2]) == (1, 5000, 0, 0)


def test_a_container_keeps_to_one_of_several_links_and_containers_share_them(fabric):
    world = fabric(gsps=2, gsfs=1, parallel=2).up()
    frames = [data(world, 0, 0, sequence=s, index=i) for i in range(4) for s in range(8)]
    world.send(0, 0, *frames)
    world.network.run(95_000)
    used = {}
    for _, port, frame in world.gsps[1].got:
        used.setdefault(codec.container(frame), set()).add(port)
    assert len(used) == 8
    assert all(len(links) == 1 for links in used.values())
    assert sorted(next(iter(links)) for links in used.values()) == [0] * 4 + [1] * 4


def test_tallies_outlast_what_happens_on_the_way_to_others(fabric):
    world = fabric(gsps=3, gsfs=1, parallel=2).up()
    world.send(0, 0, data(world, 0, 0))
    world.network.link_event(80_000, "gsp2-gsf0", up=False)
    world.network.run(81_000)
    assert world.gsfs[0].forwarder.tallies
    world.network.link_event(82_000, "gsp1-gsf0", up=False)
    world.network.run(83_000)
    assert not world.gsfs[0].forwarder.tallies


def test_a_container_is_forgotten_when_its_last_frame_is_long_past(fabric):
    world = fabric(gsps=2, gsfs=1, parallel=2, settings={"flush_time": 5000, "path_delay_max": 5000}).up()
    forwarder = world.gsfs[0].forwarder
    world.send(0, 0, data(world, 0, 0, sequence=7))
    world.network.run(60_000)
    assert len(forwarder.links) == 1
    world.send(0, 0, data(world, 0, 0, sequence=8), at=80_000)
    world.network.run(90_000)
    assert [key[5] for key in forwarder.links] == [8]


def test_a_container_moves_together_when_its_link_is_lost_and_loses_only_what_was_on_the_wire(fabric):
    world = fabric(gsps=3, gsfs=1, parallel=2).up()
    filler = [data(world, 2, 0, sequence=9, index=i) for i in range(10)]
    world.send(2, 0, *filler)
    world.send(0, 0, *[data(world, 0, 0, sequence=5, index=i) for i in range(10)])
    world.network.run(57_000)
    (port,) = {entry[0] for key, entry in world.gsfs[0].forwarder.links.items() if key[5] == 5}
    link = "gsp1-gsf0" + (".1" if port % 2 else "")
    world.network.link_event(57_001, link, up=False)
    world.network.run(99_000)
    lost = [tap for tap in world.network.taps if tap[4] == 0]
    assert all(codec.peek(tap[3])[0] == codec.DATA for tap in lost)
    assert len(world.gsps[1].got) == 20 - len(lost)
    assert len(lost) <= 2


def incast(world, frames=150):
    for gsp in (0, 1):
        world.send(gsp, 0, *[data(world, gsp, 0, sequence=i, destination=3) for i in range(frames)])


def test_a_growing_queue_is_told_to_each_source_refreshed_and_released(fabric):
    world = fabric(gsps=3, gsfs=1, settings={"bp_threshold": 20_000, "bp_validity": 40_000}).up()
    incast(world)
    queue = world.gsfs[0].ports[2]
    levels = {0: [], 1: []}
    world.network.run(1_000_000)
    for gsp in (0, 1):
        for time, _, frame in world.gsps[gsp].got:
            assert codec.peek(frame)[3:5] == (0x0100, gsp + 1)
            about, level, validity = codec.decode_backpressure(frame)
            assert (about, validity) == (3, 40_000)
            levels[gsp].append((time, level))
        told = [level for _, level in levels[gsp]]
        assert 127 <= told[0] <= 140
        assert max(told) == 255
        assert told[-1] == 0
        assert 0 not in told[:-1]
        times = [time for time, _ in levels[gsp]]
        assert max(b - a for a, b in pairwise(times)) <= 20_000 + 2_000
    assert queue.queued == 0
    assert world.gsfs[0].state()["backpressure"] == []
    assert world.gsfs[0].counters()["backpressure_sent"] == sum(map(len, levels.values()))
    assert len(world.gsps[2].got) == 300, "back-pressure loses nothing"


def test_no_queue_no_backpressure(fabric):
    world = fabric(gsps=3, gsfs=1).up()
    world.send(0, 0, *[data(world, 0, 0, sequence=i, destination=3) for i in range(200)])
    world.network.run(1_000_000)
    assert world.gsfs[0].counters()["backpressure_sent"] == 0


def test_a_full_buffer_drops_and_counts(fabric):
    world = fabric(gsps=3, gsfs=1, settings={"buffer_bytes": 30_000}).up()
    world.gsps[0].settings = world.gsps[1].settings = fabric().settings
    incast(world)
    world.network.run(1_000_000)
    dropped = world.gsfs[0].counters()["drop.queue_full"]
    assert dropped > 50
    assert len(world.gsps[2].got) == 300 - dropped


def test_a_corrupted_frame_is_caught_at_the_next_hop(fabric):
    world = fabric().up()
    world.network.impair(Impairment("gsp0-gsf0", "corrupt", direction=0, start=50_000, messages=("DATA",)))
    world.send(0, 0, *[data(world, 0, 0, sequence=i) for i in range(20)])
    world.network.run(95_000)
    assert world.gsps[1].got == []
    counters = world.gsfs[0].counters()
    assert counters["dropped_frames"] == 20


def test_one_method_of_the_forwarder_can_be_broken(fabric):
    class EndlessForwarder(TransitForwarder):
        def may_pass(self, _hop_limit):
            return True

    world = fabric(flaw=EndlessForwarder).up()
    world.send(0, 0, data(world, 0, 0, hops=1))
    world.network.run(90_000)
    assert len(world.gsps[1].got) == 1
