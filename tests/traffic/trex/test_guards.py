"""Each flaw of the libraries and servers, shown on the library as it is, and what guards against it."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from traffic.trex.capturing import LEAST_GAP_US
from traffic.trex.client import connect
from traffic.trex.data import GroupCounters, Load
from traffic.trex.errors import TrexGoneError, TrexRefusedError
from traffic.trex.libraries import load_v4
from traffic.trex.loading import _group


def caught_by(client, push, helpers, count):
    """Frames that a raw client sees arrive at port 1 after a push."""
    client.set_service_mode([0, 1])
    capture = client.start_capture(rx_ports=[1], limit=5000)
    push()
    helpers.until(lambda: client.get_capture_status()[capture["id"]]["matched"] == count)
    caught = []
    client.stop_capture(capture["id"], caught)
    return [packet["binary"] for packet in caught]


def seen_by(session, act, helpers, count):
    capture = session.capture(received=[1])
    act()
    helpers.until(lambda: session.counters()[1].received >= count)
    return [captured.frame for captured in session.finish(capture).frames]


SILENCE = """
import subprocess, sys
if sys.argv[1] == "parent":
    subprocess.run([sys.executable, "-c", sys.argv[3], "child", sys.argv[2]])
    print("the parent lives")
    sys.exit()
import time
from traffic.trex.client import connect
from traffic.trex.errors import TrexGoneError, TrexRefusedError
from traffic.trex.libraries import load_v4
from traffic.trex_stand_in.server import StandIn
from traffic.trex_stand_in.wires import cable
api = load_v4()
from trex_stl_lib.trex_stl_async_client import CTRexAsyncClient
CTRexAsyncClient.get_timeout_sec = lambda self: 1
with StandIn(cable()) as server:
    if sys.argv[2] == "raw":
        client = api.STLClient(server=server.host, sync_port=server.rpc_port, async_port=server.async_port)
        client.connect()
    else:
        client = connect(server.host, rpc_port=server.rpc_port, async_port=server.async_port)
    time.sleep(0.7)
    server.mute()
    time.sleep(1.8)
    if sys.argv[2] != "raw":
        client.ports()
        client.close()
"""


def test_silence_does_not_kill_the_process_group():
    runs = {
        kind: subprocess.Popen(  # noqa: S603 - this very interpreter
            [sys.executable, "-W", "ignore", "-c", SILENCE, "parent", kind, SILENCE],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for kind in ("raw", "guarded")
    }
    ends = {kind: (*run.communicate(timeout=60), run.returncode) for kind, run in runs.items()}
    assert ends["raw"][2] == -signal.SIGTERM
    assert ends["guarded"] == ("the parent lives\n", "", 0)


def test_silence_leaves_the_session_as_it_was(session, server, api, monkeypatch):
    if api[0] == 4:
        monkeypatch.setattr(session._client.conn.async_connection, "get_timeout_sec", lambda: 1)
        session._client.conn.disconnect()
        session.connect()
    session.acquire([0])
    server.mute()
    time.sleep(1.3)
    server.mute(on=False)
    assert session.counters()[0].sent == 0


@pytest.mark.parametrize("api", [(4, 8)], ids=["api4"], indirect=True)
def test_junk_from_the_publisher_does_not_kill_the_process_group(raw, server, session, monkeypatch, helpers):
    kills = []
    monkeypatch.setattr(os, "killpg", lambda _group, number: kills.append(number))
    server._call(lambda: server._publisher.send(b"junk"))
    helpers.until(lambda: not session._client.conn.async_connection.t.is_alive())
    assert not kills
    assert list(session.ports()) == [0, 1]
    monkeypatch.setattr("threading.excepthook", lambda _arguments: None)
    raw()
    server._call(lambda: server._publisher.send(b"junk"))
    helpers.until(lambda: kills == [signal.SIGTERM])


@pytest.mark.parametrize("api", [(5, 1)], ids=["api5"], indirect=True)
def test_late_news_of_the_last_owner_does_not_undo_an_acquisition(raw, server, session, helpers):
    """The old client hears of it at once; the modern one asks for events every 0.5 s at worst."""
    other = raw("other")
    server.mute()
    time.sleep(0.6)
    other.acquire([0])
    session.acquire([0], force=True)
    time.sleep(0.7)
    session.push(0, helpers.frames(1))


@pytest.mark.parametrize("api", [(5, 1)], ids=["api5"], indirect=True)
def test_a_failing_subscriber_does_not_end_the_process(raw, server, monkeypatch, helpers):
    """A gap in the numbers of the events fails the thread of the modern client."""
    signals = []
    monkeypatch.setattr(os, "kill", lambda _process, number: signals.append(number))

    def gap():
        server.link(0, up=False)
        time.sleep(0.7)
        server.publisher.sequence.update(dict.fromkeys(server.publisher.events, 5))
        server.link(0, up=True)

    with connect(server.host, rpc_port=server.rpc_port, async_port=server.async_port, timeout=1.0) as session:
        gap()
        helpers.until(lambda: not session._client.conn.async_.t.is_alive())
        session.acquire([0])
        assert not signals
    raw()
    gap()
    helpers.until(lambda: signal.SIGTERM in signals)


def test_the_loss_of_a_connection_does_not_interrupt_the_main_thread(session):
    connection = session._client.conn
    connection.sigint_on_conn_lost_enable()
    assert not connection.sigint_on_conn_lost


def test_a_group_that_received_nothing_can_be_read(held, server, api, helpers):
    """The old library looks for the shortest of no times."""
    server.ports[0].wire.far = None
    held.add(0, [Load("a", helpers.frames(1, size=80)[0], pps=500, count=5, group=2, latency=True)])
    held.start([0])
    held.wait([0], limit=3)
    group = held.groups([2])[2]
    assert (group.sent[0], group.received[1], group.lost) == (5, 0, 0)
    assert held.counters()[0].sent == 5
    if api[0] == 4:
        held._client.get_pgid_stats = type(held._client).get_pgid_stats.__get__(held._client)
        with pytest.raises(ValueError, match="empty"):
            held._client.get_pgid_stats([2])
    with connect(server.host, rpc_port=server.rpc_port, async_port=server.async_port) as another:
        another.acquire([0], force=True)


def test_a_group_counts_from_its_last_start():
    before = {"ver_id": 1, "flow_stats": {"tp": {"0": 5}, "rp": {"0": 0}}, "latency": {"er": {"drp": 2}}}
    after = {"ver_id": 1, "flow_stats": {"tp": {"0": 9}, "rp": {"0": 1}}, "latency": {"er": {"drp": 3}}}
    assert _group(after, before) == GroupCounters({0: 4}, {0: 1}, lost=1)
    assert _group(after | {"ver_id": 2}, before) == GroupCounters({0: 9}, {0: 1}, lost=3)
    assert _group({"ver_id": None, "flow_stats": None, "latency": None}, {}) == GroupCounters({}, {})


def test_an_interrupt_stays_an_interrupt(held, helpers, monkeypatch):
    """Both libraries make an ordinary error of it."""

    def interrupted(*_arguments, **_more):
        raise KeyboardInterrupt

    monkeypatch.setattr(held._client.ports[0], "push_packets", interrupted)
    with pytest.raises(KeyboardInterrupt):
        held.push(0, helpers.frames(1))


def test_an_answer_is_awaited_once(hasty, server):
    """The modern client would wait four times as long as told, the old one 10 s."""
    server.hang()
    began = time.monotonic()
    with pytest.raises(TrexGoneError):
        hasty.ports()
    assert time.monotonic() - began < 1.2


def test_errors_can_be_printed(held, server):
    library = load_v4()

    def printed():
        try:
            raise library.STLError("a reason")  # noqa: TRY301
        except library.STLError as error:
            return str(error)

    with pytest.raises(ValueError, match="too many values to unpack"):
        printed()
    server.faults["capture"] = "refuse"
    with pytest.raises(TrexRefusedError, match="as told"):
        held.capture(received=[0])


def test_pushed_octets_keep_their_addresses(raw, session, helpers, server):
    frames = helpers.frames(3)
    client = raw()
    client.acquire([0, 1])
    seen = caught_by(client, lambda: client.push_packets(frames, ports=[0], ipg_usec=10), helpers, 3)
    assert {frame[:12] for frame in seen} == {server.ports[1].wire.mac + server.ports[0].wire.mac}
    session.acquire([0, 1], force=True)
    assert seen_by(session, lambda: session.push(0, frames), helpers, 3) == frames


def test_pushed_frames_keep_their_order(raw, session, library, helpers):
    frames = helpers.frames(40)
    client = raw()
    client.acquire([0, 1])
    packets = [library.PacketBuffer(frame) for frame in frames]
    seen = caught_by(client, lambda: client.push_packets(packets, ports=[0]), helpers, 40)
    assert seen != frames
    assert sorted(seen) == sorted(frames)
    session.acquire([0, 1], force=True)
    assert seen_by(session, lambda: session.push(0, frames, gap_us=0), helpers, 40) == frames
    assert LEAST_GAP_US == 10


def test_batches_of_a_push_do_not_mix(held, helpers):
    frames = helpers.frames(1200)
    assert seen_by(held, lambda: held.push(0, frames, gap_us=100), helpers, 1200) == frames


def test_stale_captures_are_removed(raw, session, server):
    client = raw()
    client.acquire([0])
    client.set_service_mode([0])
    client.start_capture(rx_ports=[0])
    assert len(server.engine.captures.all) == 1
    session.acquire([1])
    assert not server.engine.captures.all


@pytest.mark.parametrize("api", [(5, 1)], ids=["api5"], indirect=True)
def test_streams_of_every_profile_are_removed(session, server, monkeypatch):
    wiped = []
    status = type(server.ports[0]).status

    def with_another(port):
        return status(port) | {"state_profile": {"theirs": "STREAMS"}}

    def remove(params):
        wiped.append(params["profile_id"])
        return {}

    monkeypatch.setattr(type(server.ports[0]), "status", with_another)
    monkeypatch.setattr(server.methods, "_rpc_remove_all_streams", remove)
    session.acquire([0])
    assert wiped == ["theirs"]


def test_a_fetch_brings_more_than_50_frames(raw, held, helpers):
    """The server gives at most 50 a request, and the library stops at 1,000 unless told otherwise."""
    capture = held.capture(received=[1])
    held.push(0, helpers.frames(1100))
    helpers.until(lambda: held.counters()[1].received == 1100)
    answer = raw("another")._transmit(
        "capture", {"command": "fetch", "capture_id": capture.number, "pkt_limit": 1000}
    )
    assert (len(answer.data()["pkts"]), answer.data()["pending"]) == (50, 1050)
    assert len(held.fetch(capture)) == 1050
    assert len(held.finish(capture).frames) == 0


def test_ports_are_told_apart_by_their_index(raw, session, server, api):
    if api[0] == 4:
        assert raw().ports[0].info["description"] == "pipe1"
    assert {n: port.description for n, port in session.ports().items()} == {0: "pipe0", 1: "pipe1"}
    assert [port.mac for port in session.ports().values()] == [port.wire.mac for port in server.ports]


def test_streams_keep_their_addresses(raw, session, library, helpers, server):
    (frame,) = helpers.frames(1)
    client = raw()
    client.acquire([0, 1])
    stream = library.STLStream(
        packet=library.STLPktBuilder(pkt_buffer=frame), mode=library.STLTXSingleBurst(total_pkts=1)
    )
    client.add_streams([stream], ports=[0])
    seen = caught_by(client, lambda: client.start([0], force=True), helpers, 1)
    assert seen[0][:12] == server.ports[1].wire.mac + server.ports[0].wire.mac
    client.stop([0])
    session.acquire([0, 1], force=True)
    session.add(0, [Load("a", frame, pps=100, count=1)])
    assert seen_by(session, lambda: session.start([0]), helpers, 1) == [frame]


@pytest.mark.parametrize("size", [13, 9239])
def test_sizes_are_known_before_the_server_refuses(held, helpers, size):
    frame = helpers.frames(1, size=size)[0][:size]
    with pytest.raises(ValueError, match=f"14 to 9238 octets, not of {size}"):
        held.push(0, [frame])
    with pytest.raises(ValueError, match=f"14 to 9238 octets, not of {size}"):
        Load("a", frame, pps=1)


@pytest.mark.parametrize("tag", [b"", bytes.fromhex("81006000")])
def test_flow_statistics_of_what_is_no_ip_are_not_asked_for(helpers, tag):
    (frame,) = helpers.frames(1, size=80)
    frame = frame[:12] + tag + frame[12:]
    with pytest.raises(ValueError, match="no IPv4"):
        Load("a", frame, pps=1, group=1)
    Load("a", frame, pps=1, group=1, latency=True)
    Load("a", frame[:12] + tag + b"\x08\x00" + bytes(60), pps=1, group=1)


@pytest.mark.parametrize(
    ("change", "reason"), [({"follower": "b"}, "never ends"), ({"latency": True}, "without a group")]
)
def test_loads_that_make_no_sense(helpers, change, reason):
    with pytest.raises(ValueError, match=reason):
        Load("a", helpers.frames(1)[0], pps=1, **change)


def test_a_follower_must_be_there(held, helpers):
    with pytest.raises(ValueError, match="no load is called nobody"):
        held.add(0, [Load("a", helpers.frames(1)[0], pps=1, count=1, follower="nobody")])


def test_one_stream_leads_to_the_next(raw, server, api, library, helpers):
    """What `next=` is lost in: the old library looks for it where nobody wrote it."""
    frame, _ = helpers.frames(2)
    client = raw()
    client.acquire([0])
    streams = [
        library.STLStream(
            name=name,
            packet=library.STLPktBuilder(pkt_buffer=frame),
            mode=library.STLTXSingleBurst(total_pkts=1),
            next=follower,
            self_start=name == "a",
        )
        for name, follower in (("a", "b"), ("b", None))
    ]
    client.add_streams(streams, ports=[0])
    followed = [spec.next for spec in server.ports[0].streams.values()]
    assert followed == ([-1, -1] if api[0] == 4 else [2, -1])
    client.remove_all_streams([0])
    with connect(server.host, rpc_port=server.rpc_port, async_port=server.async_port, timeout=1.0) as session:
        session.acquire([0], force=True)
        session.add(0, [Load("a", frame, pps=1, count=1, follower="b"), Load("b", frame, pps=1, count=1)])
        first, second = server.ports[0].streams.values()
        assert first.next == second.id
        assert not second.data["self_start"]


def test_both_clients_load_without_the_module_imp():
    """It is gone from Python 3.12 on; and the Scapy of the environment stays."""
    script = textwrap.dedent("""
        import sys, importlib.util
        class Gone:
            def find_spec(self, name, path=None, target=None):
                if name == "imp":
                    raise ModuleNotFoundError(name)
        found = importlib.util.find_spec
        importlib.util.find_spec = lambda name, *rest: None if name == "imp" else found(name, *rest)
        sys.meta_path.insert(0, Gone())
        import scapy
        from traffic.trex.libraries import load_v4, load_v5
        print(load_v4().STLClient.__module__)
        if found("lbr_trex_client"):
            print(load_v5(None, "x").STLClient.__module__)
        assert sys.modules["scapy"] is scapy
        assert "external_libs" not in str(sys.path)
    """)
    run = subprocess.run(  # noqa: S603 - this very interpreter
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=False
    )
    assert run.stderr == ""
    assert run.stdout.split()[0] == "trex_stl_lib.trex_stl_client"
