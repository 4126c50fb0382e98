"""Spraying: what HELLO and FAULT say of the paths, and which of them carry data, and how much."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import pairwise
from operator import itemgetter
from typing import Final, NamedTuple

import numpy as np

from conformance.judge.expect import Expect
from conformance.judge.invariants.messages import passing
from conformance.judge.invariants.pktc import every
from conformance.judge.invariants.registration import FROM_AFAR, invariant
from conformance.judge.invariants.wire import Wire, wire
from traffic.recordings.recording import DOWN, UP, Container, Link, Recording

ROLES: Final = {"GSP": "GSP", "GSF": "GSF"}
FEW: Final = 8
"""Fewest containers on each path by which a balance is judged."""


class Hello(NamedTuple):
    """A HELLO on a link: when it left and came (ns), copies that came, and what it says."""

    row: int
    time: int
    arrival: int
    delivered: int
    source: int
    sequence: int
    port: int
    role: int
    rate: int
    heard_node: int
    heard_sequence: int
    reach: Mapping[int, int]


class Greetings:
    """The HELLO of a recording, by (index of the link, direction), each list in order of time."""

    def __init__(self, seen: Wire) -> None:
        self.seen = seen
        self.links = seen.columns.links

    @cached_property
    def lines(self) -> dict[tuple[int, int], list[Hello]]:
        """All of them with a checksum that is right."""
        columns = self.seen.columns
        table = columns.tables["HELLO"]
        bounds = np.searchsorted(table.owner, np.arange(len(table) + 1)).tolist()
        nodes, rates = table.entries["node"].tolist(), table.entries["rate"].tolist()
        names = ("source", "sequence", "port_id", "role", "rate", "heard_node", "heard_sequence")
        fields = zip(*(table[name].tolist() for name in names), strict=True)
        found: dict[tuple[int, int], list[Hello]] = {}
        for position, (row, values) in enumerate(zip(table.rows.tolist(), fields, strict=True)):
            if table.valid_crc[position]:
                first, stop = bounds[position], bounds[position + 1]
                reach = dict(zip(nodes[first:stop], rates[first:stop], strict=True))
                item = Hello(
                    row,
                    int(columns.time[row]),
                    int(columns.arrival[row]),
                    int(columns.delivered[row]),
                    *values,
                    reach,
                )
                found.setdefault((int(columns.link[row]), int(columns.direction[row])), []).append(item)
        return found

    def ends(self) -> Iterator[tuple[int, Link, int, str, int, list[Hello], list[Hello]]]:
        """Yield (index, link, direction, name, node id, its HELLO, HELLO to it) of each end under test."""
        known = {**self.seen.gsps, **self.seen.gsfs}
        for index, link in enumerate(self.links):
            for way, name in ((UP, link.lower), (DOWN, link.upper)):
                if link.fabric and name in known:
                    own = [item for item in self.lines.get((index, way), []) if item.source == known[name]]
                    heard = self.lines.get((index, 1 - way), [])
                    yield index, link, way, name, known[name], own, heard

    @cached_property
    def rows(self) -> dict[tuple[int, int], np.ndarray]:
        """Rows of sound DATA by (index of the link, direction)."""
        columns = self.seen.columns
        table = columns.tables["DATA"]
        sound = table.rows[table.valid_crc]
        return {
            (index, way): sound[(columns.link[sound] == index) & (columns.direction[sound] == way)]
            for index in range(len(self.links))
            for way in (UP, DOWN)
        }

    @cached_property
    def steady(self) -> bool:
        """Whether every path stayed as it was: no FAULT, no back-pressure, and HELLO say the same all along."""
        columns = self.seen.columns
        for name in ("FAULT", "BACKPRESSURE"):
            if name in columns.profile.messages and len(columns.tables[name]):
                return False
        if any(seen != 0 for seen in (self.seen.counter(name, "path_down") for name in self.seen.gsps)):
            return False
        return all(
            item.reach == items[0].reach and item.rate == items[0].rate
            for items in self.lines.values()
            for item in items
        )


def greetings(recording: Recording) -> Greetings:
    """Return the HELLO of a recording."""
    known = vars(recording)
    if "greetings" not in known:
        known["greetings"] = Greetings(wire(recording))
    found: Greetings = known["greetings"]
    return found


@invariant("SPRAY-HELLO-CONTENT", hidden_by=FROM_AFAR | {"duplicate"})
def greetings_tell_the_truth(recording: Recording, expect: Expect) -> None:
    """HELLO come in time, count up, and tell role, port, rate, what is reached and what was last heard."""
    told = greetings(recording)
    numbers = recording.columns.profile.numbers("HELLO", "sequence")
    interval, margin = recording.parameter("hello_interval"), recording.parameter("latency_margin")
    margin += expect.uncertainty.get("ns", 0)
    roles = {name: recording.columns.profile.code("HELLO", "role", name) for name in ROLES}
    nodes = recording.facts.nodes
    wrong: dict[str, list[int]] = defaultdict(list)
    checked = 0
    for index, link, _, name, node, own, heard in told.ends():
        arrivals = [item for item in heard if item.delivered]
        times = [item.arrival for item in arrivals]
        for item in own:
            checked += 1
            if nodes[name].role in roles and item.role != roles[nodes[name].role]:
                wrong["another role"].append(item.row)
            if nodes[name].role == "GSP" and set(item.reach) != {node}:
                wrong["other nodes than itself at a GSP"].append(item.row)
            if item.rate != link.rate_mbps:
                wrong["another rate"].append(item.row)
            last = int(np.searchsorted(times, item.time, side="right"))
            early = int(np.searchsorted(times, item.time - margin, side="right"))
            recent = {(each.source, each.sequence) for each in arrivals[max(early - 1, 0) : last]}
            if item.heard_node and early and (item.heard_node, item.heard_sequence) not in recent:
                wrong["another HELLO than the one last heard"].append(item.row)
        for before, after in pairwise(own):
            apart = after.time - before.time
            if (after.sequence - before.sequence) % numbers != 1:
                wrong["a sequence that does not count up"].append(after.row)
            if after.port != before.port:
                wrong["another port than before"].append(after.row)
            if interval + margin < apart and _was_alive(told.seen, index, before.time, after.time):
                wrong["a HELLO too few before it"].append(after.row)
    if checked:
        rows = sorted(row for found in wrong.values() for row in found)
        got = "; ".join(f"{len(found)} with {what}" for what, found in wrong.items()) or 0
        expect.that(not wrong, "HELLO that are not as due", 0, got, told.seen.numbered(rows))


@invariant("SPRAY-HELLO-LOSS", hidden_by=FROM_AFAR | {"setting"})
def silent_links_are_left(recording: Recording, expect: Expect) -> None:
    """No DATA leaves on a link long after the last HELLO that came over it."""
    limit = _patience(recording) + expect.uncertainty.get("ns", 0)
    _judge_after(recording, expect, limit, lambda item, node: True, "silent")


@invariant("SPRAY-TWO-WAY", hidden_by=FROM_AFAR | {"setting"})
def deaf_links_are_left(recording: Recording, expect: Expect) -> None:
    """No DATA leaves on a link long after the last HELLO over it that shows that the own ones arrive."""
    limit = _patience(recording) + recording.parameter("hello_interval") + expect.uncertainty.get("ns", 0)
    limit += recording.parameter("hello_misses") * recording.parameter("hello_interval")
    _judge_after(recording, expect, limit, lambda item, node: item.heard_node == node, "one-way")


@invariant("SPRAY-LIVE-PATHS-ONLY", hidden_by={"loss", "blackout"})
def dark_links_are_left(recording: Recording, expect: Expect) -> None:
    """A source goes on sending no longer than latency_margin on a link where everything is lost."""
    told = greetings(recording)
    limit = (
        recording.parameter("latency_margin") + 2 * _frame_time(recording) + expect.uncertainty.get("ns", 0)
    )
    delivered, time = recording.columns.delivered, recording.time
    wrong, checked = [], 0
    for index, _, way, name, _, _, _ in told.ends():
        rows = told.rows[index, way]
        checked += len(rows)
        start = None
        for row in rows.tolist() if name in told.seen.gsps else ():
            if delivered[row]:
                start = None
                continue
            start = int(time[row]) if start is None else start
            if time[row] - start > limit:
                wrong.append(row)
    if checked:
        expect.that(
            not wrong, "DATA on links that have long been dark", 0, len(wrong), told.seen.numbered(wrong)
        )


@invariant("SPRAY-REMOTE-FAULT", hidden_by=FROM_AFAR)
def lost_nodes_are_left(recording: Recording, expect: Expect) -> None:
    """No DATA for a node goes up a link whose HELLO had left that node out well before."""
    wrong, checked = _unannounced(recording, expect)
    if checked:
        expect.that(not wrong, "DATA for nodes that the GSF no longer announces", 0, len(wrong), wrong)


@invariant("SPRAY-NO-PATH", hidden_by=FROM_AFAR)
def nodes_without_path_get_nothing(recording: Recording, expect: Expect) -> None:
    """No DATA leaves for a node that no GSF announces, and a frame without path is counted."""
    told = greetings(recording)
    margin = recording.parameter("latency_margin") + recording.parameter("hello_interval")
    margin += 2 * _frame_time(recording) + expect.uncertainty.get("ns", 0)
    wrong, checked = [], 0
    for name, node in told.seen.gsps.items():
        ups = told.seen.links_up(name)
        for item in told.seen.left:
            if item.queue.source != node:
                continue
            checked += 1
            lost = [_left_out(told, index, item.queue.destination, item.time - margin) for index in ups]
            if lost and all(lost):
                wrong.append(item.row)
    if checked:
        expect.that(not wrong, "DATA for nodes that no GSF announces", 0, len(wrong), wrong)
    for name in told.seen.gsfs:
        total = told.seen.counter(name, "dropped_frames")
        gone = _swallowed(told.seen, name)
        if total is not None and gone:
            what = f"DATA that came to {name} and neither left nor was counted as dropped"
            expect.that(len(gone) <= total, what, f"at most {total}", len(gone), gone)


@invariant("SPRAY-FAULT-ANNOUNCED", hidden_by={"carrier flaps"})
def losses_are_announced(recording: Recording, expect: Expect) -> None:
    """Before a node is left out of HELLO, FAULT for it was sent on the link, fault_repeats times for an event."""
    told = greetings(recording)
    if "FAULT" not in recording.columns.profile.messages:
        return
    table = recording.columns.tables["FAULT"]
    columns = recording.columns
    repeats = recording.parameter("fault_repeats")
    spread = repeats * recording.parameter("hello_interval")
    hold = recording.parameter("flap_hold")
    end = int(recording.time[-1]) if len(recording) else 0
    unsaid, few, again, checked = [], [], [], 0
    for index, _, way, name, node, own, _ in told.ends():
        if name not in told.seen.gsfs:
            continue
        here = table.valid_crc & (columns.link[table.rows] == index) & (columns.direction[table.rows] == way)
        here &= table["source"] == node
        faults = list(
            zip(
                columns.time[table.rows[here]].tolist(),
                table["node"][here].tolist(),
                table["sequence"][here].tolist(),
                strict=True,
            )
        )
        for before, after in pairwise(own):
            for lost in before.reach.keys() - after.reach.keys():
                checked += 1
                if not any(
                    before.time - spread <= at <= after.time and about == lost for at, about, _ in faults
                ):
                    unsaid.append(after.row)
        events = Counter((about, event) for _, about, event in faults)
        first: dict[tuple[int, int], int] = {}
        for at, about, event in faults:
            first.setdefault((about, event), at)
        for (about, event), count in events.items():
            checked += 1
            since = first[about, event]
            back = [item for item in own if since < item.time < since + hold and about in item.reach]
            again += [item.row for item in back]
            if (
                count != repeats
                and since + spread < end
                and not _was_dark(told.seen, name, since, since + spread)
            ):
                few.append(f"{count} for node {about} on {columns.links[index].name}")
    if checked:
        number = told.seen.numbered
        expect.that(not unsaid, "nodes left out of HELLO without a FAULT", 0, len(unsaid), number(unsaid))
        expect.that(not few, f"events that were not told {repeats} times", 0, "; ".join(few[:3]) or 0)
        expect.that(not again, "HELLO that announce a node just lost", 0, len(again), number(again))


@invariant("SPRAY-FLAP-DAMPED", hidden_by={"setting"})
def returning_links_are_held(recording: Recording, expect: Expect) -> None:
    """A link that a device took out of use carries none of its DATA for flap_hold after it came back."""
    recording.need("events")
    told = greetings(recording)
    hold = recording.parameter("flap_hold") - expect.uncertainty.get("ns", 0)
    margin = recording.parameter("latency_margin") + 2 * _frame_time(recording)
    wrong, checked = [], 0
    for index, _, way, name, _, own, _ in told.ends():
        port = own[0].port if own else None
        for event in recording.devices.events("link_down", name):
            if port is None or event.details.get("port") != port:
                continue
            checked += 1
            rows = told.rows[index, way]
            time = recording.time[rows]
            early = rows[(time > event.time + margin) & (time < event.time + hold)]
            wrong += told.seen.numbered(early.tolist())
    if checked:
        expect.that(
            not wrong, f"DATA on links that went down less than {hold} ns before", 0, len(wrong), wrong
        )


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
    """The balance holds for each of several destinations by itself."""
    if len({node for _, node, _, _ in _balances(recording)}) > 1:
        _judge_balance(recording, expect, lambda weights: len(set(weights.values())) == 1)


@invariant("SPRAY-WEIGHT-BY-RATE", hidden_by={"setting", "signal", "carrier"})
def unequal_paths_carry_by_rate(recording: Recording, expect: Expect) -> None:
    """Over paths of unequal weight the octets for a node keep to the weights at every instant."""
    _judge_balance(recording, expect, lambda weights: len(set(weights.values())) > 1)


@invariant("SPRAY-PATH-WEIGHT", hidden_by={"setting", "signal", "carrier"})
def narrow_paths_carry_less(recording: Recording, expect: Expect) -> None:
    """A path whose GSF announces less than the own link carries keeps to what is announced."""
    rates = {link.name: link.rate_mbps for link in recording.links}
    _judge_balance(recording, expect, lambda weights: any(weights[link] < rates[link] for link in weights))


@invariant("SPRAY-GSF-CONTAINER-ORDER", hidden_by=FROM_AFAR | {"duplicate", "carrier"})
def containers_pass_in_order(recording: Recording, expect: Expect) -> None:
    """The frames of a container leave a GSF in the order in which they came, on one link."""
    wrong, checked = [], 0
    seen = wire(recording)
    for name in seen.gsfs:
        for came, gone in _passages(seen, name):
            checked += 1
            order = [place for place in came if place in gone]
            left = sorted(gone, key=lambda place, gone=gone: gone[place][0])
            if order != left:
                wrong += [gone[place][1] for place in left]
    if checked:
        expect.that(
            not wrong,
            "frames of containers that a GSF put into another order",
            0,
            len(wrong),
            seen.numbered(wrong),
        )


@invariant("SPRAY-GSF-ONE-LINK", hidden_by={"carrier", "loss", "blackout"} | FROM_AFAR)
def containers_keep_to_one_link(recording: Recording, expect: Expect) -> None:
    """All frames of a container leave a GSF on one link while the paths stay as they are."""
    seen = wire(recording)
    wrong, checked = [], 0
    for name in seen.gsfs:
        if seen.counter(name, "path_down") != 0:
            continue
        for _, gone in _passages(seen, name):
            checked += 1
            if len({int(seen.columns.link[row]) for _, row in gone.values()}) > 1:
                wrong += [row for _, row in gone.values()]
    if checked:
        expect.that(
            not wrong, "frames of containers on several links of a GSF", 0, len(wrong), seen.numbered(wrong)
        )


def _patience(recording: Recording) -> int:
    """How long after the last HELLO of a neighbour DATA may leave towards it, in ns."""
    interval = recording.parameter("hello_interval")
    limit = (recording.parameter("hello_misses") + 1) * interval + recording.parameter("latency_margin")
    return int(limit + _frame_time(recording))


def _judge_after(recording: Recording, expect: Expect, limit: int, proves: object, what: str) -> None:
    assert callable(proves)
    told = greetings(recording)
    wrong, checked = [], 0
    for index, _, way, _, node, _, heard in told.ends():
        proofs = np.array([item.arrival for item in heard if item.delivered and proves(item, node)], np.int64)
        rows = told.rows[index, way]
        checked += len(rows)
        last = np.searchsorted(proofs, recording.time[rows], side="right")
        since = recording.time[rows] - np.r_[0, proofs][last]
        wrong += told.seen.numbered(rows[since > limit].tolist())
    if checked:
        expect.that(not wrong, f"DATA on links that have long been {what}", 0, len(wrong), wrong)


def _left_out(told: Greetings, index: int, node: int, before: int) -> bool:
    """Whether all HELLO that came down a link from `before` on, and the one ahead of that, leave a node out."""
    heard = [item for item in told.lines.get((index, DOWN), []) if item.delivered]
    last = int(np.searchsorted([item.arrival for item in heard], before, side="right"))
    if not last or node in heard[last - 1].reach:
        return False
    return node not in (heard[last].reach if last < len(heard) else {})


def _unannounced(recording: Recording, expect: Expect) -> tuple[list[int], int]:
    """List the rows of DATA that went up to GSFs which had left its node out of HELLO, and count all DATA."""
    told = greetings(recording)
    margin = (
        recording.parameter("latency_margin") + 2 * _frame_time(recording) + expect.uncertainty.get("ns", 0)
    )
    wrong, checked = [], 0
    mine = set(told.seen.gsps.values())
    for item in told.seen.left:
        if item.queue.source in mine and told.links[item.link].fabric:
            checked += 1
            heard = told.lines.get((item.link, DOWN), [])
            heard = [each for each in heard if each.delivered and each.arrival <= item.time]
            if (
                heard
                and item.queue.destination not in heard[-1].reach
                and heard[-1].arrival + margin < item.time
            ):
                wrong.append(item.row)
    return wrong, checked


def _was_alive(seen: Wire, index: int, start: int, stop: int) -> bool:
    """Whether a link carried a frame in a span of time (ns), its ends excluded."""
    columns = seen.columns
    inside = (
        (columns.link == index) & (columns.time > start) & (columns.time < stop) & (columns.delivered > 0)
    )
    return bool(inside.any())


def _was_dark(seen: Wire, name: str, start: int, stop: int) -> bool:
    """Whether a device noted the end of a link in a span, or cannot tell."""
    if "events" not in seen.columns.capabilities:
        return True
    return any(
        start <= event.time <= stop and event.node == name and event.name in {"link_down", "neighbour"}
        for event in seen.columns.events
    )


def _frame_time(recording: Recording) -> int:
    """Time of the longest frame on the slowest link, in ns."""
    rate = min((link.rate_mbps for link in recording.links), default=1)
    return int((recording.parameter("max_frame") + 60) * 8000 // rate)


def _balances(recording: Recording) -> list[tuple[str, int, dict[str, int], list[Container]]]:
    """List (GSP, destination, weight by uplink, containers by sequence of leaving) while all paths are steady."""
    told = greetings(recording)
    known = vars(told)
    if "balances" not in known:
        known["balances"] = _weighed(told) if told.steady else []
    found: list[tuple[str, int, dict[str, int], list[Container]]] = known["balances"]
    return found


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


def _judge_balance(recording: Recording, expect: Expect, chosen: object) -> None:
    """Expect the octets on each uplink to keep to its weight, to within a container and a frame each way."""
    assert callable(chosen)
    longest = recording.parameter("container_bytes") + recording.parameter("max_frame")
    for name, node, weights, items in _balances(recording):
        if (
            not chosen(weights)
            or len(items) < FEW * len(weights)
            or len({item.queue[1:] for item in items}) > 1
        ):
            continue
        carried = dict.fromkeys(weights, 0.0)
        total = sum(weights.values())
        worst, rows = 0.0, items[0].rows
        for item in items:
            link = min(item.links)
            carried[link] += item.bytes / weights[link]
            gap = (max(carried.values()) - min(carried.values())) * min(weights.values())
            if gap > worst:
                worst, rows = gap, item.rows
        del total
        what = f"octets for node {node} by which uplinks of {name} are ahead of their weight"
        expect.that(
            worst <= longest + min(longest, recording.parameter("max_frame")),
            what,
            f"at most {longest}",
            round(worst),
            rows,
        )


def _passages(seen: Wire, name: str) -> Iterator[tuple[list[object], dict[object, tuple[int, int]]]]:
    """Yield, by container, the places in order of arrival at a GSF, and when and as which row each left."""
    table = seen.columns.tables["DATA"]
    came: dict[object, list[tuple[int, object]]] = {}
    for item in seen.frames_of(table.where(table.valid_crc & passing(seen, name, arriving=True)[table.rows])):
        arrival = int(seen.columns.arrival[int(item.row)])
        came.setdefault((item.queue, item.sequence), []).append((arrival, item.index))
    gone: dict[object, dict[object, tuple[int, int]]] = {}
    for item in seen.frames_of(
        table.where(table.valid_crc & passing(seen, name, arriving=False)[table.rows])
    ):
        gone.setdefault((item.queue, item.sequence), {})[item.index] = (item.time, int(item.row))
    for key, left in gone.items():
        places = [place for _, place in sorted(came.get(key, []), key=itemgetter(0))]
        if len(set(places)) == len(places):
            yield places, left


def _swallowed(seen: Wire, name: str) -> list[int]:
    """Rows of DATA that came to a GSF and did not leave it."""
    table = seen.columns.tables["DATA"]
    came = seen.frames_of(table.where(table.valid_crc & passing(seen, name, arriving=True)[table.rows]))
    left = seen.frames_of(table.where(table.valid_crc & passing(seen, name, arriving=False)[table.rows]))
    gone = {(item.queue, item.sequence, item.index) for item in left}
    return [item.row for item in came if (item.queue, item.sequence, item.index) not in gone]
