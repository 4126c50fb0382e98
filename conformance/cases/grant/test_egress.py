from dataclasses import replace

from conformance.api.marks import clause, configure, needs, testbed
from conformance.api.testbeds import SoloGsp
from conformance.cases.windows import grant_window
from traffic.frames.crafted import message
from traffic.patterns import credit_bytes, elephant, gap_at, incast
from traffic.scenario import Demand, LinkEvent, Scenario


@clause("GRANT-EGRESS-RATE")
@testbed(SoloGsp(remotes=4))
@needs("fabric taps")
def test_grants_keep_to_the_egress_rate(bed, expect):
    """What each of two ports grants to four sources is over any time what it sends then, plus one window."""
    longest, sources = bed.parameter("max_frame"), {port: bed.hosts[2 + port :: 2] for port in (0, 1)}
    for port in (0, 1):
        recording = bed.play(incast(sources[port], bed.host(port), count=100, size=longest))
        expect.enough(len(recording.fabric.messages("GRANT", source="gsp0")), 50, "GRANT")
        worst = recording.credit.overgrant(bed.host(port), bed.parameter("link_rate"))
        limit = grant_window(bed) + (len(sources[port]) + 1) * credit_bytes(longest)
        what = f"credit for port {port} beyond its rate"
        expect.at_most(worst.value, limit, what, "octet", rows=[worst.row])


@clause("GRANT-FABRIC-CAPACITY")
@testbed(SoloGsp(hosts=3, uplinks=3, remotes=3))
@needs("fabric taps", "link events")
def test_grants_shrink_to_the_link_left(bed, expect):
    """Three ports behind one uplink of three are granted what it carries, and lose nothing."""
    rate, span = bed.parameter("link_rate"), bed.parameter("convergence_max")
    ports, sources = bed.hosts[:3], bed.hosts[3::3]
    size = bed.parameter("max_frame")
    flows = [
        elephant(source, port, count=span // gap_at(size, rate), size=size)
        for source, port in zip(sources, ports, strict=True)
    ]
    load = sum(flows, Scenario())
    gone = tuple(LinkEvent(span // 2, link, up=False) for link in bed.uplinks[1:])
    lost = Scenario(links=gone, voids=("GRANT-EGRESS-RATE",))
    start = span // 2 + span + bed.parameter("reorder_timeout")
    recording = bed.play(load + lost + load.delayed(start + span))
    late = [frame.row for frame in recording.hosts.losses(emulated=True) if frame.time > start]
    expect.that(not late, "frames lost once the loss is known", 0, len(late), late)
    worst = recording.credit.overgrant(ports, rate, start)
    expect.enough(
        len([grant for grant in recording.fabric.messages("GRANT") if grant.time > start]), 50, "GRANT"
    )
    limit = grant_window(bed) + (len(sources) + 1) * credit_bytes(size)
    expect.at_most(worst.value, limit, "credit beyond the link left", "octet", rows=[worst.row])


@clause("GRANT-NOT-BELOW-POSITION")
@testbed(SoloGsp(hosts=1))
@needs("fabric taps", "raw frames")
@configure(unsolicited_bytes=0)
def test_grant_follows_a_reported_position(bed, expect):
    """After a source reports positions above its grants, in two classes, no later GRANT is below them."""
    pace = max(bed.parameter("request_refresh"), bed.parameter("grant_round_trip"))
    step = bed.parameter("container_bytes")
    sent = 10 * step + (1 << 32)
    ends = {"source": bed.node("gsp1"), "destination": bed.node("gsp0")}
    ends |= {"port": bed.addresses[bed.host(0)].port, "generation": bed.profile.after(1)}
    positions = (0, *[sent] * 10)
    reports = [{"demand": position + step, "sent": position, "forfeited": 0} for position in positions]
    load = Scenario()
    for turn, report in enumerate(reports):
        for cls in (0, 3):
            values = ends | report | {"class": cls}
            load += message(bed.uplinks[0], "REQUEST", values, at=turn * pace, profile=bed.wire_profile)
    recording = bed.play(load)
    for cls in (0, 3):
        told = [each for each in recording.fabric.messages("REQUEST", source="gsp1") if each.cls == cls]
        jump = min((message.row for message in told if message.sent), default=None)
        grants = [each for each in recording.fabric.messages("GRANT", source="gsp0") if each.cls == cls]
        early = [grant for grant in grants if jump and grant.row < jump]
        expect.enough(len(early), 1, f"GRANT of class {cls} before the report")
        expect.each(
            [grant for grant in grants if jump and grant.time > recording.arrival[jump]],
            f"cumulative grant of class {cls} after the report",
            lambda grant: grant.granted >= sent,
            at_least=2,
            expected=f"at least {sent}",
        )


@clause("GRANT-NO-DEMAND-NO-GRANT")
@testbed(SoloGsp(hosts=1))
@needs("fabric taps")
@configure(unsolicited_bytes=0)
def test_no_credit_beyond_the_demand(bed, expect):
    """A source that announces a small demand in each of two classes is granted that and no more."""
    small = bed.parameter("container_bytes") // 10
    here = bed.addresses[bed.host(0)]
    claims = tuple(Demand(at=0, node=here.node, port=here.port, bytes=small, cls=cls) for cls in (0, 3))
    source = replace(bed.peer("gsp1"), demands=claims)
    recording = bed.play(Scenario(peers=(source,), settle=2 * bed.parameter("age_out")))
    expect.each(
        recording.fabric.messages("GRANT", source="gsp0"),
        "credit that is not expired",
        lambda grant: grant.granted - grant.expired <= small,
        at_least=6,
        expected=f"at most {small} octets",
    )
