"""What a GSF does with the containers that pass through it."""

from collections import Counter
from dataclasses import replace
from itertools import product

from conformance.api.marks import clause, needs, testbed
from conformance.api.testbeds import SoloGsf
from conformance.cases.spraying.shares import begun, judge_shares, lasting, line_time, plenty, rounds
from traffic.patterns import RFC2544, elephant, gap_at, sweep
from traffic.recordings.recording import DOWN, UP
from traffic.scenario import LinkEvent, Scenario


def key(container):
    """Return what a container is known by on both sides of a GSF."""
    return container.queue, container.sequence


@clause("SPRAY-GSF-CONTAINER-ORDER")
@testbed(SoloGsf(gsps=4))
@needs("fabric taps")
def test_frames_of_a_container_do_not_overtake(bed, expect):
    """Containers of three sources and classes in mixed frame sizes leave with their frames as they came."""
    sources, target = zip(bed.hosts[:-1], (0, 3, 6), strict=True), bed.host(-1)
    sizes = (*(size + 2 for size in RFC2544), bed.parameter("max_frame"))
    count = max(40, rounds(bed, sizes, 90) // 3)
    loads = [sweep(host, target, sizes=sizes, count=count, cls=cls) for host, cls in sources]
    load = sum(loads, Scenario())
    recording = bed.play(load)
    came = {key(item): item.indices for item in recording.fabric.containers(direction=UP)}
    expect.each(
        recording.fabric.containers(direction=DOWN),
        "indices of the frames of a container as they leave",
        lambda container: container.indices == came.get(key(container)),
        at_least=60,
        expected="the order of arrival",
        show=lambda container: container.indices,
    )


@clause("SPRAY-GSF-ONE-LINK", "parallel-links")
@testbed(SoloGsf(gsps=4, parallel=2))
@needs("fabric taps")
def test_a_container_keeps_to_one_of_parallel_links(bed, expect):
    """Containers of three sources in two classes leave on one link of their GSP each, and both are used."""
    sizes = (*(size + 2 for size in RFC2544), bed.parameter("max_frame"))
    count = max(20, rounds(bed, sizes, 45) // 3)
    flows = product(bed.hosts[:-1], (0, 5))
    loads = [sweep(host, bed.host(-1), sizes=sizes, count=count, cls=cls) for host, cls in flows]
    load = sum(loads, Scenario())
    containers = bed.play(load).fabric.containers(direction=DOWN, destination="gsp3")
    used = Counter(link for container in containers for link in container.links)
    expect.enough(len(used), 2, "links in use")
    expect.each(
        containers,
        "links of a container",
        lambda container: len(container.links) == 1,
        at_least=30,
        expected=1,
        show=lambda container: container.links,
        unit="link",
    )


@clause("SPRAY-GSF-ONE-LINK", "beside-a-lost-node")
@testbed(SoloGsf(gsps=5, parallel=2))
@needs("fabric taps", "link events")
def test_a_container_keeps_its_link_when_others_change(bed, expect):
    """Containers for one GSP keep to one of its links each while links of others go down, one by one."""
    size = max(RFC2544)
    count = max(200, rounds(bed, (size,), 60) // 3)
    load = sum((elephant(host, bed.host(-1), count=count, size=size) for host in bed.hosts[:2]), Scenario())
    span, others = count * gap_at(size, bed.parameter("link_rate")), ("gsp2", "gsp3")
    lost = [link for gsp in others for link in bed.uplinks_of(gsp)]
    cuts = [LinkEvent(span * (turn + 1) // 6, link, up=False) for turn, link in enumerate(lost)]
    recording = bed.play(load + Scenario(links=tuple(cuts)))
    expect.each(
        recording.fabric.containers(direction=DOWN, destination="gsp4"),
        "links of a container",
        lambda container: len(container.links) == 1,
        at_least=30,
        expected=1,
        show=lambda container: container.links,
        unit="link",
    )


@clause("SPRAY-GSF-ONE-LINK", "slow-containers")
@testbed(SoloGsf(gsps=3, parallel=2))
@needs("fabric taps")
def test_a_slow_container_keeps_its_link(bed, expect):
    """Containers whose frames come with long pauses keep to one link while another flow uses both."""
    size, gap = max(RFC2544), bed.parameter("flush_time") * 9 // 10
    frames = 4 * bed.parameter("container_bytes") // size
    busy = 4 * gap_at(size, bed.parameter("link_rate"))
    load = elephant(bed.host(0), bed.host(-1), count=frames, size=size, gap=gap)
    load += elephant(bed.host(1), bed.host(-1), count=frames * gap // busy, size=size, gap=busy)
    containers = bed.play(load).fabric.containers(direction=DOWN, destination="gsp2")
    slow = [item for item in containers if item.source == bed.node("gsp0") and item.frames > 1]
    expect.each(
        slow,
        "links of a slow container",
        lambda container: len(container.links) == 1,
        at_least=3,
        expected=1,
        show=lambda container: container.links,
        unit="link",
    )


@clause("SPRAY-GSF-EVEN", "parallel-links")
@testbed(SoloGsf(gsps=2, parallel=4))
@needs("fabric taps")
def test_parallel_links_share_equally(bed, expect):
    """One flow that arrives on one link leaves in equal shares on the four links to its destination."""
    parallel = bed.uplinks_of("gsp1")
    one_link = replace(bed.peer("gsp0"), links=bed.uplinks_of("gsp0")[:1])
    load = elephant(bed.host(0), bed.host(-1), bytes=plenty(bed, len(parallel)))
    recording = bed.play(load + Scenario(peers=(one_link,)))
    came = {link for container in recording.fabric.containers(direction=UP) for link in container.links}
    expect.given(len(came) == 1, "the flow arrives on one link")
    containers = recording.fabric.containers(direction=DOWN, destination="gsp1")
    judge_shares(bed, expect, containers, dict.fromkeys(parallel, 1), "one flow")


@clause("SPRAY-GSF-EVEN", "after-a-return")
@testbed(SoloGsf(gsps=2, parallel=3))
@needs("fabric taps", "link events")
def test_a_link_that_returned_carries_its_share(bed, expect):
    """One of three parallel links that was lost and came back carries a third afterwards, and no more."""
    parallel = bed.uplinks_of("gsp1")
    span = line_time(bed, plenty(bed, len(parallel)))
    back = 2 * span + bed.parameter("flap_hold") + bed.parameter("convergence_max")
    events = (LinkEvent(span, parallel[0], up=False), LinkEvent(2 * span, parallel[0], up=True))
    load = lasting(bed, bed.host(0), bed.host(-1), back + span)
    recording = bed.play(load + Scenario(links=events))
    containers = recording.fabric.containers(direction=DOWN, destination="gsp1")
    during = begun(containers, span + bed.parameter("latency_margin"), 2 * span)
    judge_shares(bed, expect, during, dict.fromkeys(parallel[1:], 1), "while it is lost")
    judge_shares(bed, expect, begun(containers, back), dict.fromkeys(parallel, 1), "when it is back")
