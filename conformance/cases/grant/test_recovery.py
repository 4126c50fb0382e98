"""Requests and grants that are lost, for some time or for good: they cost time, never credit."""

from dataclasses import replace

from conformance.marks import clause, needs, testbed
from conformance.testbeds import LeafSpine, SoloGsp
from traffic.patterns import elephant, gap_at, incast, permutation
from traffic.recording import DOWN
from traffic.scenario import Demand, Impairment, Scenario


def frames_in(bed, span):
    """Count the longest frames that a link carries in a span of time."""
    return int(span / gap_at(bed.parameter("max_frame"), bed.parameter("link_rate")))


def expect_rate_again(bed, expect, recording, before, after, what):
    """Expect each receiving host to be served after a disturbance at the rate that it had before it."""
    span = bed.parameter("recovery_max")
    for host in {frame.host: None for frame in recording.host_frames(way="received")}:
        usual, got = (recording.throughput(host, start, start + span) for start in (before, after))
        limit = usual * bed.parameter("utilisation_min")
        if expect.enough(int(usual), 1, f"Mbit/s at {host} before {what}"):
            expect.at_least(got, limit, f"rate at {host} after {what}", "Mbit/s")


@clause("GRANT-LOST-GRANT")
@testbed(LeafSpine())
@needs("fabric taps", "impairments")
def test_lost_grants_are_made_good(bed, expect):
    """One lost GRANT, a burst of lost ones and a share of them each cost less than the recovery time."""
    span = bed.parameter("recovery_max")
    links = bed.topology.ports(bed.gsps[0])[1:]
    lost = [
        Impairment(link.name, "loss", DOWN, start, start + span, messages=("GRANT",), **which)
        for link in links
        for start, which in (
            (2 * span, {"ordinals": (1,) if link == links[0] else (bed.parameter("play_limit"),)}),
            (4 * span, {"ordinals": (1, 2, 3, 4, 5)}),
            (6 * span, {"every": 3}),
        )
    ]
    load = elephant(
        bed.host(0), bed.host(-1), count=frames_in(bed, 9 * span), size=bed.parameter("max_frame")
    )
    recording = bed.play(load + Scenario(impairments=tuple(lost)))
    for start, what in ((2 * span, "one loss"), (4 * span, "a burst"), (6 * span, "a share")):
        grants = recording.messages("GRANT", destination=bed.gsps[0], direction=DOWN)
        hit = [g for g in grants if not g.delivered and start <= g.time < start + span]
        expect.enough(len(hit), 1, f"GRANT lost in {what}")
        ended = hit[-1].time if hit else start
        expect_rate_again(bed, expect, recording, span, ended + span, what)
    expect.equal(recording.losses(), [], "host frames lost")


@clause("GRANT-LOST-REQUEST")
@testbed(LeafSpine())
@needs("fabric taps", "impairments")
def test_lost_requests_are_made_good(bed, expect):
    """A burst whose every REQUEST is lost while it comes in is asked for again, and arrives whole."""
    refresh = bed.parameter("request_refresh")
    lost = Impairment("", "loss", stop=refresh // 2, messages=("REQUEST",))
    links = tuple(replace(lost, link=link) for link in bed.uplinks)
    recording = bed.play(elephant(bed.host(0), bed.host(-1), count=5) + Scenario(impairments=links))
    hit = [request for request in recording.messages("REQUEST") if not request.delivered]
    expect.enough(len(hit), 1, "lost REQUEST")
    expect.equal(recording.losses(), [], "host frames lost")
    for frame in recording.host_frames(bed.host(-1), "received")[-1:]:
        limit = refresh // 2 + refresh + bed.parameter("recovery_max")
        expect.at_most(frame.time, limit, "arrival of the last frame", "ns", rows=[frame.row])


@clause("GRANT-BLACKOUT")
@testbed(LeafSpine(gsps=3))
@needs("impairments")
def test_traffic_resumes_after_a_blackout(bed, expect):
    """Traffic resumes by itself after all signalling was lost, for less than the age-out and for longer."""
    span = bed.parameter("recovery_max")
    for longer in (1, 3):
        stop = 2 * span + longer * bed.parameter("age_out") // 2
        after = stop + span + bed.parameter("request_refresh")
        blackout = tuple(
            Impairment(link, "loss", start=2 * span, stop=stop, messages=("REQUEST", "GRANT"))
            for link in bed.uplinks
        )
        count = frames_in(bed, after + span)
        load = permutation(bed.hosts, seed=1, count=count, size=bed.parameter("max_frame"))
        recording = bed.play(load + Scenario(impairments=blackout))
        expect_rate_again(bed, expect, recording, span, after, f"{stop - 2 * span} ns of blackout")


@clause("GRANT-SILENT-STATE")
@testbed(SoloGsp(hosts=1, remotes=2))
@needs("fabric taps")
def test_silent_source_is_written_off(bed, expect):
    """A source that falls silent for good while it holds credit is granted nothing more, and costs the other nothing."""
    rate, span = bed.parameter("link_rate"), bed.parameter("convergence_max")
    hit, gone, busy = bed.hosts
    seat, plenty = bed.addresses[hit], 100 * bed.parameter("container_bytes")
    vanishing = replace(
        bed.peer("gsp1"),
        request_refresh=bed.parameter("play_limit"),
        demands=(Demand(0, seat.node, seat.port, plenty),),
    )
    longest = bed.parameter("max_frame")
    load = elephant(gone, hit, count=10, size=longest)
    load += elephant(busy, hit, count=frames_in(bed, 3 * span), size=longest)
    recording = bed.play(Scenario(peers=(vanishing,)) + load)
    heard = [m for name in ("REQUEST", "DATA") for m in recording.messages(name, source="gsp1")]
    silent = max((recording.arrival[m.row] for m in heard), default=0)
    refreshes = bed.parameter("refresh_misses") * bed.parameter("request_refresh")
    void = bed.parameter("grant_validity") + bed.parameter("grant_round_trip")
    limit = silent + max(refreshes, void) + bed.parameter("latency_margin")
    grants = recording.messages("GRANT", source="gsp0")
    expect.enough(sum(g.destination == bed.node("gsp1") for g in grants if g.time <= limit), 1, "early GRANT")
    late = [grant for grant in grants if grant.time > limit]
    dead = [grant for grant in late if grant.destination == bed.node("gsp1")]
    expect.none(dead, "GRANT to the silent source", (late[0].row, late[-1].row) if late else (None, None))
    got = recording.throughput(hit, limit, limit + span, source=busy)
    expect.at_least(got, rate * bed.parameter("utilisation_min"), "rate of the other", "Mbit/s")
