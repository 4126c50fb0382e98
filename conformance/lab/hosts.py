"""The hosts that a device has to know: those of every testbed that a bench can be."""

from collections.abc import Iterable

from conformance.lab.layout import Layout
from conformance.outcomes import TesterLimited
from conformance.testbeds import Request
from traffic.scenario import HostAddress


def hosts_of(layout: Layout, requests: Iterable[Request]) -> tuple[list[HostAddress], int]:
    """Give the hosts of the testbeds that the bench has, in order of node and port, and how many testbeds."""
    rate, delay = (int(layout.bench.values[name]) for name in ("link_rate", "link_delay"))
    found: dict[tuple[int, int], HostAddress] = {}
    had = 0
    for request in requests:
        try:
            topology = layout.realise(request.topology(rate, delay))
        except TesterLimited:
            continue
        had += 1
        found |= {(host.node, host.port): host for host in topology.addresses.values()}
    return [found[place] for place in sorted(found)], had
