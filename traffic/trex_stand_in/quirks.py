"""What was seen of real TRex servers and is no fault that they tell: frames cut, lost, late, or misplaced."""

from dataclasses import dataclass, fields
from typing import Self

from spec.documents import did_you_mean
from spec.errors import InputError


@dataclass(frozen=True)
class Quirks:
    """How a server falls short without a word; 0 is not at all.

    `cut`: octets that a capture keeps of a received frame. `push`: the longest frame, in octets, that leaves
    when it is pushed; longer ones vanish. `stream`: the same of streams. `fetch`: ms that every fetch of
    captured frames takes. `start`: ms from the order to start until a port begins. `lag`: ms that counters
    of ports and groups are behind. `jitter`: us by which the stamps of captured frames are late, each by
    another part of it.
    """

    cut: int = 0
    push: int = 0
    stream: int = 0
    fetch: int = 0
    start: int = 0
    lag: int = 0
    jitter: int = 0

    @classmethod
    def read(cls, text: str) -> Self:
        """Read them as `cut=9214,push=9100`; InputError for a word that is none."""
        known = [field.name for field in fields(cls)]
        values = {}
        for item in filter(None, text.split(",")):
            name, _, number = item.partition("=")
            if name not in known:
                fault = f"{name!r} is no quirk"
                raise InputError("trex stand-in", "--quirks", fault, did_you_mean(name, known))
            if not number.isdecimal():
                raise InputError("trex stand-in", "--quirks", f"{item!r} has no number", f"write {name}=100")
            values[name] = int(number)
        return cls(**values)

    def stamp(self, number: int, at: float) -> float:
        """Return the stamp, in s, of a captured frame by its number and true time."""
        return at + number * 7919 % (self.jitter + 1) / 1e6
