"""The one interface, over both generations of clients and the stand-in."""

import threading
import time

import pytest

from spec.errors import InputError
from traffic.trex.client import connect
from traffic.trex.data import Counting, Load
from traffic.trex.errors import TrexError, TrexGoneError, TrexRefusedError, TrexTakenError
from traffic.trex.libraries import find_v5, load_v4, load_v5
from traffic.trex_stand_in.methods import Methods
from traffic.trex_stand_in.server import StandIn
from traffic.trex_stand_in.wires import cable


def joined(server, user, timeout=1.0):
    return connect(
        server.host, rpc_port=server.rpc_port, async_port=server.async_port, user=user, timeout=timeout
    )


def test_ports_are_described(session, api):
    ports = session.ports()
    assert list(ports) == [0, 1]
    assert (ports[0].speed_mbps, ports[0].up, ports[0].owner) == (10_000, True, "")
    assert session.server.api == api


def test_frames_arrive_in_order_octet_by_octet(held, helpers):
    sent = helpers.frames(1200) + [frame[:14] for frame in helpers.frames(1)] + helpers.frames(2, size=9238)
    capture = held.capture(received=[1], sent=[0], limit=10_000)
    at = held.push(0, sent)
    helpers.until(lambda: held.counters()[1].received == len(sent))
    caught = held.finish(capture)
    received = [captured for captured in caught.frames if not captured.sent]
    assert [captured.frame for captured in received] == sent
    assert [captured.frame for captured in caught.frames if captured.sent] == sent
    assert {(captured.port, captured.sent) for captured in caught.frames} == {(0, True), (1, False)}
    assert caught.lost == 0
    assert 0 <= at - capture.start <= received[0].time
    assert [captured.time for captured in received] == sorted(captured.time for captured in received)


def test_a_capture_is_fetched_while_it_runs(held, helpers):
    capture = held.capture(received=[1], bpf="ether proto 0x88b5")
    seen = []
    for frame in helpers.frames(3):
        held.push(0, [frame])
        while not seen or seen[-1].frame != frame:
            seen += held.fetch(capture)
    assert held.finish(capture).frames == ()


def test_what_a_capture_lost_is_told(held, helpers):
    capture = held.capture(received=[1], limit=10)
    held.push(0, helpers.frames(30))
    helpers.until(lambda: held.counters()[1].received == 30)
    caught = held.finish(capture)
    assert (len(caught.frames), caught.lost) == (10, 20)


@pytest.mark.parametrize("act", ["missed", "finish", "fetch_some", "discard"])
def test_a_capture_that_somebody_else_removed_is_told(held, server, act):
    capture = held.capture(received=[1])
    server._call(server.engine.captures.all.clear)
    with pytest.raises(TrexRefusedError, match=rf"capture {capture.number} is gone; see that nobody else"):
        getattr(held, act)(capture)
    held.release()


def test_loads_follow_each_other_and_count(held, helpers, server):
    first, second = helpers.frames(2, size=80)
    held.add(
        0,
        [
            Load("b", second, pps=2000, count=20, counting=(Counting(20), Counting(30, 2, 7))),
            Load("a", first, pps=2000, count=10, start=20_000_000, follower="b"),
        ],
    )
    capture = held.capture(received=[1])
    held.start([0])
    held.wait([0], limit=3)
    frames = [captured.frame for captured in held.finish(capture).frames]
    assert frames[:10] == [first] * 10
    assert frames[10:] == [
        second[:20] + n.to_bytes(4, "big") + second[24:30] + (n + 7).to_bytes(2, "big") + second[32:]
        for n in range(20)
    ]
    assert server.ports[0].state == "STREAMS"
    held.clear(0)
    assert server.ports[0].state == "IDLE"


def test_scheduled_frames_leave_at_their_times(held, helpers):
    frames = helpers.frames(400)
    times = [60_000_000, 0, 30_000_000, *range(80_000_000, 477_000_000, 1_000_000)]
    held.schedule(0, list(zip(times, frames, strict=True)))
    capture = held.capture(received=[1], sent=[0])
    held.start([0])
    held.wait([0], limit=5)
    caught = [captured for captured in held.finish(capture).frames if captured.sent]
    assert [captured.frame for captured in caught] == [frames[1], frames[2], frames[0], *frames[3:]]
    assert caught[-1].time - caught[0].time > 300_000_000


def test_groups_tell_loss_duplication_and_order(held, helpers, server):
    """Of ten frames the fourth is lost, the sixth comes twice, the eighth after the ninth."""
    arrived = []
    deliver = server.ports[1].wire.deliver

    def far(frame):
        arrived.append(frame)
        number = len(arrived)
        if number in {4, 8}:
            return
        deliver(frame)
        if number == 6:
            deliver(frame)
        if number == 9:
            deliver(arrived[7])

    server.ports[0].wire.far = far
    (frame,) = helpers.frames(1, size=80)
    held.add(0, [Load("a", frame, pps=500, count=10, group=5, latency=True)])
    held.start([0])
    held.wait([0], limit=3)
    group = held.groups([5])[5]
    assert (group.sent[0], group.received[1]) == (10, 10)
    assert (group.duplicated, group.reordered) == (1, 1)
    assert group.lost == 1
    assert (group.too_high, group.too_low) == (2, 2)
    assert 0 < group.shortest_us <= group.longest_us


def test_counters_begin_at_acquisition(session, server, helpers):
    deliver = server.ports[1].wire.deliver
    for frame in helpers.frames(3):
        deliver(frame)
    session.acquire([1])
    assert session.counters()[1].received == 0
    deliver(helpers.frames(1)[0])
    helpers.until(lambda: session.counters()[1].received == 1)
    assert session.counters()[1].received_octets == 64


def test_two_ports_send_both_ways(held, helpers):
    sent = helpers.frames(20)
    capture = held.capture(received=[0, 1])
    held.push(0, sent[:10])
    held.push(1, sent[10:])
    helpers.until(lambda: sum(c.received for c in held.counters().values()) == 20)
    caught = held.finish(capture).frames
    assert [captured.frame for captured in caught if captured.port == 1] == sent[:10]
    assert [captured.frame for captured in caught if captured.port == 0] == sent[10:]


def test_traffic_that_goes_on_is_told_and_can_be_stopped(held, helpers):
    held.add(0, [Load("a", helpers.frames(1)[0], pps=100)])
    held.start([0])
    with pytest.raises(TrexRefusedError, match=r"went on for 0\.1 s; stop it"):
        held.wait([0], limit=0.1)
    held.stop([0], settle=0)
    held.wait([0], limit=1)


def test_a_duration_ends_the_traffic(held, helpers):
    held.add(0, [Load("a", helpers.frames(1)[0], pps=10)])
    held.start([0], seconds=0.3, rate="200pps")
    held.wait([0], limit=3)
    assert 40 <= held.counters()[0].sent <= 61


# Loss of the bench


def test_a_taken_port_is_one_sentence(server, session):
    with joined(server, "somebody") as other:
        other.acquire([1])
        with pytest.raises(TrexTakenError) as taken:
            session.acquire([0, 1])
        assert str(taken.value) == (
            f"TRex 127.0.0.1:{server.rpc_port}: port 1 belongs to 'somebody'; "
            "ask for it to be released, or take it by force."
        )
        session.acquire([0, 1], force=True)
        assert {port.owner for port in session.ports().values()} == {"me"}


@pytest.mark.parametrize("act", ["push", "add", "start", "clear"])
def test_a_port_that_is_taken_by_force_is_told(server, held, helpers, act):
    (frame,) = helpers.frames(1)
    server.take(0, "thief")
    arguments = {"push": (0, [frame]), "add": (0, [Load("a", frame, pps=1)]), "start": ([0],), "clear": (0,)}
    with pytest.raises(TrexTakenError, match="port 0 belongs to 'thief'"):
        getattr(held, act)(*arguments[act])
    held.release()
    assert [port.owner for port in server.ports] == ["thief", ""]


def test_the_next_run_takes_over_what_a_dead_one_held(server, session, helpers):
    dead = joined(server, "dead")
    dead.acquire([0, 1])
    dead.capture(received=[0])
    dead.add(0, [Load("a", helpers.frames(1)[0], pps=10)])
    dead.start([0])
    session.acquire([0, 1], force=True)
    assert not server.engine.captures.all
    assert [port.state for port in server.ports] == ["IDLE", "IDLE"]
    dead.close()
    assert {port.owner for port in session.ports().values()} == {"me"}


@pytest.mark.parametrize("end", ["die", "hang"])
def test_a_server_that_goes_away_is_one_sentence(server, hasty, end):
    getattr(server, end)()
    began = time.monotonic()
    with pytest.raises(TrexGoneError) as gone:
        hasty.counters()
    assert str(gone.value) == (
        f"TRex 127.0.0.1:{server.rpc_port}: the server went away while reading port counters; "
        "see that the server and the way to it are up, then run again."
    )
    with pytest.raises(TrexGoneError):
        hasty.ports()
    hasty.close()
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("method", ["push_pkts", "capture", "start_traffic", "add_stream"])
def test_a_server_that_dies_in_the_middle(server, hasty, helpers, method):
    (frame,) = helpers.frames(1)
    hasty.add(1, [Load("b", frame, pps=1)])
    act = {
        "push_pkts": lambda: hasty.push(0, [frame]),
        "capture": lambda: hasty.capture(received=[0]),
        "start_traffic": lambda: hasty.start([1]),
        "add_stream": lambda: hasty.add(0, [Load("a", frame, pps=1)]),
    }
    server.faults[method] = "die"
    with pytest.raises(TrexGoneError, match="went away while"):
        act[method]()


def test_a_server_that_dies_during_traffic(server, hasty, helpers):
    hasty.add(0, [Load("a", helpers.frames(1)[0], pps=100)])
    hasty.start([0])
    timer = threading.Timer(0.2, server.die)
    timer.start()
    with pytest.raises(TrexGoneError, match="while waiting for traffic"):
        hasty.wait([0], limit=9)
    timer.join()


def test_a_refusal_is_one_sentence(server, held):
    server.faults["capture"] = "refuse"
    with pytest.raises(TrexRefusedError) as refused:
        held.capture(received=[0])
    assert str(refused.value).count("\n") == 0
    assert "starting a capture was refused (" in str(refused.value)
    assert "as told" in str(refused.value)


def test_a_bad_filter_and_a_bad_stream_are_refused(held, helpers):
    with pytest.raises(TrexRefusedError, match="BPF"):
        held.capture(received=[0], bpf="nonsense")
    with pytest.raises(TrexRefusedError, match="beyond the packet"):
        held.add(1, [Load("b", helpers.frames(1)[0], pps=1, counting=(Counting(58),))])


@pytest.mark.parametrize("ports", [[0, 7], [2]])
def test_a_port_that_is_not_there(session, ports):
    with pytest.raises(TrexRefusedError, match=r"there is no port [27]; take some of 0, 1\."):
        session.acquire(ports)


def test_a_port_that_was_not_acquired(session, helpers):
    with pytest.raises(TrexRefusedError, match="port 0 was not acquired"):
        session.push(0, helpers.frames(1))


def test_a_hang_in_the_handshake_is_told(api):
    with (
        StandIn(cable(), api=api, faults={"get_system_info": "hang"}) as server,
        pytest.raises(TrexGoneError, match="while connecting"),
    ):
        joined(server, "me", timeout=0.3)


def test_nobody_there_is_told_at_once():
    began = time.monotonic()
    with pytest.raises(TrexGoneError, match=r"nothing answered in 0\.2 s; start the server there"):
        connect("127.0.0.1", rpc_port=9, timeout=0.2)
    assert time.monotonic() - began < 2


def test_a_wrong_port_for_events_is_told(monkeypatch):
    """The modern client asks for its events, so only the old one needs the port."""
    load_v4()
    from trex_stl_lib.trex_stl_async_client import CTRexAsyncClient  # noqa: PLC0415

    monkeypatch.setattr(CTRexAsyncClient.barrier, "__defaults__", (0.3, False))
    with (
        StandIn(cable()) as server,
        pytest.raises(TrexGoneError, match="no events come from its port 9; corr"),
    ):
        connect(server.host, rpc_port=server.rpc_port, async_port=9, timeout=1)


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        (
            {"version": "v2.30", "mode": "STL"},
            "no client here speaks to release v2.30; use a server from v2.31",
        ),
        ({"version": "junk", "mode": "STL"}, "no client here speaks to release junk"),
        (
            {"version": "v3.08", "mode": "ASTF"},
            "the server runs in mode ASTF, not STL; start it in stateless",
        ),
        ({}, "what answers there is no TRex server; name the port"),
    ],
)
def test_servers_that_nobody_speaks_to(monkeypatch, version, sentence):
    monkeypatch.setattr(Methods, "_rpc_get_version", lambda _self, _params: version)
    with StandIn(cable()) as server, pytest.raises(TrexError, match=sentence):
        connect(server.host, rpc_port=server.rpc_port, timeout=1)


def test_without_the_modern_client_an_api_5_server_is_bad_input(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with StandIn(cable(), api=(5, 1)) as server, pytest.raises(InputError) as missing:
        connect(server.host, rpc_port=server.rpc_port, timeout=1)
    assert str(missing.value) == (
        f"TRex 127.0.0.1:{server.rpc_port}: client: "
        "the server speaks API 5, for which no client is installed; "
        "install it (pip install lbr-trex-client), or name the client tree that the server ships."
    )


@pytest.mark.parametrize(
    "below", ["", "trex", "interactive/trex", "automation/trex_control_plane/interactive/trex"]
)
def test_the_client_tree_of_a_server_is_found(tmp_path, below):
    tree = tmp_path / below
    (tree / "stl").mkdir(parents=True)
    (tree / "stl" / "api.py").touch()
    assert find_v5(tmp_path, "x") == tree


@pytest.mark.parametrize("api", [(5, 1)], ids=["api5"], indirect=True)
def test_a_client_tree_serves_as_the_extra_does(server):
    folder = find_v5(None, "tests").parents[1]
    with connect(
        server.host, rpc_port=server.rpc_port, async_port=server.async_port, client=folder, timeout=1
    ) as session:
        assert list(session.ports()) == [0, 1]


def test_a_folder_without_a_client_is_bad_input(tmp_path):
    with pytest.raises(InputError, match="holds no client of TRex"):
        load_v5(tmp_path, "x")


def test_two_client_trees_in_one_run_are_bad_input(tmp_path, monkeypatch):
    (tmp_path / "stl").mkdir()
    (tmp_path / "stl" / "api.py").touch()
    monkeypatch.setitem(__import__("sys").modules, "trex", type("Loaded", (), {"__path__": ["/elsewhere"]}))
    with pytest.raises(InputError, match="is loaded already; use one client tree in a run"):
        load_v5(tmp_path, "x")
