"""The reference follows the tables of states, every step of them, and no other."""

import pytest

from reference_impl.parts.dgsq import Dgsq
from reference_impl.parts.liveness import Link
from reference_impl.parts.streams import Stream
from reference_impl.states import DGSQ_STEPS, LINK_STEPS, STREAM_STEPS, DgsqState, LinkState, StreamState
from spec.states import load_machines
from tests.reference_impl.roles.gsp.conftest import Bench, host_frame

KINDS = {
    "dgsq": (Dgsq, DgsqState, DGSQ_STEPS, {(DgsqState.ABSENT, "first-frame")}),
    "link": (Link, LinkState, LINK_STEPS, set()),
    "stream": (Stream, StreamState, STREAM_STEPS, set()),
}


@pytest.mark.parametrize("name", KINDS)
def test_the_states_are_those_of_the_table(name):
    assert {state.value for state in KINDS[name][1]} == load_machines()[name].states.keys()


@pytest.fixture
def taken(monkeypatch):
    """The steps that are taken, by machine."""
    steps = {name: set() for name in KINDS}

    def follow(name, kind):
        happen = kind.happen

        def noted(self, event):
            steps[name].add((self.state, event))
            happen(self, event)

        monkeypatch.setattr(kind, "happen", noted)

    for name, (kind, *_) in KINDS.items():
        follow(name, kind)
    return steps


def test_every_step_of_a_queue_is_taken(taken):
    world = Bench(dgsq_mode="on-congestion", age_out=400_000)
    world.host(0, host_frame(32))
    assert world.gsp.dgsqs.queues[2, 0, 0].state is DgsqState.FREE
    world.backpressure(128, reporter=3)
    assert world.gsp.dgsqs.queues[2, 0, 0].state is DgsqState.GOVERNED
    world.run(world.now + 1_000_000)
    world.host(0, host_frame(32))
    world.run(world.now + 1_000_000)
    assert not world.gsp.dgsqs.queues
    made = {step for step in DGSQ_STEPS if step[0] is DgsqState.ABSENT}
    assert taken["dgsq"] == DGSQ_STEPS.keys() - made, (
        "a queue is made in the state that its first frame leads to"
    )


def test_every_step_of_a_link_is_taken(taken, fabric):
    world = fabric(gsps=2, gsfs=1, settings={"flap_hold": 200_000}).up()
    for down, up in ((1_000_000, 1_100_000), (1_200_000, 1_250_000)):
        world.network.link_event(down, "gsp0-gsf0", up=False)
        world.network.link_event(up, "gsp0-gsf0", up=True)
    world.network.run(3_000_000)
    assert world.gsps[0].paths.links[0].state is LinkState.UP
    assert taken["link"] == LINK_STEPS.keys()


def test_every_step_of_a_stream_is_taken(taken):
    world = Bench(age_out=400_000)
    orderly = {"sequence": 0, "last": True}
    for generation, start in enumerate(
        ({"sequence": 5}, orderly, orderly, {"sequence": 5}, {"sequence": 6}), 5
    ):
        world.data(host_frame(0), generation=generation, **start)
    world.data(host_frame(0), generation=20, sequence=4)
    world.data(host_frame(0), cls=1, sequence=0)
    world.data(host_frame(0), generation=20, sequence=0)
    world.data(host_frame(1), generation=20, sequence=4, port=1)
    world.run(world.now + 50_000)
    stream = world.gsp.egress.reorderer.streams[2, 1, 0]
    assert stream.state is StreamState.COLLECTING
    world.data(host_frame(1), generation=21, sequence=0, port=1)
    assert stream.state is StreamState.ORDERED
    world.run(world.now + 3_000_000)
    assert not world.gsp.egress.reorderer.streams
    assert taken["stream"] == STREAM_STEPS.keys()


@pytest.mark.parametrize(
    ("thing", "event"),
    [
        (Dgsq((2, 0, 0), 1, 0, True, 1000, 0), "congestion"),
        (Link(0), "proven"),
        (Link(0, state=LinkState.UP), "hold-over"),
        (Stream(1, 0, 0), "start-found"),
    ],
)
def test_what_cannot_happen_raises(thing, event):
    with pytest.raises(KeyError):
        thing.happen(event)
