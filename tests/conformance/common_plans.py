"""Scenarios of which none was made for a clause: what recordings in general are like."""

from conformance.plans.plan import (
    Bed,
    Cut,
    Flow,
    Halt,
    Harm,
    Misbehaviour,
    Oddity,
    Plan,
    Stray,
    Withdrawal,
)

ODD = (
    "shortest",
    "longest",
    "too long",
    "tagged",
    "double tagged",
    "marked",
    "multicast",
    "broadcast",
    "unknown",
    "link local",
    "hairpin",
    "fabric type",
)
MIXED = (594, 66, 1518, 128, 9216)


def _busy(cls=0):
    """Flows between several hosts, some of which share a destination, a source or a class."""
    return (
        Flow(0, 3, MIXED, 120, cls=cls),
        Flow(1, 3, MIXED, 80, 2_000),
        Flow(2, 4, (1518,), 100, 5_000, cls=3),
        Flow(2, 0, (66,), 150, 5_000, 300),
        Flow(4, 1, (9216,), 40),
        Flow(0, 1, (594,), 60, cls=5),
    )


def _odd():
    return tuple(Oddity(kind, number % 3, number, 20_000 * number) for number, kind in enumerate(ODD))


def _rests(cls=0):
    """Bursts that their queues outlive, and others that they do not."""
    return (
        Flow(0, 2, (594,), 3, cls=cls, bursts=6, period=60_000),
        Flow(1, 2, (1518, 66), 12, bursts=3, period=1_300_000),
        Flow(3, 0, (66,), 1, bursts=4, period=500_000),
        Flow(3, 1, (66,), 200, gap=8_000),
    )


STRAYS = ("checksum", "version", "type", "short", "other node", "no hops", "wrong generation", "twice")
PLANS = {
    "busy": Plan(Bed("fabric", 3, 3, 2), {}, _busy()),
    "odd": Plan(Bed("fabric", 3, 2, 2), {}, (*_odd(), Flow(0, 3, (594,), 20))),
    "rests": Plan(Bed("fabric", 3, 2, 2), {}, _rests()),
    "borrowing": Plan(Bed("fabric", 3, 2, 2), {"overflow_mode": "overflow-borrow"}, _busy()),
    "overflowing": Plan(Bed("fabric", 3, 2, 2), {"overflow_mode": "overflow"}, _busy()),
    "free": Plan(Bed("fabric", 4, 3, 1), {"dgsq_mode": "on-congestion"}, _busy()),
    "crowded": Plan(
        Bed("fabric", 6, 3, 1),
        {"dgsq_mode": "on-congestion", "bp_threshold": 65_536},
        tuple(Flow(number, 4, (1518,), 150) for number in range(5)),
    ),
    "flooding": Plan(Bed("fabric", 3, 2, 2), {"unknown_unicast": "flood"}, _odd()),
    "unequal": Plan(Bed("fabric", 3, 2, 1, slower=((1, 2), (3, 2))), {}, (Flow(0, 1, (1518,), 400),)),
    "narrow": Plan(Bed("fabric", 3, 2, 1, slower=((3, 2),)), {}, (Flow(0, 0, (1518,), 400),)),
    "even": Plan(Bed("fabric", 2, 4, 1), {}, (Flow(0, 0, (1518, 594), 500),)),
    "two-ends": Plan(
        Bed("fabric", 3, 2, 1), {}, (Flow(0, 0, (1518,), 150, 0, 3_300), Flow(0, 1, (594,), 300, 0, 1_700))
    ),
    "skewed": Plan(
        Bed("fabric", 2, 3, 1, delays=((0, 9_000), (4, 15_000))),
        {},
        (Flow(0, 0, MIXED, 150), Flow(1, 0, (66,), 80)),
    ),
    "cut": Plan(
        Bed("fabric", 3, 3, 1),
        {},
        (
            Flow(0, 1, (1518,), 400, gap=2_500),
            Flow(1, 0, (1518,), 400, gap=2_500),
            Flow(2, 0, (594,), 500, gap=2_000),
            Cut(0, 200_000, 300_000),
            Cut(4, 350_000, 40_000),
            Cut(4, 420_000, 60_000),
        ),
    ),
    "cut-off": Plan(
        Bed("fabric", 3, 2, 1),
        {},
        (
            Flow(0, 1, (1518,), 400, gap=3_000),
            Flow(1, 0, (1518,), 300, gap=3_000),
            Cut(4, 200_000, 1_500_000),
            Cut(5, 230_000, 1_500_000),
        ),
    ),
    "withdrawn": Plan(
        Bed("fabric", 3, 2, 2),
        {},
        (*_busy(), Withdrawal(3, 60_000, 300_000), Flow(0, 3, (594,), 40, 500_000)),
    ),
    "paused": Plan(
        Bed("fabric", 3, 2, 1), {}, (*_busy(), Halt(1, 0, 30_000, 300_000), Halt(0, 3, 30_000, 200_000))
    ),
    "lossy": Plan(
        Bed("fabric", 3, 2, 1),
        {},
        (
            *_busy(),
            Harm(0, "loss", 0, 20_000, 200_000, every=9, messages=("DATA",)),
            Harm(3, "duplicate", 0, 20_000, 300_000, every=3, messages=("DATA",)),
            Harm(1, "loss", 1, 20_000, 300_000, every=2, messages=("GRANT",)),
        ),
    ),
    "shaken": Plan(
        Bed("fabric", 3, 2, 1),
        {},
        (*_busy(), Harm(0, "reorder", 0, 0, 900_000, 9_000), Harm(2, "reorder", 1, 0, 900_000, 9_000)),
    ),
    "parallel": Plan(Bed("fabric", 2, 1, 2, 3), {}, (*_busy(), Flow(0, 2, (1518, 66), 200, 200_000))),
    "long-isolation": Plan(
        Bed("fabric", 3, 2, 2),
        {},
        (Flow(0, 2, (594,), 40), *(Cut(number, 60_000, 2_500_000) for number in range(4))),
    ),
    "flaps-of-the-only-path": Plan(
        Bed("fabric", 3, 1, 2),
        {"dgsq_mode": "on-congestion"},
        (
            Flow(0, 2, (9216,), bursts=40, period=40_000, cls=3),
            Flow(0, 2, (66,), 1, 20_000, bursts=40, period=40_000, cls=3),
            *(Cut(1, 100_000 * number, 30_000) for number in (1, 2, 3)),
        ),
    ),
    "ends-of-containers-lost": Plan(
        Bed("fabric", 3, 1, 2),
        {"overflow_mode": "overflow", "dgsq_mode": "on-congestion"},
        (
            Flow(0, 2, (9216,), 20, cls=3),
            Flow(1, 2, (594, 128), 20, 20_000, cls=3),
            Harm(0, "loss", 0, 50_000, 100_000, every=7, messages=("DATA",)),
        ),
        53,
    ),
    "flooding-what-is-withdrawn": Plan(
        Bed("fabric", 2, 2, 2),
        {"unknown_unicast": "flood"},
        (Flow(0, 0), Withdrawal(1, 0, 5_000)),
    ),
    "few-queues": Plan(
        Bed("fabric", 8, 2, 3),
        {"dgsq_max": 16},
        tuple(Flow(0, number, (594,), 8, number * 2_000, 30_000) for number in range(23)),
    ),
    "strays-gsp": Plan(
        Bed("gsp", 3, 2, 2),
        {},
        (*_busy(), *(Stray(kind, 0, 30_000 * (1 + n)) for n, kind in enumerate(STRAYS))),
    ),
    "strays-gsf": Plan(
        Bed("gsf", 3, 1, 1, 2),
        {},
        (*_busy(), *(Stray(kind, 0, 30_000 * (1 + n)) for n, kind in enumerate(STRAYS))),
    ),
    **{
        kind.replace(" ", "-"): Plan(
            Bed("gsp", 3, 2, 2), {}, (*_busy(), *_rests(), Misbehaviour(kind, 60_000, 250_000))
        )
        for kind in (
            "grants late",
            "grants of other generations",
            "credit expires",
            "withholds",
            "overruns",
            "out of order",
            "leaves out",
            "repeats",
            "restarts",
            "signals",
            "silent spine",
            "deaf spine",
        )
    },
}
