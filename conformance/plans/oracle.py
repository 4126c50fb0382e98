"""What a correct fabric owes to a scenario, told by a small model that knows neither devices nor judge.

1. A host frame has a fate: hosts that it must reach, or a cause under which it must be dropped (`owed`).
2. What must arrive does, once for each time it was sent, unchanged, in the order in which its host sent it;
   what is missing was lost on a link or is counted under a cause (`missing`, `surplus`, `order`, `causes`).
3. Credit that is outstanding at an egress, and what waits there, is bounded by its window (`credit`).
4. A link is not used while it is dark, nor for `flap_hold` after that (`paths`).
5. A GSF passes on what came to it, once (`transit`).
6. Nothing is slower than the slowest thing on its way, and two rounds of the timers (`time`).
7. When all is over nothing is left: no queue, and who asks then is served at once (`gone`, `after`).

It is made of a scenario and the recording of its play, both plain data.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np

from conformance.plans.transit import carried, unlike
from traffic.recordings.recording import DOWN, UP, HostAddress, Recording
from traffic.scenario import GrantPolicy, GsfPeer, GspPeer, LinkEvent, Scenario

GROUP: Final = 1
RESERVED: Final = bytes.fromhex("0180c20000")
CONTROL: Final = b"\x88\x08"
VLAN: Final = b"\x81\x00"
OVERHEAD: Final = 24
SHORTEST: Final = 60
FCS: Final = 4
DISTURBED: Final = frozenset({"delay", "reorder", "duplicate", "corrupt", "loss", "blackout"})


class Breach(NamedTuple):
    """What a correct fabric would not have done: the rule, and what was seen."""

    rule: str
    words: str


class Frame(NamedTuple):
    """A frame as it came to its GSP: octets, host, when (ns) and how often."""

    octets: bytes
    host: str
    time: int
    copies: int


@dataclass(frozen=True)
class Fate:
    """What a frame must come to: hosts that it must reach, or the cause under which it is dropped."""

    hosts: tuple[str, ...] = ()
    cause: str = ""


class Oracle:
    """The model of one play; `probes_at` is when (ns) frames began that ask whether all is well again."""

    def __init__(self, scenario: Scenario, recording: Recording, probes_at: int | None = None) -> None:
        self.scenario = scenario
        self.recording = recording
        self.probes_at = probes_at
        self.hosts = recording.facts.hosts
        self.by_mac = {host.mac: host for host in self.hosts.values()}
        self.tested = {
            node.id: name
            for name, node in recording.facts.nodes.items()
            if node.status == "under test" and node.role == "GSP"
        }
        self.whole = all(node.status == "under test" for node in recording.facts.nodes.values())
        self.kinds = {harm.kind for harm in scenario.impairments}

    def breaches(self) -> list[Breach]:
        """List everything that a correct fabric would not have done."""
        if self.recording.columns.cut:
            return []
        rules = (
            self.surplus,
            self.missing,
            self.causes,
            self.order,
            self.credit,
            self.paths,
            self.pauses,
            self.transit,
            self.time,
            self.gone,
            self.after,
        )
        return [breach for rule in rules for breach in rule()]

    def value(self, name: str) -> Any:  # noqa: ANN401 - a number or a word
        """Return a parameter in force."""
        return self.recording.parameter(name)

    @cached_property
    def linked(self) -> dict[str, int]:
        """Index of the link of each host that has one."""
        return {
            link.name: index for index, link in enumerate(self.recording.links) if link.name in self.hosts
        }

    @cached_property
    def sent(self) -> list[Frame]:
        """What hosts on links sent, pauses left out, in order of time."""
        columns = self.recording.columns
        names = {index: name for name, index in self.linked.items()}
        found = []
        for row in np.flatnonzero(columns.direction == UP).tolist():
            name = names.get(int(columns.link[row]))
            octets = columns.frame(row) if name is not None else b""
            if name is not None and octets[12:14] != CONTROL:
                found.append(Frame(octets, name, int(columns.arrival[row]), int(columns.delivered[row])))
        return found

    @cached_property
    def received(self) -> dict[str, list[tuple[int, bytes]]]:
        """What each host on a link received, with the time in ns, pauses left out."""
        columns = self.recording.columns
        names = {index: name for name, index in self.linked.items()}
        found: dict[str, list[tuple[int, bytes]]] = {name: [] for name in self.linked}
        for row in np.flatnonzero(columns.direction == DOWN).tolist():
            name = names.get(int(columns.link[row]))
            if name is not None:
                octets = columns.frame(row)
                if octets[12:14] != CONTROL:
                    found[name].append((int(columns.time[row]), octets))
        return found

    def owed(self, frame: Frame) -> Fate:  # noqa: PLR0911 - one a fate
        """Say what a frame must come to, by its destination and its length alone."""
        octets, me = frame.octets, self.hosts[frame.host]
        if len(octets) > self.value("max_frame") - FCS:
            return Fate(cause="frame_too_long")
        target = self.by_mac.get(octets[:6])
        if target is not None:
            if (target.node, target.port) == (me.node, me.port):
                return Fate(cause="hairpin")
            return Fate((target.name,))
        if octets.startswith(RESERVED) and octets[5] < 16:
            return Fate(cause="link_local")
        everyone = tuple(name for name in self.hosts if name != frame.host)
        if octets[0] & GROUP:
            carried = self.recording.facts.nodes[self._gsp(me)].ics.get("MULTICAST") is not False
            return Fate(everyone) if carried else Fate(cause="unknown_destination")
        if self.value("unknown_unicast") == "flood":
            return Fate(everyone)
        return Fate(cause="unknown_destination")

    def surplus(self) -> Iterator[Breach]:
        """Nothing comes that nobody sent, nor more often than sent, nor to a host that it is not for."""
        if "corrupt" in self.kinds:
            return
        due: Counter[tuple[str, bytes]] = Counter()
        for frame in self.sent:
            fate = self.owed(frame)
            for host in fate.hosts:
                due[host, frame.octets] += frame.copies
        foreign = self._from_emulated()
        for host, frames in self.received.items():
            for octets, count in Counter(octets for _, octets in frames).items():
                if self._floods_the_withdrawn() and octets[:6] in self.by_mac:
                    continue
                if octets[6:12] in self.by_mac and count > due[host, octets] + foreign[host, octets]:
                    due_words = f"{due[host, octets]} due"
                    yield Breach(
                        "surplus", f"{host} received {count} of a frame, {due_words}: {octets[:24].hex()}"
                    )

    def missing(self) -> Iterator[Breach]:
        """Each frame that does not come was lost on a link, or is counted as dropped."""
        due: Counter[tuple[str, bytes]] = Counter()
        withdrawn = self._withdraws()
        for frame in self.sent:
            for host in () if withdrawn and self._floods(frame) else self.owed(frame).hosts:
                due[host, frame.octets] += frame.copies
        came = Counter((host, octets) for host, items in self.received.items() for _, octets in items)
        if self._withheld():
            return
        came += self._to_emulated()
        gone = sum((due - came).values()) if "corrupt" not in self.kinds else 0
        excuse = self._lost_on_links() + self._dropped_of_those_due()
        if gone > excuse:
            yield Breach(
                "missing", f"{gone} frames did not arrive, {excuse} lost on links or counted as dropped"
            )

    def causes(self) -> Iterator[Breach]:
        """Each frame that must be dropped is counted under its own cause; in peace nothing else is."""
        if "counters" not in self.recording.capabilities:
            return
        due: Counter[tuple[int, str]] = Counter()
        for frame in self.sent:
            fate = self.owed(frame)
            if fate.cause:
                due[self.hosts[frame.host].node, fate.cause] += frame.copies
        withdrawn = any(order.action.startswith("table") for order in self.scenario.management)
        for node, name in self.tested.items():
            drops = self._drops(name)
            for cause in ("frame_too_long", "hairpin", "link_local", "unknown_destination"):
                wanted, got = due[node, cause], drops.get(cause, 0)
                free = cause in {"unknown_destination", "hairpin"} and (withdrawn or not self.whole)
                if got != wanted and not free:
                    yield Breach("causes", f"{name} counted {got} under {cause}, {wanted} due")
            others = {c: n for c, n in drops.items() if not due[node, c]}
            if self.peaceful and self.whole and others and self._fits():
                yield Breach("causes", f"{name} dropped frames in peace: {others}")

    def order(self) -> Iterator[Breach]:
        """Frames of one host to another in one class come in the order in which they were sent."""
        if "corrupt" in self.kinds:
            return
        times = Counter(frame.octets for frame in self.sent)
        place = {frame.octets: number for number, frame in enumerate(self.sent) if times[frame.octets] == 1}
        for host, frames in self.received.items():
            latest: dict[tuple[bytes, int], int] = {}
            for _, octets in frames:
                number = place.get(octets)
                if number is None or octets[0] & GROUP:
                    continue
                flow = (octets[6:12], _class(octets))
                if number < latest.get(flow, -1):
                    yield Breach("order", f"{host} received frame {number} after {latest[flow]}")
                    break
                latest[flow] = number

    def credit(self) -> Iterator[Breach]:
        """Outstanding credit and what waits at an egress stay within the window and a frame a source."""
        if (
            not self._steady_peers()
            or self._strays()
            or self.kinds & DISTURBED
            or self.scenario.links
            or self.scenario.pauses
        ):
            return
        if self.value("dgsq_mode") != "on-first-frame" or self.scenario.management:
            return
        longest = self.value("max_frame") + OVERHEAD - FCS
        for name, index in self.linked.items():
            if self.hosts[name].node not in self.tested:
                continue
            rate = self.recording.links[index].rate_mbps
            window = self.value("grant_window_factor") * rate * self.value("grant_round_trip") / 8000
            sources = len(self.hosts)
            free = sources * (self.value("unsolicited_bytes") + longest)
            egress = self.recording.credit.egress(name)
            waits = egress.longest_queue.value
            if waits > window + free + longest and not self._local(name):
                yield Breach("credit", f"{waits:.0f} octets waited for {name}, {window + free:.0f} at most")
            given = egress.most_outstanding.value
            if given > window + free + longest:
                yield Breach(
                    "credit", f"{given:.0f} octets of credit were out for {name}, window {window:.0f}"
                )

    def paths(self) -> Iterator[Breach]:
        """No DATA leaves on a link while it is dark, or before it has been good for flap_hold again."""
        margin = self.value("latency_margin") + 2 * self._frame_time()
        columns = self.recording.columns
        table = columns.tables["DATA"]
        for name, spans in self._dark().items():
            index = next((i for i, link in enumerate(self.recording.links) if link.name == name), None)
            if index is None:
                continue
            link = self.recording.links[index]
            tested = {n for n, node in self.recording.facts.nodes.items() if node.status == "under test"}
            ways = [way for way, end in ((UP, link.lower), (DOWN, link.upper)) if end in tested]
            rows = table.rows[columns.link[table.rows] == index]
            rows = rows[np.isin(columns.direction[rows], ways)]
            times = columns.time[rows]
            for start, stop in spans:
                hold = stop + self.value("flap_hold") if self._was_up(name, start) else stop
                late = times[(times > start + margin) & (times < hold)]
                if len(late):
                    words = f"{len(late)} DATA on {name} from {late[0]} ns, dark at {start}, back at {stop}"
                    yield Breach("paths", words)

    def pauses(self) -> Iterator[Breach]:
        """No host gets frames of a class that it pauses until the pause is over."""
        margin = self.value("latency_margin") + 2 * self._frame_time()
        for pause in self.scenario.pauses:
            if pause.host not in self.linked or self.hosts[pause.host].node not in self.tested:
                continue
            start, stop = pause.at + margin, pause.at + pause.duration
            for time, octets in self.received.get(pause.host, ()):
                if start < time < stop and _class(octets) in pause.classes:
                    yield Breach(
                        "pauses", f"{pause.host} received class {_class(octets)} at {time} ns in its pause"
                    )
                    break

    def transit(self) -> Iterator[Breach]:
        """Each GSF sends on what came to it, once, but for what it counts as dropped."""
        if "corrupt" not in self.kinds:
            yield from (Breach("transit", words) for words in unlike(self.recording))

    def time(self) -> Iterator[Breach]:
        """In peace all that was sent has come by the time that the slowest part of its way takes for it."""
        if not (self.peaceful and self.whole and self._fits()):
            return
        slack = self.value("convergence_max") + 2 * self.value("grant_round_trip")
        begun: dict[str, int] = {}
        octets: Counter[str] = Counter()
        for frame in self.sent:
            for host in self.owed(frame).hosts:
                octets[host] += max(len(frame.octets), SHORTEST) + OVERHEAD
                begun[host] = min(begun.get(host, frame.time), frame.time)
        last_sent = max((frame.time for frame in self.sent if self._ordinary(frame)), default=0)
        narrow = self._narrowest()
        total = sum(octets.values())
        for host, items in self.received.items():
            came = [time for time, _ in items if self.probes_at is None or time < self.probes_at]
            if came and narrow:
                due = last_sent + slack + total * 8000 / (narrow * self.value("utilisation_min"))
                if max(came) > due:
                    yield Breach("time", f"{host} got its last frame at {max(came)} ns, due by {due:.0f}")

    def gone(self) -> Iterator[Breach]:
        """When all has been quiet for long no queue is left."""
        if "counters" not in self.recording.capabilities or not self.whole:
            return
        for name in self.tested.values():
            held = self.recording.columns.counters.get(name, {}).get("dgsq_active", 0)
            if held > 0:
                yield Breach("gone", f"{name} holds {held} queues when all is over")

    def after(self) -> Iterator[Breach]:
        """Frames that are sent when all is over and healed arrive at once, every one of them."""
        if self.probes_at is None or not self.whole:
            return
        probes = [frame for frame in self.sent if frame.time >= self.probes_at]
        due = {(host, frame.octets): frame.time for frame in probes for host in self.owed(frame).hosts}
        limit = sum(self.value(name) for name in ("grant_round_trip", "path_delay_max", "flush_time"))
        limit += 2 * self.value("latency_margin") + 4 * self._frame_time()
        came = {(host, octets): time for host, items in self.received.items() for time, octets in items}
        late = {key for key, time in due.items() if came.get(key, 1 << 62) - time > limit}
        if late:
            host, octets = min(late)
            when = came.get((host, octets))
            words = "never" if when is None else f"after {when - due[host, octets]} ns"
            yield Breach(
                "after", f"{len(late)} of {len(due)} frames were late when all was over; {host}: {words}"
            )

    @property
    def peaceful(self) -> bool:
        """Whether nothing happens but that hosts send."""
        part = self.scenario
        disturbed = part.impairments or part.links or part.management or part.pauses
        return not (disturbed or self._strays()) and self._steady_peers()

    def _strays(self) -> bool:
        """Whether frames are sent on links of the fabric."""
        return any(frame.port not in self.hosts for frame in self.scenario.frames)

    def _steady_peers(self) -> bool:
        for peer in self.scenario.peers:
            if isinstance(peer, GsfPeer) and (peer.silent or peer.unheard or peer.treatments or peer.signals):
                return False
            if isinstance(peer, GspPeer):
                plain = GrantPolicy(validity=peer.grants.validity)
                odd = (
                    peer.overrun
                    or peer.ungoverned
                    or peer.silent
                    or peer.demands
                    or peer.mute
                    or peer.signals
                )
                if odd or peer.grants != plain or peer.containers.order or peer.containers.twice:
                    return False
                if peer.containers.missing or peer.containers.restarts:
                    return False
        return True

    def _withheld(self) -> bool:
        """Whether an emulated device may keep frames for good, so that they need not come."""
        return not self.whole and not self._steady_peers()

    def _withdraws(self) -> bool:
        """Whether entries of tables go meanwhile."""
        return any(order.action == "table_withdraw" for order in self.scenario.management)

    def _floods(self, frame: Frame) -> bool:
        """Whether a frame goes to every host that is in the table."""
        return bool(frame.octets[0] & GROUP) or self.value("unknown_unicast") == "flood"

    def _floods_the_withdrawn(self) -> bool:
        """Whether frames to a host whose entry went are flooded."""
        return self._withdraws() and self.value("unknown_unicast") == "flood"

    def _fits(self) -> bool:
        """Whether nothing is sent that queues, table and buffers could lack the room for."""
        ends = {(octets[:6], _class(octets)) for octets in (frame.octets for frame in self.sent)}
        room = int(self.value("dgsq_max"))
        groups = any(frame.octets[0] & GROUP or frame.octets[:6] not in self.by_mac for frame in self.sent)
        return len(ends) + (len(self.hosts) * 8 if groups else 0) <= room

    def _from_emulated(self) -> Counter[tuple[str, bytes]]:
        """How often frames came in DATA that emulated devices sent, by host they are for."""
        columns = self.recording.columns
        if self.whole:
            return Counter()
        tested = [link.lower in self.tested.values() for link in columns.links]
        table = columns.tables["DATA"]
        came = np.array(tested, bool)[columns.link[table.rows]] & (columns.direction[table.rows] == DOWN)
        return carried(columns, table.where(table.valid_crc & came), self.hosts.values(), copies=True)

    def _to_emulated(self) -> Counter[tuple[str, bytes]]:
        """How often frames left in DATA for hosts that emulated devices stand for."""
        columns = self.recording.columns
        table = columns.tables["DATA"]
        left = table.where(table.valid_crc & columns.leaving(table))
        return carried(columns, left, (host for host in self.hosts.values() if host.name not in self.linked))

    def _dropped_of_those_due(self) -> int:
        """How many frames were dropped, but for those that had to be, and those that came before."""
        owed = [fate for fate in map(self.owed, self.sent) if fate.cause]
        drops = sum(count for cause, count in self._drops().items() if cause != "duplicate")
        return max(drops - len(owed), 0)

    def _lost_on_links(self) -> int:
        """How many frames of hosts, or DATA with them, were lost on links."""
        columns = self.recording.columns
        lost = columns.delivered == 0
        rows = np.zeros(len(columns), bool)
        rows[columns.tables["DATA"].rows] = True
        for index in self.linked.values():
            rows |= columns.link == index
        return int((lost & rows).sum())

    def _drops(self, node: str | None = None) -> Mapping[str, int]:
        if "counters" not in self.recording.capabilities:
            return {}
        return self.recording.devices.drops(node)

    def _dark(self) -> dict[str, list[tuple[int, int]]]:
        """Spans (ns) in which each link has no carrier, by the events that were planned."""
        found: dict[str, list[tuple[int, int]]] = {}
        for name in {event.link for event in self.scenario.links}:
            spans, since = [], None
            for event in _in_turn(event for event in self.scenario.links if event.link == name):
                if event.up and since is not None:
                    spans.append((since, event.at))
                    since = None
                elif not event.up and since is None:
                    since = event.at
            if since is not None:
                spans.append((since, 1 << 62))
            found[name] = spans
        return found

    def _was_up(self, link: str, time: int) -> bool:
        """Whether a link carried traffic, by its age: it had never been dark, or long before."""
        before = [stop for start, stop in self._dark()[link] if start < time]
        proven = self.value("flap_hold") + 4 * self.value("hello_interval")
        return not before or time - max(before) > proven

    def _frame_time(self) -> int:
        rate = min(link.rate_mbps for link in self.recording.links)
        return int((self.value("max_frame") + OVERHEAD) * 8000 // rate)

    def _narrowest(self) -> int:
        """Rate (Mbit/s) that every leaf has towards every other at least; a host's own where that is less."""
        fabric = [link for link in self.recording.links if link.fabric]
        ends = {link.lower for link in fabric}
        sums = [sum(link.rate_mbps for link in fabric if link.lower == end) for end in ends]
        slowest = min((link.rate_mbps for link in fabric), default=0)
        spines = len({link.upper for link in fabric})
        return min(
            [*sums, slowest * spines, *(link.rate_mbps for link in self.recording.links if not link.fabric)]
        )

    def _ordinary(self, frame: Frame) -> bool:
        return self.probes_at is None or frame.time < self.probes_at

    def _local(self, host: str) -> bool:
        node = self.hosts[host].node
        return any(
            self.hosts[frame.host].node == node and frame.octets[:6] == self.hosts[host].mac
            for frame in self.sent
        )

    def _gsp(self, host: HostAddress) -> str:
        return next(name for name, node in self.recording.facts.nodes.items() if node.id == host.node)


def _class(octets: bytes) -> int:
    return octets[14] >> 5 if octets[12:14] == VLAN else 0


def _in_turn(events: Iterable[LinkEvent]) -> list[LinkEvent]:
    return sorted(events, key=lambda event: event.at)
