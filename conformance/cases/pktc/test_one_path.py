from conformance.marks import clause, needs, sweep, testbed
from conformance.testbeds import LeafSpine
from traffic.patterns import elephant


@clause("PKTC-ONE-PATH")
@testbed(LeafSpine(gsps=2, gsfs=4))
@needs("fabric taps")
@sweep("container_bytes")
def test_container_keeps_to_one_uplink(bed, expect, container_bytes):
    """Frames of one container leave on one uplink, however the load is spread."""
    recording = bed.play(elephant(bed.host(0), bed.host(-1), bytes=10 * container_bytes, size=9216))
    expect.each(
        recording.containers(at=bed.uplinks),
        "uplinks of a container",
        lambda container: len(container.uplinks) == 1,
        at_least=8,
        expected="one uplink",
    )
