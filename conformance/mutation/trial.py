"""One mutant in a process of its own, and what the cases made of it."""

import json
import os
import resource
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, Final

from conformance.mutation.installation import install
from conformance.mutation.places import Place, Source
from conformance.mutation.playing import Playable
from conformance.run.context import RunContext
from spec.text import line
from spec.verdict import Verdict

LEAST: Final = 2.0
"""Seconds of processor time that a play may take on any mutant, however quick it is on the reference."""
TIMES: Final = 4
"""How many times as long as on the reference it may take."""
MEMORY: Final = 2 << 30
"""Octets that a mutant may need on top of what the suite has."""
DETECTED: Final = (Verdict.ERROR, Verdict.INCONCLUSIVE)


class Fate(StrEnum):
    """What became of a mutant.

    `FAIL`: a case or an invariant judged it, a device that ends included. `ERROR` and `INCONCLUSIVE`: it was
    noticed and not judged. `HANG`: it came to no end in its time, and no play could say so. `STILLBORN`: no
    device can be made of it. `SURVIVED`: every case that comes by the place passed.
    """

    FAIL = "FAIL"
    ERROR = "ERROR"
    INCONCLUSIVE = "INCONCLUSIVE"
    HANG = "HANG"
    STILLBORN = "STILLBORN"
    SURVIVED = "SURVIVED"


@dataclass(frozen=True)
class Outcome:
    """What became of a place changed: by which case and on which clause, and why.

    `cases` is how many come by the place, `played` how many of them were needed, `seconds` of processor time.
    """

    place: Place
    fate: Fate
    case: str = ""
    clause: str = ""
    reason: str = ""
    cases: int = 0
    played: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Planned:
    """A case that is to be played on a mutant, with its number and its seconds on the reference."""

    number: int
    playable: Playable
    seconds: float


def attempt(source: Source, place: Place, plan: Sequence[Planned], context: RunContext, out: IO[str]) -> None:
    """Put a mutant into this process, and write what each case makes of it until one fails, a line each."""
    _limit(sum(LEAST + TIMES * item.seconds for item in plan))
    try:
        fresh = install(context, source.name, source.changed(place))
    except Exception as error:  # noqa: BLE001 - whatever it is, there is no device
        _tell(out, fate=Fate.STILLBORN, reason=f"{type(error).__name__}: {error}")
        return
    for item in plan:
        fresh.binding.patience = LEAST + TIMES * item.seconds  # type: ignore[attr-defined]
        execution = item.playable.judged(fresh)
        told = next((each for each in execution.judgements if each.verdict is execution.worst), None)
        clause, reason = (told.clause.id, told.reason) if told else ("", "")
        _tell(out, case=item.number, verdict=execution.worst.value, clause=clause, reason=reason)
        if execution.worst is Verdict.FAIL:
            return
        execution.forget()


def _tell(out: IO[str], **words: object) -> None:
    out.write(json.dumps(words) + "\n")
    out.flush()


def _limit(seconds: float) -> None:
    """Let the system end this process where nothing else does, and let it not take all memory."""
    most = int(seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (most, most + 1))
    size = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))


@dataclass
class Trial:
    """A mutant that is being tried in a child of this process."""

    place: Place
    plan: Sequence[Planned]
    child: int
    reading: int
    said: bytes = b""

    @classmethod
    def begin(cls, source: Source, place: Place, plan: Sequence[Planned], context: RunContext) -> "Trial":
        """Start the child."""
        reading, writing = os.pipe()
        sys.stdout.flush()
        child = os.fork()
        if child:
            os.close(writing)
            return cls(place, plan, child, reading)
        os.close(reading)
        try:
            _silence()
            with os.fdopen(writing, "w", encoding="utf-8") as out:
                attempt(source, place, plan, context, out)
        finally:
            os._exit(0)

    def end(self) -> Outcome:
        """Return what came of it, now that the child has said all it had to say."""
        os.close(self.reading)
        told = [json.loads(text) for text in self.said.split(b"\n")[:-1]]
        _, status, usage = os.wait4(self.child, 0)
        ended = _ended(told, os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0)
        number = ended.get("case")
        return Outcome(
            place=self.place,
            fate=ended["fate"],
            case=next((item.playable.case.id for item in self.plan if item.number == number), ""),
            clause=ended.get("clause", ""),
            reason=line(ended.get("reason", ""), 400),
            cases=len(self.plan),
            played=sum("case" in item for item in told),
            seconds=round(usage.ru_utime + usage.ru_stime, 2),
        )


def _ended(told: list[dict[str, Any]], signalled: int) -> dict[str, Any]:
    """Return what decides on a mutant, of all that was told of it: the worst verdict, or how it ended."""
    for verdict in (Verdict.FAIL, *DETECTED):
        for item in told:
            if item.get("verdict") == verdict:
                return item | {"fate": Fate(verdict.value)}
    if told and "fate" in told[-1]:
        return told[-1] | {"fate": Fate(told[-1]["fate"])}
    if signalled:
        return {"fate": Fate.HANG, "reason": f"ended by {signal.Signals(signalled).name}"}
    return {"fate": Fate.SURVIVED}


def _silence() -> None:
    """Let nothing be heard of what a mutant prints."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
