"""How plans are drawn: from choices of hypothesis, so that what fails can be shrunk choice by choice."""

from collections.abc import Mapping
from typing import Final, get_args

from hypothesis import strategies as st

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

SPAN: Final = 600_000
"""Time in ns within which the steps of a plan begin."""
SIZES: Final = (66, 84, 128, 594, 1024, 1518, 4096, 9216)
CONTROL: Final = ("REQUEST", "GRANT", "HELLO", "BACKPRESSURE", "FAULT")
MOST_STEPS: Final = 12
times = st.integers(0, SPAN // 1000).map(lambda number: 1000 * number)
lengths = st.sampled_from((5_000, 30_000, 120_000, 400_000, 900_000, 1_500_000))
numbers = st.integers(0, 47)
classes = st.sampled_from((0, 0, 3, 1, 5, 7))


@st.composite
def beds(draw: st.DrawFn, kind: str | None = None) -> Bed:
    """Draw a testbed, small ones more often than large ones."""
    chosen = kind or draw(st.sampled_from(("fabric", "fabric", "fabric", "gsp", "gsf")))
    gsps = draw(st.sampled_from((2, 3, 2, 4, 3, 6, 8)))
    gsfs = draw(st.sampled_from((2, 1, 3, 2, 4, 6)))
    hosts = draw(st.sampled_from((1, 2, 1, 3)))
    parallel = draw(st.sampled_from((1, 1, 2, 3)))
    if chosen == "fabric" and gsps * gsfs * parallel > 24:
        gsfs, parallel = min(gsfs, 3), 1
    few = st.lists(st.tuples(numbers, st.sampled_from((2, 4))), max_size=2)
    late = st.lists(st.tuples(numbers, st.sampled_from((100, 2_000, 8_000))), max_size=3)
    uneven = chosen == "fabric" and draw(st.booleans())
    return Bed(
        kind=chosen,  # type: ignore[arg-type]  # one of the three
        gsps=min(gsps, 5) if chosen != "fabric" else gsps,
        gsfs=min(gsfs, 4) if chosen == "gsp" else gsfs,
        hosts=hosts if chosen != "gsf" else 1,
        parallel=parallel if chosen != "gsp" else 1,
        slower=tuple(draw(few)) if uneven else (),
        delays=tuple(draw(late)) if uneven else (),
    )


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    """Draw a flow: short or long, fast or slow, once or in bursts that its queue outlives or not."""
    count = draw(st.sampled_from((1, 4, 20, 60, 150)))
    bursts = draw(st.sampled_from((1, 1, 1, 3, 6)))
    sizes = draw(st.lists(st.sampled_from(SIZES), min_size=1, max_size=4))
    if count * bursts > 150:
        bursts = 1
    return Flow(
        source=draw(numbers),
        destination=draw(numbers),
        sizes=tuple(sizes),
        count=count,
        start=draw(times),
        gap=draw(st.sampled_from((None, None, 1_500, 12_000, 30_000))),
        cls=draw(classes),
        kind=draw(st.sampled_from(("roce", "roce", "ethernet"))),
        bursts=bursts,
        period=draw(st.sampled_from((60_000, 250_000, 2_000, 1_200_000))),
        spread=draw(st.sampled_from((0, 1, 0, 3))),
    )


oddities = st.builds(
    Oddity,
    kind=st.sampled_from(get_args(OddKind)),
    source=numbers,
    destination=numbers,
    at=times,
)


@st.composite
def harms(draw: st.DrawFn) -> Harm:
    """Draw harm to control messages of a kind, to DATA, or to everything."""
    what = draw(st.sampled_from(("loss", "duplicate", "delay", "reorder", "corrupt")))
    value = {"delay": (2_000, 20_000, 80_000), "reorder": (5_000, 40_000), "duplicate": (1, 2)}.get(
        what, (1,)
    )
    targets = ((), ("DATA",), *((name,) for name in CONTROL), ("REQUEST", "GRANT"))
    return Harm(
        link=draw(numbers),
        what=what,  # type: ignore[arg-type]  # one of the five
        direction=draw(st.sampled_from((0, 1))),
        at=draw(times),
        length=draw(lengths),
        value=draw(st.sampled_from(value)),
        every=draw(st.sampled_from((1, 2, 3, 7))),
        messages=draw(st.sampled_from(targets)),
    )


cuts = st.builds(Cut, link=numbers, at=times, length=lengths)
halts = st.builds(Halt, host=numbers, cls=classes, at=times, length=lengths)
withdrawals = st.builds(Withdrawal, host=numbers, at=times, length=lengths)
strays = st.builds(
    Stray,
    kind=st.sampled_from(get_args(StrayKind)),
    link=numbers,
    at=times,
)
misbehaviours = st.builds(
    Misbehaviour,
    kind=st.sampled_from(get_args(OddPeer)),
    at=times,
    length=st.sampled_from((100_000, 250_000, 500_000)),
)
IN_FABRIC: Final = (flows(), flows(), oddities, harms(), cuts, halts, withdrawals)
IN_SOLO: Final = (flows(), flows(), oddities, strays, misbehaviours, cuts, halts)


@st.composite
def plans(draw: st.DrawFn, kind: str | None = None, fixed: Mapping[str, int | str] | None = None) -> Plan:
    """Draw a plan; `kind` and `fixed` settle the testbed and some settings beforehand."""
    bed = draw(beds(kind))
    names = draw(st.lists(st.sampled_from(sorted(SETTINGS)), unique=True, max_size=3))
    settings = {name: draw(st.sampled_from(SETTINGS[name])) for name in names} | dict(fixed or {})
    kinds = IN_FABRIC if bed.kind == "fabric" else IN_SOLO
    step: st.SearchStrategy[Step] = st.one_of(*kinds)
    steps = draw(st.lists(step, min_size=1, max_size=MOST_STEPS))
    return Plan(bed, settings, tuple(steps), draw(st.integers(0, 3)))
