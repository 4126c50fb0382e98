"""Paths of equal weight carry equal load, whatever is sent and to whomever."""

from collections import Counter, defaultdict
from dataclasses import replace
from functools import reduce
from itertools import cycle
from operator import add
from random import Random
from typing import Any

from conformance.api.marks import clause, configure, needs, testbed
from conformance.api.testbeds import SoloGsp
from conformance.cases.spraying.shares import judge_shares, plenty, successive
from traffic.patterns import RFC2544, SIZES, credit_bytes, elephant, frame_count
from traffic.scenario import Scenario, Signal, Stream


@clause("SPRAY-SINGLE-FLOW-ALL-PATHS")
@testbed(SoloGsp(uplinks=6))
@needs("fabric taps")
def test_one_flow_takes_every_uplink(bed, expect):
    """The containers of one five-tuple at line rate leave on all uplinks, an equal share on each."""
    octets = plenty(bed, len(bed.uplinks))
    for cls in (0, 6):
        load = elephant(bed.host(0), bed.host(-1), bytes=octets, cls=cls)
        containers = bed.play(load).fabric.containers(at=bed.uplinks)
        used = {link for container in containers for link in container.links}
        expect.equal(used, set(bed.uplinks), f"uplinks that carry class {cls}", unit="uplink")
        judge_shares(bed, expect, containers, dict.fromkeys(bed.uplinks, 1), f"flow of class {cls}")


@clause("SPRAY-EVEN", "long-run-share")
@testbed(SoloGsp(uplinks=2))
@needs("fabric taps")
@configure(container_bytes=9240)
def test_every_size_is_spread_evenly(bed, expect):
    """A flow of each frame size leaves in equal shares on all uplinks."""
    sizes = [size for size in SIZES if size <= bed.parameter("max_frame")]
    for size in sizes:
        load = elephant(bed.host(0), bed.host(-1), bytes=plenty(bed, len(bed.uplinks), size), size=size)
        containers = bed.play(load).fabric.containers(at=bed.uplinks)
        judge_shares(bed, expect, containers, dict.fromkeys(bed.uplinks, 1), f"frames of {size} octets")


@clause("SPRAY-EVEN", "bounded-difference")
@testbed(SoloGsp(uplinks=3))
@needs("fabric taps")
def test_difference_is_bounded_at_every_instant(bed, expect):
    """After each container of mixed sizes two uplinks differ by one container and one frame at most."""
    longest = bed.parameter("max_frame")
    octets = max(plenty(bed, len(bed.uplinks)), 4 << 20, 75 * bed.parameter("container_bytes"))
    many = 4 * frame_count(longest, octets, None)
    sizes = Random(1).choices((*RFC2544, longest), (1, 1, 1, 1, 1, 1, 4, 6), k=many)
    flow = Stream(1, bed.host(0), bed.host(-1), tuple(sizes), many)
    containers = bed.play(Scenario(streams=(flow,))).fabric.containers(at=bed.uplinks)
    bound = bed.parameter("container_bytes") + credit_bytes(longest)
    expect.enough(len(containers), 100, "containers")
    carried = Counter(dict.fromkeys(bed.uplinks, 0))
    for container in sorted(containers, key=lambda container: container.sequence):
        carried[min(container.links)] += container.bytes
        gap = max(carried.values()) - min(carried.values())
        expect.at_most(gap, bound, "difference of two uplinks", "octet", rows=container.rows)


@clause("SPRAY-PER-DESTINATION", "alternating-destinations")
@testbed(SoloGsp(uplinks=2, remotes=2))
@needs("fabric taps")
def test_alternating_destinations_are_even_each(bed, expect):
    """Containers for two nodes in turn, as large or small ones for the second, and each has equal shares."""
    turn, longest = 2 * bed.parameter("flush_time"), bed.parameter("max_frame")
    many = 2 * frame_count(longest, plenty(bed, len(bed.uplinks)), None)
    for beside in (min(RFC2544), longest):
        flows = [
            elephant(bed.host(0), host, count=many, size=size, start=start, gap=2 * turn)
            for host, size, start in ((bed.host(2), longest, 0), (bed.host(-1), beside, turn))
        ]
        fabric = bed.play(reduce(add, flows)).fabric
        for gsp in ("gsp1", "gsp2"):
            containers = fabric.containers(at=bed.uplinks, destination=gsp)
            judge_shares(bed, expect, containers, dict.fromkeys(bed.uplinks, 1), f"containers for {gsp}")


@clause("SPRAY-PER-DESTINATION", "beside-changing-weights")
@testbed(SoloGsp(uplinks=2, remotes=2))
@needs("fabric taps")
def test_changes_for_one_node_leave_the_other_even(bed, expect):
    """While the weights of the paths to one node change all the time, another node has equal shares."""
    turn, longest = 2 * bed.parameter("flush_time"), bed.parameter("max_frame")
    many = 2 * frame_count(longest, plenty(bed, len(bed.uplinks)), None)
    changes = tuple(
        Signal(bed.node("gsp1"), (bed.node("gsp0"),), level, bed.parameter("bp_validity"), number * turn)
        for number, level in zip(range(many), cycle((64, 128)))
    )
    load = elephant(bed.host(0), bed.host(-1), count=many, size=longest, gap=turn)
    recording = bed.play(load + Scenario(peers=(replace(bed.peer("gsf1"), signals=changes),)))
    expect.enough(len(recording.fabric.messages("BACKPRESSURE", bed.uplinks)), many // 2, "changes")
    containers = recording.fabric.containers(at=bed.uplinks, destination="gsp2")
    judge_shares(bed, expect, containers, dict.fromkeys(bed.uplinks, 1), "containers for the other node")


@clause("SPRAY-NO-STICKINESS")
@testbed(SoloGsp(uplinks=2))
@needs("fabric taps")
def test_no_five_tuple_sticks_to_an_uplink(bed, expect):
    """Of three full containers of a flow in a row not all take one uplink, in each of eight flows in turn."""
    size, udp_source = max(RFC2544), slice(34, 36)
    flows = [(8 * bed.parameter("container_bytes"), size)] * 8
    recording = bed.play(successive(bed, bed.host(0), bed.host(-1), flows))
    room = bed.parameter("container_bytes") - credit_bytes(size)
    seen: defaultdict[bytes, list[Any]] = defaultdict(list)
    for container in sorted(recording.fabric.containers(at=bed.uplinks), key=lambda item: item.sequence):
        flow, last = (recording.fabric.payload(container.rows[end])[udp_source] for end in (0, -1))
        if flow == last and container.bytes > room:
            seen[flow].append(container)
    expect.equal(len(seen), len(flows), "five-tuples with full containers")
    for containers in seen.values():
        threes = zip(containers, containers[1:], containers[2:], strict=False)
        expect.each(
            [three for three in threes if three[2].sequence == three[0].sequence + 2],
            "uplinks of three full containers in a row",
            lambda three: len({item.links for item in three}) > 1,
            at_least=3,
            expected="2 or more",
            show=lambda three: frozenset.union(*(item.links for item in three)),
            unit="uplink",
        )
