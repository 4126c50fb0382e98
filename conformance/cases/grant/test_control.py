"""What signalling costs: no wait behind data, little of the link, and nothing for a class that is paused."""

from dataclasses import replace

from conformance.api.marks import clause, configure, needs, testbed
from conformance.api.testbeds import LeafSpine, SoloGsf, SoloGsp
from conformance.cases.windows import telling
from traffic.frames.crafted import Container, data_frames, message
from traffic.patterns import elephant, gap_at, incast, permutation, single
from traffic.recordings.recording import DOWN, UP
from traffic.scenario import Pause, Scenario

SIZE = 4 << 10


def expect_prompt(bed, expect, waits, what):
    """Expect messages to wait no longer than the longest frame takes, from their cause to the wire."""
    longest = gap_at(bed.parameter("max_frame"), bed.parameter("link_rate"))
    for wait, row in waits:
        limit = longest + bed.parameter("latency_margin")
        expect.at_most(wait, limit, f"time to the {what} on the wire", "ns", rows=[row])
    expect.enough(len(waits), 1, f"{what} with its cause")


@clause("GRANT-CONTROL-FIRST", "full-uplinks")
@testbed(SoloGsp(uplinks=1))
@needs("fabric taps")
@configure(unsolicited_bytes=0, dgsq_mode="on-first-frame")
def test_a_gsp_sends_control_first(bed, expect):
    """While data queues for the only uplink, a REQUEST for a new queue and a GRANT for a new source leave."""
    longest = bed.parameter("max_frame")
    (near, other), (far, new) = bed.hosts[:2], bed.hosts[2:]
    asked = 20 * gap_at(longest, bed.parameter("link_rate"))
    egress = replace(bed.peer("gsp1"), grants=replace(bed.peer("gsp1").grants, mode="at-once"))
    load = incast((near, other), far, count=40, size=longest) + Scenario(peers=(egress,))
    recording = bed.play(load + single(near, new, start=asked) + single(far, near, start=asked))
    waiting = recording.fabric.messages("DATA", bed.uplinks, UP, source="gsp0")
    expect.enough(sum(data.time > asked for data in waiting), 40, "DATA after the cause")
    seat, back = bed.addresses[new], bed.addresses[near]
    frames = [frame for frame in recording.hosts.frames(near) if frame.frame[:6] == seat.mac]
    requests = recording.fabric.messages("REQUEST", bed.uplinks, DOWN, destination="gsp0")
    for name, causes, port in (("REQUEST", frames, seat.port), ("GRANT", requests, back.port)):
        answers = [sent for sent in recording.fabric.messages(name, bed.uplinks, UP) if sent.port == port]
        pairs = zip(causes[:1], answers[:1], strict=False)
        waits = [(sent.time - recording.arrival[came.row], sent.row) for came, sent in pairs]
        expect_prompt(bed, expect, waits, name)


@clause("GRANT-CONTROL-FIRST", "full-uplinks")
@testbed(SoloGsf())
@needs("fabric taps", "raw frames")
def test_a_gsf_sends_control_first(bed, expect):
    """While data of two GSPs queues for the link to a third, a REQUEST and a GRANT to it pass through."""
    longest = bed.parameter("max_frame")
    ends = {"source": bed.node("gsp0"), "destination": bed.node("gsp2")}
    ends |= {"port": bed.addresses[bed.host(-1)].port, "generation": bed.profile.after(1)}
    passed = 10 * gap_at(longest, bed.parameter("link_rate"))
    load = Scenario()
    for host, link in zip(bed.hosts, bed.uplinks[:2], strict=False):
        containers = [Container(link, 0, frames=20)]
        load += data_frames(
            host, bed.host(-1), containers, bed.addresses, size=longest, profile=bed.wire_profile
        )
    for name in ("REQUEST", "GRANT"):
        load += message(bed.uplinks[0], name, ends, at=passed, profile=bed.wire_profile)
    recording = bed.play(load)
    sent = recording.fabric.messages("DATA", bed.uplinks[2], DOWN)
    expect.enough(sum(data.time > passed for data in sent), 20, "DATA after the message")
    for name in ("REQUEST", "GRANT"):
        came, went = (
            recording.fabric.messages(name, link, way, source="gsp0")
            for link, way in ((bed.uplinks[0], UP), (bed.uplinks[2], DOWN))
        )
        pairs = zip(came, went, strict=False)
        waits = [(after.time - recording.arrival[before.row], after.row) for before, after in pairs]
        expect_prompt(bed, expect, waits, name)


@clause("GRANT-OVERHEAD")
@testbed(LeafSpine(hosts=2))
@needs("fabric taps")
@configure(dgsq_mode="on-first-frame")
def test_signalling_takes_a_small_share(bed, expect):
    """While all hosts send at line rate, REQUEST and GRANT take a small part of every link both ways."""
    recording = bed.play(permutation(bed.hosts, seed=1, count=600, size=594))
    sent = [frame.time for frame in recording.hosts.frames()]
    if not expect.enough(len(sent), 600 * len(bed.hosts), "host frames sent"):
        return
    carried = bed.parameter("link_rate") * (max(sent) - min(sent)) / 8 / 1000
    expect.enough(recording.fabric.wire_bytes(("REQUEST", "GRANT")), 1, "octets of signalling")
    for link in bed.uplinks:
        for way in (UP, DOWN):
            octets = recording.fabric.wire_bytes(("REQUEST", "GRANT"), link, way)
            share = octets / carried
            expect.at_most(share, bed.parameter("grant_overhead_max"), f"share of {link} for signalling")


@clause("GRANT-PAUSED-CLASS")
@testbed(SoloGsp(remotes=2, uplinks=3))
@needs("fabric taps", "pfc")
def test_a_paused_class_is_not_granted(bed, expect):
    """While a host pauses two classes again, those get no new credit, and others keep their rate."""
    held, free, least = (2, 6), 5, bed.parameter("isolation_min")
    start, long = 10 * bed.parameter("grant_round_trip"), bed.parameter("max_frame")
    size = min(SIZE, long)
    span = start + telling(bed, least, start, 2 * gap_at(size, bed.parameter("link_rate")))
    neighbour, hit, one, two, other, last = bed.hosts
    quiet, stop = span + bed.parameter("latency_margin"), 2 * span
    count = 5 * span // 2 // gap_at(size, bed.parameter("link_rate"))
    flows = [(one, hit, held[0], long), (last, hit, held[1], long)]
    flows += [(other, hit, free, long), (two, neighbour, held[0], size)]
    pauses = (Pause(start // 2, hit, held, start // 4), Pause(span, hit, held, span))
    load = Scenario(pauses=pauses, voids=("GRANT-EGRESS-RATE",))
    for source, destination, cls, length in flows:
        load += elephant(source, destination, count=count * size // length, size=length, cls=cls)
    recording = bed.play(load)
    grants = recording.fabric.messages("GRANT", source="gsp0")
    for cls in held:
        own = [grant for grant in grants if (grant.port, grant.cls) == (bed.addresses[hit].port, cls)]
        known = max((grant.granted for grant in own if grant.time < quiet), default=0)
        fresh = [grant for grant in own if quiet <= grant.time < stop and grant.granted > known]
        first = next((grant.row for grant in grants if grant.time >= quiet), None)
        again = next((grant.row for grant in own if grant.time >= stop and grant.granted > known), None)
        expect.none(fresh, f"GRANT of new credit for the paused class {cls}", (first, again))
    for source, destination, _, _ in flows[2:]:
        before = recording.hosts.throughput(destination, start, span, source=source)
        during = recording.hosts.throughput(destination, quiet, stop, source=source)
        expect.given(before, f"{source} was served before the pause")
        expect.at_least(during, before * least, f"rate of {source} during the pause", "Mbit/s")
    expect.equal(recording.hosts.losses(emulated=True), [], "frames lost", unit="frame")
