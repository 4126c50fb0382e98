"""What must not enter the fabric goes nowhere, is counted under its cause, and harms nothing beside it."""

from dataclasses import replace

from conformance.api.marks import clause, configure, needs, testbed
from conformance.api.testbeds import LeafSpine, SoloGsf, SoloGsp
from conformance.cases.forwarding.frames import apart, plain, tagged
from traffic.frames.roce import priority_pause
from traffic.patterns import elephant, frame_count, gap_at
from traffic.recordings.recording import DOWN, UP
from traffic.scenario import LinkEvent, Scenario

LINK_LOCAL = bytes.fromhex("0180c20000")
NOBODY = bytes.fromhex("020000000999")


def judge_between(bed, expect, unwanted, cause):
    """Play frames between two good ones; only those two may go anywhere, and the drops are counted."""
    here, there = bed.host(0), bed.host(-1)
    first, last = (plain(bed, here, there, number) for number in (1, 2))
    recording = bed.play(apart(bed, here, [first, *unwanted, last]))
    arrived = [frame.frame for frame in recording.hosts.frames(bed.hosts, "received")]
    expect.equal(arrived, [first, last], "frames that hosts received", unit="frame")
    carried = [
        recording.fabric.payload(data.row) for data in recording.fabric.messages("DATA", bed.uplinks, UP)
    ]
    expect.equal(carried, [first, last], "frames in the fabric", unit="frame")
    counted = recording.devices.counter(f"drop.{cause}", bed.gsps[0])
    expect.equal(counted, len(unwanted), f"growth of drop.{cause}")


@clause("FWD-LONG-FRAME-DROPPED")
@testbed(SoloGsp())
@needs("fabric taps", "counters")
def test_one_octet_too_long(bed, expect):
    """Frames one octet longer than max_frame, or four with a tag, are dropped; their neighbours pass."""
    here, there, longest = bed.host(0), bed.host(-1), bed.parameter("max_frame")
    legal = [plain(bed, here, there, number, longest) for number in (1, 2)]
    long = [plain(bed, here, there, 3, longest + 1)]
    long += [tagged(plain(bed, here, there, 4, longest + more)) for more in (1, 4)]
    recording = bed.play(apart(bed, here, [legal[0], *long, tagged(legal[0]), legal[1]]))
    carried = [
        recording.fabric.payload(data.row) for data in recording.fabric.messages("DATA", bed.uplinks, UP)
    ]
    expect.equal(carried, [legal[0], tagged(legal[0]), legal[1]], "frames on the uplinks", unit="frame")
    counted = recording.devices.counter("drop.frame_too_long", "gsp0")
    expect.equal(counted, len(long), "growth of drop.frame_too_long")


@clause("FWD-LINK-LOCAL", "sixteen-addresses")
@testbed(LeafSpine(hosts=2))
@needs("fabric taps", "counters")
def test_link_local_stays_on_its_link(bed, expect):
    """Frames of two hosts to the sixteen reserved addresses, tagged and untagged, reach no other port."""
    ordinary: list[bytes] = []
    load, sent = Scenario(), 0
    for turn, host in enumerate(bed.hosts[:2]):
        good = [plain(bed, host, bed.host(-1), number) for number in (turn, turn + 2)]
        reserved = [plain(bed, host, LINK_LOCAL + bytes([last]), last) for last in range(16)]
        frames = [good[0], *reserved, *map(tagged, reserved), good[1]]
        load += apart(bed, host, frames, after=turn * bed.parameter("latency_margin") // 4)
        ordinary, sent = [*ordinary, *good], sent + 2 * len(reserved)
    recording = bed.play(load)
    arrived = [frame.frame for frame in recording.hosts.frames(bed.hosts, "received")]
    expect.equal(sorted(arrived), sorted(ordinary), "frames that hosts received", unit="frame")
    data = recording.fabric.messages("DATA", bed.uplinks, UP)
    carried = [recording.fabric.payload(item.row) for item in data]
    expect.equal(sorted(carried), sorted(ordinary), "frames in the fabric", unit="frame")
    counted = recording.devices.counter("drop.link_local", bed.gsps[0])
    expect.at_most(counted, sent, "growth of drop.link_local")


@clause("FWD-LINK-LOCAL", "strange-pauses")
@testbed(LeafSpine(hosts=2))
@needs("fabric taps")
def test_strange_pauses_hold_nothing(bed, expect):
    """MAC control frames that are no PFC, of no class or tagged go nowhere, and hold up nothing."""
    one, other = bed.host(0), bed.host(1)
    pause = priority_pause(bed.addresses[one].mac, dict.fromkeys(range(8), 0xFFFF))
    strange = [
        pause[:12] + b"\x88\x08\x00\x01" + pause[16:],
        pause[:12] + b"\x88\x09" + pause[14:],
        pause[:17] + bytes(43),
        tagged(pause),
    ]
    good = [plain(bed, other, one, number) for number in range(len(strange))]
    load = apart(bed, one, strange)
    recording = bed.play(load + apart(bed, other, good, after=bed.parameter("latency_margin")))
    arrived = [frame.frame for frame in recording.hosts.frames(bed.hosts, "received")]
    expect.equal(arrived, good, "frames that hosts received", unit="frame")
    span = 4 * len(good) * gap_at(bed.parameter("max_frame"), bed.parameter("link_rate"))
    last = max((frame.time for frame in recording.hosts.frames(one, "received")), default=None)
    expect.at_most(last, span + 2 * bed.parameter("latency_margin"), "time at which the last one came", "ns")
    expect.equal(recording.fabric.messages("DATA"), [], "DATA in the fabric", unit="message")


@clause("FWD-UNKNOWN-DROP")
@testbed(LeafSpine(hosts=2))
@needs("fabric taps", "counters")
@configure(unknown_unicast="drop")
def test_unknown_is_dropped(bed, expect):
    """Frames to an address that nobody has are dropped and counted."""
    judge_between(
        bed, expect, [plain(bed, bed.host(0), NOBODY, n) for n in (11, 12, 13)], "unknown_destination"
    )


@clause("FWD-HAIRPIN")
@testbed(LeafSpine(hosts=2))
@needs("counters")
def test_no_frame_returns(bed, expect):
    """Frames of two hosts to their own addresses do not return, whatever was sent to these before."""
    one, other, *far = bed.hosts[:4]
    load = Scenario()
    for turn, (here, beside) in enumerate(((one, other), (other, one), (one, other))):
        targets = [beside, here, *far, here]
        frames = [plain(bed, here, target, 10 * turn + n) for n, target in enumerate(targets)]
        load += apart(bed, here, frames, after=20 * turn * bed.parameter("flush_time"))
    recording = bed.play(load)
    expect.equal(recording.hosts.strays(), [], "frames that returned", unit="frame")
    received = {host: len(recording.hosts.frames(host, "received")) for host in bed.hosts}
    due = {one: 1, other: 2, far[0]: 3, far[1]: 3}
    expect.equal(received, due, "frames that each host received")
    expect.equal(recording.devices.counter("drop.hairpin", bed.gsps[0]), 6, "growth of drop.hairpin")


@clause("FWD-DROP-CAUSES-SUM", "several-causes-at-once")
@testbed(LeafSpine(hosts=2))
@needs("counters")
@configure(unknown_unicast="drop")
def test_causes_make_the_total(bed, expect):
    """Frames dropped for different reasons count once each, and the causes make the total."""
    here, there = bed.host(0), bed.host(-1)
    good = [plain(bed, here, there, number) for number in range(5)]
    bad = [
        plain(bed, here, NOBODY, 11),
        plain(bed, here, here, 12),
        plain(bed, here, there, 13, bed.parameter("max_frame") + 1),
        plain(bed, here, NOBODY, 14, bed.parameter("max_frame") + 1),
    ]
    frames = [frame for pair in zip(good, [*bad, bad[1]], strict=True) for frame in pair]
    recording = bed.play(apart(bed, here, frames))
    missing = len(recording.hosts.frames(here, "sent")) - len(recording.hosts.frames(there, "received"))
    for gsp in bed.gsps:
        causes = {
            name: recording.devices.counter(name, gsp)
            for name in recording.columns.counters[gsp]
            if "drop." in name
        }
        total = recording.devices.counter("dropped_frames", gsp)
        expect.equal(sum(causes.values()), total, f"sum over drop.* of {gsp}")
        expect.equal(total, missing if gsp == "gsp0" else 0, f"dropped_frames of {gsp}")


@clause("FWD-DROP-CAUSES-SUM", "waiting-for-lost-links")
@testbed(SoloGsf(gsps=5, parallel=2))
@needs("fabric taps", "counters", "link events")
def test_what_waits_for_lost_links_is_counted(bed, expect):
    """Of frames that wait for two links of a GSP when both are lost, each leaves or is counted as dropped."""
    size, (first, last) = bed.parameter("max_frame"), bed.uplinks_of("gsp4")
    count = 1 + frame_count(size, 2 * bed.parameter("bp_threshold"), None)
    span = count * gap_at(size, bed.parameter("link_rate"))
    cuts = (LinkEvent(span // 2, first, up=False), LinkEvent(span * 3 // 4, last, up=False))
    free = tuple(replace(bed.peer(name), ungoverned=True) for name in bed.gsps[:4])
    load = Scenario(peers=free, links=cuts)
    for source in bed.hosts[:4]:
        load += elephant(source, bed.host(-1), count=count, size=size)
    recording = bed.play(load)
    came = sum(data.delivered for data in recording.fabric.messages("DATA", direction=UP))
    left = len(recording.fabric.messages("DATA", direction=DOWN))
    expect.enough(min(left, came - left), 3, "DATA that left, and DATA that did not")
    expect.equal(recording.devices.counter("dropped_frames", "gsf0"), came - left, "growth of dropped_frames")
