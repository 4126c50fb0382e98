"""Spraying: how the octets for each node divide among the paths, as long as these stay as they are."""

from collections.abc import Callable
from typing import Final

from conformance.judge.expect import Expect
from conformance.judge.invariants.greetings import Greetings, greetings
from conformance.judge.invariants.kept import kept
from conformance.judge.invariants.pktc import every
from conformance.judge.invariants.registration import invariant
from traffic.recordings.recording import DOWN, Container, Recording

FEW: Final = 8
"""Fewest containers on each path by which a balance is judged."""


@invariant("SPRAY-SINGLE-FLOW-ALL-PATHS", hidden_by={"setting", "signal", "carrier"})
def every_path_is_used(recording: Recording, expect: Expect) -> None:
    """Where many containers go to a node over paths of equal weight, each path carries some."""
    for name, node, weights, items in _balances(recording):
        if len(set(weights.values())) == 1 and len(items) >= FEW * len(weights):
            used = {min(item.links) for item in items}
            what = f"uplinks that carry the containers of {name} for node {node}"
            expect.equal(used, set(weights), what, unit="uplink")


@invariant("SPRAY-EVEN", hidden_by={"setting", "signal", "carrier"})
def equal_paths_carry_alike(recording: Recording, expect: Expect) -> None:
    """Over paths of equal weight the octets for a node never differ by more than a container and a frame."""
    _judge_balance(recording, expect, lambda weights: len(set(weights.values())) == 1)


@invariant("SPRAY-PER-DESTINATION", hidden_by={"setting", "signal", "carrier"})
def each_destination_is_balanced(recording: Recording, expect: Expect) -> None:
    """Expect that the balance holds for each of several destinations by itself."""
    if len({node for _, node, _, _ in _balances(recording)}) > 1:
        _judge_balance(recording, expect, lambda weights: len(set(weights.values())) == 1)


@invariant("SPRAY-WEIGHT-BY-RATE", hidden_by={"setting", "signal", "carrier"})
def unequal_paths_carry_by_rate(recording: Recording, expect: Expect) -> None:
    """Over paths of unequal weight the octets for a node keep to the weights at every instant."""
    _judge_balance(recording, expect, lambda weights: len(set(weights.values())) > 1)


@invariant("SPRAY-PATH-WEIGHT", hidden_by={"setting", "signal", "carrier"})
def narrow_paths_carry_less(recording: Recording, expect: Expect) -> None:
    """Expect that a path whose GSF announces less than the own link carries keeps to what is announced."""
    rates = {link.name: link.rate_mbps for link in recording.links}
    _judge_balance(recording, expect, lambda weights: any(weights[link] < rates[link] for link in weights))


@kept
def _balances(recording: Recording) -> list[tuple[str, int, dict[str, int], list[Container]]]:
    """List (GSP, destination, weight by uplink, containers) while all paths are steady."""
    told = greetings(recording)
    return _weighed(told) if told.steady else []


def _weighed(told: Greetings) -> list[tuple[str, int, dict[str, int], list[Container]]]:
    found = []
    by_end: dict[tuple[int, int], list[Container]] = {}
    for item in every(told.seen):
        by_end.setdefault((item.source, item.destination), []).append(item)
    for name, source in told.seen.gsps.items():
        for (node, destination), items in by_end.items():
            if node != source or any(len(item.links) > 1 for item in items):
                continue
            weights = {}
            for index in told.seen.links_up(name):
                heard = [item for item in told.lines.get((index, DOWN), []) if item.delivered]
                if heard and destination in heard[0].reach:
                    link = told.links[index]
                    weights[link.name] = min(link.rate_mbps, heard[0].rate, heard[0].reach[destination])
            if len(weights) > 1 and {min(item.links) for item in items} <= set(weights):
                found.append((name, destination, weights, items))
    return found


def _judge_balance(recording: Recording, expect: Expect, chosen: Callable[[dict[str, int]], bool]) -> None:
    """Expect the octets on each uplink to keep to its weight, to within a container and a frame each way."""
    longest = recording.parameter("container_bytes") + recording.parameter("max_frame")
    for name, node, weights, items in _balances(recording):
        if (
            not chosen(weights)
            or len(items) < FEW * len(weights)
            or len({item.queue[1:] for item in items}) > 1
        ):
            continue
        carried = dict.fromkeys(weights, 0.0)
        worst, rows = 0.0, items[0].rows
        for item in items:
            link = min(item.links)
            carried[link] += item.bytes / weights[link]
            gap = (max(carried.values()) - min(carried.values())) * min(weights.values())
            if gap > worst:
                worst, rows = gap, item.rows
        what = f"octets for node {node} by which uplinks of {name} are ahead of their weight"
        limit = longest + recording.parameter("max_frame")
        expect.that(worst <= limit, what, f"at most {limit}", round(worst), rows)
