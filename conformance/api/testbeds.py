"""What a case asks of a bench: frozen requests, and the topology that each of them stands for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol

from traffic.recordings.recording import Link, Node, ParameterValue
from traffic.scenario import GrantPolicy, GsfPeer, GspPeer, HostAddress, Peer, Reach
from traffic.tester.tester import TesterPort

Status = Literal["under test", "reference", "emulated"]

GSF_NODE_BASE = 0x80


def gsp_node(index: int) -> int:
    """Return the node id of a GSP by its number from 0: 1, 193, 65, 2, 194, 66, ...

    Neighbours differ in the upper bits alone, so that a device that drops some of them mixes two nodes up;
    all fit into 8 bits.
    """
    return 1 + index // 3 + (0, 0xC0, 0x40)[index % 3]


@dataclass(frozen=True)
class Topology:
    """Devices and links. The ports of a device are its links in the order of `links`.

    `numbers` are the port numbers, by device and link, of devices that do not count from 0; `hosts_at` are
    the (MAC, IP) addresses of hosts, by node and port, that have not those of the suite.
    """

    nodes: Mapping[str, Node]
    links: tuple[Link, ...]
    numbers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    hosts_at: Mapping[tuple[int, int], tuple[bytes, bytes]] = field(default_factory=dict)

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        """Names of all hosts, those behind emulated devices included."""
        return tuple(link.name for link in self.links if not link.fabric)

    def ports(self, node: str) -> tuple[Link, ...]:
        """Links of a device in order of its port numbers."""
        return tuple(link for link in self.links if node in (link.lower, link.upper))

    def number(self, node: str, link: Link) -> int:
        """Return the number of the port of a device that a link is at."""
        own = self.numbers.get(node, {})
        return own[link.name] if link.name in own else self.ports(node).index(link)

    @cached_property
    def addresses(self) -> dict[str, HostAddress]:
        """Address of each host, which depends on its node and port alone."""
        found = {}
        for link in self.links:
            if not link.fabric:
                node, port = self.nodes[link.upper].id, self.number(link.upper, link)
                mac, ip = self.hosts_at.get((node, port)) or (host_mac(node, port), host_ip(node, port))
                found[link.name] = HostAddress(link.name, mac, ip, node, port)
        return found

    def of_status(self, status: Status) -> tuple[str, ...]:
        """Return the names of the devices of that status."""
        return tuple(name for name, node in self.nodes.items() if node.status == status)

    def bound(self, link: Link) -> bool:
        """Whether the link is really there: the tester stands in for all that lies behind its own end."""
        ends = (self.nodes[end] for end in (link.lower, link.upper) if end in self.nodes)
        return any(node.status != "emulated" for node in ends)


class Request(Protocol):
    """A testbed that a case asks for."""

    @property
    def roles(self) -> frozenset[str]:
        """Roles of the devices under test."""

    def topology(self, rate_mbps: int, delay_ns: int) -> Topology:
        """Return the devices and links, with this rate and delay where the request names no other."""


@dataclass(frozen=True)
class SoloGsp:
    """One GSP under test; the tester is its hosts, its GSFs, and the GSPs with as many hosts behind them."""

    hosts: int = 2
    uplinks: int = 2
    remotes: int = 1

    @property
    def roles(self) -> frozenset[str]:
        """The GSP alone is judged."""
        return frozenset({"GSP"})

    def topology(self, rate_mbps: int, delay_ns: int) -> Topology:
        """Return a leaf and spine of which all but `gsp0` is emulated."""
        return _Clos(gsps=1 + self.remotes, gsfs=self.uplinks, hosts=self.hosts, tested="gsp0").topology(
            rate_mbps, delay_ns
        )


@dataclass(frozen=True)
class SoloGsf:
    """One GSF under test; the tester is every GSP around it, each on `parallel` links and with one host."""

    gsps: int = 3
    parallel: int = 1

    @property
    def roles(self) -> frozenset[str]:
        """The GSF alone is judged."""
        return frozenset({"GSF"})

    def topology(self, rate_mbps: int, delay_ns: int) -> Topology:
        """Return a star of which all but `gsf0` is emulated."""
        return _Clos(gsps=self.gsps, gsfs=1, hosts=1, parallel=self.parallel, tested="gsf0").topology(
            rate_mbps, delay_ns
        )


@dataclass(frozen=True)
class LeafSpine:
    """Every GSP linked to every GSF, by `parallel` links each.

    Some links have 1/n of the rate (`slower`), or other `delays` (ns).
    """

    gsps: int = 2
    gsfs: int = 2
    hosts: int = 1
    slower: Mapping[str, int] = field(default_factory=dict)
    delays: Mapping[str, int] = field(default_factory=dict)
    parallel: int = field(default=1, repr=False)

    @property
    def roles(self) -> frozenset[str]:
        """The whole fabric is judged."""
        return frozenset({"GSP", "GSF"})

    def topology(self, rate_mbps: int, delay_ns: int) -> Topology:
        """Return a leaf and spine that is under test as a whole."""
        whole = _Clos(gsps=self.gsps, gsfs=self.gsfs, hosts=self.hosts, parallel=self.parallel).topology(
            rate_mbps, delay_ns
        )
        unknown = {*self.slower, *self.delays} - {link.name for link in whole.links}
        if unknown:
            raise ValueError(f"{self}: there is no link {', '.join(sorted(unknown))}")
        links = tuple(
            Link(
                link.name,
                link.lower,
                link.upper,
                rate_mbps // self.slower.get(link.name, 1),
                self.delays.get(link.name, delay_ns),
            )
            for link in whole.links
        )
        return Topology(whole.nodes, links)


@dataclass(frozen=True, kw_only=True)
class _Clos:
    """Two tiers, fully linked; `tested` names the devices under test, None means all."""

    gsps: int
    gsfs: int
    hosts: int
    parallel: int = 1
    tested: str | None = None

    def topology(self, rate_mbps: int, delay_ns: int) -> Topology:
        leaves = [f"gsp{index}" for index in range(self.gsps)]
        spines = [f"gsf{index}" for index in range(self.gsfs)]
        nodes = {name: self._node(name, gsp_node(index), "GSP") for index, name in enumerate(leaves)}
        nodes |= {name: self._node(name, GSF_NODE_BASE + index, "GSF") for index, name in enumerate(spines)}
        hosts = [
            (f"h{index * self.hosts + port}", leaf)
            for index, leaf in enumerate(leaves)
            for port in range(self.hosts)
        ]
        links = [Link(host, host, leaf, rate_mbps, delay_ns) for host, leaf in hosts]
        links += [
            Link(f"{leaf}-{spine}" + (f".{copy}" if copy else ""), leaf, spine, rate_mbps, delay_ns)
            for leaf in leaves
            for spine in spines
            for copy in range(self.parallel)
        ]
        return Topology(nodes, tuple(links))

    def _node(self, name: str, number: int, role: str) -> Node:
        return Node(number, role, "under test" if self.tested in (None, name) else "emulated")


def default_peers(topology: Topology, parameters: Mapping[str, ParameterValue]) -> tuple[Peer, ...]:
    """Return a well-behaved peer for each emulated GSP, and for each link of an emulated GSF."""
    value: dict[str, Any] = {name: item.value for name, item in parameters.items()}
    nodes = topology.nodes
    emulated = topology.of_status("emulated")
    gsps = [name for name in emulated if nodes[name].role == "GSP"]
    fabric = [link for link in topology.links if link.fabric and topology.bound(link)]
    gsfs = [
        GsfPeer(
            nodes[link.upper].id,
            link.name,
            reaches=tuple(Reach(nodes[name].id, link.rate_mbps) for name in gsps),
            rate_mbps=link.rate_mbps,
            hello_interval=value["hello_interval"],
            delay=link.delay_ns,
        )
        for link in fabric
        if link.upper in emulated
    ]
    return (*gsfs, *(_gsp_peer(topology, name, value) for name in gsps))


def host_mac(node: int, port: int) -> bytes:
    """Return the address of the host at a port of a GSP, the same in every testbed."""
    return bytes((0x02, 0, 0, node >> 8, node & 0xFF, port))


def host_ip(node: int, port: int) -> bytes:
    """Return the IPv4 address of the host at a port of a GSP, of those for benchmarks (RFC 2544)."""
    return bytes((198, 18 | node >> 8 & 1, node & 0xFF, port))


def port_mac(node: int, port: int) -> bytes:
    """Return the address of a port of a device of the bench, emulated ones included."""
    return bytes((0x02, 0x47, node >> 8, node & 0xFF, 0, port))


def tester_ports(topology: Topology, links: Iterable[Link]) -> list[TesterPort]:
    """Return every end of a link that no device under test or of the reference has, as a tester's port."""
    emulated = topology.of_status("emulated")
    found = []
    for link in links:
        if not link.fabric:
            found.append(TesterPort(link.name, link.rate_mbps, topology.addresses[link.name].mac, "host"))
            continue
        for end in (link.lower, link.upper):
            if end in emulated:
                mac = port_mac(topology.nodes[end].id, topology.number(end, link))
                found.append(TesterPort(link.name, link.rate_mbps, mac, "fabric"))
    return found


def _gsp_peer(topology: Topology, name: str, value: Mapping[str, Any]) -> GspPeer:
    ports = topology.ports(name)
    settings = (
        "hello_interval",
        "container_bytes",
        "flush_time",
        "request_refresh",
        "age_out",
        "unsolicited_bytes",
    )
    return GspPeer(
        topology.nodes[name].id,
        hosts=tuple(link.name for link in ports if not link.fabric),
        links=tuple(link.name for link in ports if link.fabric and topology.bound(link)),
        rate_mbps=ports[0].rate_mbps,
        grants=GrantPolicy(validity=value["grant_validity"]),
        **{setting: value[setting] for setting in settings},
    )
