"""What is played before anything is drawn: a covering array, and each odd frame, message and peer once."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final, get_args

from allpairspy import AllPairs

from conformance.plans.plan import (
    SETTINGS,
    Bed,
    Cut,
    Flow,
    Halt,
    Harm,
    Misbehaviour,
    Oddity,
    OddKind,
    OddPeer,
    Plan,
    Step,
    Stray,
    StrayKind,
    Withdrawal,
)

EVENTS: Final[Mapping[str, tuple[Step, ...]]] = {
    "none": (),
    "cut": (Cut(0, 100_000, 400_000),),
    "lost grants": (Harm(0, "loss", 1, 50_000, 300_000, every=2, messages=("GRANT",)),),
    "lost data": (Harm(0, "loss", 0, 50_000, 100_000, every=7, messages=("DATA",)),),
    "repeated data": (Harm(0, "duplicate", 0, 50_000, 300_000, every=3, messages=("DATA",)),),
    "pause": (Halt(3, 0, 50_000, 200_000), Halt(3, 3, 50_000, 200_000)),
    "flap": (Cut(1, 100_000, 30_000), Cut(1, 200_000, 30_000), Cut(1, 300_000, 30_000)),
    "isolation": tuple(Cut(number, 60_000, 1_500_000) for number in range(4)),
    "withdrawal": (Withdrawal(3, 60_000, 300_000), Flow(0, 2, (594,), 20, 500_000)),
    "withdrawal in a pause": (
        *(Halt(3, cls, 20_000, 400_000) for cls in (0, 3, 7)),
        Withdrawal(3, 150_000, 300_000),
    ),
    "episodes": tuple(Cut(0, 100_000 + 1_800_000 * number, 60_000) for number in range(3)),
    "rest": (
        Flow(0, 2, (594,), 3, bursts=5, period=1_300_000),
        Flow(1, 1, (66,), 1, bursts=4, period=400_000),
    ),
    "incast": tuple(Flow(number, 3, (1_518,), 60) for number in range(5)),
    "skew": (Harm(0, "delay", 0, 0, 900_000, 30_000, messages=("DATA",)),),
}
FRAMES: Final[Mapping[str, tuple[Step, ...]]] = {
    "short": (Flow(0, 2, (66,), 60),),
    "longest": (Flow(0, 2, (9_216,), 20),),
    "mixed": (Flow(0, 2, (66, 1_518, 594), 60),),
    "alternating": (
        Flow(0, 2, (9_216,), bursts=40, period=80_000),
        Flow(0, 2, (66,), 1, 40_000, bursts=40, period=80_000),
    ),
    "plain": (Flow(0, 2, (594,), 40, kind="ethernet"),),
    "groups": (Flow(0, 2, (594,), 20), Oddity("multicast", 0, 0, 30_000), Oddity("broadcast", 0, 0, 60_000)),
    "tags": (Flow(0, 2, (594,), 20), Oddity("double tagged", 0, 0, 30_000), Oddity("tagged", 0, 0, 60_000)),
}


def array(strength: int = 2) -> Iterator[Plan]:
    """Cover each pair (or triple) of class, frames, modes, number of paths and kind of event by plans."""
    factors = {
        "class": (0, 3, 7),
        "frames": tuple(FRAMES),
        "overflow_mode": SETTINGS["overflow_mode"],
        "dgsq_mode": SETTINGS["dgsq_mode"],
        "paths": (1, 2, 4),
        "event": tuple(EVENTS),
    }
    for number, row in enumerate(AllPairs(list(factors.values()), n=strength)):
        cls, frames, overflow, dgsq, paths, event = row
        steps: list[Step] = [
            replace(step, cls=cls) if isinstance(step, Flow) else step for step in FRAMES[frames]
        ]
        again = Flow(1, 2, (594, 128), 20, 20_000, cls=cls)
        chosen = {"overflow_mode": overflow, "dgsq_mode": dgsq}
        bed = Bed("fabric", 3, paths, 2)
        yield Plan(bed, chosen, (*steps, again, *EVENTS[event]), number)


def tour() -> Iterator[Plan]:
    """Lead through all there is once: the array of pairs, then every stray message and odd peer."""
    busy = (
        Flow(0, 2, (594, 66, 1_518), 80),
        Flow(2, 0, (1_518, 66), 80, 3_000),
        Flow(3, 1, (594,), 40, cls=3),
        Flow(1, 3, (66,), 3, bursts=3, period=250_000),
    )
    yield from array(2)
    odd = tuple(
        Oddity(kind, number % 3, number, 20_000 * number) for number, kind in enumerate(get_args(OddKind))
    )
    for flooding in SETTINGS["unknown_unicast"]:
        yield Plan(Bed("fabric", 4, 2, 3), {"unknown_unicast": flooding}, (*busy, *odd))
    for bed in (Bed("gsp", 3, 2, 2), Bed("gsf", 3, 1, 1, 2)):
        strays = (Stray(kind, 0, 30_000 * (1 + number)) for number, kind in enumerate(get_args(StrayKind)))
        yield Plan(bed, {}, (*busy, *strays))
    for kind in get_args(OddPeer):
        yield Plan(Bed("gsp", 3, 2, 2), {}, (*busy, Misbehaviour(kind, 60_000, 250_000)))
