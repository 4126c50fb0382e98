"""How far a TRex tester reaches, as measured: what its server takes is not always what leaves its ports."""

from collections.abc import Callable, Iterable, Sequence
from time import monotonic, sleep
from typing import Final, NamedTuple

from traffic.trex.data import LONGEST, Capture
from traffic.trex.trex import Trex

SIZES: Final = (60, 256, 1518, 2048, 4096, 8192, 9018, 9216, LONGEST)
"""Lengths that are tried at once, in octets without FCS."""
QUIET: Final = 0.15
"""Seconds without a frame after which what was sent and did not leave will not."""
APART: Final = 100_000
"""Ns between the frames of a stream that measures."""
PATIENCE: Final = 2.0
"""Seconds to wait for what a server ought to have sent, or counted."""
PAUSE: Final = 0.0005
"""Seconds between two questions of which the first told nothing."""
PROBE: Final = bytes.fromhex("0180c2000001" + "024754525800" + "88b5")
"""How the frames begin that measure: no bridge forwards them (IEEE 802.1Q, table 8-1)."""


class Reach(NamedTuple):
    """What a tester was seen to do.

    `pushed` and `streamed` are the longest frames, in octets without FCS, that leave a port whole when they
    are pushed, and out of streams. `lag` is how long, in s, its counters are behind.
    """

    pushed: int = LONGEST
    streamed: int = LONGEST
    lag: float = 0.0

    @classmethod
    def common(cls, ports: Iterable["Reach"]) -> "Reach":
        """Return what every one of some ports does."""
        pushed, streamed, lag = zip(*ports, strict=True)
        return cls(min(pushed), min(streamed), max(lag))


def measured(trex: Trex, ports: Sequence[int]) -> dict[int, Reach]:
    """Measure the reach of ports that are held and idle; they send frames that no bridge forwards."""
    capture = trex.capture(sent=ports)
    try:
        lag = _lag(trex, ports[0])
        return {
            port: Reach(_longest(_pushed(trex, capture, port)), _longest(_streamed(trex, capture, port)), lag)
            for port in ports
        }
    finally:
        trex.discard(capture)


def probe(size: int) -> bytes:
    """Return a frame of a length that no bridge forwards."""
    return PROBE.ljust(size, b"\xa5")


def _longest(leave: Callable[[Sequence[int]], set[int]]) -> int:
    """Return the longest frame that leaves as all shorter ones do; 0 if none was seen to.

    `leave` sends a frame of each length, and tells which of them were seen to leave whole.
    """
    seen = leave(SIZES)
    good, bad = 0, LONGEST + 1
    for size in SIZES:
        if size not in seen:
            bad = size
            break
        good = size
    while good and bad - good > 1:
        middle = (good + bad) // 2
        if leave([middle]):
            good = middle
        else:
            bad = middle
    return good


def _pushed(trex: Trex, capture: Capture, port: int) -> Callable[[Sequence[int]], set[int]]:
    """Return what pushes a frame of each length, and tells which left whole."""

    def leave(sizes: Sequence[int]) -> set[int]:
        trex.push(port, [probe(size) for size in sizes])
        return _left(trex, capture, port, sizes)

    return leave


def _streamed(trex: Trex, capture: Capture, port: int) -> Callable[[Sequence[int]], set[int]]:
    """Return what plays a frame of each length out of streams, and tells which left whole.

    How long a port takes to begin is not known until one was seen to.
    """
    late = PATIENCE

    def leave(sizes: Sequence[int]) -> set[int]:
        nonlocal late
        trex.schedule(port, [(number * APART, probe(size)) for number, size in enumerate(sizes)])
        trex.start([port])
        begun = monotonic()
        try:
            seen = _left(trex, capture, port, sizes, late)
            late = min(late, monotonic() - begun)
            return seen
        finally:
            trex.stop([port], settle=0)
            trex.clear(port)

    return leave


def _left(trex: Trex, capture: Capture, port: int, sizes: Iterable[int], late: float = 0) -> set[int]:
    """Tell which probes of these lengths a port was seen to send, whole; the first may be so `late`, in s."""
    missing, seen = {probe(size) for size in sizes}, set()
    end = monotonic() + QUIET + late
    while missing and monotonic() < end:
        for captured in trex.fetch(capture):
            if captured.port == port and captured.frame in missing:
                missing.discard(captured.frame)
                seen.add(len(captured.frame))
                end = monotonic() + QUIET
    return seen


def _lag(trex: Trex, port: int) -> float:
    """Return how long, in s, it takes until the counters of a port tell a frame that was pushed."""
    before, start = trex.counters()[port].sent, monotonic()
    trex.push(port, [probe(SIZES[0])])
    while trex.counters()[port].sent == before and monotonic() < start + PATIENCE:
        sleep(PAUSE)
    return monotonic() - start
