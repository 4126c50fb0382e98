"""What a live bench of the reference consists of: devices in processes, wires, and the tester's ends."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from conformance.api.testbeds import LeafSpine, Request, SoloGsf, SoloGsp, Topology, port_mac
from conformance.bindings.reference import ReferenceBinding, mutant_of
from reference_impl.config import Settings
from reference_impl.live.fabric import DeviceFailed, Fabric, running, up
from reference_impl.live.namespaces import acquire
from reference_impl.live.parameters import live_values
from reference_impl.live.plan import End, Plan, PlannedDevice, PlannedPort, Wire
from spec.documents import did_you_mean
from spec.errors import InputError
from spec.wire import locate
from traffic.recordings.recording import Link
from traffic.scenario import HostAddress

__all__ = [
    "ICS",
    "TOPOLOGIES",
    "DeviceFailed",
    "Fabric",
    "acquire",
    "hosts_behind",
    "live_values",
    "plan",
    "request",
    "running",
    "up",
]

ICS: Final = ReferenceBinding.ics

TOPOLOGIES: Final[Mapping[str, Request]] = {
    "leaf-spine-2x2": LeafSpine(),
    "solo-gsp": SoloGsp(),
    "solo-gsf": SoloGsf(),
}


def request(name: str) -> Request:
    """Return a topology by name; InputError when there is none of that name."""
    if name not in TOPOLOGIES:
        mend = did_you_mean(name, TOPOLOGIES)
        raise InputError("command line", "--topology", f"there is no topology {name}", mend)
    return TOPOLOGIES[name]


def hosts_behind(topology: Topology) -> Iterable[HostAddress]:
    """Return hosts behind devices that other testbeds emulate around the same ones."""
    wide = SoloGsp(hosts=4, remotes=9).topology(1, 0).addresses.values()
    own = {node.id for node in topology.nodes.values() if node.status != "emulated"}
    return [host for host in wide if host.node not in own]


def plan(
    name: str,
    topology: Topology,
    values: Mapping[str, Any],
    wire_profile: str,
    *,
    device: str = "reference",
    hosts: Iterable[HostAddress] = (),
) -> Plan:
    """Plan the devices that are not emulated, and their links; every other end is the tester's.

    `values` are parameters by name; `device` is `reference` or `mutant:NAME`, else InputError. The devices
    know the hosts of the topology, and these `hosts` besides.
    """
    mutant = mutant_of(device)
    wire_profile = str(locate(wire_profile).absolute())
    table = {colons(host.mac): (host.node, host.port) for host in hosts}
    table |= {colons(host.mac): (host.node, host.port) for host in topology.addresses.values()}
    settings = vars(Settings.of(values))
    names = [name for name, node in topology.nodes.items() if node.status != "emulated"]
    devices = tuple(
        PlannedDevice(
            name=name,
            wire_profile=wire_profile,
            role=topology.nodes[name].role,
            node=topology.nodes[name].id,
            ports=tuple(
                PlannedPort(
                    link.name,
                    "fabric" if link.fabric else "host",
                    link.rate_mbps,
                    mac_of(topology, name, link),
                )
                for link in topology.ports(name)
            ),
            settings=settings,
            table=table,
            seed=topology.nodes[name].id,
            flaw=mutant.name if mutant else None,
        )
        for name in names
    )
    wires = tuple(
        Wire(link.name, *(_end(topology, end, link, names) for end in (link.lower, link.upper)))
        for link in topology.links
        if topology.bound(link)
    )
    return Plan(name, devices, wires)


def mac_of(topology: Topology, end: str, link: Link) -> str:
    """Return the address of one end of a link."""
    if end not in topology.nodes:
        return colons(topology.addresses[end].mac)
    return colons(port_mac(topology.nodes[end].id, topology.number(end, link)))


def colons(mac: bytes) -> str:
    """Write a MAC address."""
    return mac.hex(":")


def _end(topology: Topology, end: str, link: Link, devices: list[str]) -> End:
    return End(end if end in devices else Plan.tester, link.name, mac_of(topology, end, link))
