"""One mutant in a process of its own, and what the cases made of it."""

import json
import os
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, Final

from conformance.mutation.installation import install, stand
from conformance.mutation.places import Place, Source
from conformance.mutation.playing import Playable
from conformance.mutation.products import product
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
    device can be made of it. `SAME`: the codec that it compiles is the same under every wire profile.
    `SURVIVED`: every case that comes by the place passed; `IDLE` where, besides, every play gave octet by
    octet what it gives on the reference, its counters, events and states included.
    """

    FAIL = "FAIL"
    ERROR = "ERROR"
    INCONCLUSIVE = "INCONCLUSIVE"
    HANG = "HANG"
    STILLBORN = "STILLBORN"
    SAME = "SAME"
    SURVIVED = "SURVIVED"
    IDLE = "IDLE"


@dataclass(frozen=True)
class Outcome:
    """What became of a place changed: by which case and on which clause, and why.

    `cases` is how many come by the place, `played` how many of them were needed, `acted` in how many of those
    a play gave anything else than on the reference, `seconds` of processor time.
    """

    place: Place
    fate: Fate
    case: str = ""
    clause: str = ""
    reason: str = ""
    cases: int = 0
    played: int = 0
    acted: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Planned:
    """A case that is to be played on a mutant: its number, and its seconds and digests on the reference."""

    number: int
    playable: Playable
    seconds: float
    digests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Compiling:
    """What the compiler of the codec makes on the reference, and the bench of each wire profile."""

    products: Mapping[str, str]
    benches: Mapping[str, RunContext]


@dataclass(frozen=True)
class Mutant:
    """A place of a source to be changed, and the cases to be played on a bench then.

    Of a place that does nothing but to compile the codec, `compiling` has what that makes.
    """

    source: Source
    place: Place
    plan: Sequence[Planned]
    context: RunContext
    compiling: Compiling | None = None


def attempt(mutant: Mutant, out: IO[str]) -> None:
    """Put a mutant into this process, and write what each case makes of it until one fails, a line each.

    What compiles another codec under other wire profiles only is played under the first of those.
    """
    plan = mutant.plan
    _limit(sum(LEAST + TIMES * item.seconds for item in plan))
    try:
        fresh = install(mutant.context, mutant.source.name, mutant.source.changed(mutant.place))
    except Exception as error:  # noqa: BLE001 - whatever it is, there is no device
        _tell(out, fate=Fate.STILLBORN, reason=f"{type(error).__name__}: {error}")
        return
    compiling = mutant.compiling
    if compiling is not None:
        others = [name for name, made in compiling.products.items() if not _makes(name, made)]
        if not others:
            _tell(out, fate=Fate.SAME)
            return
        if fresh.profile.name not in others:
            fresh = stand(compiling.benches[others[0]])
            plan = [replace(item, digests=()) for item in plan if _suits(item.playable, fresh)]
    for item in plan:
        fresh.binding.patience = LEAST + TIMES * item.seconds  # type: ignore[attr-defined]
        judged = item.playable.judged(fresh, item.digests)
        words = {"clause": judged.clause, "reason": judged.reason} if judged.acted else {}
        _tell(out, case=item.number, verdict=judged.verdict.value, acted=judged.acted, **words)
        if judged.verdict is Verdict.FAIL:
            return


def _makes(profile: str, made: str) -> bool:
    """Whether the compiler of this process makes of a profile what was made before."""
    try:
        return product(profile) == made
    except Exception:  # noqa: BLE001 - whatever a mutant does
        return False


def _suits(playable: Playable, context: RunContext) -> bool:
    """Whether a case can be played on another bench."""
    try:
        context.suit(playable.case)
    except Exception:  # noqa: BLE001 - a case that is not played notices no mutant
        return False
    return True


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

    mutant: Mutant
    child: int
    reading: int
    said: bytes = b""

    @classmethod
    def begin(cls, mutant: Mutant) -> "Trial":
        """Start the child."""
        reading, writing = os.pipe()
        sys.stdout.flush()
        child = os.fork()
        if child:
            os.close(writing)
            return cls(mutant, child, reading)
        os.close(reading)
        try:
            _silence()
            with os.fdopen(writing, "w", encoding="utf-8") as out:
                attempt(mutant, out)
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
            place=self.mutant.place,
            fate=ended["fate"],
            case=next((item.playable.case.id for item in self.mutant.plan if item.number == number), ""),
            clause=ended.get("clause", ""),
            reason=line(ended.get("reason", ""), 400),
            cases=len(self.mutant.plan),
            played=sum("case" in item for item in told),
            acted=sum(item.get("acted", False) for item in told),
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
    return {"fate": Fate.SURVIVED if any(item.get("acted") for item in told) else Fate.IDLE}


def _silence() -> None:
    """Let nothing be heard of what a mutant prints."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
