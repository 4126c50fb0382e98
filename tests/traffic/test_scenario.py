import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec.errors import InputError
from traffic.scenario import (
    DOWN,
    ContainerOrder,
    GrantPolicy,
    GsfPeer,
    GspPeer,
    Impairment,
    LinkEvent,
    ManagementEvent,
    Pause,
    Reach,
    Scenario,
    Stream,
    TimedFrame,
    Treatment,
    Trigger,
    Window,
)

FULL = Scenario(
    streams=(Stream(1, "h0", "h1", (64, 9216), 3, gap=100),),
    frames=(TimedFrame(5, "h0", bytes(range(196, 256))),),
    impairments=(Impairment("gsp0-gsf0", "loss", DOWN, messages=("GRANT",), every=2, voids=("GRNT-X",)),),
    links=(LinkEvent(7, "gsp0-gsf0", up=False),),
    management=(ManagementEvent(9, "gsp0", "setting", {"flush_time": 5, "list": [1, None]}),),
    pauses=(Pause(3, "h1", (0, 3), 1000),),
    peers=(
        GsfPeer(0x100, "gsp0-gsf0", (Reach(2, 8000),), treatments=(Treatment(DOWN, ordinals=(2,), delay=9),)),
        GspPeer(2, ("h2",), grants=GrantPolicy("withhold", during=Window(0, 50)), voids=("DGSQ-Y",)),
    ),
    triggers=(Trigger("GRANT", Scenario(streams=(Stream(2, "h0", "h1", (64,), 1),), voids=("Z",)), count=3),),
    limit=1000,
    name="full",
)


def test_json_round_trip_keeps_everything():
    again = Scenario.from_json(FULL.to_json())
    assert again == FULL
    assert again.digest() == FULL.digest()


def test_digest_follows_what_is_played():
    assert Scenario(limit=1).digest() != Scenario(limit=2).digest()


@given(st.binary(min_size=14, max_size=80), st.integers(0, 2**40))
def test_any_frame_survives_json(frame, at):
    scenario = Scenario(frames=(TimedFrame(at, "h0", frame),))
    assert Scenario.from_json(scenario.to_json()) == scenario


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"strems": []}', "strems"),
        ('{"streams": [{"id": 0}]}', "streams.0.id"),
        ('{"peers": [{"peer": "GSX"}]}', "peers.0"),
        ("", "(whole)"),
    ],
)
def test_bad_json_names_file_and_key(text, key):
    with pytest.raises(InputError) as caught:
        Scenario.from_json(text, "play.json")
    assert str(caught.value).startswith(f"play.json: {key}: ")


def test_sum_keeps_both_and_separates_stream_ids():
    total = FULL + FULL
    assert sorted(total.stream_ids()) == [1, 2, 3, 4]
    assert len(total.frames) == 2
    assert total.limit == 1000
    assert total.name == "full + full"


def test_sum_keeps_ids_that_do_not_clash():
    other = Scenario(streams=(Stream(9, "h0", "h1", (64,), 1),))
    assert (FULL + other).stream_ids() == [1, 9, 2]


def test_later_peer_of_the_same_node_replaces_the_earlier():
    total = Scenario(peers=(GspPeer(2), GspPeer(3))) + Scenario(peers=(GspPeer(2, silent=True),))
    assert total.peers == (GspPeer(2, silent=True), GspPeer(3))


def test_voided_collects_from_impairments_peers_and_triggers():
    assert FULL.voided() == {"GRNT-X", "DGSQ-Y", "Z"}


def test_delayed_moves_every_timed_part():
    late = FULL.delayed(100)
    parts = (late.frames[0], late.links[0], late.management[0], late.pauses[0])
    assert [part.at for part in parts] == [105, 107, 109, 103]
    assert late.streams[0].start == 100


@pytest.mark.parametrize(
    "make",
    [
        lambda: Stream(1, "h0", "h1", (), 1),
        lambda: Stream(1, "h0", "h1", (63,), 1),
        lambda: Stream(1, "h0", "h1", (64,), 1, cls=3),
        lambda: Stream(1, "h0", "h1", (64,), 0),
        lambda: Scenario(streams=(Stream(1, "h0", "h1", (64,), 1),) * 2),
        lambda: ContainerOrder((0, 2)),
        lambda: GspPeer(2, hosts=["h2"]),
    ],
)
def test_nonsense_is_refused_where_it_is_written(make):
    with pytest.raises(ValueError):
        make()
