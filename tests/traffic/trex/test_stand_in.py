"""The real clients, unmodified, against the stand-in."""

import subprocess
import sys
import time

import pytest
import zmq

from spec.errors import Exit, InputError
from traffic.trex.errors import TrexGoneError
from traffic.trex.messages import is_compressed, pack, unpack
from traffic.trex.probe import probe
from traffic.trex_stand_in.server import StandIn
from traffic.trex_stand_in.wires import cable


def test_a_client_connects_acquires_and_releases(raw, server):
    client = raw()
    assert client.is_connected()
    client.acquire([0, 1], force=False)
    assert [port.owner for port in server.ports] == ["me", "me"]
    client.release([0])
    assert [port.owner for port in server.ports] == ["", "me"]


def test_reset_is_all_the_clients_do_before_a_test(raw):
    client = raw()
    client.reset()
    assert client.get_acquired_ports() == [0, 1]


def test_a_port_of_another_user_is_refused_until_forced(raw, library, helpers):
    first, second = raw("first"), raw("second")
    first.acquire([0])
    with pytest.raises(library.STLError) as refusal:
        second.acquire([0])
    assert "already taken by 'first'" in refusal.value.msg
    second.acquire([0], force=True)
    helpers.until(lambda: not first.get_acquired_ports())


def test_frames_are_pushed_and_captured_in_service_mode(raw, library, helpers):
    client = raw()
    client.acquire([0, 1])
    with pytest.raises(library.STLError) as refusal:
        client.start_capture(rx_ports=[1])
    assert "service mode" in refusal.value.msg or "format" in refusal.value.msg
    client.set_service_mode([0, 1])
    sent = helpers.frames(120) + helpers.frames(5, kind=b"\x88\xb6")
    capture = client.start_capture(rx_ports=[1], tx_ports=[0], limit=1000, bpf_filter="ether proto 0x88b5")
    client.push_packets([library.PacketBuffer(frame) for frame in sent], ports=[0], ipg_usec=10)
    helpers.until(lambda: client.get_capture_status()[capture["id"]]["count"] == 240)
    caught = []
    client.stop_capture(capture["id"], caught)
    for origin, port in (("TX", 0), ("RX", 1)):
        seen = [packet for packet in caught if packet["origin"] == origin]
        assert [packet["binary"] for packet in seen] == sent[:120]
        assert {packet["port"] for packet in seen} == {port}
        assert [packet["ts"] for packet in seen] == sorted(packet["ts"] for packet in seen)
    assert client.get_capture_status() == {}


def test_a_capture_has_a_limit_and_stays_in_service_mode(raw, library, helpers):
    client = raw()
    client.acquire([0, 1])
    client.set_service_mode([0, 1])
    kept = {
        mode: client.start_capture(rx_ports=[1], limit=4, mode=mode)["id"] for mode in ("fixed", "cyclic")
    }
    sent = helpers.frames(10)
    client.push_packets([library.PacketBuffer(frame) for frame in sent], ports=[0], ipg_usec=10)
    helpers.until(lambda: client.get_capture_status()[kept["fixed"]]["matched"] == 10)
    with pytest.raises(library.STLError) as refusal:
        client.set_service_mode([1], enabled=False)
    assert "active capture" in refusal.value.msg
    for mode, wanted in (("fixed", sent[:4]), ("cyclic", sent[6:])):
        caught = []
        client.stop_capture(kept[mode], caught)
        assert [packet["binary"] for packet in caught] == wanted


def test_a_filter_that_is_not_understood_is_refused(raw, library):
    client = raw()
    client.acquire([0])
    client.set_service_mode([0])
    with pytest.raises(library.STLError) as refusal:
        client.start_capture(rx_ports=[0], bpf_filter="gibberish")
    assert "BPF" in refusal.value.msg


def stream(library, frame, mode, **rest):
    return library.STLStream(
        packet=library.STLPktBuilder(pkt_buffer=frame),
        mode=mode,
        mac_src_override_by_pkt=True,
        mac_dst_override_mode=library.STLStreamDstMAC_PKT,
        **rest,
    )


def test_streams_run_to_their_end_and_are_counted(raw, library, helpers):
    client = raw()
    client.reset()
    (frame,) = helpers.frames(1, size=100)
    burst = library.STLTXSingleBurst(pps=2000, total_pkts=100)
    client.add_streams([stream(library, frame, burst, flow_stats=library.STLFlowLatencyStats(7))], ports=[0])
    client.start([0], force=True)
    client.wait_on_traffic([0], timeout=3, rx_delay_ms=20)
    assert client.get_stats([0, 1])[1]["ipackets"] == 100
    groups = client.get_pgid_stats([7])
    assert groups["flow_stats"][7]["tx_pkts"][0] == groups["flow_stats"][7]["rx_pkts"][1] == 100
    assert set(groups["latency"][7]["err_cntrs"].values()) == {0}
    assert groups["latency"][7]["latency"]["total_max"] > 0


def test_flow_statistics_count_ip_streams(raw, library):
    client = raw()
    client.reset()
    builder = library.STLPktBuilder(pkt=library.Ether() / library.IP() / library.UDP() / ("x" * 40))
    burst = library.STLTXSingleBurst(pps=2000, total_pkts=30)
    client.add_streams(
        [library.STLStream(packet=builder, mode=burst, flow_stats=library.STLFlowStats(3))], [0]
    )
    client.start([0], force=True)
    client.wait_on_traffic([0], timeout=3, rx_delay_ms=20)
    assert client.get_pgid_stats([3])["flow_stats"][3]["rx_pkts"][1] == 30


def test_multipliers_and_duration(raw, library, helpers):
    client = raw()
    client.reset()
    (frame,) = helpers.frames(1)
    client.add_streams([stream(library, frame, library.STLTXCont(pps=10))], ports=[0])
    client.start([0], mult="500pps", duration=0.4, force=True)
    client.wait_on_traffic([0], timeout=3)
    assert 150 <= client.get_stats([0])[0]["opackets"] <= 201


def test_traffic_can_be_stopped(raw, library, helpers):
    client = raw()
    client.reset()
    (frame,) = helpers.frames(1)
    client.add_streams([stream(library, frame, library.STLTXCont(pps=100))], ports=[0])
    client.start([0], force=True)
    with pytest.raises(library.STLError):
        client.remove_all_streams([0])
    client.stop([0])
    sent = client.get_stats([0])[0]["opackets"]
    time.sleep(0.05)
    assert client.get_stats([0])[0]["opackets"] == sent
    client.remove_all_streams([0])


def test_a_multi_burst_pauses_between(raw, library, helpers, server):
    client = raw()
    client.reset()
    (frame,) = helpers.frames(1)
    times = []
    server.ports[0].wire.far = lambda _: times.append(time.monotonic())
    bursts = library.STLTXMultiBurst(pkts_per_burst=3, count=2, ibg=60_000.0, pps=1000)
    client.add_streams([stream(library, frame, bursts)], ports=[0])
    client.start([0], force=True)
    client.wait_on_traffic([0], timeout=3)
    assert len(times) == 6
    assert times[3] - times[2] > 0.03


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"self_start": False}, "start"),
        ({"frame": b"\0" * 13}, "size 13"),
        ({"frame": b"\0" * 9239}, "size 9239"),
        ({"group": 4}, "IP"),
        ({"group": 1024}, "group 1024 is not in"),
        ({"pps": 0}, "not above 0"),
    ],
)
def test_streams_that_a_server_refuses(raw, library, helpers, change, reason):
    client = raw()
    client.reset()
    frame = change.get("frame", helpers.frames(1)[0])
    rest = {"flow_stats": library.STLFlowStats(change["group"])} if "group" in change else {}
    mode = library.STLTXCont(pps=change.get("pps", 1))
    added = stream(library, frame, mode, self_start=change.get("self_start", True), **rest)

    def run():
        client.add_streams([added], ports=[0])
        client.start([0], force=True)

    with pytest.raises(library.STLError) as refusal:
        run()
    assert reason in refusal.value.msg


def test_an_unreachable_stream_is_refused(raw, library, helpers):
    client = raw()
    client.reset()
    frame, other = helpers.frames(2)
    burst = library.STLTXSingleBurst(total_pkts=1)
    streams = [stream(library, frame, burst), stream(library, other, burst, self_start=False)]
    client.add_streams(streams, ports=[0])
    with pytest.raises(library.STLError) as refusal:
        client.start([0], force=True)
    assert "unreachable" in refusal.value.msg


def test_a_rate_above_the_line_is_refused(raw, library, helpers):
    client = raw()
    client.reset()
    (frame,) = helpers.frames(1)
    client.add_streams([stream(library, frame, library.STLTXCont(pps=1))], ports=[0])
    with pytest.raises(library.STLError) as refusal:
        client.start([0], mult="20gbps")
    assert "more than the link has" in refusal.value.msg


def test_port_attributes_and_a_lost_link_reach_the_client(raw, server, helpers):
    client = raw()
    client.acquire([0])
    client.set_port_attr([0], promiscuous=True)
    assert server.ports[0].promiscuous
    server.link(0, up=False)
    helpers.until(lambda: not client.ports[0].is_up())


@pytest.mark.parametrize("method", ["push_pkts", "get_port_status", "capture"])
def test_a_told_refusal_comes_once(raw, server, method):
    client = raw()
    client.acquire([0])
    server.faults[method] = "refuse"
    answer = client._transmit(method, {"port_id": 0})
    assert not answer
    assert "as told" in str(answer)
    assert client._transmit("ping")


def test_the_wrong_generation_is_refused(library, api):
    other = (5, 1) if api[0] == 4 else (4, 8)
    with StandIn(cable(), api=other) as server:
        client = library.STLClient(
            server=server.host, sync_port=server.rpc_port, async_port=server.async_port
        )
        with pytest.raises(library.STLError) as refusal:
            client.connect()
        assert "Version mismatch" in refusal.value.msg


@pytest.mark.parametrize("minor", [0, 1])
def test_a_server_takes_older_minors_and_no_newer_ones(minor):
    with StandIn(cable(), api=(5, 0)) as server:
        answer = ask(server, "api_sync_v2", name="STL", major=5, minor=minor)
        assert ("result" in answer) == (minor == 0)


def ask(server, method, **params):
    with zmq.Context() as context, context.socket(zmq.REQ) as box:
        box.setsockopt(zmq.LINGER, 0)
        box.connect(f"tcp://{server.host}:{server.rpc_port}")
        box.send(pack({"jsonrpc": "2.0", "id": 5, "method": method, "params": params}))
        assert box.poll(2000)
        return unpack(box.recv())


def test_errors_look_as_they_do_on_a_real_server():
    with StandIn(cable()) as server:
        assert ask(server, "get_version")["result"]["version"] == "v2.87"
        assert ask(server, "no_such_thing")["error"]["code"] == -32601
        error = ask(server, "get_system_info")["error"]
        assert (error["code"], error["message"]) == (-32000, "Failed To Execute Method")
        assert "API handler" in error["specific_err"]
        handle = ask(server, "api_sync_v2", name="STL", major=4, minor=1)["result"]["api_h"]
        assert ask(server, "get_port_status", api_h=handle)["error"]["code"] == -32602
        assert ask(server, "get_port_status", api_h=handle, port_id=9)["error"]["code"] == -32000
        names = ask(server, "get_supported_cmds", api_h=handle)["result"]
        assert {"push_pkts", "capture", "get_pgid_stats"} <= set(names)


@pytest.mark.parametrize(
    ("octets", "code"),
    [(b"\xff", -32700), (b"5", -32600), (b"{}", -32600), (b'{"method": 5}', -32600),
     (b'{"method": "acquire", "params": 5}', -32602), (b'{"method": "publish_now"}', -32000)],
)  # fmt: skip
def test_junk_on_the_request_port_is_answered(octets, code):
    with StandIn(cable()) as server, zmq.Context() as context, context.socket(zmq.REQ) as box:
        box.setsockopt(zmq.LINGER, 0)
        box.connect(f"tcp://{server.host}:{server.rpc_port}")
        box.send(octets)
        assert box.poll(2000)
        assert unpack(box.recv())["error"]["code"] == code


def start(*arguments):
    return subprocess.Popen(  # noqa: S603 - this very interpreter
        [sys.executable, "-m", "traffic.trex_stand_in", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_runs_as_a_program():
    with start("--api", "5.0", "--rpc-port", "0", "--async-port", "0", "--fail", "ping:die") as process:
        words = process.stdout.readline().split()
        assert words[:5] == ["stand-in", "for", "TRex", "v2.93", "on"]
        address = words[5].rsplit(":", 1)
        with zmq.Context() as context, context.socket(zmq.REQ) as box:
            box.setsockopt(zmq.LINGER, 0)
            box.connect(f"tcp://{address[0]}:{address[1]}")
            box.send(pack({"jsonrpc": "2.0", "id": 1, "method": "ping"}))
            assert process.wait(5) == 0


def test_it_ends_with_its_parent():
    code = """
import subprocess, sys
ports = ["--rpc-port", "0", "--async-port", "0"]
command = [sys.executable, "-m", "traffic.trex_stand_in", *ports, "--with-parent"]
print(subprocess.Popen(command, stdout=subprocess.PIPE).stdout.readline().decode().split()[5])
"""
    parent = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    port = int(parent.stdout.rsplit(":", 1)[1])
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            probe("127.0.0.1", port, timeout=0.2)
        except TrexGoneError:
            return
    pytest.fail("it goes on")


@pytest.mark.parametrize("compress", [True, False])
def test_an_answer_is_compressed_if_the_request_was(server, compress):
    with zmq.Context() as context, context.socket(zmq.REQ) as box:
        box.setsockopt(zmq.LINGER, 0)
        box.connect(f"tcp://{server.host}:{server.rpc_port}")
        requests = [{"jsonrpc": "2.0", "id": number, "method": "get_version"} for number in range(8)]
        box.send(pack(requests, compress=compress))
        assert box.poll(2000)
        answers = box.recv()
    assert is_compressed(answers) == compress
    assert {answer["result"]["mode"] for answer in unpack(answers)} == {"STL"}


NO_NAMESPACE = (
    "trex stand-in: --netns: /nix: No such file or directory; name the file of a network namespace.\n"
)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--api", "6"], "trex stand-in: --api: '6' is none of its versions; take 4.8, 5.0, 5.1.\n"),
        (["--fail", "x"], "trex stand-in: --fail: 'x' names no fault; write METHOD:die, for example.\n"),
        (["--netns", "/nix", "--interface", "t0"], NO_NAMESPACE),
    ],
)
def test_bad_input_is_one_sentence(arguments, sentence):
    with start(*arguments) as process:
        assert process.communicate(timeout=20) == ("", sentence)
        assert process.returncode == Exit.USAGE


def test_an_api_that_is_not_there_is_one_sentence():
    with pytest.raises(InputError, match=r"there is no API 3\.0 here; take 4\.8, 5\.0, 5\.1\."):
        StandIn(cable(), api=(3, 0))


def test_a_taken_port_number_is_told():
    with StandIn(cable()) as server, pytest.raises(OSError, match=str(server.host)):
        StandIn(cable(), rpc_port=server.rpc_port)
