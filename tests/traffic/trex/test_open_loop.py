"""What of a scenario a server is given in advance, and what stays with the tester."""

from traffic.frames.roce import frames, host_addresses
from traffic.patterns import elephant, single
from traffic.scenario import LinkEvent, Pause, Scenario, Stream, TimedFrame, Trigger
from traffic.tester.tester import TesterPort
from traffic.trex.open_loop import MOST_SCHEDULED, split

HOSTS = host_addresses(3)
FABRIC = TesterPort("gsp0-gsf0", 100, b"\2\x47\1\0\0\0", "fabric")
PORTS = [*(TesterPort(name, 100, HOSTS[name].mac, "host") for name in ("h0", "h1")), FABRIC]


def parted(scenario):
    return split(scenario, PORTS, HOSTS, "open-1")


def plain(count=500, sizes=(128,), **words):
    return Stream(1, "h0", "h1", sizes, count, kind="ethernet", **words)


def test_a_plain_stream_is_one_load_that_counts():
    stream = plain(start=5_000, gap=20_000, first=7, cls=3)
    plans, rest = parted(Scenario(streams=(stream,)))
    (load,) = plans[0].loads
    assert (load.count, load.start, load.pps) == (500, 5_000, 50_000)
    assert load.frame == next(frames(stream, HOSTS))
    assert (load.counting[0].offset, load.counting[0].first) == (22, 7)
    assert (plans[0].frames, len(plans[0].times), rest.streams) == ((), 500, ())


def test_frames_that_no_counter_makes_are_given_with_their_times_at_line_rate():
    plans, rest = parted(elephant("h0", "h1", count=4, size=1480))
    assert plans[0].frames == tuple(zip(range(0, 480_000, 120_000), frames_of(4, 1480), strict=True))
    assert plans[0].end == 360_000
    assert rest.streams == ()


def frames_of(count, size):
    return frames(elephant("h0", "h1", count=count, size=size).streams[0], HOSTS)


def test_streams_that_share_a_line_are_laid_out_frame_by_frame():
    both = (plain(count=20, gap=30_000), Stream(2, "h0", "h2", (1000,), 5, gap=50_000))
    plans, _ = parted(Scenario(streams=both))
    assert len(plans[0].times) == 25
    assert [at for at, _ in plans[0].frames] == sorted(at for at, _ in plans[0].frames)


def test_too_many_frames_stay_with_the_tester():
    many = elephant("h0", "h1", count=MOST_SCHEDULED + 1)
    few = Scenario(streams=(Stream(9, "h1", "h0", (64,), 3),))
    plans, rest = parted(many + few)
    assert list(plans) == [1]
    assert [stream.source for stream in rest.streams] == ["h0"]


def test_short_frames_are_given_with_their_padding():
    plans, rest = parted(Scenario(frames=(TimedFrame(0, "h0", bytes(40)),)) + single("h1", "h0"))
    assert list(plans) == [0, 1]
    assert [frame for _, frame in plans[0].frames] == [bytes(60)]
    assert rest.frames == ()


def test_what_something_may_change_stays_with_the_tester():
    load = single("h0", "h1") + single("h1", "h0")
    answer = Trigger("HOST", single("h0", "h1", start=10), port="h1")
    for hindrance, left in (
        (Scenario(pauses=(Pause(0, "h0", (0,), 1000),)), {"h0", "h1"}),
        (Scenario(links=(LinkEvent(5, "h0", up=False),)), {"h0"}),
        (Scenario(triggers=(answer,)), {"h0"}),
    ):
        plans, rest = parted(load + hindrance)
        assert {stream.source for stream in rest.streams} == left
        assert {PORTS[number].name for number in plans} == {"h0", "h1"} - left


def test_hosts_behind_peers_and_raw_fabric_frames_stay_with_the_tester():
    scenario = Scenario(frames=(TimedFrame(0, FABRIC.name, bytes(64)),)) + single("h2", "h0")
    assert parted(scenario) == ({}, scenario)
