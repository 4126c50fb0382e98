"""Ordering: what a host receives is in the order in which it was sent."""

from conformance.judge.expect import Expect
from conformance.judge.invariants.registration import invariant
from traffic.recordings.recording import Recording


@invariant("ORDER-PER-FLOW")
def flows_stay_in_order(recording: Recording, expect: Expect) -> None:
    """Frames of a flow are received in the order in which they were sent."""
    order = recording.hosts.reordering()
    if order.received:
        expect.that(
            not order.rows, "reordered frames (RFC 4737) at the hosts", 0, order.reordered, order.rows
        )
