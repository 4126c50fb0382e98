"""When a path comes back: nothing is lost, its share returns, and a flapping link has to wait."""

from conformance.api.marks import clause, needs, testbed
from conformance.api.testbeds import LeafSpine, SoloGsf, SoloGsp
from conformance.cases.spraying.shares import (
    begun,
    in_turn,
    judge_shares,
    judge_unused,
    lasting,
    line_time,
    plenty,
)
from traffic.recordings.recording import DOWN, UP
from traffic.scenario import LinkEvent, Scenario


def outage(link, down, up):
    """Take a link down for a while."""
    return Scenario(links=(LinkEvent(down, link, up=False), LinkEvent(up, link, up=True)))


@clause("SPRAY-RECOVERY-HITLESS")
@testbed(LeafSpine())
@needs("fabric taps", "link events")
def test_a_returning_link_harms_nothing(bed, expect):
    """From the return of a near or a far link under load on, no frame is lost, doubled or out of order."""
    interval = bed.parameter("hello_interval")
    down, up = interval, 5 * interval
    used = up + bed.parameter("flap_hold") + 4 * interval
    near, far = (bed.uplinks_of(gsp)[0] for gsp in bed.gsps)
    for lost in (near, far):
        load = lasting(bed, bed.host(0), bed.host(-1), used + interval)
        recording = bed.play(load + outage(lost, down, up))
        again = [data for data in recording.fabric.messages("DATA", near, UP) if data.time > up]
        expect.enough(len(again), 5, f"DATA on {near} after {lost} came back")
        for what, frames in (("lost", recording.hosts.losses()), ("doubled", recording.hosts.duplicates())):
            late = [frame.row for frame in frames if frame.time >= up]
            expect.equal(len(late), 0, f"frames {what} since {lost} came back", late)
        late = [row for row in recording.hosts.reordering().rows if recording.time[row] >= up]
        expect.equal(len(late), 0, f"frames out of order since {lost} came back", late)


@clause("SPRAY-RECOVERY-SHARE")
@testbed(SoloGsp(uplinks=3))
@needs("fabric taps", "link events")
def test_a_returned_uplink_gets_its_share(bed, expect):
    """An uplink that was down twice carries a third again in time, and not more than that at first."""
    lost, interval = bed.uplinks[0], bed.parameter("hello_interval")
    before = outage(lost, interval, 5 * interval)
    down = 9 * interval + bed.parameter("flap_hold")
    up = down + 4 * interval
    window, good = line_time(bed, plenty(bed, 3)), up + 2 * interval + bed.parameter("flap_hold")
    load = lasting(bed, bed.host(0), bed.host(-1), good + bed.parameter("convergence_max") + 2 * window)
    recording = bed.play(load + before + outage(lost, down, up))
    containers = recording.fabric.containers(at=bed.uplinks)
    again = [item.times[0] for item in begun(containers, up) if lost in item.links]
    expect.enough(len(again), 1, "containers on the uplink that came back")
    for first in again[:1]:
        carried = recording.fabric.uplink_bytes(bed.uplinks, start=first, stop=first + window)
        limit = (1 + bed.parameter("spray_tolerance")) * sum(carried.values()) / len(carried)
        expect.at_most(carried[lost], limit, "octets on the uplink when it is used again", "octet")
    later = begun(containers, good + bed.parameter("convergence_max"))
    judge_shares(bed, expect, later, dict.fromkeys(bed.uplinks, 1), "when it is long back")


def flaps(bed, link):
    """Take a link down and up three times; give that, the first loss, and when it may be used again."""
    interval, hold = bed.parameter("hello_interval"), bed.parameter("flap_hold")
    downs = [interval + number * (interval + hold // 2) for number in range(3)]
    events = sum((outage(link, down, down + interval) for down in downs), Scenario())
    return events, downs[0] + bed.parameter("latency_margin"), downs[-1] + interval + hold


@clause("SPRAY-FLAP-DAMPED")
@testbed(SoloGsp())
@needs("fabric taps", "counters", "link events")
def test_a_flapping_uplink_waits(bed, expect):
    """An uplink that goes down and up three times carries nothing until flap_hold after the last return."""
    good, flapping = bed.uplinks
    events, lost, released = flaps(bed, flapping)
    load = lasting(bed, bed.host(0), bed.host(-1), released + 5 * bed.parameter("hello_interval"))
    recording = bed.play(load + events)
    expect.enough(len(recording.fabric.messages("DATA", flapping, UP)), 2, "DATA before the first loss")
    judge_unused(expect, recording, flapping, good, after=lost, before=released)
    expect.equal(recording.devices.counter("path_up", "gsp0"), 1, "growth of path_up")


@clause("SPRAY-FLAP-DAMPED")
@testbed(SoloGsf())
@needs("fabric taps", "counters", "link events")
def test_a_gsf_waits_for_a_flapping_link(bed, expect):
    """A GSF forwards nothing on a link that goes down and up until flap_hold after the last return."""
    (good,), (flapping,) = bed.uplinks_of("gsp1"), bed.uplinks_of("gsp2")
    events, lost, released = flaps(bed, flapping)
    recording = bed.play(in_turn(bed, released + 5 * bed.parameter("hello_interval")) + events)
    expect.enough(len(recording.fabric.messages("DATA", flapping, DOWN)), 2, "DATA before the first loss")
    judge_unused(expect, recording, flapping, good, after=lost, before=released, way=DOWN)
    expect.equal(recording.devices.counter("path_up", "gsf0"), 1, "growth of path_up")
