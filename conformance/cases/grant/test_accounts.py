"""What a GSP counts of its signalling, and what it makes of messages that are not right."""

from dataclasses import replace

from conformance.api.marks import clause, configure, needs, testbed
from conformance.api.testbeds import SoloGsp
from traffic.frames.crafted import message
from traffic.patterns import elephant
from traffic.recordings.recording import DOWN, UP
from traffic.scenario import GrantPolicy, Scenario, Window


@clause("GRANT-COUNTED")
@testbed(SoloGsp(hosts=1, remotes=2))
@needs("fabric taps", "counters")
@configure(unsolicited_bytes=0, dgsq_mode="on-first-frame")
def test_messages_and_credit_are_counted(bed, expect):
    """Messages both ways, and the credit granted, taken back and given up, are counted as on the wire."""
    (here, there, mute), rest = bed.hosts, 2 * bed.parameter("age_out")
    extra, validity = bed.parameter("container_bytes"), bed.parameter("grant_validity")
    generous = GrantPolicy("at-once", extra=extra, validity=validity)
    asking = replace(bed.peer("gsp2"), silent=True, mute=(Window(start=rest),))
    peers = (replace(bed.peer("gsp1"), grants=generous), asking)
    flows = ((here, there, 0), (here, there, 3), (there, here, 0), (mute, here, 0), (mute, here, 3))
    load = sum((elephant(*ends, count=12, cls=cls) for *ends, cls in flows), Scenario(peers=peers))
    recording = bed.play(replace(load, settle=2 * rest))
    sent, came = (
        {name: recording.fabric.messages(name, bed.uplinks, way) for name in ("REQUEST", "GRANT")}
        for way in (UP, DOWN)
    )
    last = {(each.destination, each.cls, each.generation): each for each in sent["GRANT"]}
    given_up = {(each.cls, each.generation): each.forfeited for each in sent["REQUEST"]}
    silent = sum(each.expired for each in last.values() if each.destination == bed.node("gsp2"))
    for name, number in (
        ("requests_sent", len(sent["REQUEST"])),
        ("requests_received", len(came["REQUEST"])),
        ("grants_sent", len(sent["GRANT"])),
        ("grants_received", len(came["GRANT"])),
        ("granted_bytes", sum(each.granted for each in last.values())),
        ("forfeited_bytes", sum(given_up.values())),
    ):
        if expect.enough(number, 1, f"{name} on the wire"):
            expect.equal(recording.devices.counter(name, "gsp0"), number, f"growth of {name}")
    if expect.enough(silent, 1, "credit of the mute source that expired"):
        expect.at_least(recording.devices.counter("expired_bytes", "gsp0"), silent, "growth of expired_bytes")


@clause("GRANT-STRANGE-REFUSED")
@testbed(SoloGsp(hosts=1))
@needs("fabric taps", "raw frames", "counters")
@configure(unsolicited_bytes=0, dgsq_mode="on-first-frame")
def test_strange_requests_are_refused(bed, expect):
    """A REQUEST of another version, for another node or for no port there is granted nothing, and counted."""
    port, step = bed.addresses[bed.host(0)].port, bed.parameter("grant_round_trip")
    right = {"source": bed.node("gsp1"), "destination": bed.node("gsp0"), "port": port, "class": 0}
    right |= {"generation": bed.profile.after(1), "demand": bed.parameter("container_bytes")}
    ports = bed.profile.header.field("port").maximum
    faults = [({"version": other}, "bad_version") for other in bed.profile.header.field("version").illegal()]
    faults += [({"destination": bed.node(name)}, "not_for_this_node") for name in ("gsp1", "gsf0")]
    faults += [({"port": ports}, "unknown_destination"), ({"port": ports - 1}, "unknown_destination")]
    asked = [right, *(right | {"class": 3} | wrong for wrong, _ in faults), right]
    load = Scenario()
    for turn, values in enumerate(asked):
        load += message(bed.uplinks[0], "REQUEST", values, at=turn * step, profile=bed.wire_profile)
    recording = bed.play(load)
    grants = recording.fabric.messages("GRANT", bed.uplinks, UP)
    good, wrong = ([grant for grant in grants if (grant.cls == 0) == is_right] for is_right in (True, False))
    expect.enough(len(good), 1, "GRANT for the right REQUEST")
    expect.equal(wrong, [], "GRANT for a strange REQUEST", [grant.row for grant in wrong], unit="message")
    for cause in ("bad_version", "not_for_this_node", "unknown_destination"):
        number = sum(each == cause for _, each in faults)
        expect.equal(recording.devices.counter(f"drop.{cause}", "gsp0"), number, f"growth of drop.{cause}")
