import pytest

from spec.errors import InputError
from traffic.frames.codec import codec
from traffic.frames.roce import host_addresses, identify, priority_pause
from traffic.patterns import all_to_all, elephant, interleaved
from traffic.scenario import GspPeer, LinkEvent, Pause, Scenario, Stream, TimedFrame, Trigger
from traffic.tester.tester import NEVER, VirtualTester
from traffic.tester.tester import TesterPort as Port

HOSTS = host_addresses(4)
WIRE = 1520
SIZE = 1500


@pytest.fixture
def tester():
    return VirtualTester(
        [Port(name, 8000, host.mac, "host") for name, host in HOSTS.items()], HOSTS, "open-1"
    )


def emitted(tester, until=NEVER - 1, first=0):
    seen = []
    while tester.due <= until:
        now = tester.due
        seen += [(now, port, frame) for port, frame in tester.wake(now)]
    return [entry for entry in seen if entry[0] >= first]


def test_back_to_back_is_line_rate(tester):
    tester.play(elephant("h0", "h1", count=50, size=SIZE), 1000)
    seen = emitted(tester)
    assert [time for time, _, _ in seen] == [1000 + WIRE * n for n in range(50)]
    assert [identify(frame) for _, _, frame in seen] == [(1, n) for n in range(50)]
    assert not tester.busy


@pytest.mark.parametrize(("rate", "spacing"), [(100_000, 122), (10_000, 1216), (1_000, 12_160)])
def test_line_rate_follows_the_link(rate, spacing):
    tester = VirtualTester(
        [Port("h0", rate, HOSTS["h0"].mac, "host")], {"h0": HOSTS["h0"], "h1": HOSTS["h1"]}, "open-1"
    )
    tester.play(elephant("h0", "h1", count=3, size=SIZE), 0)
    assert [time for time, _, _ in emitted(tester)] == [0, spacing, 2 * spacing]


def test_gap_paces_a_stream(tester):
    tester.play(elephant("h0", "h1", count=3, size=64, gap=500, start=7), 0)
    assert [time for time, _, _ in emitted(tester)] == [7, 507, 1007]


def test_streams_of_a_port_take_turns_and_never_overlap(tester):
    tester.play(interleaved("h0", ["h1", "h2", "h3"], count=20, size=SIZE), 0)
    seen = emitted(tester)
    assert [time for time, _, _ in seen] == [WIRE * n for n in range(60)]
    assert [identify(frame)[0] for _, _, frame in seen] == [1, 2, 3] * 20


def test_a_crowded_port_is_late_but_loses_nothing(tester):
    two = elephant("h0", "h1", count=10, size=SIZE, gap=WIRE) + elephant(
        "h0", "h2", count=10, size=SIZE, gap=WIRE
    )
    tester.play(two, 0)
    seen = emitted(tester)
    assert [time for time, _, _ in seen] == [WIRE * n for n in range(20)]


def test_ports_send_side_by_side(tester):
    tester.play(all_to_all(list(HOSTS), count=5, size=SIZE), 0)
    seen = emitted(tester)
    for port in range(4):
        assert [time for time, p, _ in seen if p == port] == [WIRE * n for n in range(15)]


def test_timed_frames_leave_at_their_time_or_in_turn(tester):
    frames = [bytes([n]) * 60 for n in range(4)]
    times = [500, 100, 100, 110]
    scenario = Scenario(frames=tuple(TimedFrame(at, "h2", f) for at, f in zip(times, frames, strict=True)))
    tester.play(scenario, 1000)
    order = [frames[1], frames[2], frames[3], frames[0]]
    expected = list(zip([1100, 1184, 1268, 1500], [2] * 4, order, strict=True))
    assert emitted(tester) == expected


def test_busy_until_the_last_frame_has_left(tester):
    tester.play(elephant("h0", "h1", count=2, gap=1_000_000), 0)
    tester.wake(0)
    assert tester.busy
    tester.wake(1_000_000)
    assert not tester.busy


def test_a_second_play_begins_anew(tester):
    tester.play(elephant("h0", "h1", count=100, size=SIZE), 0)
    emitted(tester, until=10 * WIRE)
    tester.play(elephant("h1", "h2", count=2, size=SIZE), 1_000_000)
    assert [(time, port) for time, port, _ in emitted(tester)] == [(1_000_000, 1), (1_001_520, 1)]


def test_pause_is_refreshed_until_it_ends(tester):
    tester.play(Scenario(pauses=(Pause(100, "h1", (0, 3), 10_000_000),)), 0)
    seen = emitted(tester)
    assert {port for _, port, _ in seen} == {1}
    covered = 100
    for time, _, frame in seen:
        assert time <= covered
        assert frame[:6].hex() == "0180c2000001"
        assert frame[16:18] == b"\0\x09"
        covered = time + int.from_bytes(frame[18:20], "big") * 64
    assert 10_000_100 <= covered < 10_000_100 + 64


def test_a_host_honours_pause_by_class(tester):
    scenario = elephant("h0", "h1", count=20, size=SIZE) + elephant("h0", "h1", count=20, size=SIZE, cls=3)
    tester.play(scenario, 0)
    early = emitted(tester, until=4 * WIRE)
    tester.receive(0, priority_pause(HOSTS["h1"].mac, {3: 1000}), 5 * WIRE)
    late = emitted(tester)
    tagged = [time for time, _, frame in late if frame[12:14] == b"\x81\x00"]
    plain = [time for time, _, frame in late if frame[12:14] != b"\x81\x00"]
    assert len(early) + len(late) == 40
    assert min(tagged) == 5 * WIRE + 64_000
    assert plain == [5 * WIRE + WIRE * n for n in range(len(plain))]


def test_a_pause_of_zero_lets_go_at_once(tester):
    tester.play(elephant("h0", "h1", count=5, size=SIZE, cls=3), 0)
    tester.receive(0, priority_pause(HOSTS["h1"].mac, {3: 65535}), 0)
    assert emitted(tester, until=10_000) == []
    tester.receive(0, priority_pause(HOSTS["h1"].mac, {3: 0}), 20_000)
    assert [time for time, _, _ in emitted(tester)] == [20_000 + WIRE * n for n in range(5)]


def test_without_carrier_nothing_leaves(tester):
    tester.play(elephant("h0", "h1", count=5, size=SIZE), 0)
    emitted(tester, until=WIRE)
    tester.carrier(0, up=False, now=WIRE + 1)
    assert emitted(tester, until=50_000) == []
    tester.carrier(0, up=True, now=60_000)
    assert [time for time, _, _ in emitted(tester)] == [60_000, 61_520, 63_040]


def test_trigger_plays_after_so_many_frames():
    told = []
    tester = VirtualTester(
        [Port(name, 8000, host.mac, "host") for name, host in HOSTS.items()],
        HOSTS,
        "open-1",
        on_trigger=lambda then, now: told.append((then, now)),
    )
    then = Scenario(
        streams=(Stream(9, "h1", "h2", (SIZE,), 2, start=50),), links=(LinkEvent(1, "h3", up=False),)
    )
    tester.play(Scenario(triggers=(Trigger("HOST", then, "h1", 3),)), 0)
    for time in (10, 20, 30, 40):
        tester.receive(0, bytes(60), time)
        tester.receive(1, bytes(60), time)
    assert [(time, port) for time, port, _ in emitted(tester)] == [(80, 1), (1600, 1)]
    assert told == [(then, 30)]


def test_trigger_may_take_a_while_and_the_play_waits_for_it(tester):
    then = Scenario(streams=(Stream(9, "h1", "h2", (SIZE,), 1),))
    tester.play(Scenario(triggers=(Trigger("HOST", then, "h1", after=500),)), 0)
    assert not tester.busy
    tester.receive(1, bytes(60), 30)
    assert tester.busy
    assert [(time, port) for time, port, _ in emitted(tester)] == [(530, 1)]
    assert not tester.busy


def test_trigger_matches_message_and_fields_on_a_tap(tester):
    then = Scenario(frames=(TimedFrame(0, "h0", bytes(60)),))
    tester.play(Scenario(triggers=(Trigger("GRANT", then, fields={"granted": 7}),)), 0)
    tester.observe("gsp0-gsf0", codec("open-1").encode("GRANT", {"granted": 6}), 5)
    tester.observe("gsp0-gsf0", codec("open-1").encode("REQUEST", {}), 6)
    assert emitted(tester) == []
    tester.observe("gsp0-gsf0", codec("open-1").encode("GRANT", {"granted": 7}), 9)
    assert [time for time, _, _ in emitted(tester)] == [9]


@pytest.mark.parametrize(
    "scenario",
    [
        elephant("h9", "h0", count=1),
        elephant("h0", "h9", count=1),
        Scenario(frames=(TimedFrame(0, "gsp0-gsf7", bytes(60)),)),
        Scenario(pauses=(Pause(0, "h9", (0,), 1),)),
    ],
)
def test_what_is_not_there_is_refused(tester, scenario):
    with pytest.raises(InputError, match="scenario: "):
        tester.play(scenario, 0)


def test_local_frames_of_an_emulated_gsp_stay_there():
    hosts = host_addresses(4, per_gsp=2)
    tester = VirtualTester([Port("gsp0-gsf0", 8000, bytes(6), "fabric")], hosts, "open-1")
    peers = (GspPeer(1, ("h0", "h1"), ("gsp0-gsf0",)),)
    tester.play(Scenario(peers=peers) + elephant("h0", "h1", count=3, size=SIZE), 0)
    sent = [frame for _, _, frame in emitted(tester, until=50_000)]
    assert {codec("open-1").name_of(frame) for frame in sent} == {"HELLO"}
    assert [(host, way) for _, host, way, _ in tester.host_frames] == [("h0", 0), ("h1", 1)] * 3
