"""Ports that a network advances in time send the same at the same times as ports that wake themselves."""

import pytest

from reference_impl.config import DeviceConfig, PortConfig, Settings
from reference_impl.parts.ingress import PFC_ADDRESS, PFC_TYPE
from reference_impl.port import NEVER
from reference_impl.roles.gsf import Gsf
from reference_impl.roles.gsp import Gsp
from reference_impl.virtual.links import Impairment
from reference_impl.virtual.network import Network

START = 300_000
HOSTS = [bytes.fromhex(f"02000000010{host}") for host in range(4)]


class Player:
    """A host that sends frames at their times."""

    def __init__(self, plan):
        self.plan = sorted(plan, key=lambda item: -item[0])

    @property
    def due(self):
        return self.plan[-1][0] if self.plan else NEVER

    def receive(self, _port, _frame, _now):
        return ()

    def wake(self, _now):
        return [(0, self.plan.pop()[1])]

    def carrier(self, _port, _up, _now):
        return ()


def frame(source, destination, size, cls, number):
    tag = bytes((0x81, 0, cls << 5, 0)) if cls else b""
    return HOSTS[destination] + HOSTS[source] + tag + b"\x08\0" + number.to_bytes(4, "big") + bytes(size - 22)


def pause(cls, quanta):
    times = b"".join((quanta if each == cls else 0).to_bytes(2, "big") for each in range(8))
    return PFC_ADDRESS + HOSTS[0] + PFC_TYPE + bytes((0, 1 << cls)) + times + bytes(26)


def loads():
    """Three hosts that send to host 0 at once and more, in three classes; host 0 pauses one of them."""
    plans = [[(START + 150_000, pause(2, 300)), (START + 230_000, pause(2, 0))]]
    for host in (1, 2, 3):
        plan, time = [], START
        for number in range(150):
            size = (80, 1500, 300, 9000)[(number + host) % 4]
            plan.append((time, frame(host, 0, size, (0, 2, 5)[number % 3], number)))
            time += (size + 24) * (1 if number % 20 else 8)
        plans.append(plan)
    return plans


def play(disturb, *, eager):
    network = Network(seed=3)
    table = {mac: (host // 2 + 1, host % 2) for host, mac in enumerate(HOSTS)}
    settings = Settings(bp_threshold=20_000)

    def device(role, name, node, kinds):
        macs = [bytes((2, 0x47, node >> 8, node & 255, 0, index)) for index in range(len(kinds))]
        ports = tuple(PortConfig(kind, 8000, mac) for kind, mac in zip(kinds, macs, strict=True))
        made = role(DeviceConfig(name, node, ports, settings, table, seed=node))
        network.add(made)
        return made

    gsps = [device(Gsp, f"gsp{i}", i + 1, ("host", "host", "fabric", "fabric")) for i in range(2)]
    gsfs = [device(Gsf, f"gsf{i}", 0x0100 + i, ("fabric", "fabric")) for i in range(2)]
    for host, plan in enumerate(loads()):
        player = Player(plan)
        network.add(player)
        network.link(f"h{host}", (player, 0), (gsps[host // 2], host % 2))
    for i, gsp in enumerate(gsps):
        for j, gsf in enumerate(gsfs):
            network.link(f"gsp{i}-gsf{j}", (gsp, 2 + j), (gsf, i), delay_ns=500 + 900 * j)
    disturb(network)
    if eager:
        network.hurry()
    network.start()
    for time in range(0, 3_000_000, 70_001):
        network.run(time)
    return sorted(network.taps), {each.config.name: each.counters() for each in (*gsps, *gsfs)}


def nothing(_network):
    pass


def loss(network):
    network.impair(Impairment("gsp1-gsf0", "loss", 0, START + 50_000, START + 250_000, every=7))


def slow_link(network):
    network.impair(Impairment("gsp0-gsf1", "rate", 1, START + 90_000, START + 400_000, value=1000))


def cut(network):
    network.link_event(START + 120_003, "gsp1-gsf0", up=False)
    network.link_event(START + 520_003, "gsp1-gsf0", up=True)


@pytest.mark.parametrize("disturb", [nothing, loss, slow_link, cut])
def test_advanced_in_time_is_the_same_as_eager(disturb):
    taps, counters = play(disturb, eager=False)
    assert sum(counters["gsp0"][name] for name in ("tx_frames", "rx_fabric_frames")) > 800
    eager_taps, eager_counters = play(disturb, eager=True)
    assert len(taps) == len(eager_taps)
    assert taps == eager_taps
    assert counters == eager_counters
