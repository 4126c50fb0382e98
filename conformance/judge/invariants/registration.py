"""How a check becomes the invariant of a clause, and how recordings are judged by all of them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from conformance.judge.expect import Expect
from spec.layout import NotInProfile
from traffic.recordings.recording import BeyondRecording, Recording

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
