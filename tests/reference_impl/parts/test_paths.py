from itertools import pairwise

import pytest

from reference_impl import codec
from reference_impl.parts.paths import PathTable
from reference_impl.virtual.links import Impairment

INTERVAL = 100_000


def ports(device, node):
    return [path.port for path in device.paths.to(node)]


def hellos(network, link, direction):
    index = network.link_names.index(link)
    return [
        (time, codec.decode_hello(frame))
        for time, at, way, frame, _ in network.taps
        if (at, way) == (index, direction) and codec.peek(frame)[0] == codec.HELLO
    ]


def test_links_come_up_and_every_path_is_learned(fabric):
    world = fabric(gsps=3, gsfs=2).up()
    for gsp in world.gsps:
        for other in world.gsps:
            assert ports(gsp, other.node) == ([] if gsp is other else [0, 1])
    path = world.gsps[0].paths.to(2)[1]
    assert (path.neighbour, path.rate, path.weight) == (0x0101, 8000, 8000)
    assert path.prefix == world.gsfs[1].ports[0].mac + world.gsps[0].ports[1].mac + codec.ETHERTYPE


def test_hello_goes_to_the_group_address_every_interval(fabric):
    world = fabric().up()
    world.network.run(1_000_000)
    sent = hellos(world.network, "gsp0-gsf0", 0)
    late = [time for time, _ in sent if time > 50_000]
    assert len(late) == 10
    assert {b - a for a, b in pairwise(late)} == {INTERVAL}
    sequences = [hello[2] for _, hello in sent]
    assert {(b - a) % 2**32 for a, b in pairwise(sequences)} == {1}
    assert all(tap[3][:6] == codec.HELLO_ADDRESS for tap in world.network.taps)


def test_a_gsp_announces_itself_alone_and_a_gsf_what_it_did_not_learn_there(fabric):
    world = fabric(gsps=3, gsfs=1).up()
    world.network.run(250_000)
    assert hellos(world.network, "gsp0-gsf0", 0)[-1][1][6] == [(1, 8000)]
    role, port, _, rate, heard, heard_sequence, entries = hellos(world.network, "gsp1-gsf0", 1)[-1][1]
    assert (role, port, rate, heard, entries) == (2, 1, 8000, 2, [(1, 8000), (3, 8000)])
    assert heard_sequence in [hello[2] for _, hello in hellos(world.network, "gsp1-gsf0", 0)[-2:]]


def test_parallel_links_add_up_in_the_announcement_and_not_in_the_weight(fabric):
    world = fabric(gsps=2, gsfs=1, parallel=2).up()
    world.network.run(250_000)
    assert hellos(world.network, "gsp0-gsf0", 1)[-1][1][6] == [(2, 16000)]
    assert [path.weight for path in world.gsps[0].paths.to(2)] == [8000, 8000]


def test_a_link_that_is_heard_one_way_stays_down(fabric):
    world = fabric()
    world.network.impair(Impairment("gsp0-gsf0", "loss", direction=0))
    world.up().network.run(1_000_000)
    assert ports(world.gsps[0], 2) == [1]
    assert ports(world.gsfs[0], 1) == []


@pytest.mark.parametrize("direction", [0, 1])
def test_the_loss_of_all_but_one_hello_is_borne(fabric, direction):
    world = fabric().up()
    events = world.gsps[0].events.noted
    world.network.impair(
        Impairment("gsp0-gsf0", "loss", direction=direction, messages=("HELLO",), ordinals=(1, 2))
    )
    world.network.run(1_500_000)
    assert world.gsps[0].events.noted == events
    assert ports(world.gsps[0], 2) == [0, 1]


@pytest.mark.parametrize("direction", [0, 1])
def test_the_loss_of_hello_misses_hellos_takes_the_link_down_at_both_ends(fabric, direction):
    world = fabric(settings={"flap_hold": 0}).up()
    world.network.impair(
        Impairment("gsp0-gsf0", "loss", direction=direction, start=50_000, stop=350_000, messages=("HELLO",))
    )
    world.network.run(400_000)
    assert ports(world.gsps[0], 2) == [1]
    assert ports(world.gsfs[0], 1) == []
    assert ports(world.gsps[1], 1) == [1]
    world.network.run(800_000)
    assert ports(world.gsps[0], 2) == [0, 1]


def test_carrier_takes_the_path_out_everywhere_and_brings_it_back(fabric):
    world = fabric(gsps=3, settings={"flap_hold": 0}).up()
    world.network.link_event(60_000, "gsp1-gsf0", up=False)
    world.network.run(60_000)
    assert ports(world.gsps[1], 1) == [1]
    world.network.run(61_000)
    assert ports(world.gsps[0], 2) == [1], "told by FAULT"
    assert ports(world.gsps[0], 3) == [0, 1], "for that destination only"
    world.network.link_event(300_000, "gsp1-gsf0", up=True)
    world.network.run(310_000)
    assert ports(world.gsps[0], 2) == [0, 1]


@pytest.mark.parametrize("repeats", [1, 3, 10])
def test_fault_is_sent_as_often_as_declared(fabric, repeats):
    world = fabric(gsps=3, settings={"fault_repeats": repeats}).up()
    world.network.link_event(60_000, "gsp1-gsf0", up=False)
    world.network.run(200_000)
    assert [len(gsp.faults) for gsp in world.gsps] == [repeats, 0, repeats]


def test_fault_is_sent_three_times_and_stays_on_its_link(fabric):
    world = fabric(gsps=3).up()
    world.network.link_event(60_000, "gsp1-gsf0", up=False)
    world.network.run(90_000)
    assert [len(gsp.faults) for gsp in world.gsps] == [3, 0, 3]
    assert {port for _, port in world.gsps[0].faults} == {0}
    faults = [frame for _, _, _, frame, _ in world.network.taps if codec.peek(frame)[0] == codec.FAULT]
    assert {codec.decode_fault(frame)[1] for frame in faults} == {2}
    assert len({codec.decode_fault(frame)[3:] for frame in faults}) == 1
    assert {codec.peek(frame)[6] for frame in faults} == {1}


def test_one_fault_that_arrives_is_enough(fabric):
    world = fabric().up()
    world.network.impair(Impairment("gsp0-gsf0", "loss", messages=("FAULT",), ordinals=(1, 2)))
    world.network.link_event(60_000, "gsp1-gsf0", up=False)
    world.network.run(85_000)
    assert ports(world.gsps[0], 2) == [1]


def test_the_next_hello_overrides_a_fault(fabric):
    world = fabric().up()
    gsf = world.gsfs[0]
    link = gsf.paths.links[0]
    frame = codec.encode_fault(link.prefix, 0, gsf.node, 1, 0, 1, 2, 0, gsf.node, 1)
    world.gsps[0].receive(0, frame, world.network.now)
    assert ports(world.gsps[0], 2) == [1]
    world.network.run(99_000)
    assert ports(world.gsps[0], 2) == [1]
    world.network.run(101_000)
    assert ports(world.gsps[0], 2) == [0, 1]


def test_copies_of_a_fault_stop_when_the_node_is_back(fabric):
    world = fabric(settings={"flap_hold": 0}).up()
    world.network.link_event(60_000, "gsp1-gsf0", up=False)
    world.network.link_event(61_000, "gsp1-gsf0", up=True)
    world.network.run(99_000)
    assert len(world.gsps[0].faults) == 1
    assert ports(world.gsps[0], 2) == [0, 1]


def test_a_link_that_was_down_has_to_stay_alive_for_flap_hold(fabric):
    world = fabric(settings={"flap_hold": 700_000}).up()
    for start in (100_000, 200_000, 300_000):
        world.network.link_event(start, "gsp0-gsf0", up=False)
        world.network.link_event(start + 50_000, "gsp0-gsf0", up=True)
    world.network.run(350_000 + 690_000)
    assert ports(world.gsps[0], 2) == [1]
    assert ports(world.gsps[1], 1) == [1]
    world.network.run(350_000 + 710_000)
    assert ports(world.gsps[0], 2) == [0, 1]
    names = [name for _, name, _ in world.gsps[0].events.kept]
    assert names.count("link_down") == 1


def test_a_slower_link_lowers_the_weight_at_both_sides_of_the_gsf(fabric):
    world = fabric().up()
    world.network.impair(Impairment("gsp1-gsf0", "rate", start=60_000, stop=400_000, value=2000))
    world.network.run(70_000)
    assert [path.weight for path in world.gsps[0].paths.to(2)] == [2000, 8000]
    assert [path.weight for path in world.gsps[1].paths.to(1)] == [2000, 8000]
    version = world.gsps[0].paths.version
    world.network.run(410_000)
    assert [path.weight for path in world.gsps[0].paths.to(2)] == [8000, 8000]
    assert world.gsps[0].paths.version > version


def test_backpressure_scales_a_path_replaces_and_ends(fabric):
    world = fabric().up()
    paths = world.gsps[0].paths
    now = world.network.now
    assert paths.scale(0x0100, 2, 51, 100, now)
    assert [path.weight for path in paths.to(2)] == [6400, 8000]
    assert paths.scale(0x0100, 2, 51, 100, now)
    assert [path.weight for path in paths.to(2)] == [6400, 8000], "a repeat does not compound"
    assert paths.scale(0x0100, 2, 255, 100, now)
    assert ports(world.gsps[0], 2) == [1]
    assert [path.weight for path in paths.live(2)] == [0, 8000]
    assert paths.scale(0x0100, 2, 0, 100, now)
    assert ports(world.gsps[0], 2) == [0, 1]
    assert paths.scale(0x0100, 2, 255, 20, now)
    world.network.run(now + 20_001)
    assert ports(world.gsps[0], 2) == [0, 1], "its validity is over"


def test_backpressure_from_a_node_that_is_not_adjacent_is_left_to_the_queue(fabric):
    world = fabric().up()
    assert not world.gsps[0].paths.scale(2, 2, 128, 100, world.network.now)


def test_a_second_node_with_the_same_number_is_noted(fabric):
    world = fabric().up()
    frame = codec.encode_hello(
        codec.HELLO_ADDRESS + bytes(6) + codec.ETHERTYPE, 0, 1, 0, 0, 1, 0, 1, 8000, 0, 0, [(1, 8000)]
    )
    world.gsps[0].receive(0, frame, world.network.now)
    assert world.gsps[0].events.kept[-1][1:] == ("duplicate_node", {"port": 0, "node": 1})
    assert ports(world.gsps[0], 2) == [0, 1]


def test_a_neighbour_that_restarts_is_learned_anew(fabric):
    world = fabric().up()
    gsf = world.gsfs[0]
    frame = codec.encode_hello(
        codec.HELLO_ADDRESS + gsf.ports[0].mac + codec.ETHERTYPE,
        0,
        gsf.node,
        0,
        0,
        2,
        0,
        (gsf.paths.links[0].sequence + 5_000_000) % 2**32,
        8000,
        0,
        0,
        [],
    )
    world.gsps[0].receive(0, frame, world.network.now)
    assert ports(world.gsps[0], 2) == [1]


def test_a_spine_carries_between_pods_and_nothing_from_above_goes_up_again(fabric, spine):
    world = fabric(gsps=0, gsfs=0)
    leaf = type(fabric(gsps=1, gsfs=0).gsps[0])
    gsf_kind = spine.__mro__[1]
    tops = [world.device(spine, f"spine{i}", 0x0200 + i, 2) for i in range(2)]
    gsfs = [world.device(gsf_kind, f"gsf{i}", 0x0100 + i, 3) for i in range(2)]
    leaves = [world.device(leaf, f"gsp{i}", i + 1, 1) for i in range(2)]
    for i in range(2):
        world.network.link(f"gsp{i}-gsf{i}", (leaves[i], 0), (gsfs[i], 0))
        for j in range(2):
            world.network.link(f"gsf{i}-spine{j}", (gsfs[i], 1 + j), (tops[j], i))
    world.network.start()
    world.network.run(150_000)
    assert ports(leaves[0], 2) == [0]
    assert ports(gsfs[0], 2) == [1, 2]
    assert gsfs[0].paths.announcement(gsfs[0].paths.links[1]) == {1: 8000}
    assert gsfs[0].paths.announcement(gsfs[0].paths.links[0]) == {2: 16000}
    world.network.link_event(160_000, "gsp1-gsf1", up=False)
    world.network.run(165_000)
    assert ports(leaves[0], 2) == [], "the fault came down through both tiers"


def test_a_component_can_be_replaced_by_one_that_breaks_one_rule(fabric):
    class DeafPathTable(PathTable):
        def take_fault(self, port, frame, now):
            pass

    world = fabric(flaw=DeafPathTable).up()
    world.network.link_event(60_000, "gsp1-gsf0", up=False)
    world.network.run(90_000)
    assert ports(world.gsps[0], 2) == [0, 1]
