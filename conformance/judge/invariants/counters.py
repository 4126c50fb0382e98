"""What a device counts, against what was on its links."""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from conformance.judge.expect import Expect
from conformance.judge.invariants.greetings import greetings
from conformance.judge.invariants.registration import ALTERED, invariant
from conformance.judge.invariants.wire import Wire, passing, wire
from traffic.frames.host import OVERHEAD, SHORTEST
from traffic.recordings.recording import Recording


def growths(seen: Wire, expect: Expect, name: str, said: Iterable[tuple[str, int, int]]) -> None:
    """Expect counters of a device to have grown by what passed: (counter, time in ns, by how much) each.

    What passes less than `latency_margin` before they are read may be counted or not.
    """
    sure = seen.columns.read[0] - seen.recording.parameter("latency_margin")
    least: Counter[str] = Counter()
    most: Counter[str] = Counter()
    for counter, time, growth in said:
        least[counter] += growth if time < sure else 0
        most[counter] += growth
    for counter, due in most.items():
        got = seen.counter(name, counter)
        if got is not None:
            wanted = due if least[counter] == due else f"{least[counter]} to {due}"
            expect.that(least[counter] <= got <= due, f"growth of {counter} of {name}", wanted, got)


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
