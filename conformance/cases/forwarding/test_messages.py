"""What a node does with fabric messages that are damaged, foreign, worn out or not for it."""

from conformance.api.marks import clause, configure, needs, testbed
from conformance.api.testbeds import SoloGsf, SoloGsp
from conformance.cases.forwarding.frames import plain
from traffic.frames.codec import codec
from traffic.frames.crafted import message
from traffic.patterns import gap_at
from traffic.recordings.recording import DOWN, UP
from traffic.scenario import Scenario

CONTROL = ("REQUEST", "GRANT", "BACKPRESSURE")
THROUGH = ("DATA", *CONTROL)

Spoiled = tuple[str, dict[str, int]]
"""A message by name, and the fields in which it differs from a good one."""


def passing(bed, spoiled, **faults):
    """Play messages through a GSF from node 1 to node 2, good ones around each spoiled one.

    `spoiled` are pairs of a message name and field values; `faults` go to every spoiled message.
    """
    gap = gap_at(bed.parameter("max_frame"), bed.parameter("link_rate"))
    frame = plain(bed, "h0", "h1", 0)
    ends = {"source": bed.node("gsp0"), "destination": bed.node("gsp1"), "port": bed.addresses["h1"].port}
    queue = {"generation": bed.profile.field("DATA", "generation").minimum}
    load = Scenario(voids=("GRANT-NO-SEND-WITHOUT",))
    for number, (name, values) in enumerate(spoiled):
        fields = ends | ({"about": bed.node("gsp1")} if name == "BACKPRESSURE" else queue)
        at, then = 2 * number * gap, (2 * number + 1) * gap
        common = {"payload": frame if name == "DATA" else b"", "profile": bed.wire_profile}
        load += message("gsp0-gsf0", name, fields, at=at, **common)
        load += message("gsp0-gsf0", name, fields | values, at=then, **common, **faults)
    return load


def through(bed):
    """Return the messages that pass through a GSF, by name, of those that the wire profile has."""
    return [name for name in THROUGH if name in bed.profile.messages]


def judge_passage(bed, expect, load, spoiled, causes):
    """Expect only the good messages to leave the GSF, and the others to be counted."""
    recording = bed.play(load)
    good = [
        m for name in through(bed) for m in recording.fabric.messages(name, "gsp1-gsf0", DOWN, source="gsp0")
    ]
    expect.equal(len(good), spoiled, "good messages forwarded", [message.row for message in good])
    spoilt = recording.fabric.malformed(at=bed.uplinks, direction=DOWN)
    expect.equal(len(spoilt), 0, "malformed messages forwarded", spoilt)
    counted = sum(recording.devices.counter(f"drop.{cause}", "gsf0") for cause in causes)
    expect.equal(counted, spoiled, f"growth of drop.{' and drop.'.join(causes)}")


@clause("FWD-HOP-LIMIT")
@testbed(SoloGsf())
@needs("fabric taps", "raw frames")
def test_each_hop_takes_one(bed, expect):
    """A message leaves a GSF with a hop limit lower by one, and else as it was behind the addresses."""
    recording = bed.play(passing(bed, [(name, {}) for name in through(bed)]))
    for name in through(bed):
        came = recording.fabric.messages(name, "gsp0-gsf0", UP)
        went = recording.fabric.messages(name, "gsp1-gsf0", DOWN)
        expect.enough(min(len(came), len(went)), 2, f"{name} messages that came and were forwarded")
        for before, after in zip(came, went, strict=False):
            expect.equal(after.hop_limit, before.hop_limit - 1, f"hop limit of {name}", [after.row])
            wanted = codec(bed.wire_profile).passed_on(recording.frame(before.row))
            expect.equal(recording.frame(after.row)[12:], wanted[12:], f"octets of {name}", [after.row])


@clause("FWD-HOP-LIMIT-EXPIRED")
@testbed(SoloGsf())
@needs("fabric taps", "raw frames", "counters")
def test_the_last_hop(bed, expect):
    """Messages with hop limits 1 and 0 end at the GSF, with a limit of 2 and more they pass."""
    recording = bed.play(passing(bed, [(name, {"hop_limit": n}) for name in through(bed) for n in (1, 0, 2)]))
    for name in through(bed):
        went = recording.fabric.messages(name, "gsp1-gsf0", DOWN, source="gsp0")
        expect.equal(len(went), 3 + 1, f"{name} messages forwarded", [message.row for message in went])
    dropped = recording.devices.counter("drop.hop_limit", "gsf0")
    expect.equal(dropped, 2 * len(through(bed)), "growth of drop.hop_limit")


@clause("FWD-CHECKSUM", "flipped-bit-at-gsf")
@testbed(SoloGsf())
@needs("fabric taps", "raw frames", "counters")
def test_a_gsf_stops_damaged_messages(bed, expect):
    """DATA and control messages with one flipped bit do not leave a GSF; the intact ones beside them do."""
    bed.profile.checked()
    spoiled: list[Spoiled] = [(name, {}) for name in through(bed)]
    judge_passage(bed, expect, passing(bed, spoiled, crc_error=1), len(spoiled), ["bad_checksum"])


@clause("FWD-UNKNOWN-VERSION", "other-versions")
@testbed(SoloGsf())
@needs("fabric taps", "raw frames", "counters")
def test_a_gsf_stops_other_versions(bed, expect):
    """DATA of every other version, with a matching checksum, does not leave a GSF."""
    spoiled = [("DATA", {"version": other}) for other in bed.profile.header.field("version").illegal()]
    judge_passage(bed, expect, passing(bed, spoiled), len(spoiled), ["bad_version"])


@clause("FWD-MALFORMED", "short-and-unknown")
@testbed(SoloGsf())
@needs("fabric taps", "raw frames", "counters")
def test_a_gsf_stops_malformed_messages(bed, expect):
    """Messages of unassigned types, and messages cut short, do not leave a GSF."""
    unassigned = [("DATA", {"type": code}) for code in bed.profile.unassigned()]
    judge_passage(bed, expect, passing(bed, unassigned), len(unassigned), ["bad_message"])
    bed.profile.checked(whole=True)
    short, names = bed.profile.header.octets + 1, through(bed)
    cut = sum((passing(bed, [(name, {})], octets=short) for name in names), Scenario())
    judge_passage(bed, expect, cut, len(names), ["bad_message", "bad_checksum"])


def judge_delivery(bed, expect, faults, *causes, link=None):
    """Play DATA to a host, a spoiled one between each two good ones; only the good ones may arrive.

    The others are counted as one of the causes: what nobody could be granted may be dropped for that first.
    """
    gap = gap_at(bed.parameter("max_frame"), bed.parameter("link_rate"))
    peer, port = bed.gsps[-1], link or bed.uplinks[0]
    ends = {
        "source": bed.node(peer),
        "destination": bed.node("gsp0"),
        "port": bed.addresses[bed.host(0)].port,
    }
    ends["generation"] = bed.profile.field("DATA", "generation").minimum
    load, good = Scenario(voids=("GRANT-NO-SEND-WITHOUT",)), []
    for number in range(len(faults) + 1):
        good.append(plain(bed, bed.host(-1), bed.host(0), number))
        fields = ends | {"index": number}
        at = 2 * number * gap
        asked = {"profile": bed.wire_profile, "governed": True}
        load += message(port, "DATA", fields, at=at, payload=good[-1], **asked)
    for number, fault in enumerate(faults):
        values, more = fault
        payload = plain(bed, bed.host(-1), bed.host(0), 100 + number)
        fields = ends | {"sequence": 1, "index": number} | values
        at = (2 * number + 1) * gap
        load += message(port, "DATA", fields, at=at, payload=payload, profile=bed.wire_profile, **more)
    recording = bed.play(load)
    got = [frame.frame for frame in recording.hosts.frames(bed.hosts[:2], "received")]
    expect.equal(got, good, "frames that reached a host", unit="frame")
    counted = sum(recording.devices.counter(f"drop.{cause}", "gsp0") for cause in causes)
    expect.equal(counted, len(faults), f"growth of drop.{' and drop.'.join(causes)}")


@clause("FWD-CHECKSUM", "flipped-bit-at-gsp")
@testbed(SoloGsp())
@needs("fabric taps", "raw frames", "counters")
def test_a_gsp_stops_damaged_data(bed, expect):
    """DATA with one flipped bit in its checksum reaches no host from any uplink; intact frames do."""
    bits = range(bed.profile.checked().bits)
    for link in bed.uplinks:
        judge_delivery(
            bed, expect, [({}, {"crc_error": 1 << bit}) for bit in bits], "bad_checksum", link=link
        )


@clause("FWD-UNKNOWN-VERSION", "other-versions")
@testbed(SoloGsp())
@needs("fabric taps", "raw frames", "counters")
def test_a_gsp_stops_other_versions(bed, expect):
    """DATA of every other version, with a matching checksum, does not reach a host."""
    others = bed.profile.header.field("version").illegal()
    judge_delivery(bed, expect, [({"version": version}, {}) for version in others], "bad_version")


@clause("FWD-MALFORMED", "short-and-unknown")
@testbed(SoloGsp())
@needs("fabric taps", "raw frames", "counters")
def test_a_gsp_stops_unassigned_types(bed, expect):
    """Messages of unassigned types do not reach a host."""
    codes = bed.profile.unassigned()
    judge_delivery(bed, expect, [({"type": code}, {}) for code in codes], "bad_message")


@clause("FWD-NOT-FOR-THIS-NODE", "stray-data")
@testbed(SoloGsp())
@needs("fabric taps", "raw frames", "counters")
def test_stray_data_goes_nowhere(bed, expect):
    """DATA for another node that carries a frame for a local host is dropped and counted."""
    nodes = (bed.node(bed.gsps[-1]), bed.node(bed.gsfs[0]), bed.profile.header.field("destination").maximum)
    judge_delivery(bed, expect, [({"destination": node}, {}) for node in nodes], "not_for_this_node")


@clause("FWD-UNKNOWN-ENDS", "at-gsp")
@testbed(SoloGsp())
@needs("fabric taps", "raw frames", "counters")
def test_data_from_nowhere_or_to_nowhere(bed, expect):
    """DATA that names no source, or the GSP itself, or a port that it has not, is dropped and counted."""
    sources, most = (0, bed.node("gsp0")), bed.profile.header.field("port").maximum
    judge_delivery(bed, expect, [({"source": node}, {}) for node in sources], "unknown_node")
    judge_delivery(bed, expect, [({"port": port}, {}) for port in (most - 1, most)], "unknown_destination")


@clause("FWD-UNKNOWN-ENDS", "at-gsf")
@testbed(SoloGsf())
@needs("fabric taps", "raw frames", "counters")
def test_a_gsf_stops_what_is_for_nobody(bed, expect):
    """Messages of each type for a node that nobody announced do not leave a GSF, and are counted."""
    nobody = bed.profile.header.field("destination").maximum
    spoiled = [(name, {"destination": nobody}) for name in through(bed)]
    judge_passage(bed, expect, passing(bed, spoiled), len(spoiled), ["unknown_node"])


@clause("FWD-GENERATION-ZERO", "data")
@testbed(SoloGsp())
@needs("fabric taps", "raw frames", "counters")
def test_data_of_no_generation_goes_nowhere(bed, expect):
    """DATA of the generation 0, in two classes, reaches no host and is counted; good frames arrive."""
    void = ({"generation": 0, "class": cls} for cls in (0, 3))
    judge_delivery(bed, expect, [(values, {}) for values in void], "bad_message", "queue_full")


@clause("FWD-GENERATION-ZERO", "control")
@testbed(SoloGsp())
@needs("fabric taps", "raw frames", "counters")
@configure(unsolicited_bytes=0, dgsq_mode="on-first-frame")
def test_control_of_no_generation_says_nothing(bed, expect):
    """REQUEST and GRANT of the generation 0 are dropped and counted; a good REQUEST behind is granted."""
    ends = {"source": bed.node("gsp1"), "destination": bed.node("gsp0"), "class": 3}
    ends |= {"port": bed.addresses[bed.host(0)].port, "generation": 0}
    octets, validity = bed.parameter("container_bytes"), bed.parameter("grant_validity")
    asked, given = ends | {"demand": octets}, ends | {"granted": octets, "validity": validity}
    good = asked | {"generation": bed.profile.after(6)}
    load = Scenario()
    for turn, (name, values) in enumerate((("REQUEST", asked), ("GRANT", given), ("REQUEST", good))):
        at = turn * bed.parameter("grant_round_trip")
        load += message(bed.uplinks[0], name, values, at=at, profile=bed.wire_profile)
    recording = bed.play(load)
    told = {grant.generation for grant in recording.fabric.messages("GRANT", source="gsp0")}
    expect.equal(told, {good["generation"]}, "generations in GRANT", unit="generation")
    expect.equal(recording.devices.counter("drop.bad_message", "gsp0"), 2, "growth of drop.bad_message")


@clause("FWD-RESERVED-IGNORED")
@testbed(SoloGsp())
@needs("fabric taps", "raw frames")
def test_bits_without_a_meaning_are_ignored(bed, expect):
    """DATA with each flag set that has no meaning, and each reserved field altered, reaches its host."""
    known, width = sum(bed.profile.flags.values()), bed.profile.header.field("flags").width_bits
    odd = [{"flags": 1 << bit} for bit in range(width) if not known >> bit & 1]
    odd += [{field.name: field.illegal()[0]} for field in bed.profile.reserved("DATA")]
    ends = {"source": bed.node("gsp1"), "destination": bed.node("gsp0"), "generation": bed.profile.after(1)}
    ends["port"] = bed.addresses[bed.host(0)].port
    gap = 2 * gap_at(bed.parameter("max_frame"), bed.parameter("link_rate"))
    load = Scenario()
    sent = [plain(bed, bed.host(-1), bed.host(0), number) for number in range(len(odd))]
    for number, (values, payload) in enumerate(zip(odd, sent, strict=True)):
        asked = {"at": number * gap, "payload": payload, "governed": True, "profile": bed.wire_profile}
        load += message(bed.uplinks[0], "DATA", ends | {"index": number} | values, **asked)
    recording = bed.play(load)
    got = [frame.frame for frame in recording.hosts.frames(bed.hosts[:2], "received")]
    expect.enough(len(odd), 1, "bits without a meaning")
    expect.equal(got, sent, "frames that reached a host", unit="frame")
