"""What must not enter the fabric goes nowhere, is counted under its cause, and harms nothing beside it."""

from conformance.api.marks import clause, configure, needs, testbed
from conformance.api.testbeds import LeafSpine, SoloGsp
from conformance.cases.forwarding.frames import apart, plain
from traffic.recordings.recording import UP

LINK_LOCAL = bytes.fromhex("0180c20000")
NOBODY = bytes.fromhex("020000000999")


def judge_between(bed, expect, unwanted, cause, *, exactly=True):
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
    if exactly:
        expect.equal(counted, len(unwanted), f"growth of drop.{cause}")
    else:
        expect.at_most(counted, len(unwanted), f"growth of drop.{cause}")


@clause("FWD-LONG-FRAME-DROPPED")
@testbed(SoloGsp())
@needs("fabric taps", "counters")
def test_one_octet_too_long(bed, expect):
    """A frame one octet longer than max_frame is dropped and counted, its neighbours of max_frame pass."""
    here, there, longest = bed.host(0), bed.host(-1), bed.parameter("max_frame")
    legal = [plain(bed, here, there, number, longest) for number in (1, 2)]
    long = plain(bed, here, there, 3, longest + 1)
    recording = bed.play(apart(bed, here, [legal[0], long, legal[1]]))
    carried = [
        recording.fabric.payload(data.row) for data in recording.fabric.messages("DATA", bed.uplinks, UP)
    ]
    expect.equal(carried, legal, "frames on the uplinks", unit="frame")
    expect.equal(recording.devices.counter("drop.frame_too_long", "gsp0"), 1, "growth of drop.frame_too_long")


@clause("FWD-LINK-LOCAL")
@testbed(LeafSpine(hosts=2))
@needs("fabric taps", "counters")
def test_link_local_stays_on_its_link(bed, expect):
    """Frames to the sixteen reserved addresses reach no other port."""
    reserved = [plain(bed, bed.host(0), LINK_LOCAL + bytes([last]), last) for last in range(16)]
    judge_between(bed, expect, reserved, "link_local", exactly=False)


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
@needs("fabric taps", "counters")
def test_no_frame_returns(bed, expect):
    """Frames to the address of their own sender do not go back through the port they came in by."""
    here = bed.host(0)
    judge_between(bed, expect, [plain(bed, here, here, n) for n in (11, 12, 13)], "hairpin")


@clause("FWD-DROP-CAUSES-SUM")
@testbed(LeafSpine(hosts=2))
@needs("counters")
@configure(unknown_unicast="drop")
def test_causes_make_the_total(bed, expect):
    """Frames dropped for different reasons count once each, and the causes make the total."""
    here, there = bed.host(0), bed.host(-1)
    good = [plain(bed, here, there, number) for number in range(4)]
    bad = [
        plain(bed, here, NOBODY, 11),
        plain(bed, here, here, 12),
        plain(bed, here, there, 13, bed.parameter("max_frame") + 1),
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
