from conformance.marks import clause, needs, testbed
from conformance.testbeds import LeafSpine
from traffic.patterns import interleaved


@clause("PKTC-ONE-DESTINATION")
@testbed(LeafSpine(gsps=3, gsfs=2, hosts=2))
@needs("fabric taps")
def test_container_is_for_one_egress(bed, expect):
    """No container holds frames for two hosts, though frames for four come in turn."""
    recording = bed.play(interleaved(bed.host(0), bed.hosts[2:], count=200))
    ends = {address.mac: (address.node, address.port) for address in bed.addresses.values()}
    expect.each(
        recording.containers(),
        "egresses of a container",
        lambda container: (
            {ends[recording.payload(row)[:6]] for row in container.rows}
            == {(container.destination, container.port)}
        ),
        at_least=20,
        expected="the egress that its header names",
    )
