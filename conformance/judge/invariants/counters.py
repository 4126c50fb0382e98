"""What a device counts on its fabric ports, against what was on its links."""

import numpy as np

from conformance.judge.expect import Expect
from conformance.judge.invariants.greetings import greetings
from conformance.judge.invariants.registration import ALTERED, invariant
from conformance.judge.invariants.wire import passing, wire
from traffic.frames.host import OVERHEAD, SHORTEST
from traffic.recordings.recording import Recording


@invariant("FWD-FABRIC-COUNTERS", hidden_by=ALTERED)
def fabric_frames_are_counted(recording: Recording, expect: Expect) -> None:
    """Frames and octets on fabric ports are counted, but for a HELLO a link at either end of a play.

    Of devices that are read while frames pass nothing is said: which of those were counted cannot be told.
    """
    if recording.columns.read[0] != recording.columns.read[1]:
        return
    told = greetings(recording)
    seen, columns = wire(recording), recording.columns
    octets = np.maximum(columns.length, SHORTEST) + OVERHEAD
    for name in (*seen.gsps, *seen.gsfs):
        gone, here = (passing(seen.columns, name, arriving=way) for way in (False, True))
        ends = [(index, own) for index, _, _, end, _, own, _ in told.ends if end == name and own]
        due = {
            "tx_fabric_frames": (int(gone.sum()), 2 * len(ends)),
            "rx_fabric_frames": (int(columns.delivered[here].sum()), 2 * len(ends)),
        }
        for index, own in ends:
            sent = int(octets[gone & (columns.link == index)].sum())
            due[f"tx_bytes.{own[0].port}"] = (sent, 2 * int(octets[own[0].row]))
        for counter, (shown, slack) in due.items() if ends else ():
            got = seen.counter(name, counter)
            if got is not None:
                expect.that(abs(got - shown) <= slack, f"growth of {counter} of {name}", shown, got)
