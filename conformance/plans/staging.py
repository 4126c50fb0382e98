"""What a plan stands for: the scenario that is played, with probes at its end, and the testbed it needs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from pydantic import JsonValue  # noqa: TC002 - beside what pydantic reads

from conformance.api.testbeds import LeafSpine, Request, SoloGsf, SoloGsp, Topology
from conformance.plans.plan import (
    Bed,
    Cut,
    Flow,
    Halt,
    Harm,
    Misbehaviour,
    Oddity,
    Plan,
    Step,
    Stray,
    Withdrawal,
)
from spec.layout import WireProfile
from traffic.frames.codec import codec
from traffic.frames.crafted import message
from traffic.frames.roce import TEST_ETHERTYPE
from traffic.recordings.recording import Link
from traffic.scenario import (
    DOWN,
    UP,
    ContainerOrder,
    GsfPeer,
    GspPeer,
    HostAddress,
    Impairment,
    LinkEvent,
    ManagementEvent,
    Pause,
    Peer,
    Scenario,
    Signal,
    Stream,
    TimedFrame,
    Window,
)

MULTICAST: Final = bytes.fromhex("01005e010203")
BROADCAST: Final = bytes.fromhex("ffffffffffff")
STRANGER: Final = bytes.fromhex("02990000")
LINK_LOCAL: Final = bytes.fromhex("0180c2000003")
SHORTEST: Final = 60
FCS: Final = 4
PROBES: Final = 3
"""Frames by which each host asks at the end whether all is as it was."""


@dataclass(frozen=True)
class Seat:
    """What the steps of a plan refer to by number; `value` is asked for parameters in force."""

    topology: Topology
    peers: tuple[Peer, ...]
    value: Callable[[str], Any]
    wire_profile: str

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names of the hosts."""
        return self.topology.hosts

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """Links of the fabric that are there."""
        return tuple(link for link in self.topology.links if link.fabric and self.topology.bound(link))

    @cached_property
    def devices(self) -> tuple[str, ...]:
        """Names of the devices under test."""
        return self.topology.of_status("under test")

    def host(self, number: int) -> HostAddress:
        """Return a host by number."""
        return self.topology.addresses[self.hosts[number % len(self.hosts)]]

    def pair(self, source: int, destination: int) -> tuple[HostAddress, HostAddress]:
        """Return two different hosts by number."""
        first = self.host(source)
        others = [name for name in self.hosts if name != first.name]
        return first, self.topology.addresses[others[destination % len(others)]]

    def at(self, node: str) -> HostAddress:
        """Return the first host of a GSP."""
        own = self.topology.nodes[node].id
        return next(host for host in self.topology.addresses.values() if host.node == own)

    def link(self, number: int) -> Link:
        """Return a fabric link by number."""
        return self.links[number % len(self.links)]


def stage(plan: Plan, seat: Seat) -> tuple[Scenario, int | None]:
    """Return the scenario of a plan, and when (ns) the probes at its end begin, None without."""
    scenario = Scenario(peers=seat.peers)
    for number, step in enumerate(plan.steps):
        scenario += _part(step, number, seat)
    whole, probes_at = _with_probes(scenario, plan, seat)
    settle = 2 * seat.value("age_out") + 4 * seat.value("request_refresh") + seat.value("grant_validity")
    limit = (probes_at or _last(whole)) + 40 * settle
    return replace(whole, settle=settle, limit=limit, name=f"plan {plan.name}"), probes_at


def request_of(bed: Bed) -> Request:
    """Return the request for the testbed of a plan, as long as its links are all alike."""
    if bed.kind == "gsp":
        return SoloGsp(hosts=bed.hosts, uplinks=bed.gsfs, remotes=bed.gsps - 1)
    if bed.kind == "gsf":
        return SoloGsf(gsps=bed.gsps, parallel=bed.parallel)
    return LeafSpine(bed.gsps, bed.gsfs, bed.hosts, parallel=bed.parallel)


def topology_of(bed: Bed, rate: int, delay: int) -> Topology:
    """Return the devices and links of the testbed of a plan."""
    plain = request_of(bed).topology(rate, delay)
    if not bed.slower and not bed.delays:
        return plain
    fabric = [link.name for link in plain.links if link.fabric]
    slower = {fabric[number % len(fabric)]: part for number, part in bed.slower}
    delays = {fabric[number % len(fabric)]: time for number, time in bed.delays}
    links = tuple(
        Link(
            link.name, link.lower, link.upper, rate // slower.get(link.name, 1), delays.get(link.name, delay)
        )
        for link in plain.links
    )
    return Topology(plain.nodes, links)


def _part(step: Step, number: int, seat: Seat) -> Scenario:  # noqa: PLR0911 - one a kind of step
    match step:
        case Flow():
            return _flow(step, number, seat)
        case Oddity():
            return _oddity(step, number, seat)
        case Harm():
            return _harm(step, seat)
        case Cut():
            name = seat.link(step.link).name
            down, up = LinkEvent(step.at, name, up=False), LinkEvent(step.at + step.length, name, up=True)
            return Scenario(links=(down, up))
        case Halt():
            return Scenario(pauses=(Pause(step.at, seat.host(step.host).name, (step.cls,), step.length),))
        case Withdrawal():
            return _withdrawal(step, seat)
        case Stray():
            return _stray(step, number, seat)
        case Misbehaviour():
            return _misbehaviour(step, seat)


def _flow(step: Flow, number: int, seat: Seat) -> Scenario:
    longest = seat.value("max_frame")
    source, _ = seat.pair(step.source, step.destination)
    sizes = tuple(min(size, longest) for size in step.sizes)
    streams = tuple(
        Stream(
            1 + number * 64 + burst,
            source.name,
            seat.pair(step.source, step.destination + burst * step.spread)[1].name,
            sizes,
            step.count,
            step.start + burst * step.period,
            step.gap,
            (step.cls + burst * step.spread) % 8,
            step.kind,
        )
        for burst in range(min(step.bursts, 64))
    )
    return Scenario(streams=streams)


def _oddity(step: Oddity, number: int, seat: Seat) -> Scenario:
    source, destination = seat.pair(step.source, step.destination)
    longest = seat.value("max_frame") - FCS
    targets = {
        "multicast": MULTICAST,
        "broadcast": BROADCAST,
        "unknown": STRANGER + number.to_bytes(2, "big"),
        "link local": LINK_LOCAL,
        "hairpin": source.mac,
    }
    sizes = {"shortest": SHORTEST, "longest": longest, "too long": longest + 1}
    tags = {"tagged": bytes.fromhex("8100b00a"), "double tagged": bytes.fromhex("88a8600a8100a00b")}
    kind = TEST_ETHERTYPE if step.kind != "fabric type" else codec(seat.wire_profile).profile.ethertype
    body = kind.to_bytes(2, "big") + number.to_bytes(4, "big")
    if step.kind == "marked":
        body = b"\x08\x00\x45\xba" + (100).to_bytes(2, "big") + bytes(4) + b"\x40\xfd\x00\x00"
        body += source.ip + destination.ip + number.to_bytes(4, "big")
    head = targets.get(step.kind, destination.mac) + source.mac + tags.get(step.kind, b"")
    frame = (head + body).ljust(sizes.get(step.kind, 128), bytes([1 + number % 250]))
    return Scenario(frames=(TimedFrame(step.at, source.name, frame),))


def _harm(step: Harm, seat: Seat) -> Scenario:
    known = codec(seat.wire_profile).profile
    messages = tuple(name for name in step.messages if name in known.messages)
    if step.what == "corrupt" and known.checksum is None:
        return Scenario()
    harm = Impairment(
        seat.link(step.link).name,
        step.what,
        step.direction,
        step.at,
        step.at + step.length,
        step.value,
        messages=messages,
        every=step.every,
    )
    return Scenario(impairments=(harm,))


def _withdrawal(step: Withdrawal, seat: Seat) -> Scenario:
    host = seat.host(step.host)
    gone: dict[str, JsonValue] = {"mac": host.mac.hex()}
    back = gone | {"node": host.node, "port": host.port}
    orders = []
    for name in seat.devices:
        if seat.topology.nodes[name].role == "GSP":
            orders.append(ManagementEvent(step.at, name, "table_withdraw", gone))
            orders.append(ManagementEvent(step.at + step.length, name, "table_set", back))
    return Scenario(management=tuple(orders))


def _stray(step: Stray, number: int, seat: Seat) -> Scenario:
    """Send a message from an emulated end of a link; a fabric without one gets none."""
    link, nodes = seat.link(step.link), seat.topology.nodes
    emulated = [name for name in seat.topology.of_status("emulated") if nodes[name].role == "GSP"]
    profile = codec(seat.wire_profile).profile
    no_checksum = profile.checksum is None or (step.kind == "short" and profile.header_only)
    if not emulated or (no_checksum and step.kind in {"checksum", "short"}):
        return Scenario()
    own = link.lower if link.lower in seat.devices else emulated[-1]
    source = emulated[0] if emulated[0] != own else emulated[-1]
    target, sender = seat.at(own), seat.at(source)
    body = TEST_ETHERTYPE.to_bytes(2, "big") + b"stray" + bytes([number % 256])
    ends = {"source": nodes[source].id, "destination": nodes[own].id, "port": target.port}
    fields = ends | {"generation": profile.after(1)} | _wrong(step, number, profile)
    name = {"old grant": "GRANT", "wrong generation": "GRANT", "short": "REQUEST"}.get(step.kind, "DATA")
    more: dict[str, Any] = (
        {} if name != "DATA" else {"payload": (target.mac + sender.mac + body).ljust(100, b"s")}
    )
    if step.kind == "short":
        more["octets"] = profile.header.octets + 1
    times = (step.at, step.at + 2000) if step.kind == "twice" else (step.at,)
    if step.kind == "checksum":
        more["crc_error"] = 1
    sent = [message(link.name, name, fields, at=time, profile=seat.wire_profile, **more) for time in times]
    return replace(sum(sent, Scenario()), voids=("GRANT-NO-SEND-WITHOUT",))


def _wrong(step: Stray, number: int, profile: WireProfile) -> dict[str, int]:
    """Return the fields of a stray message that are not as they should be."""
    match step.kind:
        case "version":
            others = profile.header.field("version").illegal()
            return {"version": others[number % len(others)]}
        case "type":
            codes = profile.unassigned()
            return {"type": codes[number % len(codes)]}
        case "other node":
            return {"destination": profile.header.field("destination").maximum}
        case "no hops":
            return {"hop_limit": 1}
        case "wrong generation":
            return {"granted": 1 << 20, "validity": 1_000_000}
        case _:
            return {}


def _misbehaviour(step: Misbehaviour, seat: Seat) -> Scenario:
    span = Window(step.at, step.at + step.length)
    gsps = [peer for peer in seat.peers if isinstance(peer, GspPeer)]
    gsfs = [peer for peer in seat.peers if isinstance(peer, GsfPeer)]
    if step.kind in {"silent spine", "deaf spine"}:
        silent, unheard = ((span,), ()) if step.kind == "silent spine" else ((), (span,))
        odd = (replace(peer, silent=silent, unheard=unheard) for peer in gsfs[:1])
        return Scenario(peers=tuple(odd) if len(gsfs) > 1 else ())
    if not gsps:
        return Scenario()
    peer, grants = gsps[-1], gsps[-1].grants
    changes: dict[str, dict[str, Any]] = {
        "grants late": {"grants": replace(grants, delay=5_000)},
        "grants twice": {"grants": replace(grants, copies=2)},
        "grants lost": {"grants": replace(grants, lose_every=3)},
        "grants swapped": {"grants": replace(grants, swap_every=2)},
        "grants of other generations": {"grants": replace(grants, generations=("right", "before", "after"))},
        "credit expires": {"grants": replace(grants, expire_after=step.length)},
        "withholds": {"grants": replace(grants, during=Window(step.at + step.length))},
        "overruns": {"overrun": 3000},
        "out of order": {"containers": ContainerOrder(order=(1, 0, 2))},
        "leaves out": {"containers": ContainerOrder(missing=(1,))},
        "repeats": {"containers": ContainerOrder(twice=(1,))},
        "restarts": {"containers": ContainerOrder(restarts=(2,))},
    }
    voids = ("GRANT-EGRESS-RATE", "GRANT-NO-SEND-WITHOUT") if step.kind == "overruns" else ()
    if step.kind == "signals":
        to = tuple(seat.topology.nodes[name].id for name in seat.devices)
        told = Signal(peer.node, to, 128, 100_000, step.at, step.at + step.length, 50_000)
        return Scenario(peers=(replace(peer, signals=(told,)),))
    return Scenario(peers=(replace(peer, voids=voids, **changes[step.kind]),))


def _last(scenario: Scenario) -> int:
    """Return when the last thing that a scenario plans is over, frames at a tenth of the slowest rate."""
    ends = [event.at for event in scenario.links]
    ends += [order.at for order in scenario.management]
    ends += [frame.at for frame in scenario.frames]
    ends += [harm.stop or harm.start for harm in scenario.impairments]
    ends += [pause.at + pause.duration for pause in scenario.pauses]
    for stream in scenario.streams:
        octets = sum(stream.sizes) * stream.count // len(stream.sizes) + 24 * stream.count
        ends.append(stream.start + max(octets * 2, (stream.gap or 0) * stream.count))
    return max(ends, default=0)


def _with_probes(scenario: Scenario, plan: Plan, seat: Seat) -> tuple[Scenario, int | None]:
    """Have each host of a whole fabric send a few frames to the next one when all is over and healed."""
    if plan.bed.kind != "fabric" or not plan.steps:
        return scenario, None
    healed = seat.value("flap_hold") + (seat.value("hello_misses") + 4) * seat.value("hello_interval")
    start = _last(scenario) + healed + 2 * seat.value("age_out")
    streams = tuple(
        Stream(
            60_000 + number, name, seat.hosts[(number + 1) % len(seat.hosts)], (256,), PROBES, start, 5_000
        )
        for number, name in enumerate(seat.hosts)
    )
    return scenario + Scenario(streams=streams), start


assert (UP, DOWN) == (0, 1), "the direction of a harm is that of an impairment"
