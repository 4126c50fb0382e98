"""TRex as the tester of the binding live: the stand-in server on the tester's interfaces, in a process."""

import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from conformance.api.outcomes import BenchError
from conformance.api.testbeds import Topology, tester_ports
from conformance.checkout import ROOT
from traffic.recordings.recording import Facts, Link, ParameterValue
from traffic.trex.client import Trex, connect
from traffic.trex.wires import TrexWires
from traffic.wires.player import Line

APIS: Final = {"trex-4.8": "4.8", "trex-5.0": "5.0", "trex-5.1": "5.1"}
"""Testers by name, and the API that each speaks."""
TREX: Final = {
    "pfc": "streams of TRex do not heed PFC",
    "service tags": "TRex reads an outer tag 0x88A8 as 0x8100 where its ports are AF_PACKET",
}
"""What no TRex can do, or none that is known to do it."""
LIMITS: Final = TREX | {
    "impairments": "the wires of the binding live are perfect",
    "timestamps <= 1 us": "TRex stamps frames in software and its clock is told over a network, good to 1 ms",
}
SHARES: Final = {"grant_round_trip": 2, "grant_validity": 10, "hello_interval": 10}
"""How many reactions of the tester have to fit into a duration, so that its peers behave well."""
SERVES: Final = re.compile(r"on ([\d.]+):(\d+) and (\d+)")
GRACE: Final = 3.0
"""Seconds that the server has to end."""


class StandInProcess:
    """A stand-in server on `interfaces` of a network namespace; it ends with this process at the latest.

    `begun` hears of each process that is started: it is started anew when it is gone.
    """

    def __init__(
        self, api: str, namespace: Path, interfaces: Sequence[str], begun: Callable[[int], None]
    ) -> None:
        self.command = [sys.executable, "-m", "traffic.trex.stand_in", "--api", api, "--with-parent"]
        self.command += ["--netns", str(namespace), "--rpc-port", "0", "--async-port", "0"]
        self.command += [f"--interface={name}" for name in interfaces]
        self.begun = begun
        self.process: subprocess.Popen[str] | None = None
        self.address = ("", 0, 0)

    def connect(self) -> Trex:
        """Connect to the server; BenchError when it does not start."""
        if self.process is None or self.process.poll() is not None:
            self.start()
        host, rpc_port, async_port = self.address
        return connect(host, rpc_port=rpc_port, async_port=async_port)

    def start(self) -> None:
        """Start the server, and wait until it serves."""
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(  # noqa: S603 - our own module
            self.command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, start_new_session=True
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        found = SERVES.search(self.process.stdout.readline())
        if found is None:
            words = self.process.stderr.read().strip().splitlines() or ["it says nothing"]
            raise BenchError(f"the stand-in for TRex did not start: {words[-1]}")
        self.begun(self.process.pid)
        self.address = (found[1], int(found[2]), int(found[3]))

    def close(self) -> None:
        """End the server."""
        if self.process is not None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(GRACE)
            self.process.kill()
            self.process.communicate()


class StandInWires(TrexWires):
    """The wires through such a server, which go with it."""

    def __init__(
        self, server: StandInProcess, links: Sequence[Link], topology: Topology, facts: Facts
    ) -> None:
        self.server = server
        described = tester_ports(topology, links)
        numbers = {port.name: number for number, port in enumerate(described)}
        lines = [Line(link.name, _lower(link, topology), numbers.get(link.name)) for link in links]
        try:
            super().__init__(
                server.connect(),
                lines,
                {number: number for number in range(len(described))},
                described,
                topology.addresses,
                profile=facts.wire_profile,
                again=server.connect,
            )
        except BaseException:
            server.close()
            raise

    def close(self) -> None:
        """Give the ports back and end the server."""
        super().close()
        self.server.close()


def _lower(link: Link, topology: Topology) -> bool:
    """Whether the tester has the lower end of a link."""
    return link.lower not in topology.nodes or topology.nodes[link.lower].standing == "emulated"


def limits(topology: Topology, parameters: Mapping[str, ParameterValue], reaction: int) -> Mapping[str, str]:
    """Say what cannot be had through a TRex that reacts after `reaction` ns, and why."""
    found = dict(LIMITS)
    links = [link for link in topology.links if topology.realised(link)]
    own = {port.name for port in tester_ports(topology, links)}
    inner = [link.name for link in links if link.name not in own]
    if inner:
        found["fabric taps"] = f"TRex has no port on {inner[0]}, which joins two devices"
    slow = [
        f"{name} is {float(parameters[name].value) / 1e6:g} ms"
        for name, share in SHARES.items()
        if reaction * share > float(parameters[name].value)
    ]
    if slow:
        words = f"TRex was measured to react after {reaction / 1e6:.1f} ms, too late where"
        found["reactive peer"] = f"{words} {' and '.join(slow)}"
    return found
