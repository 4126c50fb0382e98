"""Which way a container goes: one path, or one other when that path is lost."""

from itertools import pairwise

from conformance.api.marks import clause, configure, needs, sweep, testbed
from conformance.api.testbeds import SoloGsp
from conformance.cases.pktc.containers import filling
from traffic.patterns import RFC2544
from traffic.scenario import LinkEvent, Scenario, Trigger


@clause("PKTC-ONE-PATH")
@testbed(SoloGsp(uplinks=4))
@needs("fabric taps")
@sweep("container_bytes")
def test_container_keeps_to_one_uplink(bed, expect, container_bytes):
    """Frames of one container leave on one uplink, however long the container is."""
    sizes = (*RFC2544[-3:], bed.parameter("max_frame"))
    recording = bed.play(filling(bed, 2, sizes))
    expect.each(
        recording.fabric.containers(at=bed.uplinks),
        f"uplinks of a container of {container_bytes} octets",
        lambda container: len(container.uplinks) == 1,
        at_least=2,
        expected=1,
        show=lambda container: container.uplinks,
        unit="uplink",
    )


@clause("PKTC-MOVED-TOGETHER")
@testbed(SoloGsp(hosts=2, uplinks=3))
@needs("fabric taps", "link events")
@configure(container_bytes=131072)
def test_container_moves_as_one(bed, expect):
    """What has not left when an uplink is cut in the middle of a container goes on together elsewhere."""
    lost = bed.uplinks[0]
    cut = Scenario(links=(LinkEvent(0, lost, up=False),), voids=("FWD-ZERO-LOSS",))
    trigger = Trigger("DATA", cut, lost, count=2, fields={"index": 4})
    recording = bed.play(filling(bed, 12, sizes=[594], sources=2) + Scenario(triggers=(trigger,)))
    moved = [item for item in recording.fabric.containers(at=bed.uplinks) if {lost} < item.uplinks]
    expect.enough(len(moved), 1, "containers that were on their way on the lost uplink")
    live = [link for link in bed.uplinks if link != lost]
    for container in recording.fabric.containers(at=live):
        if container.queue in {item.queue for item in moved}:
            expect.equal(len(container.uplinks), 1, "live uplinks of a container", container.rows)
            ordered = all(before < after for before, after in pairwise(container.indices))
            expect.that(ordered, "indices on the live uplink", "rising", container.indices, container.rows)
