"""What a laboratory's bench cannot do on a testbed, and why, with figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from conformance.api.testbeds import Topology
from conformance.bindings.lab.bench import LabBench
from conformance.bindings.lab.layout import Layout
from conformance.bindings.lab.model import InterfacesTester, TrexTester
from conformance.bindings.lab.wires import REACTION, UNCERTAINTY
from conformance.bindings.trex_limits import SHARES, TREX
from traffic.recordings.recording import ParameterValue

MANAGED: Final = ("counters", "events", "state", "management", "configure", "link events")
"""Capabilities that are an adapter's."""
LATE: Final = {"request_refresh": 2, "grant_validity": 4, "hello_interval": 4}
"""The part of a duration that the tester may be late, where it stands in for devices."""
CARRIES: Final = {"interfaces": 40, "trex": 10}
"""Mbit/s at which devices have been emulated on live benches, where the file declares no other rate."""
PATIENCE: Final = 10_000_000
"""How late, in ns, the tester may be where no device is emulated."""
TREX_REACTION: Final = 5_000_000
"""The median, in ns, that real servers took from a push to the frame in the capture, until it is measured."""
FINE: Final = 1_000


@dataclass(frozen=True)
class Quality:
    """How quick the tester answers, and how far the times it tells may be off; both in ns."""

    reaction: int
    uncertainty: int


def quickest(tester_reaction: int | None, bench: LabBench) -> int:
    """Return the reaction of the tester in ns: measured, declared, or assumed, in that order."""
    if tester_reaction is not None:
        return tester_reaction
    if bench.file.tester.limits.reaction_ns is not None:
        return bench.file.tester.limits.reaction_ns
    return REACTION if isinstance(bench.file.tester, InterfacesTester) else TREX_REACTION


def uncertainty_of(measured: int | None, bench: LabBench) -> int:
    """Return the uncertainty of times in ns: measured, declared, or assumed, in that order."""
    if measured is not None:
        return measured
    declared = bench.file.tester.limits.timestamps_ns
    return UNCERTAINTY if declared is None else declared


def patience(topology: Topology, parameters: Mapping[str, ParameterValue]) -> int:
    """Return how late, in ns, the tester may be: a part of what devices and peers wait for each other."""
    if not topology.of_status("emulated"):
        return PATIENCE
    return min(int(parameters[name].value) // part for name, part in LATE.items())


def limits_of(
    bench: LabBench,
    topology: Topology,
    parameters: Mapping[str, ParameterValue],
    lacking: Mapping[str, list[str]],
    tester: Quality,
) -> dict[str, str]:
    """Return why each missing capability is missing; `lacking` names the devices without an ability."""
    missing = {
        ability: f"the adapter of {', '.join(lacking[ability])} has no {ability}"
        for ability in MANAGED
        if lacking[ability]
    }
    missing["impairments"] = f"the cables of the bench {bench.name} cannot be impaired"
    unseen = Layout(bench).unseen(topology)
    if unseen:
        missing["fabric taps"] = f"the tester of the bench {bench.name} cannot see {', '.join(unseen)}"
    if tester.uncertainty > FINE:
        missing["timestamps <= 1 us"] = (
            f"the tester of the bench {bench.name} tells the time of a frame to {_ms(tester.uncertainty)}"
        )
    late = _too_late(bench, topology, parameters, tester.reaction)
    if late is not None:
        missing["reactive peer"] = late
    if isinstance(bench.file.tester, TrexTester):
        missing |= TREX
    return missing | bench.file.tester.limits.lacks


def _too_late(
    bench: LabBench, topology: Topology, parameters: Mapping[str, ParameterValue], reaction: int
) -> str | None:
    """Say why devices cannot be emulated on a topology, if they cannot."""
    if not topology.of_status("emulated"):
        return None
    times = {name: int(parameters[name].value) for name in SHARES}
    tight = [
        f"{_ms(time // share)} (1/{share} of {name}, {_ms(time)})"
        for (name, share), time in zip(SHARES.items(), times.values(), strict=True)
        if reaction * share > time
    ]
    if tight:
        words = f"the tester of the bench {bench.name} answers in {_ms(reaction)}"
        return f"{words}, and a peer has {' and '.join(tight)}"
    tester = bench.file.tester
    carries = tester.limits.rate_mbps or CARRIES[tester.kind]
    fastest = max(link.rate_mbps for link in topology.links if topology.bound(link))
    if carries < fastest:
        return (
            f"the tester of the bench {bench.name} carries {carries} Mbit/s while it stands in for devices, "
            f"and the links have {fastest}"
        )
    return None


def _ms(time: int) -> str:
    return f"{time / 1e6:.3g} ms"
