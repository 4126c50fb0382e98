"""A testbed that a case asks for, laid over what is really there in the laboratory."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from conformance.api.outcomes import TesterLimited
from conformance.api.testbeds import GSF_NODE_BASE, LeafSpine, Request, SoloGsf, SoloGsp, Topology, gsp_node
from conformance.bindings.lab.bench import LabBench, ends_of, is_host
from conformance.bindings.lab.model import Cable
from traffic.recordings.recording import Link, Node
from traffic.wires.player import PortView

ORDINALS: Final = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


@dataclass(frozen=True)
class Layout:
    """A bench, and how testbeds lie on it."""

    bench: LabBench

    def bind(self, asked: Topology) -> Topology:
        """Return a testbed with nodes, port numbers and rates of the bench; TesterLimited if it has none."""
        self._same_devices(asked)
        found = {link.name: self.cable(asked, link) for link in asked.links if asked.bound(link)}
        self._nothing_between(asked)
        self._same_delays(asked)
        self._same_proportions(asked, found)
        links = tuple(
            replace(
                link, rate_mbps=found[link.name].speed if link.name in found else self._behind(asked, found)
            )
            for link in asked.links
        )
        return Topology(self._nodes(asked), links, self._numbers(asked, found), dict(self._addresses()))

    def everything(self) -> Topology:
        """Return all that is there as one testbed, whose links are called as in the file."""
        file, delay = self.bench.file, int(self.bench.values["link_delay"])
        hosts = [
            Link(name, name, device, cable.speed, delay)
            for name, cable in file.links.items()
            if is_host(name)
            for device in cable.ends
        ]
        fabric = [
            Link(name, lower, upper, cable.speed, delay)
            for name, cable in file.links.items()
            if not is_host(name)
            for lower, upper in [ends_of(name)]
        ]
        names = dict.fromkeys([*file.devices, *(end for link in fabric for end in (link.lower, link.upper))])
        nodes = {
            name: Node(usual_id(name), name[:3].upper(), "under test" if name in file.devices else "emulated")
            for name in names
        }
        return self.bind(Topology(nodes, (*hosts, *fabric)))

    def cable(self, asked: Topology, link: Link) -> Cable:
        """Return the cable of a link; hosts of a device count in the order of the file."""
        if link.fabric:
            cable = self.bench.cables.get(link.name)
            if cable is None:
                raise self._missing(asked, link)
            return cable
        hosts = self.bench.hosts_of(link.upper)
        place = [name for name in asked.hosts if self._device_of(asked, name) == link.upper].index(link.name)
        if place >= len(hosts):
            raise self._missing(asked, link)
        return self.bench.cables[hosts[place]]

    def lines(self, topology: Topology) -> list[tuple[Link, PortView, Cable]]:
        """Return the links at the tester in order of its ports, how it sees each, and the cable."""
        seen = [
            (link, cable)
            for link in topology.links
            if topology.bound(link) and not (cable := self.cable(topology, link)).inside
        ]
        devices = self.bench.file.devices
        return [
            (link, PortView(link.name, link.lower not in devices, number), cable)
            for number, (link, cable) in enumerate(seen)
        ]

    def unseen(self, topology: Topology) -> list[str]:
        """Name the links of a testbed that the tester cannot see."""
        return [
            link.name for link in topology.links if topology.bound(link) and self.cable(topology, link).inside
        ]

    def whole(self) -> Request:
        """Return the largest testbed that the bench can be."""
        devices = self.bench.file.devices
        gsps = [name for name in devices if name.startswith("gsp")]
        gsfs = [name for name in devices if name.startswith("gsf")]
        fabric = [name for name in self.bench.cables if not is_host(name)]
        if not gsfs:
            hosts = len(self.bench.hosts_of("gsp0"))
            return SoloGsp(hosts=hosts, uplinks=len({name.partition(".")[0] for name in fabric}))
        if not gsps:
            return SoloGsf(gsps=len({name.partition(".")[0] for name in fabric}))
        hosts = min(len(self.bench.hosts_of(name)) for name in gsps)
        return LeafSpine(gsps=len(gsps), gsfs=len(gsfs), hosts=hosts)

    def _device_of(self, asked: Topology, host: str) -> str:
        return next(link.upper for link in asked.links if link.name == host)

    def _same_devices(self, asked: Topology) -> None:
        wanted, there = asked.of_status("under test"), self.bench.file.devices.keys()
        if set(wanted) != there:
            have = ", ".join(sorted(there))
            raise TesterLimited(f"the bench {self.bench.name} has {have} under test, not {', '.join(wanted)}")

    def _nothing_between(self, asked: Topology) -> None:
        names = {link.name for link in asked.links}
        for name, cable in self.bench.cables.items():
            if cable.inside and name not in names:
                raise TesterLimited(f"devices of the bench {self.bench.name} are joined by {name}, too")

    def _same_delays(self, asked: Topology) -> None:
        usual = self.bench.values["link_delay"]
        for link in asked.links:
            if link.delay_ns != usual and asked.bound(link):
                raise TesterLimited(
                    f"the bench {self.bench.name} cannot delay {link.name} by {link.delay_ns} ns: "
                    f"its links have {usual} ns"
                )

    def _same_proportions(self, asked: Topology, found: Mapping[str, Cable]) -> None:
        """Refuse links of which one is slower than another where the case wants otherwise."""
        links = [link for link in asked.links if link.name in found]
        for kind in (True, False):
            same = [link for link in links if link.fabric is kind]
            for link in same:
                first = same[0]
                if found[link.name].speed * first.rate_mbps != found[first.name].speed * link.rate_mbps:
                    raise TesterLimited(
                        f"the bench {self.bench.name} has {first.name} at {found[first.name].speed} and "
                        f"{link.name} at {found[link.name].speed} Mbit/s; the case wants {first.rate_mbps} "
                        f"to {link.rate_mbps}"
                    )

    def _behind(self, asked: Topology, found: Mapping[str, Cable]) -> int:
        """Rate of a link that is only emulated: that of the hosts, else of the fabric."""
        hosts = [found[link.name].speed for link in asked.links if not link.fabric and link.name in found]
        return min(hosts or [cable.speed for cable in found.values()])

    def _missing(self, asked: Topology, link: Link) -> TesterLimited:
        device = link.upper if link.upper in self.bench.file.devices else link.lower
        like = [other for other in asked.ports(device) if other.fabric is link.fabric]
        kind = ("uplink" if device == link.lower else "downlink") if link.fabric else "host"
        place = like.index(link)
        ordinal = ORDINALS[place] if place < len(ORDINALS) else f"{place + 1}th"
        return TesterLimited(f"the bench {self.bench.name} has no {ordinal} {kind} {link.name} at {device}")

    def _nodes(self, asked: Topology) -> dict[str, Node]:
        """Return every device under test its own node id, and an emulated one that it then lacks another."""
        taken = set(self.bench.nodes.values())
        free = [asked.nodes[name].id for name in self.bench.nodes if asked.nodes[name].id not in taken]
        nodes = {}
        for name, node in asked.nodes.items():
            number = self.bench.nodes.get(name, node.id)
            if name not in self.bench.nodes and number in taken:
                number = free.pop(0)
            nodes[name] = replace(node, id=number)
        return nodes

    def _numbers(self, asked: Topology, found: Mapping[str, Cable]) -> dict[str, dict[str, int]]:
        return {
            device: {
                link.name: found[link.name].ends[device].port
                for link in asked.ports(device)
                if link.name in found
            }
            for device in self.bench.file.devices
        }

    def _addresses(self) -> list[tuple[tuple[int, int], tuple[bytes, bytes]]]:
        return [
            ((host.node, host.port), (_mac(host.mac), bytes(int(part) for part in host.ip.split("."))))
            for host in self.bench.file.hosts
        ]


def usual_id(device: str) -> int:
    """Return the node id that the suite gives a device."""
    number = int(device[3:])
    return gsp_node(number) if device.startswith("gsp") else GSF_NODE_BASE + number


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))
