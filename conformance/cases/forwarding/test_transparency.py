from conformance.marks import clause, testbed
from conformance.testbeds import LeafSpine
from traffic.patterns import sweep


@clause("FWD-BYTE-EXACT", "generated-frames")
@testbed(LeafSpine())
def test_frames_arrive_as_sent(bed, expect):
    """Frames of every size arrive with every octet as it was sent, in both directions."""
    there, back = bed.host(0), bed.host(-1)
    recording = bed.play(sweep(there, back) + sweep(back, there))
    expect.each(recording.host_frames(way="sent"), "frames sent", lambda frame: frame.delivered, at_least=100)
    expect.equal(len(recording.strays()), 0, "frames received that match none sent")
    expect.equal(len(recording.losses()), 0, "frames sent and not received unaltered")
