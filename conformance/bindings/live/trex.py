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
from conformance.bindings.trex_limits import SHARES, TREX
from conformance.bindings.undo import give_back
from conformance.checkout import ROOT
from traffic.recordings.recording import Facts, Link, ParameterValue
from traffic.trex.client import connect
from traffic.trex.reach import Reach
from traffic.trex.trex import Trex
from traffic.trex.wires import TrexWires
from traffic.wires.player import PortView

APIS: Final = {"trex-4.8": "4.8", "trex-5.0": "5.0", "trex-5.1": "5.1"}
"""Testers by name, and the API that each speaks."""
LIMITS: Final = TREX | {
    "impairments": "the wires of the binding live are perfect",
    "timestamps <= 1 us": "TRex stamps frames in software and its clock is told over a network, good to 1 ms",
}
SERVES: Final = re.compile(r"on ([\d.]+):(\d+) and (\d+)")
GRACE: Final = 3.0
"""Seconds that the server has to end."""


class StandInProcess:
    """A stand-in server on `interfaces` of a network namespace; it ends with this process at the latest.

    `begun` hears of each process that is started: it is started anew when it is gone.
    """

    def __init__(
        self,
        api: str,
        quirks: str,
        namespace: Path,
        interfaces: Sequence[str],
        begun: Callable[[int], None],
    ) -> None:
        self.command = [sys.executable, "-m", "traffic.trex_stand_in", "--api", api, "--with-parent"]
        self.command += ["--netns", str(namespace), "--rpc-port", "0", "--async-port", "0"]
        self.command += ["--quirks", quirks]
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
        """Start the server, and wait until it serves; what was there before is ended."""
        self.close()
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(  # noqa: S603 - our own module
            self.command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, start_new_session=True
        )
        try:
            found = self.served(self.process)
            self.begun(self.process.pid)
        except BaseException:
            self.close()
            raise
        self.address = (found[1], int(found[2]), int(found[3]))

    @staticmethod
    def served(process: subprocess.Popen[str]) -> re.Match[str]:
        """Wait until a server says where it serves; BenchError when it ends instead."""
        assert process.stdout is not None
        assert process.stderr is not None
        found = SERVES.search(process.stdout.readline())
        if found is None:
            words = process.stderr.read().strip().splitlines() or ["it says nothing"]
            raise BenchError(f"the stand-in for TRex did not start: {words[-1]}")
        return found

    def close(self) -> None:
        """End the server."""
        process, self.process = self.process, None
        if process is not None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
            process.kill()
            process.communicate()


class StandInWires(TrexWires):
    """The wires through such a server, which go with it."""

    def __init__(
        self,
        server: StandInProcess,
        links: Sequence[Link],
        topology: Topology,
        facts: Facts,
        known: dict[int, Reach],
    ) -> None:
        self.server = server
        described = tester_ports(topology, links)
        numbers = {port.name: number for number, port in enumerate(described)}
        lines = [PortView(link.name, _lower(link, topology), numbers.get(link.name)) for link in links]
        try:
            super().__init__(
                server.connect(),
                lines,
                {number: number for number in range(len(described))},
                described,
                topology.addresses,
                profile=facts.wire_profile,
                again=server.connect,
                known=known,
            )
        except BaseException:
            server.close()
            raise

    def close(self) -> None:
        """Give the ports back and end the server."""
        give_back(super().close, self.server.close)


def _lower(link: Link, topology: Topology) -> bool:
    """Whether the tester has the lower end of a link."""
    return link.lower not in topology.nodes or topology.nodes[link.lower].status == "emulated"


def limits(topology: Topology, parameters: Mapping[str, ParameterValue], reaction: int) -> Mapping[str, str]:
    """Say what cannot be had through a TRex that reacts after `reaction` ns, and why."""
    found = dict(LIMITS)
    links = [link for link in topology.links if topology.bound(link)]
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
