"""What a host port sends while its host pauses classes by PFC, and after."""

from typing import Final

from conformance.judge.expect import Expect
from conformance.judge.invariants.congestion import UNCLEAR, congestion
from conformance.judge.invariants.credit import pauses
from conformance.judge.invariants.registration import invariant
from conformance.judge.invariants.wire import wire
from traffic.frames.host import traffic_class
from traffic.recordings.recording import DOWN, Recording

UNSEEN: Final = UNCLEAR - {"pause"}


@invariant("FWD-PAUSE-OBEYED", hidden_by=UNSEEN)
def paused_classes_stand_still(recording: Recording, expect: Expect) -> None:
    """No frame of a class that its host pauses begins to leave, and what waited goes on soon after."""
    seen = wire(recording)
    off = int(expect.uncertainty.get("ns", 0))
    margin = recording.parameter("latency_margin") + off
    ordered = recording.parameter("reorder_timeout")
    came = {item.row: item.came for line in congestion(recording).egress for item in line.frames}
    for host in seen.hosts_of(seen.gsps.values()):
        held = pauses(seen, host)
        early: list[int] = []
        late: list[int] = []
        for row in seen.host_rows(host, DOWN) if held else ():
            start = int(recording.time[row]) - seen.wire_time(row)
            spans = held.get(traffic_class(recording.frame(row)), [])
            gone = int(recording.time[row]) + off  # a tap that sees a frame as it begins is a frame early
            early += [row] if any(begin + margin < start and gone < end for begin, end in spans) else []
            free = max((end for _, end in spans if end <= start), default=0)
            if row in came and came[row] + ordered < free:
                late += [row] if min(start - free, seen.idle_before(row)) > margin else []
        if held:
            number = seen.numbered
            expect.that(
                not early, f"frames to {host} of a class that it paused", 0, len(early), number(early)
            )
            what = f"frames to {host} that waited on an idle port after a pause"
            expect.that(not late, what, 0, len(late), number(late))
