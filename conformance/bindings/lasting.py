"""How long a play takes at least, so that none is begun that cannot end in time."""

from collections.abc import Mapping

from conformance.api.outcomes import TesterLimited
from traffic.patterns import gap_at
from traffic.scenario import Scenario, Stream


def least_time(scenario: Scenario, rates: Mapping[str, int]) -> int:
    """Return the ns that the streams take to leave; `rates` are Mbit/s by link, a host's is called like it.

    Streams of one host that leave back to back share its line; hosts behind emulated devices have none.
    """
    shared: dict[str, int] = {}
    longest = 0
    for stream in scenario.streams:
        if stream.source not in rates:
            continue
        if stream.gap is None:
            shared[stream.source] = shared.get(stream.source, 0) + _back_to_back(stream, rates[stream.source])
        else:
            longest = max(longest, stream.start + (stream.count - 1) * stream.gap)
    return max(longest, *shared.values()) if shared else longest


def _back_to_back(stream: Stream, rate: int) -> int:
    rounds, rest = divmod(stream.count, len(stream.sizes))
    gaps = [gap_at(size, rate) for size in stream.sizes]
    return rounds * sum(gaps) + sum(gaps[:rest])


def refuse_endless(scenario: Scenario, rates: Mapping[str, int], limit: int) -> None:
    """Raise TesterLimited for a play whose frames cannot all have left at its limit, in ns."""
    least, most = least_time(scenario, rates), scenario.limit or limit
    if least > most:
        frames = sum(stream.count for stream in scenario.streams)
        raise TesterLimited(
            f"its {frames} frames take at least {least / 1e9:.3g} s on the links of this bench, "
            f"and a play ends after {most / 1e9:.3g} s"
        )
