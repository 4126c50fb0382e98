from dataclasses import replace
from itertools import groupby, pairwise

from conformance.api.marks import clause, configure, needs, testbed
from conformance.api.testbeds import SoloGsp
from conformance.cases.windows import even, telling
from traffic.patterns import elephant, gap_at, incast
from traffic.recordings.recording import jain
from traffic.scenario import GrantPolicy, Scenario, Signal, Trigger, Window


def leftover(bed, cls, **policy):
    """Return a burst that is granted more than it needs, and another once that credit is void."""
    refresh = bed.parameter("request_refresh")
    generous = GrantPolicy(
        mode="at-once", extra=bed.parameter("container_bytes"), during=Window(stop=refresh), **policy
    )
    egress = Scenario(peers=(replace(bed.peer("gsp1"), grants=generous),))
    burst = elephant(bed.host(0), bed.host(-1), count=10, size=66, cls=cls)
    return egress + burst + burst.delayed(4 * refresh)


def time_of_forfeit(recording, mark):
    """Time at which the source reports its credit up to a mark as used or given up, None if it never does."""
    requests = recording.fabric.messages("REQUEST", source="gsp0")
    told = (request.time for request in requests if request.sent + request.forfeited >= mark)
    return next(told, None)


@clause("GRANT-EXPIRY", "unused-credit")
@testbed(SoloGsp())
@needs("fabric taps")
@configure(unsolicited_bytes=0, dgsq_mode="on-first-frame")
def test_declared_expiry_voids_credit(bed, expect):
    """Credit that the egress declares expired is forfeited, and carries no frame that comes later."""
    refresh = bed.parameter("request_refresh")
    lasting = bed.parameter("settle_time")
    for cls in (0, 3):
        recording = bed.play(leftover(bed, cls, expire_after=refresh, validity=lasting))
        marks = [grant for grant in recording.fabric.messages("GRANT", destination="gsp0") if grant.expired]
        last = recording.fabric.messages("REQUEST", source="gsp0")[-1:]
        if expect.enough(len(marks), 1, "GRANT that declares credit expired"):
            told = time_of_forfeit(recording, marks[0].expired)
            if expect.that(told is not None, "REQUEST that reports it forfeited", "one", "none"):
                waited = told - recording.arrival[marks[0].row]
                limit = refresh + bed.parameter("latency_margin")
                expect.at_most(waited, limit, f"time from expiry to forfeit in class {cls}", "ns")
            data = recording.fabric.messages("DATA", source="gsp0")
            expect.none(data, "DATA on expired credit", (marks[0].row, last[0].row if last else None))


@clause("GRANT-EXPIRY", "validity-over")
@testbed(SoloGsp())
@needs("fabric taps")
@configure(unsolicited_bytes=0, dgsq_mode="on-first-frame")
def test_validity_ends_without_a_word(bed, expect):
    """Credit whose validity is over, under back-pressure or not, is forfeited and carries no frame."""
    validity, margin = bed.parameter("grant_validity"), bed.parameter("latency_margin")
    limit, lasting = bed.parameter("request_refresh") + margin, bed.parameter("settle_time")
    for cls in (0, 3):
        load = leftover(bed, cls, expire_after=lasting, validity=validity)
        again = elephant(
            bed.host(0), bed.host(-1), count=10, size=66, cls=cls, start=validity + 3 * margin // 2
        )
        if cls:
            slower = Signal(bed.node("gsp1"), (bed.node("gsp0"),), 128, 3 * validity)
            load = replace(load, peers=tuple(replace(peer, signals=(slower,)) for peer in load.peers))
        recording = bed.play(replace(load, streams=load.streams[:1]) + again)
        grants = recording.fabric.messages("GRANT", destination="gsp0")
        last = recording.fabric.messages("REQUEST", source="gsp0")[-1:]
        late = recording.hosts.frames(bed.host(0))[10:11]
        highest = [grant for grant in grants if grant.granted == grants[-1].granted]
        void = recording.arrival[highest[0].row] + validity if grants else 0
        if expect.given(grants and late and void < late[0].time, "frames sent when the credit was void"):
            told = time_of_forfeit(recording, grants[-1].granted)
            if expect.that(told is not None, "REQUEST that reports it forfeited", "one", "none"):
                expect.at_most(told - void, limit, f"time to forfeit in class {cls}", "ns")
            data = recording.fabric.messages("DATA", source="gsp0")
            expect.none(data, "DATA on void credit", (late[0].row, last[0].row if last else None))


@clause("GRANT-REQUEST-AGAIN", "slow-source")
@testbed(SoloGsp(hosts=1, remotes=2))
@needs("fabric taps")
@configure(unsolicited_bytes=0)
def test_mute_source_is_served_again(bed, expect):
    """A source that let credit of two classes expire has its share again once it sends, and loses nothing."""
    frame = gap_at(bed.parameter("max_frame"), bed.parameter("link_rate"))
    hit, slow, other = bed.hosts
    idle = 2 * bed.parameter("grant_validity") // frame
    recovered = bed.parameter("recovery_max") + bed.parameter("request_refresh")
    span = even(bed, 2, bed.parameter("recovery_max"))
    mute = replace(bed.peer("gsp1"), silent=True)
    speaks = Trigger("HOST", Scenario(peers=(bed.peer("gsp1"),)), port=hit, count=idle)
    count = idle // 2 + (recovered + span) // frame
    flows = (
        incast((slow, other), hit, count=count, size=bed.parameter("max_frame"), cls=cls) for cls in (0, 3)
    )
    load = sum(flows, Scenario())
    recording = bed.play(Scenario(peers=(mute,), triggers=(speaks,)) + load)
    received = recording.hosts.frames(hit, "received")
    if not expect.given(received[idle:], "the host received frames until the mute source spoke"):
        return
    start = received[idle].time + recovered
    shares = [recording.hosts.throughput(hit, start, start + span, source=source) for source in (slow, other)]
    expired = [grant for grant in recording.fabric.messages("GRANT", destination="gsp1") if grant.expired]
    expect.enough(len(expired), 1, "GRANT that declares credit of the mute source expired")
    expect.at_least(jain(shares), bed.parameter("fairness_min"), "Jain index of the sources")
    expect.none(
        recording.hosts.losses(slow, emulated=True), "frames of the slow source lost", (0, len(recording))
    )


@clause("GRANT-REQUEST-AGAIN", "stopped-source")
@testbed(SoloGsp())
@needs("fabric taps")
@configure(unsolicited_bytes=0)
def test_stopped_source_asks_again(bed, expect):
    """A source that back-pressure stopped until its credit was void sends all of its backlog afterwards."""
    rate, least = bed.parameter("link_rate"), bed.parameter("utilisation_min")
    span = telling(bed, least, bed.parameter("recovery_max"))
    start, validity = bed.parameter("request_refresh"), bed.parameter("bp_validity")
    stop = start + 2 * bed.parameter("grant_validity")
    signal = Signal(
        about=bed.node("gsp1"),
        to=(bed.node("gsp0"),),
        validity=validity,
        start=start,
        stop=stop,
        repeat=validity // 2,
    )
    credit = rate * bed.parameter("grant_round_trip") // 8 // 1000
    window = GrantPolicy(window=credit, validity=bed.parameter("grant_validity"))
    egress = replace(bed.peer("gsp1"), grants=window, signals=(signal,))
    drain = len(bed.uplinks) * (2 * span + start)
    count = (stop + drain) // gap_at(bed.parameter("max_frame"), rate)
    load = elephant(bed.host(0), bed.host(-1), count=count, size=bed.parameter("max_frame"))
    recording = bed.play(Scenario(peers=(egress,)) + load)
    recovered = stop + bed.parameter("recovery_max") + start
    got = recording.hosts.throughput(bed.host(-1), recovered, recovered + span, source=bed.host(0))
    voided = [request for request in recording.fabric.messages("REQUEST", source="gsp0") if request.forfeited]
    expect.enough(len(voided), 1, "REQUEST that reports credit forfeited")
    expect.at_least(got, rate * least, "rate after the stop", "Mbit/s")
    expect.none(recording.hosts.losses(emulated=True), "frames lost", (0, len(recording)))


@clause("GRANT-REGRANT")
@testbed(SoloGsp(hosts=1, remotes=5))
@needs("fabric taps")
@configure(unsolicited_bytes=0)
def test_unused_credit_goes_to_another(bed, expect):
    """Sources that ask in two classes and never send cost the one that does nothing once credit expired."""
    rate, least = bed.parameter("link_rate"), bed.parameter("utilisation_min")
    converged = bed.parameter("convergence_max")
    start, span = bed.parameter("grant_validity") + converged, telling(bed, least, converged)
    hit, *mute, busy = bed.hosts
    peers = tuple(replace(bed.peer(name), silent=True) for name in bed.gsps[1:-1])
    size = bed.parameter("max_frame")
    asked = sum((incast(mute, hit, count=20, size=size, cls=cls) for cls in (0, 3)), Scenario())
    load = elephant(busy, hit, count=(start + span) // gap_at(size, rate), size=size, start=converged // 10)
    recording = bed.play(Scenario(peers=peers) + asked + load)
    granted = {grant.destination for grant in recording.fabric.messages("GRANT", source="gsp0")}
    expect.enough(len(granted), 5, "sources that were granted")
    got = recording.hosts.throughput(hit, start, start + span, source=busy)
    expect.at_least(got, rate * least, "rate of the sender", "Mbit/s")


@clause("GRANT-REMAINING-VALIDITY")
@testbed(SoloGsp(hosts=1))
@needs("fabric taps")
@configure(unsolicited_bytes=0)
def test_repeated_grant_extends_nothing(bed, expect):
    """In either class a GRANT that is repeated for a source that does not send ends with the first."""
    mute = replace(bed.peer("gsp1"), silent=True)
    load = sum((elephant(bed.host(1), bed.host(0), count=4, cls=cls) for cls in (0, 3)), Scenario())
    recording = bed.play(Scenario(peers=(mute,), settle=2 * bed.parameter("grant_validity")) + load)
    told = bed.profile.field("GRANT", "validity").kept(bed.parameter("grant_validity"))
    grants = [grant for grant in recording.fabric.messages("GRANT", source="gsp0") if grant.validity]
    for grant in grants:
        expect.at_most(grant.validity, told, "validity", "ns", rows=[grant.row])
    expect.enough(len(grants), 2, "GRANT")
    grants.sort(key=lambda grant: grant.cls)
    for _, same in groupby(grants, key=lambda grant: (grant.cls, grant.granted)):
        for before, after in pairwise(same):
            later = after.time + after.validity - before.time - before.validity
            what = "later end of a repeated GRANT"
            expect.at_most(later, bed.parameter("latency_margin"), what, "ns", rows=[after.row])
