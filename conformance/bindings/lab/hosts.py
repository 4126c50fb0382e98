"""The hosts that devices have to know: those of every testbed that a bench can be."""

from typing import Final

from conformance.api.testbeds import SoloGsp, Topology
from conformance.bindings.lab.layout import Layout
from traffic.scenario import HostAddress

REMOTES: Final = 7
"""GSPs that are emulated around one under test, at most."""


def hosts_of(layout: Layout) -> list[HostAddress]:
    """Return them in order of node and port: the bench's own, and those behind GSPs that are emulated."""
    topologies = [layout.everything()]
    topologies += [layout.bind(asked) for asked in _around(layout)]
    found = {(host.node, host.port): host for topology in topologies for host in topology.addresses.values()}
    return [found[place] for place in sorted(found)]


def _around(layout: Layout) -> list[Topology]:
    """Return testbeds with as many GSPs as there may be around a lone one, by its number of hosts."""
    if list(layout.bench.file.devices) != ["gsp0"]:
        return []
    rate, delay = (int(layout.bench.values[name]) for name in ("link_rate", "link_delay"))
    numbers = range(1, len(layout.bench.hosts_of("gsp0")) + 1)
    return [SoloGsp(number, 1, REMOTES).topology(rate, delay) for number in numbers]
