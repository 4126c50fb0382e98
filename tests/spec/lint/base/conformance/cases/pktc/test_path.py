from conformance.api.marks import clause, sweep


@clause("PKTC-ONE-PATH", purpose="steady-load")
@sweep("overflow_mode")
def test_container_keeps_to_one_uplink(bed, expect, overflow_mode):
    """Frames of one container leave on one uplink."""
    assert overflow_mode
    recording = bed.play(bed.host(0), size=1518, ethertype=0x88B5, gap=0)
    expect.at_least(recording.fairness, bed.parameter("fairness_min"), at_least=20)


@clause("PKTC-ONE-PATH", purpose="link-lost")
def test_container_moves_once(bed, expect):
    """Frames of one container move together when its uplink fails."""
    expect.each(bed.play(), "uplinks", lambda container: len(container.uplinks) <= 2)
