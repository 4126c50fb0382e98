"""Sequence numbers that run out within a play, under a wire profile whose field for them is short."""

from reference_impl import codec
from reference_impl.config import DeviceConfig, PortConfig, Settings
from reference_impl.roles.gsf import Gsf
from reference_impl.roles.gsp import Gsp
from reference_impl.virtual.network import Network
from spec.wire import load_profile
from tests.reference_impl.conftest import mac

NEVER = 1 << 62
PAUSE = 2_500
"""Time between frames in ns, over twice the time after which a container is closed."""
HOSTS = {node: bytes((2, 0, 0, 0, node, 0)) for node in (1, 2)}
WARM_UP = 400_000
MORE = 300
"""Containers that follow the wrap."""


class Host:
    """Sends numbered frames a flush time apart, so that each has a container, and keeps what it receives."""

    def __init__(self, count, pause):
        self.count = count
        self.pause = pause
        self.sent = 0
        self.due = WARM_UP if count else NEVER
        self.got = []

    def receive(self, _port, frame, _now):
        self.got.append(int.from_bytes(frame[14:18], "big"))
        return []

    def wake(self, now):
        frame = HOSTS[2] + HOSTS[1] + b"\x88\xb6" + self.sent.to_bytes(4, "big") + bytes(42)
        self.sent += 1
        self.due = now + self.pause if self.sent < self.count else NEVER
        return [(0, frame)]

    def carrier(self, _port, _up, _now):
        return []


def test_a_source_and_an_egress_pass_the_wrap():
    codec.use(load_profile("rows-2"))
    containers = codec.SEQUENCE_MASK + 1 + MORE
    settings = Settings(flush_time=1_000, unsolicited_bytes=1_000_000_000, request_refresh=500_000)
    table = {address: (node, 0) for node, address in HOSTS.items()}
    network = Network()
    ends = {1: Host(containers, PAUSE), 2: Host(0, 0)}
    for end in ends.values():
        network.add(end)

    def device(kind, node, *ports):
        described = tuple(PortConfig(port, 8000, mac(node, number)) for number, port in enumerate(ports))
        made = kind(DeviceConfig(f"node{node}", node, described, settings, table, seed=node))
        network.add(made)
        return made

    leaves = {node: device(Gsp, node, "host", "fabric", "fabric") for node in HOSTS}
    spines = [device(Gsf, 0x80 + number, "fabric", "fabric") for number in range(2)]
    for node, leaf in leaves.items():
        network.link(f"h{node}", (ends[node], 0), (leaf, 0), tap=False)
        for number, spine in enumerate(spines):
            network.link(f"{node}-{number}", (leaf, 1 + number), (spine, node - 1), delay_ns=500, tap=False)
    network.start()
    network.run(WARM_UP + containers * PAUSE + 500_000)
    assert ends[2].got == list(range(containers))
    assert leaves[1].counters()["containers_built"] == containers
    dgsq = next(iter(leaves[1].state()["dgsqs"]))
    assert dgsq["sequence"] == MORE
    assert not leaves[2].counters()["dropped_frames"]
