"""What a container may hold: one destination, one class, whole frames, nothing else."""

from collections import Counter

from conformance.api.marks import clause, needs, testbed
from conformance.api.testbeds import SoloGsp
from conformance.cases.pktc.containers import filling
from traffic.frames.roce import identify
from traffic.patterns import RFC2544, elephant, interleaved, sweep
from traffic.recordings.recording import UP


@clause("PKTC-ONE-DESTINATION")
@testbed(SoloGsp(hosts=2, remotes=2))
@needs("fabric taps")
def test_one_egress_a_container(bed, expect):
    """Frames sent in turn to four hosts share containers only with frames for the same egress."""
    egress = {host.mac: (host.node, host.port) for host in bed.addresses.values()}
    fabric = bed.play(interleaved(bed.host(0), bed.hosts[2:], count=40)).fabric
    expect.each(
        fabric.containers(at=bed.uplinks),
        "egresses of the frames in a container",
        lambda container: (
            {egress[fabric.payload(row)[:6]] for row in container.rows}
            == {(container.destination, container.port)}
        ),
        at_least=4,
        expected="the one that its header names",
        show=lambda container: (
            f"{container}; {len({egress[fabric.payload(row)[:6]] for row in container.rows})} egresses"
        ),
    )


@clause("PKTC-CLASS-SEPARATION")
@testbed(SoloGsp())
@needs("fabric taps")
def test_one_class_a_container(bed, expect):
    """Frames of two priorities to one host travel in containers of their own, labelled with that class."""
    source, destination = bed.host(0), bed.host(-1)
    octets = 3 * bed.parameter("container_bytes")
    loads = [elephant(source, destination, bytes=octets, cls=cls) for cls in (2, 5)]
    recording = bed.play(loads[0] + loads[1])
    priority = {frame.frame: frame.cls for frame in recording.hosts.frames(source)}
    expect.each(
        recording.fabric.containers(at=bed.uplinks),
        "priorities of the frames in a container",
        lambda container: (
            {priority.get(recording.fabric.payload(row)) for row in container.rows} == {container.cls}
        ),
        at_least=4,
        expected="the class that its header names",
        show=lambda container: {priority.get(recording.fabric.payload(row)) for row in container.rows},
        unit="class",
    )


@clause("PKTC-WHOLE-FRAME")
@testbed(SoloGsp())
@needs("fabric taps")
def test_a_frame_crosses_whole(bed, expect):
    """Frames of every size up to the longest each cross in one DATA frame, octet for octet."""
    sizes = (*RFC2544, bed.parameter("max_frame"))
    recording = bed.play(sweep(bed.host(0), bed.host(-1), sizes=sizes, count=8))
    sent = {frame.frame for frame in recording.hosts.frames(bed.host(0))}
    data = recording.fabric.messages("DATA", bed.uplinks, UP)
    expect.equal(len(data), len(sent), "DATA frames for the host frames sent")
    expect.each(
        data,
        "host frame inside a DATA frame",
        lambda message: recording.fabric.payload(message.row) in sent,
        at_least=len(sizes),
        expected="one of those sent, whole",
        show=lambda message: recording.fabric.payload(message.row),
    )


@clause("PKTC-ONE-CONTAINER-A-FRAME")
@testbed(SoloGsp())
@needs("fabric taps")
def test_a_frame_is_in_one_container(bed, expect):
    """Frames that meet the borders of containers each have one place in one container."""
    recording = bed.play(filling(bed, 8, sizes=[1000]))
    containers = recording.fabric.containers(at=bed.uplinks)
    places = Counter(recording.fabric.payload(row) for container in containers for row in container.rows)
    expect.enough(len(containers), 8, "containers")
    expect.each(
        recording.hosts.frames(bed.host(0)),
        "places of a frame in containers",
        lambda frame: places[frame.frame] == 1,
        expected=1,
        show=lambda frame: places[frame.frame],
    )


@clause("PKTC-NO-PADDING")
@testbed(SoloGsp())
@needs("fabric taps")
def test_nothing_is_padded(bed, expect):
    """Frames of every size, alone in their containers, gain the header in the fabric and nothing else."""
    sizes = (*RFC2544, bed.parameter("max_frame"))
    pause = bed.parameter("flush_time") + bed.parameter("latency_margin")
    recording = bed.play(sweep(bed.host(0), bed.host(-1), sizes=sizes, count=2, gap=pause))
    length = {identify(frame.frame): len(frame.frame) for frame in recording.hosts.frames(bed.host(0))}
    carried = [
        recording.fabric.payload(message.row)
        for message in recording.fabric.messages("DATA", bed.uplinks, UP)
    ]
    expect.each(
        carried,
        "octets of a DATA frame after its header",
        lambda frame: length.get(identify(frame)) == len(frame),
        at_least=len(sizes),
        expected="a host frame and no more",
    )
