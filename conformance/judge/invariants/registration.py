"""How a check becomes the invariant of a clause, and how recordings are judged by all of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from conformance.judge.expect import Expect
from spec.layout import NotInProfile
from traffic.recordings.recording import BeyondRecording, Recording
from traffic.scenario import ContainerOrder, GrantPolicy, GspPeer, Scenario

Check = Callable[[Recording, Expect], None]

INVARIANTS: Final[dict[str, Check]] = {}
_HIDDEN: Final[dict[str, frozenset[str]]] = {}
FROM_AFAR: Final = frozenset({"delay", "reorder", "rate"})
"""What makes frames reach a device at another time than the link says; the recording does not show it."""
ALTERED: Final = frozenset({"corrupt"})
"""What makes other octets reach a device than the recording shows."""


def invariant(clause_id: str, *, hidden_by: Iterable[str] = ()) -> Callable[[Check], Check]:
    """Register a check as the invariant of a clause.

    A check expects nothing of a recording that cannot show it, and judges devices under test alone. It is
    not made of a play in which something happened (`happenings`) that hides what it looks at.
    """

    def register(check: Check) -> Check:
        INVARIANTS[clause_id] = check
        _HIDDEN[clause_id] = frozenset(hidden_by)
        return check

    return register


def hidden(scenario: Scenario) -> frozenset[str]:
    """Return the clauses that a play of a scenario says nothing of, by what it does to links and devices."""
    happened = happenings(scenario)
    return frozenset(clause_id for clause_id, by in _HIDDEN.items() if by & happened)


def happenings(scenario: Scenario) -> frozenset[str]:
    """Name what a scenario does beside sending: kinds of impairment, actions of management, events, peers."""
    found: set[str] = {impairment.kind for impairment in scenario.impairments}
    found |= {order.action for order in scenario.management}
    for name, parts in (("carrier", scenario.links), ("pause", scenario.pauses), ("script", scenario.frames)):
        if parts:
            found.add(name)
    for peer in scenario.peers:
        if isinstance(peer, GspPeer):
            sends_otherwise = peer.overrun or peer.ungoverned or peer.silent or peer.mute or peer.demands
            grants_otherwise = peer.grants != GrantPolicy(validity=peer.grants.validity)
            found |= {"odd source"} if sends_otherwise or peer.containers != ContainerOrder() else set()
            found |= {"odd egress"} if grants_otherwise else set()
        elif peer.treatments or peer.silent or peer.unheard:
            found.add("odd spine")
        found |= {"signal"} if peer.signals else set()
    return frozenset(found).union(*(happenings(trigger.then) for trigger in scenario.triggers))


def judge(
    recordings: Iterable[Recording],
    voided: Iterable[frozenset[str]],
    clauses: Iterable[str],
    uncertainty: Mapping[str, float],
) -> Iterator[tuple[str, Expect | Exception]]:
    """Run the invariants of these clauses over the plays of a case, but for those that each play voids.

    Yields, one by one, what was found for each that could be shown, or what broke its check.
    """
    plays = list(enumerate(zip(recordings, voided, strict=True), start=1))
    for clause_id in clauses:
        check = INVARIANTS.get(clause_id)
        if check is None:
            continue
        expect = Expect(uncertainty)
        try:
            for number, (recording, void) in plays:
                if clause_id not in void:
                    expect.play, expect.tardy = number, recording.columns.tardy
                    _ask(check, recording, expect)
        except Exception as error:  # noqa: BLE001 - whatever breaks a check is reported as its ERROR
            yield clause_id, error
        else:
            if expect.checked:
                yield clause_id, expect


def _ask(check: Check, recording: Recording, expect: Expect) -> None:
    try:
        check(recording, expect)
    except (BeyondRecording, NotInProfile):
        return
