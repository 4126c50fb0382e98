from dataclasses import replace
from itertools import pairwise

from conformance.api.marks import clause, configure, needs, testbed
from conformance.api.testbeds import SoloGsp
from traffic.patterns import RFC2544, credit_bytes, elephant, gap_at, sweep
from traffic.scenario import DOWN, GrantPolicy, Scenario, Signal, Trigger


@clause("GRANT-NO-SEND-WITHOUT", "granted-in-steps")
@testbed(SoloGsp())
@needs("fabric taps")
@configure(dgsq_mode="on-first-frame")
def test_data_stays_within_the_grant(bed, expect):
    """Data of two classes, free and then held back, never goes beyond grants that rise in small steps."""
    steps = replace(
        bed.peer("gsp1").grants, window=bed.parameter("max_frame"), delay=bed.parameter("latency_margin")
    )
    validity = bed.parameter("bp_validity")
    slower = Signal(bed.node("gsp1"), (bed.node("gsp0"),), 128, validity, validity, repeat=validity // 2)
    egress = Scenario(peers=(replace(bed.peer("gsp1"), grants=steps, signals=(slower,)),))
    flows = (elephant(bed.host(0), bed.host(-1), count=100, cls=cls) for cls in (0, 5))
    recording = bed.play(sum(flows, egress))
    accounts = recording.credit.accounts(source="gsp0")
    expect.enough(sum(len(account.grants) for account in accounts), 20, "steps of the grant")
    expect.enough(sum(len(account.data) for account in accounts), 100, "governed DATA")
    for account in accounts:
        what = "credit octets sent beyond the grant"
        expect.that(not account.overdrawn, what, 0, account.overdraft, account.overdrawn)


@clause("GRANT-NO-SEND-WITHOUT", "withheld")
@testbed(SoloGsp())
@needs("fabric taps")
@configure(dgsq_mode="on-first-frame")
def test_nothing_leaves_unanswered(bed, expect):
    """A source that gets no answer to its requests sends its unsolicited bytes and no more."""
    egress = replace(bed.peer("gsp1"), grants=GrantPolicy(mode="withhold"))
    load = elephant(bed.host(0), bed.host(-1), count=100, gap=bed.parameter("request_refresh") // 10)
    recording = bed.play(Scenario(peers=(egress,)) + load)
    data = recording.fabric.messages("DATA", source="gsp0")
    expect.enough(len(recording.fabric.messages("REQUEST", source="gsp0")), 10, "REQUEST without answer")
    expect.at_most(
        sum(message.credit for message in data),
        bed.parameter("unsolicited_bytes"),
        "credit octets sent without a GRANT",
        "octet",
        rows=[message.row for message in data],
    )


@clause("GRANT-NO-SEND-WITHOUT", "withheld-under-pressure")
@testbed(SoloGsp(remotes=2))
@needs("fabric taps")
@configure(dgsq_mode="on-first-frame")
def test_nothing_more_leaves_under_pressure(bed, expect):
    """While an egress asks for a lower rate, and a GSF for a lower share, DATA keeps to what was granted."""
    size, validity = bed.parameter("max_frame"), bed.parameter("bp_validity")
    most = bed.parameter("unsolicited_bytes") + 8 * credit_bytes(size)
    refresh, half = bed.parameter("request_refresh"), {"level": 128, "validity": validity}
    peers = []
    for name, about in (("gsp1", "gsp1"), ("gsf0", "gsp2")):
        told = Signal(bed.node(about), (bed.node("gsp0"),), start=refresh, repeat=validity // 2, **half)
        peers.append(replace(bed.peer(name), signals=(replace(told, stop=20 * refresh),)))
    grants = GrantPolicy(ceiling=most, validity=bed.parameter("settle_time"))
    granting = {"gsp1": replace(peers[0], grants=grants), "gsp2": replace(bed.peer("gsp2"), grants=grants)}
    load = Scenario(peers=(*granting.values(), peers[1]))
    for host in (bed.host(2), bed.host(-1)):
        load += elephant(bed.host(0), host, count=40, size=size, gap=refresh // 2)
    fabric = bed.play(load).fabric
    for name in granting:
        data = fabric.messages("DATA", source="gsp0", destination=name)
        sent = sum(message.credit for message in data)
        expect.at_least(sent, most // 2, f"credit octets sent to {name}", "octet")
        rows = [message.row for message in data]
        expect.at_most(sent, most, f"credit octets sent to {name}, under pressure", "octet", rows=rows)


@clause("GRANT-WHOLE-FRAME")
@testbed(SoloGsp())
@needs("fabric taps")
@configure(unsolicited_bytes=0, dgsq_mode="on-first-frame")
def test_frame_waits_for_its_last_octet(bed, expect):
    """A frame waits while the grant is one octet short of it, and a shorter one does not overtake it."""
    size, needed = bed.parameter("max_frame"), credit_bytes(bed.parameter("max_frame"))
    refresh = bed.parameter("request_refresh")
    raised = Trigger("REQUEST", granting(bed, needed), after=3 * refresh)
    load = sweep(bed.host(0), bed.host(-1), sizes=(size, 64), count=1)
    recording = bed.play(granting(bed, needed - 1) + load + Scenario(triggers=(raised,)))
    grants = recording.fabric.messages("GRANT", source="gsp1", direction=DOWN)
    low = [grant for grant in grants if grant.granted < needed]
    high = [grant for grant in grants if grant.granted >= needed]
    if expect.enough(min(len(low), len(high)), 1, "GRANT short of the frame, and for all of it"):
        stood = (high[0].time - low[0].time) // refresh
        expect.enough(stood, 2, "refreshes under the short grant")
        data = recording.fabric.messages("DATA", source="gsp0")
        expect.none(data, "DATA that the grant does not cover", (low[0].row, high[0].row))
        left = next((message.time for message in data if message.row > high[0].row), None)
        if expect.that(left is not None, "first frame once it is covered", "sent", "not sent"):
            waited = left - recording.arrival[high[0].row]
            limit = bed.parameter("latency_margin") + gap_at(size, bed.parameter("link_rate"))
            expect.at_most(waited, limit, "wait of a covered frame", "ns")


def granting(bed, ceiling):
    """Let the remote GSP grant all demand up to a ceiling, for good."""
    policy = GrantPolicy(mode="at-once", ceiling=ceiling, validity=bed.parameter("settle_time"))
    return Scenario(peers=(replace(bed.peer("gsp1"), grants=policy),))


@clause("GRANT-REQUEST-ON-DEMAND")
@testbed(SoloGsp())
@needs("fabric taps")
@configure(unsolicited_bytes=0, dgsq_mode="on-first-frame")
def test_first_frames_are_asked_for(bed, expect):
    """In each of six queues, and in each of two lives of them, a REQUEST goes out ahead of the first DATA."""
    margin, rest = bed.parameter("latency_margin"), 3 * bed.parameter("age_out")
    flows = [
        (source, host, cls)
        for source, cls in zip(bed.hosts[:2], (0, 5), strict=True)
        for host in bed.hosts[2:]
    ]
    flows += [(bed.host(0), host, 7) for host in bed.hosts[2:]]
    load = sum((elephant(source, host, count=5, cls=cls) for source, host, cls in flows), Scenario())
    recording = bed.play(load + load.delayed(rest))
    for source, host, cls in flows:
        seat = bed.addresses[host]
        frames = [f for f in recording.hosts.frames(source) if f.cls == cls and f.frame[:6] == seat.mac]
        asked, data = (
            [each for each in found if (each.port, each.cls) == (seat.port, cls)]
            for found in (recording.fabric.messages(name, source="gsp0") for name in ("REQUEST", "DATA"))
        )
        expect.equal(len({each.generation for each in asked}), 2, f"generations of class {cls} to {host}")
        for start in (0, rest):
            first, told, left = (
                next((each for each in found if each.time >= start), None) for found in (frames, asked, data)
            )
            waited = told.time - recording.arrival[first.row] if first and told else None
            what = f"time to the REQUEST of class {cls} to {host}"
            expect.at_most(waited, margin, what, "ns")
            early = left is not None and (told is None or left.time < told.time)
            expect.that(not early, f"DATA of class {cls} to {host} before its REQUEST", "none", "sent")


@clause("GRANT-DEMAND-CUMULATIVE")
@testbed(SoloGsp(uplinks=1))
@needs("fabric taps")
@configure(dgsq_mode="on-first-frame")
def test_demand_and_sent_match_the_wire(bed, expect):
    """In each class demand and sent only rise, and end at the octets that were offered and that went out."""
    sizes = (*RFC2544[1:], bed.parameter("max_frame"))
    shortest = ((0, 64), (3, 66))
    flows = [
        sweep(bed.host(0), bed.host(-1), sizes=(least, *sizes), count=2, cls=cls) for cls, least in shortest
    ]
    pause = 2 * bed.parameter("request_refresh")
    turns = (flow.delayed(turn * pause) for turn in range(5) for flow in flows)
    recording = bed.play(sum(turns, Scenario()))
    for cls in (0, 3):
        requests, data, frames = (
            [each for each in found if each.cls == cls]
            for found in (
                recording.fabric.messages("REQUEST", source="gsp0"),
                recording.fabric.messages("DATA", source="gsp0"),
                recording.hosts.frames(bed.host(0)),
            )
        )
        expect.enough(len(requests), 10, f"REQUEST of class {cls}")
        for before, after in pairwise(requests):
            fell = after.demand < before.demand or after.sent < before.sent
            got = f"{after.demand} and {after.sent} after {before.demand} and {before.sent}"
            expect.that(not fell, "demand and sent", "not below an earlier value", got, [after.row])
        for last in requests[-1:]:
            offered, sent = (sum(each.credit for each in items) for items in (frames, data))
            expect.equal(last.demand, offered, f"demand in the last REQUEST of class {cls}", [last.row])
            expect.equal(last.sent, sent, f"sent in the last REQUEST of class {cls}", [last.row])


@clause("GRANT-REFRESH")
@testbed(SoloGsp())
@needs("fabric taps")
@configure(dgsq_mode="on-first-frame")
def test_requests_go_on_until_age_out(bed, expect):
    """Queues that have nothing to send repeat their REQUESTs until they age out, and no longer."""
    refresh, age_out = bed.parameter("request_refresh"), bed.parameter("age_out")
    margin, ends = bed.parameter("latency_margin"), [(host, cls) for host in bed.hosts[2:] for cls in (0, 3)]
    flows = (elephant(bed.host(0), host, count=12, cls=cls) for host, cls in ends)
    rest = 2 * age_out + 3 * bed.parameter("hello_interval")
    recording = bed.play(replace(sum(flows, Scenario()), settle=rest))
    for host, cls in ends:
        requests, data = (
            [
                message
                for message in recording.fabric.messages(name, source="gsp0", destination="gsp1")
                if (message.port, message.cls) == (bed.addresses[host].port, cls)
            ]
            for name in ("REQUEST", "DATA")
        )
        last = max((message.time for message in data), default=0)
        for before, after in pairwise(requests):
            pause = after.time - before.time
            expect.at_most(pause, refresh + margin, "time between two REQUESTs", "ns", rows=[after.row])
        idle = [request.time for request in requests if request.time > last]
        took = idle[-1] - idle[0] if idle else 0
        what = f"time that {len(idle)} REQUESTs of class {cls} for {host} took"
        expect.at_most(took, (len(idle) - 1) * refresh + margin, what, "ns")
        longest = max((time - last for time in idle), default=0)
        what = f"time until the last REQUEST of class {cls} for {host}"
        expect.at_least(longest, age_out - refresh - margin, what, "ns")
        expect.at_most(longest, age_out + refresh, what, "ns")
        alive = recording.fabric.messages("HELLO", source="gsp0")
        expect.enough(sum(hello.time > last + age_out for hello in alive), 2, "HELLO after age-out")
