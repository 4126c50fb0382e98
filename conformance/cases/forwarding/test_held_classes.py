"""What a GSP sends to hosts that pause some of their classes."""

from conformance.api.marks import clause, needs, testbed
from conformance.api.testbeds import LeafSpine
from traffic.frames.host import traffic_class
from traffic.patterns import elephant, gap_at
from traffic.scenario import Pause, Scenario


@clause("FWD-PAUSE-OBEYED")
@testbed(LeafSpine(hosts=2))
@needs("pfc")
def test_paused_classes_wait_and_others_go_on(bed, expect):
    """Two hosts pause classes by turns and again: those stand still, the third goes on, all arrive."""
    size, margin = bed.parameter("max_frame"), bed.parameter("latency_margin")
    gap = 4 * gap_at(size, bed.parameter("link_rate"))
    step = 4 * margin + 2 * gap
    one, other, *sources = bed.hosts
    pauses = (
        Pause(step, one, (7,), 3 * step),
        Pause(2 * step, one, (2,), step),
        Pause(2 * step, other, (2, 7), 2 * step),
        Pause(6 * step, one, (2,), 2 * step),
        Pause(7 * step, other, (7,), step),
    )
    load = Scenario(pauses=pauses)
    for source, target in zip(sources, (one, other), strict=True):
        for cls in (2, 7, 5):
            load += elephant(source, target, count=10 * step // gap, size=size, gap=gap, cls=cls)
    recording = bed.play(load)
    for pause in pauses:
        start, stop = pause.at + margin + gap, pause.at + pause.duration
        received = recording.hosts.frames(pause.host, "received")
        classes = [traffic_class(frame.frame) for frame in received if start < frame.time < stop]
        held = [cls for cls in classes if cls in pause.classes]
        expect.equal(held, [], f"frames to {pause.host} of classes paused at {pause.at} ns", unit="frame")
        expect.enough(classes.count(5), 1, f"frames to {pause.host} of the class that it never paused")
    lost = recording.hosts.losses()
    expect.equal(lost, [], "frames lost", unit="frame")
