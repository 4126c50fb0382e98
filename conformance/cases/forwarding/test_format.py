"""Whether what a node sends is what the wire profile says."""

from conformance.api.marks import clause, needs, testbed
from conformance.api.testbeds import LeafSpine
from traffic.patterns import gap_at, incast
from traffic.scenario import LinkEvent, Scenario


@clause("FWD-WELL-FORMED")
@testbed(LeafSpine(gsps=3))
@needs("fabric taps", "link events")
def test_every_message_is_as_the_profile_says(bed, expect):
    """Under load, and while a link is lost, each device sends only messages of the wire profile."""
    size, span = bed.parameter("max_frame"), 10 * bed.parameter("hello_interval")
    count = span // gap_at(size, bed.parameter("link_rate"))
    lost = LinkEvent(span // 4, bed.uplinks_of(bed.gsps[-1])[0], up=False)
    load = incast([bed.host(0), bed.host(1)], bed.host(-1), count=count, size=size)
    recording = bed.play(load + Scenario(links=(lost,)))
    for name in (*bed.gsps, *bed.gsfs):
        expect.enough(recording.fabric.frames_of(name), 20, f"frames of {name}")
        wrong = [str(item) for item in recording.fabric.improper(name)]
        expect.equal(wrong, [], f"frames of {name} that the wire profile does not allow")
