"""What a node makes of control messages with a wrong field: it counts them, and does nothing they say."""

from itertools import count, product

from conformance.api.marks import clause, needs, testbed
from conformance.api.testbeds import SoloGsf, SoloGsp
from traffic.frames.crafted import message
from traffic.patterns import RFC2544, gap_at
from traffic.recordings.recording import DOWN
from traffic.scenario import Scenario

ABOUT_LINKS = ("HELLO", "FAULT")
CONTROL = ("REQUEST", "GRANT", "BACKPRESSURE", *ABOUT_LINKS)
DONE = ("requests_received", "grants_received", "backpressure_received", "faults_received", "path_down")


def spoiled(bed, links, target, *faults):
    """Send each control message, one that does harm, to `target` on each link, with each of these faults.

    `faults` are pairs of field values and arguments of `message`. Returns the load and its size.
    """
    gap = gap_at(bed.parameter("max_frame"), bed.parameter("link_rate"))
    load, times = Scenario(voids=("GRANT-NO-SEND-WITHOUT",)), count(1)
    names = [name for name in CONTROL if name in bed.profile.messages]
    for link, name, (values, more) in product(links, names, faults):
        gsp, gsf = link.split("-")
        sender = gsf if gsf in bed.gsfs and gsp == target else gsp
        far = sender if name in ABOUT_LINKS else "gsp1" if target == "gsp0" else gsp
        fields = {"source": bed.node(far), "destination": bed.node(target)}
        about = bed.node("gsp1" if target == "gsp0" else "gsp2")
        if name == "HELLO":
            role = bed.profile.code("HELLO", "role", "GSF" if sender == gsf else "GSP")
            fields |= {"destination": 0, "role": role, "sequence": 1}
        elif name == "FAULT":
            fields |= {"destination": 0, "node": about, "origin": bed.node(far)}
        elif name == "BACKPRESSURE":
            fields |= {"about": about, "level": 255, "validity": bed.parameter("bp_validity")}
        else:
            fields |= {"port": 0, "generation": bed.profile.field(name, "generation").minimum}
        load += message(link, name, fields | values, at=next(times) * gap, profile=bed.wire_profile, **more)
    return load, next(times) - 1


@clause("FWD-CHECKSUM", "control-at-gsp")
@testbed(SoloGsp())
@needs("fabric taps", "raw frames", "counters")
def test_a_gsp_obeys_no_damaged_message(bed, expect):
    """Control messages of each type with one flipped bit are counted on each uplink, and not obeyed."""
    bed.profile.checked()
    load, number = spoiled(bed, bed.uplinks, "gsp0", ({}, {"crc_error": 1}))
    recording = bed.play(load)
    expect.equal(
        recording.devices.counter("drop.bad_checksum", "gsp0"), number, "growth of drop.bad_checksum"
    )
    for name in DONE:
        expect.equal(recording.devices.counter(name, "gsp0"), 0, f"growth of {name}")


@clause("FWD-CHECKSUM", "links-at-gsf")
@testbed(SoloGsf())
@needs("fabric taps", "raw frames", "counters")
def test_a_gsf_obeys_no_damaged_message(bed, expect):
    """HELLO, FAULT and messages to pass on with one flipped bit are counted at a GSF, and not obeyed."""
    bed.profile.checked()
    load, number = spoiled(bed, bed.uplinks_of("gsp0"), "gsp1", ({}, {"crc_error": 1}))
    recording = bed.play(load)
    expect.equal(
        recording.devices.counter("drop.bad_checksum", "gsf0"), number, "growth of drop.bad_checksum"
    )
    for name in ("faults_received", "faults_sent", "path_down"):
        expect.equal(recording.devices.counter(name, "gsf0"), 0, f"growth of {name}")


@clause("FWD-UNKNOWN-VERSION", "control-at-gsp")
@testbed(SoloGsp())
@needs("fabric taps", "raw frames", "counters")
def test_a_gsp_obeys_no_other_version(bed, expect):
    """Control messages of each type and every other version are counted at a GSP, and not obeyed."""
    others = bed.profile.header.field("version").illegal()
    load, number = spoiled(bed, bed.uplinks[:1], "gsp0", *[({"version": other}, {}) for other in others])
    recording = bed.play(load)
    expect.equal(recording.devices.counter("drop.bad_version", "gsp0"), number, "growth of drop.bad_version")
    for name in DONE:
        expect.equal(recording.devices.counter(name, "gsp0"), 0, f"growth of {name}")


@clause("FWD-UNKNOWN-VERSION", "control-at-gsf")
@testbed(SoloGsf())
@needs("fabric taps", "raw frames", "counters")
def test_a_gsf_obeys_no_other_version(bed, expect):
    """Control messages of every other version are counted at a GSF, not obeyed and not passed on."""
    others, links = bed.profile.header.field("version").illegal(), bed.uplinks_of("gsp0")
    load, number = spoiled(bed, links, "gsp1", *[({"version": other}, {}) for other in others])
    recording = bed.play(load + Scenario(settle=3 * bed.parameter("hello_interval")))
    expect.equal(recording.devices.counter("drop.bad_version", "gsf0"), number, "growth of drop.bad_version")
    for name in ("faults_received", "faults_sent", "path_down"):
        expect.equal(recording.devices.counter(name, "gsf0"), 0, f"growth of {name}")
    expect.enough(len(recording.fabric.messages("HELLO", bed.uplinks, DOWN)), 1, "HELLO of the GSF")
    passed = [
        m
        for name in CONTROL[:3]
        if name in bed.profile.messages
        for m in recording.fabric.messages(name, bed.uplinks, DOWN)
    ]
    expect.equal(passed, [], "messages passed on", unit="message")


@clause("FWD-MALFORMED", "short-control")
@testbed(SoloGsp())
@needs("fabric taps", "raw frames", "counters")
def test_a_gsp_counts_what_is_cut(bed, expect):
    """Control messages that end behind their header, or in a list, are counted at a GSP, and not obeyed."""
    bed.profile.checked(whole=True)
    load, number = spoiled(bed, bed.uplinks[:1], "gsp0", ({}, {"octets": bed.profile.header.octets + 1}))
    entries = [{"node": node, "rate": bed.parameter("link_rate")} for node in range(1, 30)]
    fields, cut = {"source": bed.node(bed.gsfs[0])}, bed.profile.header.octets + max(RFC2544[:2])
    load += message(bed.uplinks[0], "HELLO", fields, entries=entries, octets=cut, profile=bed.wire_profile)
    recording = bed.play(load)
    causes = ("drop.bad_message", "drop.bad_checksum")
    counted = sum(recording.devices.counter(cause, "gsp0") for cause in causes)
    expect.equal(counted, number + 1, "growth of drop.bad_message and drop.bad_checksum")
    for name in DONE:
        expect.equal(recording.devices.counter(name, "gsp0"), 0, f"growth of {name}")


@clause("FWD-NOT-FOR-THIS-NODE", "stray-control")
@testbed(SoloGsp())
@needs("fabric taps", "raw frames", "counters")
def test_stray_control_is_not_obeyed(bed, expect):
    """REQUEST, GRANT and BACKPRESSURE for another node are counted as such, and not obeyed."""
    gap = gap_at(bed.parameter("max_frame"), bed.parameter("link_rate"))
    names = [name for name in CONTROL[:3] if name in bed.profile.messages]
    load = Scenario(voids=("GRANT-NO-SEND-WITHOUT",))
    for turn, name in enumerate(names):
        fields = {"source": bed.node("gsp1"), "destination": bed.node("gsp1")}
        queue = {"port": 0, "generation": bed.profile.field("DATA", "generation").minimum}
        about = {"about": bed.node("gsp1"), "level": 255, "validity": bed.parameter("bp_validity")}
        fields |= about if name == "BACKPRESSURE" else queue
        load += message(bed.uplinks[0], name, fields, at=(turn + 1) * gap, profile=bed.wire_profile)
    recording = bed.play(load)
    counted = recording.devices.counter("drop.not_for_this_node", "gsp0")
    expect.equal(counted, len(names), "growth of drop.not_for_this_node")
    for name in DONE:
        expect.equal(recording.devices.counter(name, "gsp0"), 0, f"growth of {name}")
