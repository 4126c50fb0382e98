from dataclasses import replace
from itertools import pairwise

from conformance.api.marks import clause, needs, testbed
from conformance.api.testbed import Testbed
from conformance.api.testbeds import LeafSpine
from traffic.frames.roce import identify
from traffic.patterns import RFC2544, elephant, frame_count, interleaved, line_rate, sweep
from traffic.scenario import UP, Impairment, Scenario

PSN_BITS = 24


def skewed(bed: Testbed) -> Scenario:
    """Slow one of the paths between the leaves down, within what the devices expect and wait for."""
    delay = min(bed.parameter("path_delay_max"), bed.parameter("reorder_timeout")) // 2
    return Scenario(impairments=(Impairment(bed.uplinks[0], "delay", UP, value=delay, messages=("DATA",)),))


@clause("ORDER-PER-FLOW", "path-skew")
@testbed(LeafSpine())
@needs("impairments", "fabric taps")
def test_flow_is_in_order_over_unequal_paths(bed, expect):
    """Flows of two classes and of all sizes that the fabric reorders leave the egress as they came."""
    source, destination = bed.host(0), bed.host(-1)
    count = max(250, frame_count(max(RFC2544), 20 * bed.parameter("container_bytes"), None))
    load = elephant(source, destination, count=count) + elephant(source, destination, count=count, cls=4)
    sizes = (bed.parameter("max_frame"), min(RFC2544), max(RFC2544))
    recording = bed.play(load + sweep(source, destination, sizes=sizes, count=40) + skewed(bed))
    within = recording.fabric.reordering(destination="gsp1")
    expect.enough(within.reordered, 20, "reordered frames on the links to the destination GSP")
    order = recording.hosts.reordering(source, destination)
    expect.enough(order.received, 200, "frames received")
    expect.equal(order.reordered, 0, "reordered frames (RFC 4737) at the host", order.rows)


@clause("ORDER-PER-FLOW", "counted-at-line-rate")
@testbed(LeafSpine())
def test_streams_are_in_order_at_line_rate(bed, expect):
    """Of two hosts that fill each other's line for long, each receives the other's frames in order."""
    near, far = bed.host(0), bed.host(-1)
    span = 4 * bed.parameter("convergence_max")
    rate, read = bed.parameter("link_rate"), bed.parameter("order_interval")
    load = line_rate([(near, far), (far, near)], rate_mbps=rate, span=span, order_interval=read)
    recording = bed.play(load)
    expect.each(
        [flow for flow in recording.hosts.flows() if flow.reordered is not None and flow.lost < flow.sent],
        "frames of a stream",
        lambda flow: flow.reordered == 0,
        at_least=2,
        expected="none reordered (RFC 4737)",
        show=lambda flow: f"{flow.reordered} of {flow.sent} reordered",
    )


@clause("ORDER-ROCE-PSN")
@testbed(LeafSpine())
@needs("impairments")
def test_packet_numbers_rise_by_one(bed, expect):
    """Each RoCEv2 queue pair sees its packet sequence numbers rise by one, also where they wrap."""
    source, destination = bed.host(0), bed.host(-1)
    load = interleaved(source, [destination] * 4, count=50)
    wrapping = replace(load.streams[0], first=(1 << PSN_BITS) - 25)
    load = replace(load, streams=(wrapping, *load.streams[1:]))
    recording = bed.play(load + skewed(bed))
    for pair in load.streams:
        labels = [identify(item.frame) for item in recording.hosts.frames(destination, "received")]
        numbers = [label[1] for label in labels if label is not None and label[0] == pair.id]
        expect.enough(len(numbers), pair.count, f"packets of queue pair {pair.id}")
        steps = {(after - before) % (1 << PSN_BITS) for before, after in pairwise(numbers)}
        expect.equal(steps, {1}, f"steps of the sequence number of queue pair {pair.id}")
