"""The stand-in on network interfaces, in a namespace of its own, as its users start it."""

import json
import shutil
import subprocess
import sys
import textwrap

import pytest

from spec.errors import InputError
from traffic.trex_stand_in.wires import Interface

SCRIPT = textwrap.dedent("""
    set -e
    ip link set lo up
    ip link add t0 mtu 9300 type veth peer name t1 mtu 9300
    for port in t0 t1; do
        echo 1 > /proc/sys/net/ipv6/conf/$port/disable_ipv6 2> /dev/null || true
        ip link set $port up
    done
    here="--netns /proc/$$/ns/net"
    "$1" -W ignore -m traffic.trex_stand_in $here --interface t0 --interface t1 > /dev/null &
    server=$!
    trap "kill $server" EXIT
    "$1" -W ignore -c "$2"
""")

CLIENT = textwrap.dedent("""
    import json, time
    from traffic.trex.client import connect
    from traffic.trex.data import Load
    from traffic.trex.errors import TrexGoneError
    for attempt in range(20):
        try:
            session = connect("127.0.0.1", timeout=0.5)
            break
        except TrexGoneError:
            pass
    head = bytes.fromhex("020000000001020000000002")
    sent = [
        head + bytes.fromhex("88b5"),
        head + bytes.fromhex("88b5") + bytes(range(50)),
        head + bytes.fromhex("8100600588b5") + bytes(range(60)),
        head + bytes.fromhex("88a8600588b5") + bytes(range(60)),
        head + bytes.fromhex("88b5") + bytes(9224),
    ] + [head + bytes.fromhex("88b5") + n.to_bytes(4, "big") * 12 for n in range(500)]
    with session:
        session.acquire([0, 1])
        capture = session.capture(received=[1], bpf="not ip6")
        session.push(0, sent, gap_us=50)
        end = time.monotonic() + 5
        while session.counters()[1].received < len(sent) and time.monotonic() < end:
            time.sleep(0.01)
        seen = session.finish(capture).frames
        session.add(0, [Load("a", sent[1], pps=1000, count=100, group=3, latency=True)])
        session.start([0])
        session.wait([0], limit=5)
        group = session.groups([3])[3]
        counters = session.counters()
    print(json.dumps({
        "sent": [frame.hex() for frame in sent],
        "seen": [captured.frame.hex() for captured in seen],
        "rising": [c.time for c in seen] == sorted(c.time for c in seen),
        "group": [group.sent[0], group.received[1], group.lost, group.reordered, group.longest_us],
        "errors": [c.send_errors + c.receive_errors for c in counters.values()],
    }))
""")


@pytest.fixture(scope="module")
def seen():
    tools = [shutil.which(name) for name in ("unshare", "ip")]
    if None in tools:
        pytest.skip("unshare and ip are not installed")
    unshare = [tools[0], "--user", "--map-root-user", "--net"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:  # noqa: S603
        pytest.skip("the kernel allows no unprivileged user namespace here")
    command = [*unshare, "sh", "-c", SCRIPT, "sh", sys.executable, CLIENT]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_frames_of_every_kind_pass_intact(seen):
    wanted = list(seen["sent"])
    wanted[3] = wanted[3].replace("88a8", "8100", 1)  # as over a real server's AF_PACKET ports
    assert seen["seen"] == wanted
    assert seen["rising"]
    assert seen["errors"] == [0, 0]


def test_latency_streams_are_counted(seen):
    sent, received, lost, reordered, longest = seen["group"]
    assert (sent, received, lost, reordered) == (100, 100, 0, 0)
    assert longest > 0


def test_an_interface_that_is_not_there_is_one_sentence():
    with pytest.raises(InputError, match=r"trex stand-in: nix: (there is no such interface|raw sockets)"):
        Interface("nix")
