"""Whether cables are where the file says: HELLO tells a fabric port, probe frames a host's."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final, NamedTuple

from conformance.bindings.lab.bench import LabBench, is_host
from traffic.frames.codec import Codec
from traffic.scenario import HostAddress, Scenario
from traffic.wires.player import Seen, Wires

PROBER: Final = bytes.fromhex("0250524f4245")
"""Source address of the probes; no host has it."""
PROBE_TYPE: Final = bytes.fromhex("88b6")
COPIES: Final = 3
Place = tuple[int, int]
"""Node and port number."""


class Finding(NamedTuple):
    """What was found at a link: right, wrong, or (None) not to be told."""

    link: str
    right: bool | None
    words: str


@dataclass(frozen=True)
class Heard:
    """Places that were heard, by the link where they were."""

    places: Mapping[str, Place]


def listen(wires: Wires, codec: Codec, wanted: Sequence[str], seconds: float) -> Heard:
    """Take HELLO from all lines until each wanted link has one, or time is over."""
    found: dict[str, Place] = {}
    wires.begin(Scenario(), ahead=False)
    end = monotonic() + seconds
    while monotonic() < end and not found.keys() >= set(wanted):
        for index, seen in wires.passing(0.05):
            message = None if seen.outgoing else codec.decode(seen.frame)
            if message is not None and message.message == "HELLO" and message.valid_crc:
                found[wires.lines[index].name] = message.fields["source"], message.fields["port_id"]
    return Heard(found)


def judge_greetings(bench: LabBench, heard: Heard) -> Iterator[Finding]:
    """Compare who was heard on each link of the tester with what the file says."""
    cables = bench.at_tester()
    link_of = {
        (bench.nodes[device], end.port): name
        for name, cable in cables.items()
        for device, end in cable.ends.items()
    }
    for name, cable in cables.items():
        ((device, end),) = cable.ends.items()
        due, got = (bench.nodes[device], end.port), heard.places.get(name)
        if got is None:
            if not is_host(name):
                yield Finding(name, False, f"no HELLO was heard; is port {end.port} of {device} up?")
        elif got == due:
            yield Finding(name, True, f"HELLO of node {got[0]} port {got[1]}")
        elif got in link_of:
            other = link_of[got]
            words = f"HELLO of node {got[0]} port {got[1]}, which belongs to {other}: swap {name} and {other}"
            yield Finding(name, False, words)
        else:
            words = f"HELLO of node {got[0]} port {got[1]}; the file says node {due[0]} port {due[1]}"
            yield Finding(name, False, words)


def probe(wires: Wires, hosts: Mapping[str, HostAddress], seconds: float) -> dict[tuple[str, str], set[str]]:
    """Send frames from every host's port to every host, itself included.

    Gives the links where each (source, destination) came out; a device returns nothing to where it came from.
    """
    lines = {line.name: line for line in wires.lines}
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    payloads = {(here, there): f"GSE probe {here} {there} ".encode() for here in hosts for there in hosts}
    wires.begin(Scenario(), ahead=False)
    for (here, there), payload in payloads.items():
        port = lines[here].port
        assert port is not None
        frame = hosts[there].mac + PROBER + PROBE_TYPE + payload.ljust(60, b".")
        for _ in range(COPIES):
            wires.send(port, frame)
    pending = {pair for pair in payloads if pair[0] != pair[1]}
    end = monotonic() + seconds
    while monotonic() < end and not found.keys() >= pending:
        for index, seen in wires.passing(0.05):
            pair = _probed(seen, payloads)
            if pair is not None:
                found[pair].add(wires.lines[index].name)
    return found


def _probed(seen: Seen, payloads: Mapping[tuple[str, str], bytes]) -> tuple[str, str] | None:
    if seen.outgoing or seen.frame[6:14] != PROBER + PROBE_TYPE:
        return None
    return next((pair for pair, payload in payloads.items() if seen.frame[14:].startswith(payload)), None)


def judge_probes(
    hosts: Mapping[str, HostAddress], found: Mapping[tuple[str, str], set[str]]
) -> Iterator[Finding]:
    """Compare where the probes for each host came out with where it is."""
    for there, address in hosts.items():
        places = {place for (_, to), came in found.items() if to == there for place in came}
        strange = sorted(places - {there})
        if strange:
            other = strange[0]
            yield Finding(there, False, f"frames for {there} came out at {other}: swap {there} and {other}")
        elif places:
            silent = [here for here in hosts if here != there and there not in found.get((here, there), ())]
            if silent:
                yield Finding(there, False, f"frames from {', '.join(silent)} did not arrive")
            else:
                yield Finding(there, True, f"frames for {address.mac.hex(':')} come out here")
        elif len(hosts) == 1:
            yield Finding(there, None, "one host alone cannot be probed")
        else:
            mac, node, port = address.mac.hex(":"), address.node, address.port
            words = f"no frame for it came out anywhere; is {mac} at node {node} port {port} in the table?"
            yield Finding(there, False, words)
