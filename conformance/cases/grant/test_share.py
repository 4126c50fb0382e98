import math
from dataclasses import replace

from conformance.api.marks import clause, configure, duration, needs, testbed
from conformance.api.testbeds import LeafSpine
from conformance.cases.windows import even, grant_window, one_turn, telling
from traffic.patterns import RFC2544, elephant, gap_at, incast
from traffic.recordings.recording import jain
from traffic.scenario import Impairment, Scenario

MIDDLING = 4 << 10


def expect_fair(bed, expect, hit, sources, scenario):
    """Expect equal shares of a host among the sources from convergence on."""
    start, span = bed.parameter("convergence_max"), even(bed, len(sources), bed.parameter("convergence_max"))
    recording = bed.play(scenario)
    shares = [recording.hosts.throughput(hit, start, start + span, source=source) for source in sources]
    expect.enough(sum(share > 0 for share in shares), 2, "sources that were served")
    expect.at_least(jain(shares), bed.parameter("fairness_min"), "Jain index of the octets delivered")
    mean, most = sum(shares) / len(shares), math.sqrt(1 / bed.parameter("fairness_min") - 1)
    for source, share in zip(sources, shares, strict=True):
        off = abs(share - mean) / mean if mean else None
        expect.at_most(off, most, f"deviation of {source} from an equal share")


def middling(bed):
    """Size of frames of which many fill a container, as long as the device takes them."""
    return min(MIDDLING, bed.parameter("max_frame"))


def offered(bed, sources):
    """Octets of each of so many sources that keep it backlogged all the time at an equal share."""
    start = bed.parameter("convergence_max")
    return (start + 2 * even(bed, sources, start)) * bed.parameter("link_rate") // 8 // 1000 // sources


@clause("GRANT-FAIR", "equal-frames")
@testbed(LeafSpine(gsps=6))
@duration(1)
def test_equal_frames_share_equally(bed, expect):
    """Five sources that send frames of one size to one host get equal shares of it."""
    hit, *sources = bed.hosts
    load = incast(sources, hit, bytes=offered(bed, len(sources)), size=middling(bed))
    expect_fair(bed, expect, hit, sources, load)


@clause("GRANT-FAIR", "unequal-frames")
@testbed(LeafSpine(gsps=5, hosts=2))
@duration(1)
def test_unequal_frames_share_equally(bed, expect):
    """Four sources that send frames of four sizes in class 5 to a second port get equal shares in octets."""
    hit, *sources = bed.hosts[1::2]
    sizes = (*RFC2544, bed.parameter("max_frame"))[-len(sources) :]
    loads = [
        elephant(source, hit, bytes=offered(bed, len(sources)), size=size, cls=5)
        for source, size in zip(sources, sizes, strict=True)
    ]
    expect_fair(bed, expect, hit, sources, sum(loads, Scenario()))


@clause("GRANT-CLASS-WEIGHTS")
@testbed(LeafSpine(gsps=4, hosts=2))
@configure(class_weight_ratio=3)
@duration(1)
def test_classes_share_by_weight(bed, expect):
    """Three classes with backlog for the host at a second port get shares of it by their declared weights."""
    hit, *sources = bed.hosts[1::2]
    start, ratio = bed.parameter("convergence_max"), bed.parameter("class_weight_ratio")
    tolerance, rate = bed.parameter("class_share_tolerance"), bed.parameter("link_rate")
    lacking = max(2 * one_turn(bed), grant_window(bed) / len(sources))
    span = max(start, gap_at(int((1 + 2 * ratio) * lacking / tolerance), rate))
    enough = 2 * (start + span) * rate // 8 // 1000 // (1 + 2 * ratio)
    loads = [
        elephant(source, hit, bytes=enough * weight, size=middling(bed), cls=cls)
        for source, cls, weight in zip(sources, (0, 1, 7), (1, ratio, ratio), strict=True)
    ]
    recording = bed.play(sum(loads, Scenario()))
    got = [recording.hosts.throughput(hit, start, start + span, source=source) for source in sources]
    expect.enough(sum(rate > 0 for rate in got), 3, "classes that were served")
    for rate, weight in zip(got, (1, ratio, ratio), strict=True):
        due = float(sum(got)) * weight / (1 + 2 * ratio)
        off = abs(rate - due) / due if due else None
        expect.at_most(off, tolerance, f"deviation of the class of weight {weight}")


@clause("GRANT-WORK-CONSERVING", "backlog-at-one-source")
@testbed(LeafSpine(gsps=3))
def test_egress_stays_busy(bed, expect):
    """An egress that one source, then another, then both want is kept busy by whoever wants it."""
    hit, first, second = bed.hosts
    rate, least, size = (bed.parameter(name) for name in ("link_rate", "utilisation_min", "max_frame"))
    span = telling(bed, least, bed.parameter("convergence_max"))
    count = 2 * span // gap_at(size, rate)
    loads = (
        elephant(first, hit, count=count, size=size),
        elephant(second, hit, count=count, size=size).delayed(2 * span),
        incast((first, second), hit, count=count // 2, size=size).delayed(4 * span),
    )
    recording = bed.play(sum(loads, Scenario()))
    for turn, who in enumerate(("the first source", "the second source", "both sources")):
        start = (2 * turn + 1) * span
        got = recording.hosts.throughput(hit, start, start + span)
        expect.at_least(got, rate * least, f"rate at the egress while {who} had backlog", "Mbit/s")


@clause("GRANT-WORK-CONSERVING", "data-without-requests")
@testbed(LeafSpine(hosts=2))
@needs("impairments")
@configure(dgsq_mode="on-first-frame")
def test_data_keeps_a_source_known(bed, expect):
    """Two hosts of a GSP whose REQUEST are lost while its DATA comes are served on from the known backlog."""
    one, other, *_, hit = bed.hosts
    rate, least, size = (bed.parameter(name) for name in ("link_rate", "utilisation_min", "max_frame"))
    silence = bed.parameter("refresh_misses") * bed.parameter("request_refresh")
    span = telling(bed, least, 2 * silence)
    start, count = 2 * span, 2 * span // gap_at(size, rate)
    lost = Impairment("", "loss", start=start, stop=start + span, messages=("REQUEST",))
    blackout = Scenario(impairments=tuple(replace(lost, link=link) for link in bed.uplinks))
    recording = bed.play(incast((one, other), hit, count=count, size=size) + blackout)
    got = recording.hosts.throughput(hit, start, start + span)
    expect.at_least(got, rate * least, "rate at the egress while REQUEST are lost", "Mbit/s")
