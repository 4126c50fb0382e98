"""Requests and grants that are lost, for some time or for good: they cost time, never credit."""

from dataclasses import replace

from conformance.api.marks import clause, configure, needs, testbed
from conformance.api.testbeds import LeafSpine, SoloGsp
from conformance.cases.windows import frames_in, telling
from traffic.patterns import elephant, incast, permutation
from traffic.recordings.recording import DOWN
from traffic.scenario import Impairment, Scenario, Window


def around(bed, rest, again, end):
    """Let every host fill its line up to a rest, and from the end of the rest to the end, ns."""
    size = bed.parameter("max_frame")
    spans = (rest, end - again) if rest < again else (end,)
    counts = [frames_in(bed, span) for span in spans]
    loads = [permutation(bed.hosts, seed=1, count=count, size=size) for count in counts]
    return sum((load.delayed(again) for load in loads[1:]), loads[0])


def expect_rate_again(bed, expect, recording, after, what):
    """Expect each receiving host to be served after a disturbance at the rate that it had before it."""
    before, least = bed.parameter("recovery_max"), bed.parameter("utilisation_min")
    span = watched(bed)
    hosts = {frame.host: None for frame in recording.hosts.frames(way="received")}
    expect.given(hosts, "hosts received frames")
    for host in hosts:
        usual, got = (recording.hosts.throughput(host, start, start + span) for start in (before, after))
        if expect.given(usual, f"{host} was served before {what}"):
            expect.at_least(got, usual * least, f"rate at {host} after {what}", "Mbit/s")


def watched(bed):
    """Time for which a rate is measured before and after a disturbance, ns."""
    return telling(bed, bed.parameter("utilisation_min"), bed.parameter("recovery_max"))


@clause("GRANT-LOST-GRANT")
@testbed(LeafSpine())
@needs("fabric taps", "impairments")
@configure(dgsq_mode="on-first-frame")
def test_lost_grants_are_made_good(bed, expect):
    """One lost GRANT a link, a burst and a share of them each cost less than the recovery time."""
    span, links = bed.parameter("recovery_max"), bed.uplinks_of(bed.gsps[0])
    whole = watched(bed) + 2 * span
    phases = (
        ("one loss", whole, Impairment("", "loss", ordinals=(1,))),
        ("a burst", 2 * whole, Impairment("", "loss", ordinals=(1, 2, 3, 4, 5))),
        ("a share", 3 * whole, Impairment("", "loss", every=3)),
    )
    lost = tuple(
        replace(loss, link=link, direction=DOWN, start=start, stop=start + span, messages=("GRANT",))
        for _, start, loss in phases
        for link in links
    )
    count = frames_in(bed, 4 * whole)
    load = elephant(bed.host(0), bed.host(-1), count=count, size=bed.parameter("max_frame"), cls=3)
    recording = bed.play(load + Scenario(impairments=lost))
    grants = recording.fabric.messages("GRANT", destination=bed.gsps[0], direction=DOWN)
    for what, start, _ in phases:
        hit = [g.time for g in grants if not g.delivered and start <= g.time < start + span]
        if expect.enough(len(hit), 1, f"GRANT lost in {what}"):
            expect_rate_again(bed, expect, recording, hit[-1] + span, what)
    expect.equal(recording.hosts.losses(), [], "host frames lost", unit="frame")


@clause("GRANT-LOST-REQUEST")
@testbed(LeafSpine())
@needs("fabric taps", "impairments")
@configure(dgsq_mode="on-first-frame")
def test_lost_requests_are_made_good(bed, expect):
    """A burst whose every REQUEST is lost while it comes in is asked for again, and arrives whole."""
    refresh = bed.parameter("request_refresh")
    lost = Impairment("", "loss", stop=refresh // 2, messages=("REQUEST",))
    links = tuple(replace(lost, link=link) for link in bed.uplinks)
    recording = bed.play(elephant(bed.host(0), bed.host(-1), count=5) + Scenario(impairments=links))
    hit = [request for request in recording.fabric.messages("REQUEST") if not request.delivered]
    expect.enough(len(hit), 1, "lost REQUEST")
    expect.equal(recording.hosts.losses(), [], "host frames lost", unit="frame")
    for frame in recording.hosts.frames(bed.host(-1), "received")[-1:]:
        limit = refresh // 2 + refresh + bed.parameter("recovery_max")
        expect.at_most(frame.time, limit, "arrival of the last frame", "ns", rows=[frame.row])


@clause("GRANT-BLACKOUT")
@testbed(LeafSpine(gsps=3))
@needs("impairments")
@configure(dgsq_mode="on-first-frame")
def test_traffic_resumes_after_a_blackout(bed, expect):
    """Traffic resumes by itself after all signalling was lost, for less than the age-out and for longer."""
    span, watch = bed.parameter("recovery_max"), watched(bed)
    start = span + watch
    for longer in (1, 3):
        stop = start + longer * bed.parameter("age_out") // 2
        after = stop + span + bed.parameter("request_refresh")
        blackout = tuple(
            Impairment(link, "loss", start=start, stop=stop, messages=("REQUEST", "GRANT"))
            for link in bed.uplinks
        )
        load = around(bed, min(stop, start + span), stop, after + watch)
        recording = bed.play(load + Scenario(impairments=blackout))
        expect_rate_again(bed, expect, recording, after, f"{stop - start} ns of blackout")


@clause("GRANT-SILENT-STATE")
@testbed(SoloGsp(hosts=1, remotes=2))
@needs("fabric taps")
def test_silent_source_is_written_off(bed, expect):
    """A source that falls silent with credit in two classes is soon granted nothing, the other gets all."""
    longest, least = bed.parameter("max_frame"), bed.parameter("utilisation_min")
    span = telling(bed, least, bed.parameter("convergence_max"))
    hit, gone, busy = bed.hosts
    load = incast((gone, busy), hit, count=frames_in(bed, 3 * span), size=longest)
    load += elephant(gone, hit, count=frames_in(bed, span), size=longest, cls=3)
    vanishing = replace(bed.peer("gsp1"), mute=(Window(start=span // 4),), voids=("GRANT-EGRESS-RATE",))
    recording = bed.play(Scenario(peers=(vanishing,)) + load)
    heard = [
        message
        for name in ("REQUEST", "DATA")
        for message in recording.fabric.messages(name, source="gsp1", destination="gsp0")
    ]
    silent = max((int(recording.arrival[message.row]) for message in heard), default=0)
    forgotten = silent + bed.parameter("refresh_misses") * bed.parameter("request_refresh")
    void = bed.parameter("grant_validity") + bed.parameter("grant_round_trip")
    limit = forgotten + void + bed.parameter("latency_margin")
    grants = recording.fabric.messages("GRANT", source="gsp0")
    early = [grant for grant in grants if grant.time <= limit and grant.destination == bed.node("gsp1")]
    expect.enough(len(early), 1, "GRANT to the source before it fell silent")
    late = [grant for grant in grants if grant.time > limit]
    dead = [grant for grant in late if grant.destination == bed.node("gsp1")]
    expect.none(dead, "GRANT to the silent source", (late[0].row, late[-1].row) if late else (None, None))
    got = recording.hosts.throughput(hit, limit, limit + span, source=busy)
    limit = bed.parameter("link_rate") * least
    expect.at_least(got, limit, "rate of the other source", "Mbit/s")
