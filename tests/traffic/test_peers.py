from dataclasses import replace

import pytest

from tests.traffic.harness import LEFT, RIGHT, SPINE, warm
from traffic.frames.codec import codec
from traffic.patterns import elephant, incast
from traffic.scenario import (
    DOWN,
    UP,
    ContainerOrder,
    Demand,
    GrantPolicy,
    Reach,
    Scenario,
    Signal,
    Treatment,
    Trigger,
    Window,
)

LOAD = elephant("h0", "h2", count=100, size=1500)
WHOLE = [(1, number) for number in range(100)]
LAST = codec("open-1").profile.flags["LAST"]
UNGOVERNED = codec("open-1").profile.flags["UNGOVERNED"]


CLAIM = Demand(1_000, 2, 1, 20_000)
MORE = Demand(2_000, 2, 1, 3_000)
LATE = Demand(400_000, 2, 1, 7_000)


def egress(**policy):
    return (SPINE, replace(RIGHT, grants=GrantPolicy(**policy)))


def granted(pair):
    return [message.fields["granted"] for message in pair.messages("GRANT", "right")]


def credit(message):
    return max(len(message.payload), 60) + 24


def test_well_behaved_peers_carry_everything_in_order():
    pair = warm().play(scenario=LOAD)
    assert pair.delivered("h2") == WHOLE


def test_no_data_beyond_the_grant_and_no_grant_beyond_the_demand():
    pair = warm().play(scenario=LOAD)
    grant = demand = position = 0
    for _, side, message in pair.seen:
        if message.message == "GRANT":
            grant = max(grant, message.fields["granted"])
            assert grant <= demand
        elif message.message == "REQUEST" and side == "left":
            demand = max(demand, message.fields["demand"])
        elif message.message == "DATA":
            position += credit(message)
            assert position <= grant + 20_000
    assert position == demand == 100 * 1520


def test_containers_are_numbered_filled_and_marked():
    pair = warm().play(scenario=LOAD)
    fill = index = sequence = previous = 0
    for message in pair.messages("DATA", "left"):
        fields = message.fields
        if fields["sequence"] != sequence:
            assert fields["sequence"] == sequence + 1
            sequence, previous, index, fill = fields["sequence"], index, 0, 0
        assert (fields["index"], fields["fill"], fields["previous_frames"]) == (index, fill, previous)
        index += 1
        fill += credit(message)
        assert fill <= LEFT.container_bytes
        if fields["flags"] & LAST:
            assert fill + 1520 > LEFT.container_bytes
    assert sequence >= 9


def test_hello_names_the_node_and_what_it_reaches_and_what_it_heard():
    pair = warm().play()
    hello = pair.messages("HELLO", "right")[-1]
    assert hello.fields["source"] == 0x100
    assert hello.fields["role"] == 2
    assert hello.fields["heard_node"] == 1
    assert hello.entries == ({"node": 2, "rate": 8000},)
    sequences = [message.fields["sequence"] for message in pair.messages("HELLO", "left")]
    assert sequences == [(sequences[0] + turn) % (1 << 32) for turn in range(len(sequences))]
    assert 0 in sequences, "they wrap in most plays"


def test_hello_stops_in_silent_windows_and_hears_nobody_in_unheard_ones():
    silent = replace(SPINE, silent=(Window(500_000, 1_000_000),), unheard=(Window(1_500_000),))
    pair = warm()
    start = pair.now
    pair.play(right=(silent, RIGHT))
    times = [time - start for time in pair.times("HELLO", "right")]
    assert not [time for time in times if 500_000 <= time < 1_000_000]
    assert len(times) in range(14, 17)
    assert pair.messages("HELLO", "right")[-1].fields["heard_node"] == 0


def test_a_node_out_of_reach_is_sent_nothing():
    deaf = replace(SPINE, reaches=(Reach(2, 8000, Window(0, 300_000)),))
    pair = warm().play(right=(deaf, RIGHT), scenario=LOAD.delayed(500_000))
    assert pair.delivered("h2") == []
    assert pair.messages("DATA", "left") == []


def test_withheld_grants_hold_all_data():
    pair = warm().play(right=egress(mode="withhold"), scenario=LOAD)
    assert pair.messages("DATA", "left") == []
    assert len(pair.messages("REQUEST", "left")) > 10
    assert granted(pair) == []


def test_grants_at_once_cover_the_whole_demand():
    pair = warm().play(right=egress(mode="at-once"), scenario=LOAD)
    demands = {message.fields["demand"] for message in pair.messages("REQUEST", "left")}
    assert set(granted(pair)) <= demands
    assert pair.delivered("h2") == WHOLE


def test_ceiling_and_extra_bend_the_grant():
    pair = warm().play(right=egress(ceiling=10_000), scenario=LOAD)
    assert max(granted(pair)) == 10_000
    assert len(pair.delivered("h2")) == 6
    pair = warm().play(right=egress(mode="at-once", extra=5_000), scenario=LOAD)
    assert 100 * 1520 < max(granted(pair)) <= 100 * 1520 + 5_000


def test_grants_only_in_their_window():
    pair = warm()
    start = pair.now
    pair.play(right=egress(during=Window(700_000)), scenario=LOAD)
    assert min(pair.times("GRANT", "right")) - start >= 700_000
    assert pair.delivered("h2") == WHOLE


@pytest.mark.parametrize(
    "policy",
    [
        {"copies": 3},
        {"lose_every": 2},
        {"swap_every": 2},
        {"generations": ("right", "right", "before")},
        {"delay": 30_000},
    ],
)
def test_flawed_grants_neither_lose_nor_double_data(policy):
    pair = warm().play(right=egress(**policy), scenario=LOAD, until=6_000_000)
    assert pair.delivered("h2") == WHOLE


def test_flaws_of_grants_show_on_the_wire():
    pair = warm().play(right=egress(copies=2), scenario=LOAD)
    assert [a.fields for a in pair.messages("GRANT", "right")[::2]] == [
        b.fields for b in pair.messages("GRANT", "right")[1::2]
    ]
    pair = warm().play(right=egress(swap_every=2), scenario=LOAD)
    assert granted(pair) != sorted(granted(pair))
    pair = warm().play(right=egress(generations=("right", "before")), scenario=LOAD)
    assert len({message.fields["generation"] for message in pair.messages("GRANT", "right")}) == 2
    wrong = ("before", "zero", "after")
    pair = warm().play(right=egress(mode="at-once", generations=wrong), scenario=LOAD)
    own = pair.messages("REQUEST", "left")[0].fields["generation"]
    got = [message.fields["generation"] for message in pair.messages("GRANT", "right")]
    assert got[:3] == [(own - 2) % 0xFFFF + 1, 0, own % 0xFFFF + 1]


def test_unused_credit_expires_and_is_forfeited():
    pair = warm().play(left=(replace(LEFT, silent=True),), scenario=LOAD, right=egress(expire_after=50_000))
    expired = [message.fields["expired"] for message in pair.messages("GRANT", "right")]
    assert expired[0] == 0
    assert max(expired) > 0
    assert pair.messages("REQUEST", "left")[-1].fields["forfeited"] > 0
    assert pair.messages("DATA", "left") == []


def test_a_mute_peer_says_nothing_but_hello():
    pair = warm()
    start = pair.now
    mute = (replace(LEFT, mute=(Window(20_000, 300_000),)),)
    pair.play(left=mute, right=egress(), scenario=LOAD)
    times = [time - start for name in ("REQUEST", "DATA") for time in pair.times(name, "left")]
    assert min(times) < 20_000
    assert max(times) >= 300_000
    assert not [time for time in times if 21_000 <= time < 300_000]
    assert [time for time in pair.times("HELLO", "left") if 20_000 < time - start < 300_000]


def test_overrun_goes_beyond_the_grant():
    pair = warm().play(left=(replace(LEFT, overrun=5_000),), right=egress(ceiling=10_000), scenario=LOAD)
    sent = sum(credit(message) for message in pair.messages("DATA", "left"))
    assert 10_000 < sent <= 15_000


def test_ungoverned_data_needs_no_grant():
    pair = warm().play(left=(replace(LEFT, ungoverned=True),), right=egress(mode="withhold"), scenario=LOAD)
    assert pair.delivered("h2") == WHOLE
    assert all(message.fields["flags"] & UNGOVERNED for message in pair.messages("DATA", "left"))
    assert pair.messages("REQUEST", "left") == []


def test_a_demand_needs_no_frame():
    claims = (Demand(1_000, 2, 1, 20_000, cls=3),)
    pair = warm().play(left=(replace(LEFT, demands=claims),))
    request = pair.messages("REQUEST", "left")[0].fields
    assert (request["demand"], request["port"], request["class"]) == (20_000, 1, 3)
    assert granted(pair)


def demanded(pair):
    return max(message.fields["demand"] for message in pair.messages("REQUEST", "left"))


@pytest.mark.parametrize(
    ("first", "then", "octets"),
    [
        ((CLAIM,), (CLAIM,), 20_000),
        ((CLAIM, CLAIM), (CLAIM, CLAIM), 40_000),
        ((CLAIM,), (CLAIM, CLAIM), 40_000),
        ((CLAIM,), (CLAIM, MORE), 23_000),
        ((CLAIM, LATE), (CLAIM, LATE), 27_000),
        ((CLAIM, LATE), (CLAIM,), 20_000),
        ((CLAIM,), (), 20_000),
    ],
)
def test_a_change_claims_only_what_is_new(first, then, octets):
    """A demand that a peer has had is claimed once, however often a trigger changes the peer otherwise."""
    changed = replace(LEFT, demands=then, backs_off=False)
    triggers = tuple(Trigger("GRANT", Scenario(peers=(changed,)), count=count) for count in (1, 2))
    pair = warm().play(left=(replace(LEFT, demands=first),), scenario=Scenario(triggers=triggers))
    assert demanded(pair) == octets


def test_each_play_claims_anew_and_nothing_of_the_play_before():
    left = (replace(LEFT, demands=(CLAIM, LATE)),)
    pair = warm().play(left=left, until=LATE.at // 2)
    assert demanded(pair) == 20_000
    pair.play(left=left, until=LATE.at * 3 // 4)
    assert demanded(pair) == 40_000
    pair.play(left=left)
    assert demanded(pair) == 60_000 + LATE.bytes


def sequences(pair):
    return list(dict.fromkeys(message.fields["sequence"] for message in pair.messages("DATA", "left")))


def test_containers_leave_in_the_order_given():
    flawed = replace(LEFT, containers=ContainerOrder(order=(2, 0, 1)))
    pair = warm().play(left=(flawed,), scenario=LOAD)
    assert sequences(pair) == [2, 0, 1, 5, 3, 4, 8, 6, 7, 9]


def test_containers_may_be_missing_or_doubled():
    flawed = replace(LEFT, containers=ContainerOrder(missing=(1,), twice=(3,)))
    pair = warm().play(left=(flawed,), scenario=LOAD)
    assert sequences(pair) == [0, 2, 3, 4, 5, 6, 7, 8, 9]
    places = [(m.fields["sequence"], m.fields["index"]) for m in pair.messages("DATA", "left")]
    assert places.count((3, 0)) == 2
    assert places.count((4, 0)) == 1


def test_a_restart_begins_a_generation():
    flawed = replace(LEFT, containers=ContainerOrder(restarts=(4,)))
    pair = warm().play(left=(flawed,), scenario=LOAD, until=4_000_000)
    seen = dict.fromkeys(
        (m.fields["generation"], m.fields["sequence"]) for m in pair.messages("DATA", "left")
    )
    first, second = sorted({generation for generation, _ in seen})
    assert [s for g, s in seen if g == first] == [0, 1, 2, 3]
    assert [s for g, s in seen if g == second] == [0, 1, 2, 3, 4, 5]
    assert pair.delivered("h2") == WHOLE


def test_treatments_delay_lose_and_copy_by_container():
    late = replace(SPINE, treatments=(Treatment(UP, ordinals=(2,), delay=100_000),))
    pair = warm().play(right=(late, RIGHT), scenario=LOAD)
    assert sorted(pair.delivered("h2")) == WHOLE
    assert pair.delivered("h2") != WHOLE
    lossy = replace(SPINE, treatments=(Treatment(UP, every=2, lose=True),))
    assert len(warm().play(right=(lossy, RIGHT), scenario=LOAD).delivered("h2")) == 50
    double = replace(SPINE, treatments=(Treatment(UP, ordinals=(1,), copies=2),))
    assert len(warm().play(right=(double, RIGHT), scenario=LOAD).delivered("h2")) == 110


def test_treatments_count_messages_by_name():
    lossy = replace(SPINE, treatments=(Treatment(DOWN, "frame", ("GRANT",), ordinals=(1, 2), lose=True),))
    pair = warm().play(right=(lossy, RIGHT), scenario=LOAD)
    assert pair.delivered("h2") == WHOLE


def test_a_gsf_that_forwards_nothing_still_greets():
    pair = warm().play(right=(replace(SPINE, forwards=False), RIGHT), scenario=LOAD)
    assert pair.delivered("h2") == []
    assert len(pair.messages("HELLO", "right")) >= 20


def test_signals_are_repeated_and_released():
    signal = Signal(2, (1,), level=200, validity=100_000, start=100_000, stop=300_000, repeat=50_000)
    pair = warm().play(right=(replace(SPINE, signals=(signal,)), RIGHT))
    levels = [message.fields["level"] for message in pair.messages("BACKPRESSURE", "right")]
    assert levels == [200, 200, 200, 200, 0]
    assert {message.fields["about"] for message in pair.messages("BACKPRESSURE", "right")} == {2}


def test_a_source_stops_for_full_back_pressure_and_slows_for_less():
    stop = replace(SPINE, signals=(Signal(2, (1,), validity=500_000, start=0),))
    pair = warm()
    start = pair.now
    pair.play(right=(stop, RIGHT), scenario=LOAD.delayed(10_000))
    assert min(pair.times("DATA", "left")) - start >= 500_000
    assert pair.delivered("h2") == WHOLE
    slow = replace(SPINE, signals=(Signal(2, (1,), level=128, validity=5_000_000),))
    slowed = warm().play(right=(slow, RIGHT), scenario=LOAD.delayed(10_000)).times("DATA", "left")
    free = warm().play(scenario=LOAD.delayed(10_000)).times("DATA", "left")
    assert 1.7 < (slowed[-1] - slowed[0]) / (free[-1] - free[0]) < 2.3


def test_both_hosts_share_the_path_and_each_keeps_its_order():
    pair = warm().play(scenario=incast(["h0", "h1"], "h3", count=60, size=1500))
    delivered = pair.delivered("h3")
    assert [n for s, n in delivered if s == 1] == [n for s, n in delivered if s == 2] == list(range(60))


def test_a_peer_left_out_is_silent():
    pair = warm().play(right=())
    assert [s for _, s, m in pair.seen if s == "right" and m.message == "HELLO"] == []


def test_what_a_play_left_over_is_not_sent_in_the_next():
    pair = warm().play(right=egress(mode="withhold"), scenario=LOAD)
    pair.play(right=(SPINE, RIGHT))
    assert pair.delivered("h2") == []


def test_a_bad_checksum_is_ignored():
    pair = warm()
    values = {"source": 1, "destination": 2, "generation": 1, "demand": 5000}
    pair.right.receive(0, codec("open-1").encode("REQUEST", values, crc_error=1), pair.now)
    pair.run(pair.now + 10_000)
    assert granted(pair) == []


def test_frames_go_to_the_address_that_hello_taught():
    pair = warm()
    seen = []
    wake = pair.left.wake
    pair.left.wake = lambda now: [seen.append(frame) or (0, frame) for _, frame in wake(now)]
    pair.play(scenario=LOAD, until=200_000)
    data = [frame for frame in seen if codec("open-1").name_of(frame) == "DATA"]
    assert {frame[:12] for frame in data} == {b"\2\x47\1\0\0\0" + b"\2\x47\0\1\0\2"}
