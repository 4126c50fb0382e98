"""What must hold in every recording that can show it, whatever case it was made for."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import numpy as np

from conformance.judge.expect import Expect
from spec.layout import NotInProfile
from traffic.recordings.comparison import altered
from traffic.recordings.recording import BeyondRecording, HostAddress, Queue, Recording

FRAME_OVERHEAD: Final = 20
"""Preamble and gap of a frame whose size counts its FCS, in octets."""
BITS_NS: Final = 8000
"""Mbit/s times ns over this is octets."""
MAC_OCTETS: Final = 6

Check = Callable[[Recording, Expect], None]

INVARIANTS: Final[dict[str, Check]] = {}


def invariant(clause_id: str) -> Callable[[Check], Check]:
    """Register a check as the invariant of a clause.

    A check expects nothing of a recording that cannot show it, and judges devices under test alone.
    """

    def register(check: Check) -> Check:
        INVARIANTS[clause_id] = check
        return check

    return register


def judge(
    recordings: Iterable[Recording],
    voided: Iterable[frozenset[str]],
    clauses: Iterable[str],
    uncertainty: Mapping[str, float],
) -> dict[str, Expect | Exception]:
    """Run the invariants of these clauses over the plays of a case, but for those that each play voids.

    Gives what was found for each that could be shown, or what broke its check.
    """
    found: dict[str, Expect | Exception] = {}
    plays = list(enumerate(zip(recordings, voided, strict=True), start=1))
    for clause_id in clauses:
        check = INVARIANTS.get(clause_id)
        if check is None:
            continue
        expect = Expect(uncertainty)
        try:
            for number, (recording, void) in plays:
                if clause_id not in void:
                    expect.play = number
                    _ask(check, recording, expect)
        except Exception as error:  # noqa: BLE001 - whatever breaks a check is reported as its ERROR
            found[clause_id] = error
        else:
            if expect.checked:
                found[clause_id] = expect
    return found


def _ask(check: Check, recording: Recording, expect: Expect) -> None:
    try:
        check(recording, expect)
    except (BeyondRecording, NotInProfile):
        return


EXCUSED: Final = (
    "unknown_destination",
    "frame_too_long",
    "link_local",
    "hairpin",
    "no_path",
    "dgsq_exhausted",
    "dgsq_aborted",
    "table_withdrawn",
    "queue_full",
)
"""Causes for which a device may drop a frame; whether it had the right to is for the cause's own cases."""


@invariant("FWD-ZERO-LOSS")
def nothing_is_lost(recording: Recording, expect: Expect) -> None:
    """Every frame between two hosts arrives, but for those that a drop counter accounts for."""
    if _harmed(recording) or not recording.hosts.delivered():
        return
    lost = recording.hosts.losses()
    excused = recording.devices.drops() if "counters" in recording.capabilities else {}
    allowed = sum(excused.get(cause, 0) for cause in EXCUSED)
    if len(lost) <= allowed:
        expect.that(True, "host frames lost", allowed, len(lost))
        return
    passage = next(altered(lost[:1], recording.hosts.strays()))
    rows = [*passage.rows, *(frame.row for frame in lost[1:])]
    got = f"{len(lost)}; the first: {passage}"
    expect.that(False, "host frames lost", f"at most the {allowed} accounted for", got, rows)


@invariant("FWD-EXACTLY-ONCE")
def nothing_is_delivered_twice(recording: Recording, expect: Expect) -> None:
    """No host receives a unicast frame more often than it was sent to it."""
    if recording.hosts.delivered():
        twice = [frame for frame in recording.hosts.duplicates() if not frame.frame[0] & 1]
        expect.that(
            not twice, "unicast frames delivered twice", 0, len(twice), [frame.row for frame in twice]
        )


@invariant("FWD-DROP-CAUSES-SUM")
def drop_causes_make_the_total(recording: Recording, expect: Expect) -> None:
    """On each device the causes add up to the frames dropped."""
    recording.need("counters")
    for node in _tested(recording):
        counters = recording.columns.counters.get(node, {})
        if "dropped_frames" in counters:
            causes = sum(value for name, value in counters.items() if name.startswith("drop."))
            expect.equal(causes, counters["dropped_frames"], f"sum over drop.* of {node}")


@invariant("FWD-WELL-FORMED")
def messages_are_as_the_profile_says(recording: Recording, expect: Expect) -> None:
    """Each message that a device sends has a layout, codes and values of the wire profile."""
    for name in _tested(recording):
        if recording.fabric.frames_of(name):
            wrong = recording.fabric.improper(name)
            got = f"{len(wrong)}; the first: {wrong[0].wrong}" if wrong else 0
            what = f"frames of {name} that the wire profile does not allow"
            expect.that(not wrong, what, 0, got, [item.row for item in wrong])


@invariant("GRANT-NO-SEND-WITHOUT")
def no_data_without_a_grant(recording: Recording, expect: Expect) -> None:
    """Position never exceeds the cumulative grant that had arrived."""
    for name in _tested(recording, "GSP"):
        for account in recording.credit.accounts(source=name):
            if account.data:
                what = f"credit octets sent by {name} beyond the grant to {_queue(account.queue)}"
                expect.that(not account.overdrawn, what, 0, account.overdraft, account.overdrawn)


@invariant("GRANT-EGRESS-RATE")
def grants_keep_to_the_port(recording: Recording, expect: Expect) -> None:
    """Over any span an egress grants no more than its port can send, plus what may be outstanding.

    That is one window, one longest frame a source, and the frame that is on its way out. What is lost on
    the way never takes time of the port, and may be granted again.
    """
    rates = {link.name: link.rate_mbps for link in recording.links}
    longest = recording.parameter("max_frame") + FRAME_OVERHEAD
    for host, address in recording.facts.hosts.items():
        if host not in rates or address.node not in _tested_ids(recording):
            continue
        worst = recording.credit.overgrant(host, rates[host])
        if worst.row < 0:
            continue
        table = recording.columns.tables["GRANT"]
        own = (table["source"] == address.node) & (table["port"] == address.port)
        sources = len(np.unique(table["destination"][own]))
        lost = _lost_credit(recording, address)
        window = recording.parameter("grant_window_factor") * rates[host] / BITS_NS
        window *= recording.parameter("grant_round_trip")
        expect.at_most(
            worst.value,
            window + (sources + 1) * longest + lost,
            f"credit for {host} beyond the rate of its port",
            "octet",
            rows=[worst.row],
        )


@invariant("ORDER-PER-FLOW")
def flows_stay_in_order(recording: Recording, expect: Expect) -> None:
    """Frames of a flow are received in the order in which they were sent."""
    order = recording.hosts.reordering()
    if order.received:
        rows = [int(row) for row in order.rows]
        expect.that(not rows, "reordered frames (RFC 4737) at the hosts", 0, order.reordered, rows)


@invariant("PKTC-ONE-DESTINATION")
def containers_have_one_egress(recording: Recording, expect: Expect) -> None:
    """Each frame in a container is for the host behind the node and port that the container names."""
    table = recording.columns.tables["DATA"]
    table = table.where(table.valid_crc & recording.columns.leaving(table) & (table.octets >= MAC_OCTETS))
    table = table.where(np.isin(table["source"], _tested_ids(recording, "GSP")))
    if not len(table):
        return
    octets = np.frombuffer(recording.columns.blob, np.uint8)[table.start[:, None] + np.arange(MAC_OCTETS)]
    weights = 1 << np.arange(8 * MAC_OCTETS - 8, -1, -8, dtype=np.int64)
    address = octets.astype(np.int64) @ weights
    known = {int.from_bytes(host.mac): host.node << 8 | host.port for host in recording.facts.hosts.values()}
    macs = np.array(sorted(known), np.int64)
    place = np.minimum(np.searchsorted(macs, address), len(macs) - 1)
    seat = np.array([known[mac] for mac in macs.tolist()], np.int64)[place]
    named = table["destination"].astype(np.int64) << 8 | table["port"]
    astray = table.rows[(macs[place] == address) & (seat != named)].tolist()
    expect.that(not astray, "frames in a container for another egress", 0, len(astray), astray)


def _lost_credit(recording: Recording, egress: HostAddress) -> int:
    """Credit bytes of DATA that left its sources for an egress port and never came to its node."""
    table = recording.columns.tables["DATA"]
    mine = (table["destination"] == egress.node) & (table["port"] == egress.port) & table.valid_crc
    came = mine & recording.columns.reaching(table) & (recording.columns.delivered[table.rows] > 0)
    left = mine & recording.columns.leaving(table)
    return max(int(recording.fabric.data_credit[left].sum() - recording.fabric.data_credit[came].sum()), 0)


def _harmed(recording: Recording) -> bool:
    """Whether a link lost frames of the play, so that their loss says nothing of a device."""
    return bool((recording.columns.delivered == 0).any())


def _tested(recording: Recording, role: str | None = None) -> list[str]:
    nodes = recording.facts.nodes.items()
    return [name for name, node in nodes if node.status == "under test" and role in {None, node.role}]


def _tested_ids(recording: Recording, role: str | None = None) -> list[int]:
    return [recording.facts.nodes[name].id for name in _tested(recording, role)]


def _queue(queue: Queue) -> str:
    return f"node {queue.destination} port {queue.port} class {queue.cls} generation {queue.generation}"
