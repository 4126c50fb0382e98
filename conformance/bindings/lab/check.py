"""Everything that can be known of a bench before a run, from the file to a load, one by one."""

import ctypes
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from fcntl import ioctl
from pathlib import Path
from time import monotonic
from typing import Final, NamedTuple

from conformance.api.outcomes import BenchError, TesterLimited
from conformance.api.testbeds import Topology, tester_ports
from conformance.bindings.lab.adapters import READINGS, identity, reading
from conformance.bindings.lab.bench import is_host
from conformance.bindings.lab.binding import LabBinding
from conformance.bindings.lab.devices import blamed
from conformance.bindings.lab.limits import patience
from conformance.bindings.lab.load import COUNT, SIZE, measure
from conformance.bindings.lab.model import InterfacesTester, TrexTester
from conformance.bindings.lab.wires import connect_trex, index_of, runs
from conformance.bindings.lab.wiring import Finding, judge_greetings, judge_probes, listen, probe
from traffic.frames.codec import codec
from traffic.recordings.recording import Facts, ParameterValue
from traffic.tester.tester import VirtualTester
from traffic.trex.data import LONGEST
from traffic.trex.errors import TrexError
from traffic.trex.wires import TrexWires
from traffic.wires.player import Wires

SIOCETHTOOL: Final = 0x8946
IFREQ: Final = struct.Struct("16sQ8x")
"""struct ifreq: name of the interface, address of what is asked."""
ETHTOOL_GSET: Final = 1
COMMAND: Final = struct.Struct("=I8xH14xH14x")
"""struct ethtool_cmd: command, low and high half of the speed in Mbit/s."""
UNKNOWN: Final = 0xFFFFFFFF
LONG: Final = 10
"""How many of the longest frames are sent to see whether they come whole."""
LEAST_WAIT: Final = 2.0
"""Seconds to wait for HELLO and probes, or five hello intervals if that is longer."""


class Row(NamedTuple):
    """A line of the check: right, wrong, or (None) not to be told."""

    part: str
    what: str
    right: bool | None
    words: str


class Check:
    """A check of a bench with the parameters in force; without its tester the wiring is not tried."""

    def __init__(self, binding: LabBinding, parameters: Mapping[str, ParameterValue], profile: str) -> None:
        self.binding = binding
        self.bench = binding.lab
        self.parameters = parameters
        self.profile = profile
        self.topology: Topology = binding.layout.everything()
        self.facts = Facts(self.topology.nodes, self.topology.addresses, dict(parameters), profile)

    def rows(self) -> Iterator[Row]:
        """Check one thing after the other."""
        file = self.bench.file
        yield Row("file", self.bench.path.name, True, f"{self.bench.name}, sha256 {self.bench.digest[:12]}")
        ports = list(
            self.interfaces() if isinstance(file.tester, InterfacesTester) else self.server(file.tester)
        )
        yield from ports
        yield from self.adapters()
        if any(row.right is False for row in ports):
            yield Row("wiring", "", None, "not tried: mend the tester first")
            return
        try:
            wires, _ = self.binding.wires(self.topology, self.facts)
            yield from self.quality()
            yield from _reach(wires)
            yield from self.wiring(wires)
        except (BenchError, TrexError) as error:
            yield Row("tester", "", False, str(error))
        finally:
            self.binding.clear()

    def interfaces(self) -> Iterator[Row]:
        """Look at the interfaces."""
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as opened:
            for link, cable in self.bench.at_tester().items():
                name = str(cable.tester)
                what = name if name == link else f"{name} ({link})"
                try:
                    index_of(opened, name)
                except OSError as error:
                    yield Row(
                        "port", what, False, f"is not there ({error.strerror}); correct links.{link}.tester"
                    )
                    continue
                speed = speed_of(opened, name)
                if not runs(opened, name):
                    yield Row("port", what, False, "has no carrier; is it up, and the cable in?")
                elif speed is not None and speed < cable.speed:
                    yield Row("port", what, False, f"has {speed} Mbit/s; the file says {cable.speed}")
                else:
                    yield Row("port", what, True, f"up, paced at {cable.speed} Mbit/s")

    def server(self, tester: TrexTester) -> Iterator[Row]:
        """Look at a TRex server and its ports."""
        try:
            with connect_trex(tester) as trex:
                yield Row("tester", tester.host, True, f"TRex {trex.server.release}, API {trex.server.api}")
                ports = trex.ports()
        except TrexError as error:
            yield Row("tester", tester.host, False, str(error))
            return
        for link, cable in self.bench.at_tester().items():
            assert isinstance(cable.tester, int)
            port = ports.get(cable.tester)
            what = f"{cable.tester} ({link})"
            if port is None:
                known = ", ".join(map(str, ports))
                yield Row("port", what, False, f"the server has no such port, but {known}; correct the file")
            elif port.owner not in {"", tester.user}:
                words = f"belongs to {port.owner}; ask for it, or gse-cts binding release --force"
                yield Row("port", what, False, words)
            elif not port.up:
                yield Row("port", what, False, "has no link; is the cable in, and the device's port up?")
            elif port.speed_mbps and port.speed_mbps < cable.speed:
                yield Row("port", what, False, f"has {port.speed_mbps} Mbit/s; the file says {cable.speed}")
            else:
                left = f", left acquired by {port.owner}" if port.owner else ""
                yield Row("port", what, True, f"up, {port.speed_mbps} Mbit/s, {port.driver}{left}")

    def adapters(self) -> Iterator[Row]:
        """Ask every device whatever changes nothing."""
        for name, adapter in self.binding.devices.adapters.items():
            kind = self.bench.file.devices[name].management.adapter
            begun = monotonic()
            try:
                with blamed(name):
                    words = identity(adapter)
                    took = (monotonic() - begun) * 1e3
                    for ability in sorted(READINGS.keys() & adapter.abilities):
                        reading(adapter, name, ability)
            except (BenchError, TesterLimited) as error:
                yield Row("adapter", name, False, str(error))
                continue
            able = ", ".join(sorted(adapter.abilities)) or "nothing"
            yield Row("adapter", name, True, f"{kind}: {words} in {took:.0f} ms; can do {able}")
            late = patience(self.topology, self.parameters) / 1e6
            if "link events" in adapter.abilities and took > late:
                words = f"link events come {took:.0f} ms late, more than {late:.3g}: they are INCONCLUSIVE"
                yield Row("adapter", name, None, words)

    def quality(self) -> Iterator[Row]:
        """Say how well the tester measures."""
        limits = self.bench.file.tester.limits
        for what, value, declared in (
            ("reaction", self.binding.measured, limits.reaction_ns),
            ("clock", round(self.binding.exact["ns"]), limits.timestamps_ns),
        ):
            usual = "assumed" if isinstance(self.bench.file.tester, InterfacesTester) else "measured"
            origin = usual if declared is None else "declared"
            yield Row("tester", what, True, f"{(value or 0) / 1e6:.3g} ms, {origin}")

    def wiring(self, wires: Wires) -> Iterator[Row]:
        """Listen, probe, and load."""
        hello = int(self.parameters["hello_interval"].value) / 1e9
        wait = max(LEAST_WAIT, 5 * hello)
        fabric = [line.name for line in wires.lines if not is_host(line.name)]
        heard = listen(wires, codec(self.profile), fabric, wait)
        yield from _rows(judge_greetings(self.bench, heard))
        inside = [name for name, cable in self.bench.cables.items() if cable.inside]
        if inside:
            yield Row("wiring", ", ".join(inside), None, "cabled inside: the tester cannot see it")
        hosts = {
            host: address for host, address in self.topology.addresses.items() if host in self.bench.cables
        }
        findings = list(judge_probes(hosts, probe(wires, hosts, wait)))
        yield from _rows(iter(findings))
        right = [finding.link for finding in findings if finding.right]
        if len(right) > 1:
            yield from self.load(wires, right[0], right[1])
        trouble = wires.trouble()
        if trouble is not None:
            yield Row("tester", "", False, trouble)

    def load(self, wires: Wires, here: str, there: str) -> Iterator[Row]:
        """Play a short load."""
        links = tuple(link for link, _, _ in self.binding.layout.lines(self.topology))
        ports = tester_ports(self.topology, links)
        tester = VirtualTester(ports, self.facts.hosts, self.profile)
        load = measure(wires, ports, tester, (here, there))
        middle, worst = (time / 1e6 for time in load.reaction)
        words = (
            f"{COUNT} frames of {SIZE} octets at {load.rate_mbps:.3g} Mbit/s, {load.lost} lost, at most "
            f"{load.late / 1e6:.2g} ms late; noticed after {middle:.2g} ms (median), {worst:.2g} ms (worst)"
        )
        yield Row("load", f"{here} to {there}", not load.lost, words)
        longest = int(self.parameters["max_frame"].value)
        load = measure(wires, ports, tester, (here, there), size=longest, count=LONG)
        short = [octets for octets in load.octets if octets < longest]
        words = f"{LONG} frames of {longest} octets, {load.lost} lost"
        if short:
            words += (
                f", {len(short)} cut to {max(short)}: by the tester or a device, which loop two ports to tell"
            )
        yield Row("long frames", f"{here} to {there}", not load.lost and not short, words)


def _reach(wires: Wires) -> Iterator[Row]:
    """Say what a TRex server was measured to send, and how far its counters are behind."""
    if isinstance(wires, TrexWires):
        pushed, streamed, lag = wires.reach
        words = f"up to {pushed} octets leave when pushed, {streamed} out of streams"
        yield Row("tester", "frames", None if min(pushed, streamed) < LONGEST else True, words)
        yield Row("tester", "counters", True, f"{lag * 1e3:.3g} ms behind")


def _rows(findings: Iterator[Finding]) -> Iterator[Row]:
    return (Row("wiring", finding.link, finding.right, finding.words) for finding in findings)


def speed_of(opened: socket.socket, name: str) -> int | None:
    """Return the speed of an interface in Mbit/s, None where it tells none."""
    answer = ctypes.create_string_buffer(COMMAND.pack(ETHTOOL_GSET, 0, 0), COMMAND.size)
    with suppress(OSError):
        ioctl(opened, SIOCETHTOOL, IFREQ.pack(name.encode(), ctypes.addressof(answer)))
        _, low, high = COMMAND.unpack(answer.raw)
        speed = int(low) | int(high) << 16
        return speed if 0 < speed < UNKNOWN else None
    return None


def release(binding: LabBinding, path: Path, *, force: bool) -> list[int]:
    """Let the ports of the file go that this user left acquired, and by `force` those of others."""
    tester = binding.lab.file.tester
    assert isinstance(tester, TrexTester), path
    wanted = {cable.tester for cable in binding.lab.at_tester().values()}
    with connect_trex(tester) as trex:
        held = {
            number: port.owner for number, port in trex.ports().items() if number in wanted and port.owner
        }
        mine = [number for number, owner in held.items() if force or owner == tester.user]
        if mine:
            trex.acquire(mine, force=True)
            trex.release()
    return mine
