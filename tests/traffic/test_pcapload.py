import gzip
import os

import pytest
from scapy.layers.l2 import Ether
from scapy.utils import RawPcapWriter, wrpcap, wrpcapng

from spec.errors import InputError
from traffic.frames.pcapload import pcap_load
from traffic.frames.roce import host_addresses

HOSTS = host_addresses(2)
STATION = "02:aa:00:00:00:01"
FRAMES = [bytes(Ether(dst=STATION, src="02:aa:00:00:00:02", type=0x88B6)) + bytes([i]) * 50 for i in range(3)]


def packets():
    made = []
    for number, frame in enumerate(FRAMES):
        packet = Ether(frame)
        packet.time = 1_700_000_000 + number * 0.5
        made.append(packet)
    return made


@pytest.fixture(params=["pcap", "pcapng", "gz"])
def capture(request, tmp_path):
    path = tmp_path / "load.cap"
    (wrpcapng if request.param == "pcapng" else wrpcap)(str(path), packets())
    if request.param == "gz":
        path.write_bytes(gzip.compress(path.read_bytes()))
    return path


def load(path, **options):
    return pcap_load(path, "h0", "h1", HOSTS, **options)[0]


def test_frames_and_times_are_kept(capture):
    scenario = load(capture, tables=["gsp0"])
    assert [f.frame for f in scenario.frames] == FRAMES
    assert [f.at for f in scenario.frames] == [1000, 500_001_000, 1_000_001_000]
    assert {f.port for f in scenario.frames} == {"h0"}


def test_destination_is_declared_to_the_tables_named(capture):
    events = load(capture, tables=["gsp0", "gsp1"]).management
    assert [e.node for e in events] == ["gsp0", "gsp1"]
    assert events[0].arguments == {"mac": STATION, "node": 2, "port": 0}


def test_rewriting_needs_no_table(capture):
    scenario = load(capture, tables=["gsp0"], rewrite=True)
    assert scenario.management == ()
    assert scenario.frames[1].frame == HOSTS["h1"].mac + HOSTS["h0"].mac + FRAMES[1][12:]


def test_pace(capture):
    assert [f.at for f in load(capture, pace="back to back").frames] == [1000] * 3
    assert [f.at for f in load(capture, stretch=0.001).frames] == [1000, 501_000, 1_001_000]


def test_cut_file_is_refused(capture):
    capture.write_bytes(capture.read_bytes()[:-5])
    with pytest.raises(InputError, match=r"load\.cap: .* is cut short or damaged.*; .*\.$"):
        load(capture)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is empty"),
        (b"no capture at all, surely", "is no pcap"),
        (b"\x1f\x8bzip", "is cut short or damaged"),
    ],
)
def test_what_is_no_capture_is_refused(tmp_path, content, fault):
    path = tmp_path / "x.pcap"
    path.write_bytes(content)
    with pytest.raises(InputError, match=fault):
        load(path)


def test_absent_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        load(tmp_path / "absent.pcap")


def test_no_packet_is_refused(tmp_path):
    path = tmp_path / "x.pcap"
    wrpcap(str(path), packets())
    path.write_bytes(path.read_bytes()[:24])
    with pytest.raises(InputError, match="holds no packet"):
        load(path)


def test_what_cannot_be_played_is_left_out_and_accounted_for(tmp_path):
    path = tmp_path / "x.pcap"
    pause = bytes.fromhex("0180c2000001020000000001") + b"\x88\x08" + bytes(46)
    broadcast = b"\xff" * 6 + FRAMES[0][6:]
    from_group = FRAMES[0][:6] + b"\xff" * 6 + FRAMES[0][12:]
    with RawPcapWriter(str(path), linktype=1) as out:
        out.write_header(None)
        out.write_packet(FRAMES[0][:30], sec=1, usec=0, caplen=30, wirelen=64)
        for octets in (FRAMES[0], FRAMES[0] + bytes(100), b"short", pause, broadcast, from_group):
            out.write_packet(octets, sec=1, usec=0)
    scenario, account = pcap_load(path, "h0", "h1", HOSTS, longest=100)
    assert [frame.frame for frame in scenario.frames] == [FRAMES[0], broadcast]
    assert str(account) == (
        "x.pcap: 7 packets, played 2 (1 of them to groups, not compared), left out 5: "
        "1 cut by the snapshot length (packet 1); "
        "1 longer than max_frame, 100 octets with FCS (packet 3); "
        "1 shorter than the 14 octets of a header, so no frame (packet 4); "
        "1 of MAC control, which ends at the port that it is sent to (packet 5); "
        "1 from a group address, which no station has (packet 7)"
    )


def test_nothing_to_play_is_refused_with_the_account(tmp_path):
    path = tmp_path / "x.pcap"
    with RawPcapWriter(str(path), linktype=101) as out:
        out.write_header(None)
        for _ in range(5):
            out.write_packet(bytes(40), sec=1, usec=0)
    words = r"holds nothing to play and compare: 5 of link type 101, not Ethernet \(packets 1, 2, 3, \.\.\.\)"
    with pytest.raises(InputError, match=words):
        load(path)
    wrpcap(str(path), packets())
    with pytest.raises(InputError, match="3 longer than max_frame, 64 octets with FCS"):
        load(path, longest=64)


def test_a_short_frame_is_played_as_it_is_on_the_wire(tmp_path):
    path = tmp_path / "x.pcap"
    wrpcap(str(path), [FRAMES[1][:42]])
    assert [frame.frame for frame in load(path).frames] == [FRAMES[1][:42] + bytes(18)]


def test_a_pipe_and_a_folder_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, kind in (("pipe", "a pipe or device"), ("", "a folder")):
        with pytest.raises(InputError, match=f"is {kind}, and a capture is read more than once"):
            load(tmp_path / name)


def test_frames_of_other_hosts_of_the_testbed_are_left_out(tmp_path):
    """A capture of the testbed itself moves no host: each address keeps its only place."""
    path = tmp_path / "own.pcap"
    hosts = host_addresses(3)
    own, target, other = (hosts[name].mac for name in ("h0", "h1", "h2"))
    broadcast = b"\xff" * 6
    pairs = [(target, own), (other, own), (own, own), (broadcast, own), (broadcast, other), (target, target)]
    with RawPcapWriter(str(path), linktype=1) as out:
        out.write_header(None)
        for destination, source in pairs:
            out.write_packet(destination + source + FRAMES[0][12:], sec=1, usec=0)
        out.write_packet(FRAMES[0], sec=1, usec=0)
    scenario, account = pcap_load(path, "h0", "h1", hosts, tables=["gsp0"])
    assert [(f.frame[:6], f.frame[6:12]) for f in scenario.frames[:-1]] == [(target, own), (broadcast, own)]
    assert scenario.frames[-1].frame == FRAMES[0]
    assert [event.arguments["mac"] for event in scenario.management] == [STATION]
    assert str(account) == (
        "own.pcap: 7 packets, played 3 (1 of them to groups, not compared), left out 4: "
        "2 to a host of the testbed other than h1 (packets 2, 3); "
        "2 from a host of the testbed other than h0 (packets 5, 6)"
    )
    rewritten, whole = pcap_load(path, "h0", "h1", hosts, tables=["gsp0"], rewrite=True)
    assert len(rewritten.frames) == len(whole.packets) == len(pairs) + 1
    assert not rewritten.management
