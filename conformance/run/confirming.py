"""What becomes of a case that was played more than once, because a bench in real time may fail by chance."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from conformance.judge.expect import Finding
from conformance.run.judgement import Judgement
from spec.verdict import Verdict
from traffic.recordings.recording import Recording
from traffic.recordings.twice import differences


@dataclass(frozen=True)
class Time:
    """One time that a case was played: what was judged, the names of its recordings, and those themselves."""

    judgements: tuple[Judgement, ...]
    recordings: tuple[str, ...]
    plays: Sequence[Recording]


def confirmed(times: Sequence[Time]) -> tuple[Judgement, ...]:
    """Return a judgement a clause: FAIL where every time was, INCONCLUSIVE where some were and some not.

    Findings point into the recordings of all times, which count through.
    """
    clauses = dict.fromkeys(
        (judgement.clause.id, judgement.invariant) for one in times for judgement in one.judgements
    )
    return tuple(_merged(times, *clause) for clause in clauses)


def _merged(times: Sequence[Time], clause: str, invariant: bool) -> Judgement:
    found = [
        next((j for j in one.judgements if (j.clause.id, j.invariant) == (clause, invariant)), None)
        for one in times
    ]
    failed = [number for number, judgement in enumerate(found) if _is(judgement, Verdict.FAIL)]
    if not failed:
        return next(judgement for judgement in reversed(found) if judgement is not None)
    first = found[failed[0]]
    assert first is not None
    ahead = sum(len(one.recordings) for one in times[: failed[0]])
    shown = replace(first, findings=tuple(_moved(finding, ahead) for finding in first.findings))
    if len(failed) == len(times):
        return shown
    other = next(number for number in range(len(times)) if number not in failed)
    became = found[other]
    verdict = became.verdict if became else "not judged"
    words = (
        f"FAIL when it was played for the {_nth(failed[0])} time, {verdict} for the {_nth(other)}: "
        f"what does not repeat is not held against a device; it was: {first.reason}"
    )
    told = " | ".join(_between(times[failed[0]], times[other]))
    reason = f"{words}; {told}" if told else f"{words}; the two recordings show no difference"
    return replace(shown, verdict=Verdict.INCONCLUSIVE, reason=reason)


def _is(judgement: Judgement | None, verdict: Verdict) -> bool:
    return judgement is not None and judgement.verdict is verdict


def _moved(finding: Finding, ahead: int) -> Finding:
    return replace(finding, play=finding.play + ahead) if finding.play > 0 else finding


def _nth(number: int) -> str:
    return {0: "first", 1: "second", 2: "third"}.get(number, f"{number + 1}th")


def _between(failed: Time, other: Time) -> Iterator[str]:
    """Name the recordings of two times play by play, and what differs between them."""
    for number, (one, two) in enumerate(zip(failed.plays, other.plays, strict=False)):
        names = [_name(time, number) for time in (failed, other)]
        told = differences(one.columns, two.columns)
        yield f"{' and '.join(names)}: {'; '.join(told) or 'no difference but in time'}"


def _name(time: Time, number: int) -> str:
    kept = time.recordings
    return kept[number] if number < len(kept) else f"play {number + 1}, which was not kept"
