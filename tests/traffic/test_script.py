"""Scripted DATA: asked for in the name of its source, granted before it leaves, and moved as a whole."""

from dataclasses import replace
from itertools import pairwise

from tests.traffic.harness import HOSTS, LEFT, LINK, Pair, warm
from traffic.frames.crafted import Container, data_frames
from traffic.frames.roce import identify
from traffic.scenario import GrantPolicy, Scenario, TimedFrame

CREDIT = 1020
GAP = 10_000


def script(*containers, **options):
    return data_frames("h2", "h0", containers, HOSTS, size=1000, profile="open-1", **options)


def played(scenario, until=2_000_000, **policy):
    left = replace(LEFT, grants=GrantPolicy(**policy))
    return warm().play(left=(left,), far=scenario, until=until)


def covered(pair):
    """Return whether no DATA left before a GRANT for its generation covered it, copies left aside."""
    grants, sent, known = {}, {}, set()
    for _, side, message in pair.seen:
        if message.message == "GRANT" and side == "left":
            grants[message.fields["generation"]] = message.fields["granted"]
        elif message.message == "DATA":
            place = tuple(message.fields[name] for name in ("generation", "sequence", "index"))
            generation = place[0]
            if place not in known:
                known.add(place)
                sent[generation] = sent.get(generation, 0) + CREDIT
                if sent[generation] > grants.get(generation, 0):
                    return False
    return bool(known)


def test_a_script_is_asked_for_and_granted_first():
    pair = played(script(*(Container(LINK, number) for number in range(5))), window=2 * CREDIT)
    assert covered(pair)
    assert pair.delivered("h0") == [(1, number) for number in range(10)]
    assert {request.fields["demand"] for request in pair.messages("REQUEST", "right")} == {10 * CREDIT}
    granted = [grant.fields["granted"] for grant in pair.messages("GRANT", "left")]
    assert granted[-1] == 10 * CREDIT


def test_the_wait_for_a_grant_moves_all_that_follows():
    pair = played(
        script(*(Container(LINK, n, at=n * GAP, frames=1) for n in range(4))), mode="at-once", delay=7_000
    )
    times = pair.times("DATA", "right")
    assert times[0] - pair.times("REQUEST", "right")[0] > 7_000
    assert [after - before for before, after in pairwise(times)] == [GAP] * 3


def test_what_needs_no_credit_moves_with_what_does():
    other = Scenario(frames=(TimedFrame(GAP, LINK, bytes(64)),))
    pair = played(script(Container(LINK, 0, frames=1)) + other, mode="at-once", delay=7_000)
    (data,) = pair.times("DATA", "right")
    strange = [time for time, side, message in pair.seen if side == "right" and message is None]
    assert strange == [data + GAP]


def test_copies_cost_nothing():
    pair = played(script(*[Container(LINK, 0)] * 3), mode="at-once")
    assert covered(pair)
    assert len(pair.messages("DATA", "right")) == 6
    assert {request.fields["demand"] for request in pair.messages("REQUEST", "right")} == {2 * CREDIT}


def test_stragglers_are_granted_before_the_next_generation_begins():
    places = [(1, 0), (2, 0), (1, 1), (2, 1)]
    containers = [Container(LINK, sequence, generation=generation) for generation, sequence in places]
    pair = played(script(*containers), mode="at-once")
    assert covered(pair)
    order = [message.fields["generation"] for message in pair.messages("DATA", "right")]
    assert order == [1, 1, 2, 2, 1, 1, 2, 2]
    asked = [request.fields["generation"] for request in pair.messages("REQUEST", "right")]
    assert asked == sorted(asked)


def test_void_credit_is_given_up_and_asked_for_again():
    later = Container(LINK, 1, at=300_000)
    pair = played(script(Container(LINK, 0), later), mode="at-once", validity=100_000)
    last = pair.messages("REQUEST", "right")[-1]
    assert pair.delivered("h0") == [(1, number) for number in range(4)]
    assert last.fields["forfeited"] >= 2 * CREDIT
    assert max(grant.fields["granted"] for grant in pair.messages("GRANT", "left")) >= 6 * CREDIT


def test_a_play_does_not_wait_for_a_grant_that_never_comes():
    pair = played(script(Container(LINK, 0), Container(LINK, 1, at=GAP)), mode="withhold")
    assert pair.messages("DATA", "right") == []
    assert len(pair.messages("REQUEST", "right")) > 10
    assert not pair.right.busy


def test_a_play_waits_for_what_is_due_later():
    pair = played(script(Container(LINK, 0), Container(LINK, 1, at=500_000)), until=300_000, mode="at-once")
    assert pair.right.busy
    pair.run(pair.now + 300_000)
    assert not pair.right.busy
    assert len(pair.messages("DATA", "right")) == 4


def test_the_next_play_ends_a_script():
    pair = played(script(Container(LINK, 0)), until=200_000, mode="withhold")
    pair.play(left=(LEFT,), until=10_000)
    pair.seen.clear()
    pair.run(pair.now + 200_000)
    assert pair.messages("DATA", "right") == pair.messages("REQUEST", "right") == []


def test_ungoverned_frames_and_those_for_an_emulated_node_go_at_once():
    for source, destination, free in (("h2", "h0", True), ("h2", "h3", False)):
        container = Container(LINK, 0, frames=3, ungoverned=free)
        scenario = data_frames(source, destination, [container], HOSTS, profile="open-1")
        pair = Pair().play(far=scenario, until=10_000)
        assert [identify(message.payload) for message in pair.messages("DATA", "right")] == [
            (1, n) for n in range(3)
        ]
        assert pair.messages("REQUEST", "right") == []


def test_queues_due_together_are_asked_for_together():
    both = script(Container(LINK, 0, frames=1)) + script(Container(LINK, 0, frames=1), cls=3)
    pair = played(both, mode="at-once", delay=7_000)
    asked, data = pair.times("REQUEST", "right"), pair.times("DATA", "right")
    assert len(data) == 2
    assert [request.fields["class"] for request in pair.messages("REQUEST", "right")[:2]] == [0, 3]
    assert asked[1] < data[0]
    assert data[1] - data[0] < 7_000
