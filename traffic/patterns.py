"""Load patterns; each returns a Scenario. Sizes are RFC 2544 sizes (with FCS), times ns."""

import random
from collections.abc import Iterable, Sequence
from typing import Final

from traffic.scenario import Scenario, Stream, Trigger

RFC2544: Final = (64, 128, 256, 512, 1024, 1280, 1518)
SIZES: Final = (*RFC2544, 9216)
IMIX: Final = (64, 64, 594, 64, 64, 594, 64, 594, 64, 64, 594, 1518)
"""Seven of 64, four of 594, one of 1518 (RFC 6985)."""


SHARE: Final = 10
"""The slow stream of a full line has one part of so many of its rate, or less."""
FEWEST: Final = 30
"""How many frames it has at least."""


def credit_bytes(size: int) -> int:
    """Bytes that a frame of a size counts on the wire: FCS, preamble and gap included, at least 84."""
    return max(size, 64) + 20


def gap_at(size: int, rate_mbps: float) -> int:
    """Time between the starts of frames of a size at a rate on the wire, ns."""
    return max(1, round(credit_bytes(size) * 8000 / rate_mbps))


def frame_count(size: int, bytes: int | None, count: int | None) -> int:  # noqa: A002
    """Count frames of a size that make up at least so many bytes on the wire, or take the count given."""
    if (bytes is None) == (count is None):
        raise ValueError("give either bytes or count")
    return count if bytes is None else -(-bytes // credit_bytes(size))  # type: ignore[return-value]


def single(source: str, destination: str, *, size: int = 64, start: int = 0, cls: int = 0) -> Scenario:
    """One frame."""
    return _scenario("single", [Stream(1, source, destination, (size,), 1, start, cls=cls)])


def elephant(
    source: str,
    destination: str,
    *,
    bytes: int | None = None,  # noqa: A002
    count: int | None = None,
    size: int = 1518,
    start: int = 0,
    gap: int | None = None,
    cls: int = 0,
) -> Scenario:
    """One long flow of `bytes` on the wire or `count` frames, back to back unless a gap is given."""
    frames = frame_count(size, bytes, count)
    return _scenario("elephant", [Stream(1, source, destination, (size,), frames, start, gap, cls)])


def sweep(
    source: str,
    destination: str,
    *,
    sizes: Iterable[int] = SIZES,
    count: int = 10,
    gap: int | None = None,
    cls: int = 0,
) -> Scenario:
    """Frames of every size in turn, `count` of each, back to back unless a gap is given."""
    cycle = tuple(sizes)
    return _scenario("sweep", [Stream(1, source, destination, cycle, count * len(cycle), gap=gap, cls=cls)])


def imix(source: str, destination: str, *, count: int, gap: int | None = None, cls: int = 0) -> Scenario:
    """Frames of 64, 594 and 1518 bytes mixed 7:4:1."""
    sizes = IMIX if not cls else tuple(max(size, 66) for size in IMIX)
    return _scenario("imix", [Stream(1, source, destination, sizes, count, gap=gap, cls=cls)])


def line_rate(
    pairs: Iterable[tuple[str, str]], *, rate_mbps: int, span: int, order_interval: int, size: int = 1518
) -> Scenario:
    """Fill the line from each source to its destination for `span` ns or longer, to be counted.

    Each pair has a stream that takes most of the rate, and a slow one whose frames are `order_interval` ns or
    more apart, so that the tester can read their order.
    """
    slow = max(SHARE * gap_at(size, rate_mbps), order_interval)
    span = max(span, FEWEST * slow)
    fast = gap_at(size, rate_mbps - credit_bytes(size) * 8000 / slow)
    streams = [
        Stream(2 * i + number, *pair, (size,), span // gap, gap=gap)
        for i, pair in enumerate(pairs)
        for number, gap in ((1, fast), (2, slow))
    ]
    return Scenario(streams=tuple(streams), counted=True, name="line rate")


def incast(
    sources: Sequence[str],
    destination: str,
    *,
    bytes: int | None = None,  # noqa: A002
    count: int | None = None,
    size: int = 1518,
    start: int = 0,
    stagger: int = 0,
    cls: int = 0,
) -> Scenario:
    """Every source sends as much to one destination, all at once or each `stagger` after the one before."""
    frames = frame_count(size, bytes, count)
    return _scenario(
        f"incast {len(sources)}:1",
        [
            Stream(i + 1, source, destination, (size,), frames, start + i * stagger, cls=cls)
            for i, source in enumerate(sources)
        ],
    )


def bursts(
    source: str,
    destination: str,
    *,
    repeat: int,
    frames: int,
    period: int,
    size: int = 1518,
    start: int = 0,
    cls: int = 0,
) -> Scenario:
    """Bursts of back-to-back frames that start every `period`."""
    return _scenario(
        "bursts",
        [
            Stream(i + 1, source, destination, (size,), frames, start + i * period, cls=cls)
            for i in range(repeat)
        ],
    )


def interleaved(
    source: str, destinations: Sequence[str], *, count: int, size: int = 1518, start: int = 0, cls: int = 0
) -> Scenario:
    """One source sends to the destinations in turn, frame by frame, `count` to each."""
    streams = [Stream(i + 1, source, d, (size,), count, start, cls=cls) for i, d in enumerate(destinations)]
    return _scenario("interleaved", streams)


def permutation(
    hosts: Sequence[str],
    *,
    seed: int,
    bytes: int | None = None,  # noqa: A002
    count: int | None = None,
    size: int = 1518,
) -> Scenario:
    """Every host sends to another and receives from one: a random cycle through all hosts."""
    if len(hosts) < 2:
        raise ValueError("a permutation needs two hosts")
    frames = frame_count(size, bytes, count)
    order = list(hosts)
    random.Random(seed).shuffle(order)
    pairs = dict(zip(order, order[1:] + order[:1], strict=True))
    streams = [Stream(i + 1, host, pairs[host], (size,), frames) for i, host in enumerate(hosts)]
    return _scenario(f"permutation {seed}", streams)


def all_to_all(
    hosts: Sequence[str],
    *,
    bytes: int | None = None,  # noqa: A002
    count: int | None = None,
    size: int = 1518,
    shift: int | None = None,
) -> Scenario:
    """Every host sends to every other, all at once; with `shift`, round k starts at k * shift."""
    frames = frame_count(size, bytes, count)
    n = len(hosts)
    rounds = [(k, i) for k in range(1, n) for i in range(n)]
    streams = [
        Stream(number + 1, hosts[i], hosts[(i + k) % n], (size,), frames, (k - 1) * (shift or 0))
        for number, (k, i) in enumerate(rounds)
    ]
    return _scenario("all to all", streams)


def victim(
    aggressors: Sequence[str],
    hot: str,
    source: str,
    cold: str,
    *,
    count: int,
    victim_count: int | None = None,
    size: int = 1518,
    gap: int | None = None,
) -> Scenario:
    """Incast of the aggressors on `hot` (streams 1..N) beside a flow from `source` to `cold` (stream N+1)."""
    innocent = Stream(
        len(aggressors) + 1, source, cold, (size,), count if victim_count is None else victim_count, gap=gap
    )
    return incast(aggressors, hot, count=count, size=size) + _scenario("victim", [innocent])


def in_and_out(
    sources: Sequence[str], middle: str, destinations: Sequence[str], *, count: int, size: int = 1518
) -> Scenario:
    """Incast on a host that meanwhile sends to several others."""
    return incast(sources, middle, count=count, size=size) + interleaved(
        middle, destinations, count=count, size=size
    )


def ring(hosts: Sequence[str], *, count: int, size: int = 1518) -> Scenario:
    """Ring all-reduce: 2(n-1) steps of `count` frames to the next host, each when the last one arrived."""
    n = len(hosts)
    steps = 2 * (n - 1)

    def step(host: int, number: int) -> Stream:
        return Stream(number * n + host + 1, hosts[host], hosts[(host + 1) % n], (size,), count)

    triggers = tuple(
        Trigger("HOST", Scenario(streams=(step(host, number),)), hosts[host], number * count)
        for number in range(1, steps)
        for host in range(n)
    )
    first = tuple(step(host, 0) for host in range(n))
    return Scenario(streams=first, triggers=triggers, name="ring")


def moe_dispatch(
    hosts: Sequence[str],
    *,
    bytes: int,  # noqa: A002
    hot: int = 1,
    size: int = 4096,
) -> Scenario:
    """Expert dispatch: `bytes` from every host to every other, `hot` times as much to the first host."""
    pairs = [(s, d) for s in hosts for d in hosts if s != d]
    streams = [
        Stream(i + 1, s, d, (size,), frame_count(size, bytes * (hot if d == hosts[0] else 1), None))
        for i, (s, d) in enumerate(pairs)
    ]
    return _scenario("expert dispatch", streams)


def _scenario(name: str, streams: Sequence[Stream]) -> Scenario:
    return Scenario(streams=tuple(streams), name=name)
