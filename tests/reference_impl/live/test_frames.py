"""Frames of hosts through a live fabric, and what its devices say of it."""

from time import monotonic_ns

import pytest

from conformance.bindings.live.plan import request
from reference_impl.live.control_socket import DeviceRefused
from reference_impl.live.fabric import until
from tests.reference_impl.live.harness import arrivals
from traffic.frames.roce import frames
from traffic.scenario import Stream

HOSTS = request("leaf-spine-2x2").topology(rate_mbps=40, delay_ns=0).addresses
THERE = HOSTS["h1"].mac + HOSTS["h0"].mac

FRAMES = {
    "RoCEv2": next(frames(Stream(1, "h0", "h1", (1500,), 1, 0, None), HOSTS)),
    "RoCEv2 of class 5": next(frames(Stream(1, "h0", "h1", (1500,), 1, 0, None, cls=5), HOSTS)),
    "802.1Q tag of VLAN 7": THERE + bytes.fromhex("8100 6007 88b6") + bytes(range(200)),
    "802.1ad tag around 802.1Q": THERE + bytes.fromhex("88a8 2009 8100 6007 88b6") + bytes(range(200)),
    "tag of VLAN 0": THERE + bytes.fromhex("8100 0000 88b6") + bytes(range(46)),
    "9216 octets with FCS": THERE + b"\x88\xb6" + bytes(range(256)) * 35 + bytes(238),
    "60 octets": THERE + b"\x88\xb6" + bytes(range(46)),
    "20 octets": THERE + b"\x88\xb6" + bytes(range(6)),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_comes_out_as_it_went_in(bench, host, name):
    here, there = host("h0"), host("h1")
    here.put([FRAMES[name]])
    (frame,) = arrivals(there, 1)
    assert frame == FRAMES[name]
    assert here.take() == []


def test_the_longest_frame_is_the_longest():
    assert len(FRAMES["9216 octets with FCS"]) == 9216 - 4


def test_frames_arrive_once_in_order_and_the_counters_agree(bench, host):
    here, there = host("h0"), host("h1")
    before = bench.counters()
    sent = list(frames(Stream(2, "h0", "h1", (64, 1500, 9216), 300, 0, None), HOSTS))
    here.put(sent)
    assert arrivals(there, len(sent)) == sent
    rise = {
        node: {name: value - before[node][name] for name, value in counters.items()}
        for node, counters in bench.counters().items()
    }
    assert rise["gsp0"]["rx_frames"] == len(sent) == rise["gsp1"]["tx_frames"]
    assert [counters["dropped_frames"] for counters in rise.values()] == [0] * 4
    assert all(counters["drop." + cause] == 0 for counters in rise.values() for cause in ("late", "no_path"))
    assert sum(port["missed"] + port["unsent"] for node in rise for port in bench.ask(node, "ports")) == 0
    spread = [rise["gsp0"]["tx_bytes.1"], rise["gsp0"]["tx_bytes.2"]]
    assert min(spread) > max(spread) / 2
    total = sum(max(len(frame), 60) + 24 for frame in sent)
    assert rise["gsp1"]["granted_bytes"] >= total


def test_a_port_keeps_its_rate(bench, host):
    here, there = host("h0"), host("h1")
    rate = next(port.rate_mbps for port in bench.plan.devices[1].ports if port.kind == "host")
    sent = list(frames(Stream(3, "h0", "h1", (1500,), 40, 0, None), HOSTS))
    began = monotonic_ns()
    here.put(sent)
    assert arrivals(there, len(sent)) == sent
    assert monotonic_ns() - began >= (len(sent) - 1) * 1520 * 8000 // rate


def test_a_dark_link_takes_its_paths_out_and_back(bench, host):
    def up(device, link):
        return (device, link, True) in bench.paths()

    bench.switch("gsp0-gsf1", up=False)
    assert until(lambda: not up("gsp0", "gsp0-gsf1") and not up("gsf1", "gsp0-gsf1"), 10)
    assert up("gsp0", "gsp0-gsf0")
    here, there = host("h0"), host("h1")
    before = bench.counters()["gsp0"]
    here.put([FRAMES["60 octets"]])
    assert arrivals(there, 1) == [FRAMES["60 octets"]]
    assert bench.counters()["gsp0"]["tx_bytes.2"] == before["tx_bytes.2"]
    assert [port["carrier"] for port in bench.ask("gsp0", "ports")] == [True, True, False]
    bench.switch("gsp0-gsf1", up=True)
    assert bench.await_paths()


def test_a_device_is_managed(bench):
    bench.ask("gsp1", "manage", action="setting", arguments={"name": "unknown_unicast", "value": "flood"})
    _, name, details = bench.ask("gsp1", "events")[-1]
    assert (name, details) == ("setting", {"name": "unknown_unicast", "value": "flood"})
    with pytest.raises(DeviceRefused, match="no management action 'dance'"):
        bench.ask("gsp1", "manage", action="dance", arguments={})
    with pytest.raises(DeviceRefused, match="interface cannot be changed"):
        bench.ask("gsp1", "restart", changes={"interface": "h7"})


def test_a_device_tells_how_late_it_was(bench):
    lateness = bench.ask("gsp0", "lateness")
    assert lateness["worst"] > 0


def test_a_bench_starts_anew_with_a_flaw(bench, host):
    bench.restart(flaw="SpraysFrames", seed=5)
    assert bench.counters()["gsp0"]["rx_frames"] == 0
    assert bench.await_paths()
    here, there = host("h0"), host("h1")
    here.put([FRAMES["60 octets"]])
    assert arrivals(there, 1) == [FRAMES["60 octets"]]
    bench.restart()
    assert bench.await_paths()
