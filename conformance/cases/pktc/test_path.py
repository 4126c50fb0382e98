"""Which way a container goes: one path, or one other when that path is lost."""

from dataclasses import replace
from itertools import pairwise

from conformance.api.marks import clause, configure, needs, sweep, testbed
from conformance.api.testbeds import SoloGsp
from conformance.cases.pktc.containers import filling
from traffic.patterns import RFC2544, elephant, gap_at
from traffic.recordings.recording import UP
from traffic.scenario import LinkEvent, Scenario, Trigger, Window


@clause("PKTC-ONE-PATH")
@testbed(SoloGsp(uplinks=4))
@needs("fabric taps")
@sweep("container_bytes")
def test_container_keeps_to_one_uplink(bed, expect, container_bytes):
    """Frames of one container leave on one uplink, however long it is and whatever its class."""
    sizes = (*RFC2544[-3:], bed.parameter("max_frame"))
    recording = bed.play(filling(bed, 2, sizes, classes=(0, 4)))
    expect.each(
        recording.fabric.containers(at=bed.uplinks),
        f"uplinks of a container of {container_bytes} octets",
        lambda container: len(container.uplinks) == 1,
        at_least=2,
        expected=1,
        show=lambda container: container.uplinks,
        unit="uplink",
    )


@clause("PKTC-PATH-UNDISTURBED")
@testbed(SoloGsp(hosts=4, uplinks=3, remotes=2))
@needs("fabric taps")
def test_a_container_stays_when_another_node_is_lost(bed, expect):
    """Containers for one node keep to their uplink while a GSF loses another node that is under load, too."""
    peer, lost, margin = bed.peer(bed.gsfs[0]), bed.node("gsp1"), 5 * bed.parameter("hello_interval") // 2
    reaches = [
        replace(reach, during=Window(stop=margin)) if reach.node == lost else reach for reach in peer.reaches
    ]
    count = 2 * margin // gap_at(max(RFC2544), bed.parameter("link_rate"))
    pairs = [(host, bed.hosts[4 + number * 2]) for number, host in enumerate(bed.hosts[:4])]
    load = sum((elephant(here, there, count=count) for here, there in pairs), Scenario())
    recording = bed.play(load + Scenario(peers=(replace(peer, reaches=tuple(reaches)),)))
    used = [
        data.time
        for data in recording.fabric.messages("DATA", bed.uplinks[0], UP, destination="gsp1")
        if data.time > margin + bed.parameter("hello_interval")
    ]
    expect.given(not used, "the GSP has learnt of the loss")
    expect.each(
        recording.fabric.containers(at=bed.uplinks, destination="gsp2"),
        "uplinks of a container for the other node",
        lambda container: len(container.uplinks) == 1,
        at_least=20,
        expected=1,
        show=lambda container: container.uplinks,
        unit="uplink",
    )


@clause("PKTC-MOVED-TOGETHER")
@testbed(SoloGsp(hosts=2, uplinks=4))
@needs("fabric taps", "link events")
@configure(container_bytes=131072)
def test_container_moves_as_one(bed, expect):
    """What has not left when one uplink and then another is cut in a container goes on together elsewhere."""
    lost, live = bed.uplinks[:2], bed.uplinks[2:]
    cuts = [Scenario(links=(LinkEvent(0, link, up=False),), voids=("FWD-ZERO-LOSS",)) for link in lost]
    triggers = (
        Trigger("DATA", cuts[0], lost[0], count=2, fields={"index": 4}),
        Trigger("DATA", cuts[1], lost[1], count=3, fields={"index": 4}),
    )
    recording = bed.play(filling(bed, 16, sizes=[594], sources=2) + Scenario(triggers=triggers))
    for link in lost:
        moved = [item for item in recording.fabric.containers(at=bed.uplinks) if {link} < item.uplinks]
        expect.enough(len(moved), 1, f"containers that were on their way on {link}")
    expect.each(
        recording.fabric.containers(at=live),
        "uplink and indices of what is left of a container",
        lambda container: len(container.uplinks) == 1 and all(a < b for a, b in pairwise(container.indices)),
        at_least=8,
        expected="one uplink, rising indices",
        show=lambda container: (container.uplinks, container.indices),
    )


@clause("PKTC-COUNTERS", "moved")
@testbed(SoloGsp(hosts=2, uplinks=3))
@needs("fabric taps", "counters", "link events")
@configure(container_bytes=131072)
def test_moved_containers_are_counted(bed, expect):
    """containers_moved grows by the containers of which frames went up a second uplink."""
    lost = bed.uplinks[0]
    cut = Scenario(links=(LinkEvent(0, lost, up=False),), voids=("FWD-ZERO-LOSS",))
    trigger = Trigger("DATA", cut, lost, count=2, fields={"index": 4})
    recording = bed.play(filling(bed, 12, sizes=[594], sources=2) + Scenario(triggers=(trigger,)))
    moved = [item for item in recording.fabric.containers(at=bed.uplinks) if len(item.uplinks) > 1]
    expect.enough(len(moved), 1, "containers of which frames went up two uplinks")
    counted = recording.devices.counter("containers_moved", "gsp0")
    expect.equal(counted, len(moved), "growth of containers_moved", unit="container")
