"""GSPs among each other, through real GSFs in virtual time."""

from collections import Counter
from itertools import pairwise

import pytest

from reference_impl.virtual.links import Impairment

START = 600_000


def send(world, source, destination, frame, count, *, size=1500):
    frames = [frame(destination, source, size, mark) for mark in range(count)]
    world.hosts[source].send(START, frames)
    return frames


def got(world, host):
    return [frame for _, frame in world.hosts[host].got]


def share(world, host, since, until):
    """Share of the line that a host got, credit bytes counted."""
    return sum(len(frame) + 24 for time, frame in world.hosts[host].got if since <= time < until) / (
        until - since
    )


@pytest.mark.parametrize("size", [64, 1500, 9216])
@pytest.mark.parametrize("mode", ["close-early", "overflow", "overflow-borrow"])
def test_one_flow_runs_at_line_rate_and_arrives_as_it_was_sent(pod, frame, size, mode):
    world = pod(overflow_mode=mode, delays={"gsp0-gsf1": 5000})
    count = 1_000_000 // (size + 20)
    frames = send(world, 0, 1, frame, count, size=size)
    world.network.run(START + 1_200_000)
    assert got(world, 1) == frames
    assert world.total("dropped_frames") == 0
    assert world.hosts[1].got[-1][0] < START + 1_100_000


def test_incast_shares_the_port_equally_and_loses_nothing(pod, frame):
    world = pod(gsps=5)
    for source in range(4):
        send(world, source, 4, frame, 500)
    world.network.run(START + 4 * 500 * 1520 + 300_000)
    assert len(got(world, 4)) == 2000
    assert world.total("dropped_frames") == 0
    assert share(world, 4, START + 100_000, START + 2_500_000) > 0.98
    early = Counter(each[6:12] for time, each in world.hosts[4].got if time < START + 1_500_000)
    assert sum(early.values()) ** 2 / (4 * sum(each**2 for each in early.values())) > 0.99


def test_local_and_remote_sources_share_alike(pod, frame):
    world = pod(hosts=2)
    send(world, 0, 1, frame, 500)
    send(world, 2, 1, frame, 500)
    world.network.run(START + 900_000)
    early = Counter(each[6:12] for _, each in world.hosts[1].got)
    assert min(early.values()) / max(early.values()) > 0.9


def test_ports_share_a_fabric_that_is_smaller_than_they_are(pod, frame):
    world = pod(gsps=3, hosts=2)
    for source in range(6):
        send(world, source, (source + 2) % 6, frame, 3000, size=64)
    world.network.run(START + 600_000)
    shares = [share(world, host, START + 50_000, START + 350_000) for host in range(6)]
    assert min(shares) / max(shares) > 0.9
    assert sum(shares) / 6 > 0.9 * 84 / 122


def test_unsolicited_bytes_save_a_round_trip(pod, frame):
    first = {}
    for unsolicited in (0, 20_000):
        world = pod(unsolicited_bytes=unsolicited)
        send(world, 0, 1, frame, 200)
        world.network.run(START + 500_000)
        assert len(got(world, 1)) == 200
        first[unsolicited] = world.hosts[1].got[0][0]
    assert first[20_000] < first[0]


def test_on_congestion_carries_incast_without_loss(pod, frame):
    world = pod(gsps=4, dgsq_mode="on-congestion")
    for source in range(3):
        send(world, source, 3, frame, 500)
    world.network.run(START + 3 * 500 * 1520 + 500_000)
    assert len(got(world, 3)) == 1500
    assert world.total("dropped_frames") == 0
    assert world.total("dgsq_created") == 3
    assert share(world, 3, START + 100_000, START + 2_000_000) > 0.95


def test_on_congestion_without_congestion_asks_for_nothing(pod, frame):
    world = pod(dgsq_mode="on-congestion")
    frames = send(world, 0, 1, frame, 300)
    world.network.run(START + 700_000)
    assert got(world, 1) == frames
    assert world.total("requests_sent") == world.total("dgsq_created") == 0


@pytest.mark.parametrize("message", ["REQUEST", "GRANT"])
def test_lost_and_doubled_control_messages_lose_nothing(pod, frame, message):
    world = pod()
    for kind, probability in (("loss", 0.3), ("duplicate", 0.3)):
        for link in ("gsp0-gsf0", "gsp1-gsf1"):
            world.network.impair(
                Impairment(link, kind, messages=(message,), probability=probability), offset=START
            )
    frames = send(world, 0, 1, frame, 500)
    world.network.run(START + 3_000_000)
    assert got(world, 1) == frames
    assert world.total("dropped_frames") == 0


def test_lost_data_leaves_order_and_throughput(pod, frame):
    world = pod()
    impairment = Impairment("gsp0-gsf0", "blackout", 0, START + 200_000, START + 300_000, messages=("DATA",))
    world.network.impair(impairment)
    frames = send(world, 0, 1, frame, 1500)
    world.network.run(START + 4_000_000)
    arrived = got(world, 1)
    marks = [int.from_bytes(each[14:18], "big") for each in arrived]
    assert all(first < second for first, second in pairwise(marks))
    assert len(arrived) > 0.95 * len(frames)
    assert share(world, 1, START + 800_000, START + 1_800_000) > 0.95


def test_a_cut_link_costs_only_what_was_on_it(pod, frame):
    world = pod()
    world.network.link_event(START + 300_000, "gsp0-gsf0", False)
    world.network.link_event(START + 1_500_000, "gsp0-gsf0", True)
    frames = send(world, 0, 1, frame, 1500)
    world.network.run(START + 4_000_000)
    lost = len(frames) - len(got(world, 1))
    assert lost <= 3
    assert world.total("drop.late") == world.total("drop.duplicate") == 0


def test_a_credit_written_off_does_not_stop_the_source(pod, frame):
    """Nothing of the fabric passes for longer than the egress keeps a silent source."""
    world = pod(hello_misses=10)
    for link in ("gsp0-gsf0", "gsp0-gsf1"):
        world.network.impair(Impairment(link, "blackout", None, START + 200_000, START + 800_000))
    frames = send(world, 0, 1, frame, 1500)
    world.network.run(START + 5_000_000)
    assert world.total("grants_sent") > 0
    assert len(got(world, 1)) > len(frames) - 100
    assert got(world, 1)[-1] == frames[-1]


def test_a_run_repeats_itself(pod, frame):
    runs = []
    for _ in range(2):
        world = pod(gsps=3)
        send(world, 0, 2, frame, 100)
        send(world, 1, 2, frame, 100)
        world.network.run(START + 600_000)
        runs.append([world.hosts[2].got, [gsp.counters() for gsp in world.gsps]])
    assert runs[0] == runs[1]
