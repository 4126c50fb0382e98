"""Paths carry load by weight: the rate of the link, what lies behind it, and what back-pressure leaves."""

from dataclasses import replace

from conformance.api.marks import clause, needs, testbed
from conformance.api.testbeds import LeafSpine, SoloGsp
from conformance.cases.spraying.shares import begun, judge_shares, lasting, line_time, plenty
from traffic.patterns import elephant
from traffic.recordings.recording import DOWN
from traffic.scenario import Scenario, Signal


@clause("SPRAY-WEIGHT-BY-RATE")
@testbed(LeafSpine(slower={"gsp0-gsf1": 2}))
@needs("fabric taps")
def test_load_follows_the_rate_of_the_uplinks(bed, expect):
    """Over an uplink at the nominal rate and one at half of it the octets divide as the rates do."""
    uplinks = bed.uplinks_of("gsp0")
    recording = bed.play(elephant(bed.host(0), bed.host(-1), bytes=plenty(bed, 3)))
    rates = {link.name: link.rate_mbps for link in recording.links if link.name in uplinks}
    expect.enough(len(set(rates.values())), 2, "rates of the uplinks")
    judge_shares(bed, expect, recording.fabric.containers(at=uplinks), rates, "one flow")


@clause("SPRAY-PATH-WEIGHT")
@testbed(SoloGsp(remotes=2))
@needs("fabric taps")
def test_a_slow_second_hop_weighs_less(bed, expect):
    """A path whose GSF announces half the rate to one node carries half as much to that node alone."""
    fast, slow = bed.uplinks
    peer = bed.peer("gsf1")
    halved = [
        replace(reach, rate_mbps=reach.rate_mbps // 2) if reach.node == bed.node("gsp1") else reach
        for reach in peer.reaches
    ]
    start, time = 3 * bed.parameter("hello_interval"), line_time(bed, plenty(bed, 3))
    load = lasting(bed, bed.host(0), bed.host(2), time, start)
    load += lasting(bed, bed.host(1), bed.host(-1), time, start)
    recording = bed.play(load + Scenario(peers=(replace(peer, reaches=tuple(halved)),)))
    for gsp, weights in (("gsp1", {fast: 2, slow: 1}), ("gsp2", {fast: 1, slow: 1})):
        containers = recording.fabric.containers(at=bed.uplinks, destination=gsp)
        judge_shares(bed, expect, containers, weights, f"containers for {gsp}")


@clause("SPRAY-BACKPRESSURE-WEIGHT")
@testbed(SoloGsp())
@needs("fabric taps")
def test_half_withheld_is_half_the_weight(bed, expect):
    """A GSF that withholds half gets a third of the load while that holds, and a half again afterwards."""
    calm, pressed = bed.uplinks
    start, validity = bed.parameter("hello_interval"), bed.parameter("bp_validity")
    stop = start + line_time(bed, plenty(bed, 3)) + 2 * bed.parameter("latency_margin")
    signal = Signal(
        about=bed.node("gsp1"),
        to=(bed.node("gsp0"),),
        level=128,
        validity=validity,
        start=start,
        stop=stop,
        repeat=validity // 2,
        releases=False,
    )
    restored = stop + validity + bed.parameter("convergence_max")
    load = lasting(bed, bed.host(0), bed.host(-1), restored + line_time(bed, 2 * plenty(bed, 2)))
    recording = bed.play(load + Scenario(peers=(replace(bed.peer("gsf1"), signals=(signal,)),)))
    said = [message.time for message in recording.fabric.messages("BACKPRESSURE", pressed, DOWN)]
    if not expect.enough(len(said), 2, "BACKPRESSURE messages"):
        return
    containers = recording.fabric.containers(at=bed.uplinks)
    during = begun(containers, said[0] + bed.parameter("latency_margin"), said[-1])
    judge_shares(bed, expect, during, {calm: 2, pressed: 1}, "while half is withheld")
    after = begun(containers, said[-1] + validity + bed.parameter("convergence_max"))
    judge_shares(bed, expect, after, {calm: 1, pressed: 1}, "when the validity is over")
