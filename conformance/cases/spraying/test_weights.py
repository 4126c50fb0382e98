"""Paths carry load by weight: the rate of the link, what lies behind it, and what back-pressure leaves."""

from dataclasses import replace

from conformance.api.marks import clause, needs, testbed
from conformance.api.testbeds import LeafSpine, SoloGsp
from conformance.cases.spraying.shares import begun, judge_shares, lasting, line_time, plenty
from traffic.patterns import RFC2544, elephant, gap_at
from traffic.recordings.recording import DOWN
from traffic.scenario import LinkEvent, Scenario, Signal


@clause("SPRAY-WEIGHT-BY-RATE")
@testbed(LeafSpine(gsfs=3, slower={"gsp0-gsf0": 2, "gsp0-gsf2": 4}))
@needs("fabric taps")
def test_load_follows_the_rate_of_the_uplinks(bed, expect):
    """Over uplinks at half, the whole and a quarter of the nominal rate the octets divide as the rates do."""
    uplinks, slowest = bed.uplinks_of("gsp0"), bed.parameter("link_rate") / 4
    size = min(RFC2544[-1], bed.parameter("max_frame"))
    flow = {"bytes": plenty(bed, 7), "size": size, "gap": gap_at(size, slowest)}
    recording = bed.play(elephant(bed.host(0), bed.host(-1), **flow))
    rates = {link.name: link.rate_mbps for link in recording.links if link.name in uplinks}
    expect.enough(len(set(rates.values())), 3, "rates of the uplinks")
    judge_shares(bed, expect, recording.fabric.containers(at=uplinks), rates, "one flow")


@clause("SPRAY-PATH-WEIGHT")
@testbed(SoloGsp(remotes=3))
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
    load += lasting(bed, bed.host(1), bed.host(4), time, start)
    load += lasting(bed, bed.host(1), bed.host(-1), time, start)
    recording = bed.play(load + Scenario(peers=(replace(peer, reaches=tuple(halved)),)))
    for gsp, weights in (
        ("gsp1", {fast: 2, slow: 1}),
        ("gsp2", {fast: 1, slow: 1}),
        ("gsp3", {fast: 1, slow: 1}),
    ):
        containers = recording.fabric.containers(at=bed.uplinks, destination=gsp)
        judge_shares(bed, expect, containers, weights, f"containers for {gsp}")


@clause("SPRAY-BACKPRESSURE-WEIGHT", "half-level")
@testbed(SoloGsp(remotes=2))
@needs("fabric taps")
def test_half_withheld_is_half_the_weight(bed, expect):
    """A GSF that withholds half for a node gets a third of its load meanwhile, and a half after, twice."""
    calm, pressed = bed.uplinks
    interval, validity = bed.parameter("hello_interval"), bed.parameter("bp_validity")
    size = bed.parameter("max_frame")
    gap = 2 * gap_at(size, bed.parameter("link_rate"))
    span = 2 * line_time(bed, plenty(bed, 3)) + 2 * bed.parameter("latency_margin")
    rest = validity + bed.parameter("convergence_max") + 2 * line_time(bed, plenty(bed, 2))
    starts = [interval, interval + span + rest]
    half = Signal(bed.node("gsp1"), (bed.node("gsp0"),), 128, validity, repeat=validity // 2, releases=False)
    signals = tuple(replace(half, start=start, stop=start + span) for start in starts)
    count = (starts[-1] + span + rest) // gap
    load = elephant(bed.host(0), bed.host(2), count=count, size=size, gap=gap)
    load += elephant(bed.host(1), bed.host(-1), count=count, size=size, gap=gap)
    recording = bed.play(load + Scenario(peers=(replace(bed.peer("gsf1"), signals=signals),)))
    said = [message.time for message in recording.fabric.messages("BACKPRESSURE", pressed, DOWN)]
    for start in starts:
        episode = [time for time in said if start <= time <= start + span + validity]
        if not expect.enough(len(episode), 2, "BACKPRESSURE messages"):
            return
        first, last = episode[0] + bed.parameter("latency_margin"), episode[-1]
        over = last + validity + bed.parameter("convergence_max")
        for gsp, weights in (("gsp1", {calm: 2, pressed: 1}), ("gsp2", {calm: 1, pressed: 1})):
            containers = recording.fabric.containers(at=bed.uplinks, destination=gsp)
            during, after = begun(containers, first, last), begun(containers, over, start + span + rest)
            judge_shares(bed, expect, during, weights, f"for {gsp} while half is withheld")
            judge_shares(bed, expect, after, {calm: 1, pressed: 1}, f"for {gsp} when the validity is over")


@clause("SPRAY-BACKPRESSURE-WEIGHT", "beside-a-fault")
@testbed(SoloGsp(uplinks=3))
@needs("fabric taps", "link events")
def test_pressure_holds_when_another_path_is_lost(bed, expect):
    """A GSF that withholds half keeps half the weight of the path that is left when a third one is lost."""
    calm, pressed, lost = bed.uplinks
    interval, validity, margin = (
        bed.parameter(name) for name in ("hello_interval", "bp_validity", "latency_margin")
    )
    span = line_time(bed, plenty(bed, 5))
    signal = Signal(
        bed.node("gsp1"), (bed.node("gsp0"),), 128, validity, start=interval, repeat=validity // 2
    )
    cut = LinkEvent(interval + margin + span, lost, up=False)
    load = lasting(bed, bed.host(0), bed.host(-1), interval + 2 * margin + 2 * span)
    peer = replace(bed.peer("gsf1"), signals=(replace(signal, stop=interval + 2 * margin + 3 * span),))
    containers = bed.play(load + Scenario(peers=(peer,), links=(cut,))).fabric.containers(at=bed.uplinks)
    before = begun(containers, interval + margin, cut.at)
    judge_shares(bed, expect, before, {calm: 2, pressed: 1, lost: 2}, "before the loss")
    after = begun(containers, cut.at + margin, interval + 2 * margin + 2 * span)
    judge_shares(bed, expect, after, {calm: 2, pressed: 1}, "after the loss")
