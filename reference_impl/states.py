"""The states of what a device keeps, each with the table of `spec/states.yaml` that it follows."""

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

from spec.states import load_machines

S = TypeVar("S", bound=Enum)


class DgsqState(Enum):
    """Of a queue: whether its frames need credit, until its generation is over."""

    ABSENT = "absent"
    FREE = "free"
    GOVERNED = "governed"
    ENDED = "ended"


class LinkState(Enum):
    """Of a fabric link: what is known of its far end, from no carrier to traffic."""

    DARK = "dark"
    SILENT = "silent"
    ONE_WAY = "one-way"
    HELD = "held"
    UP = "up"


class StreamState(Enum):
    """Of the frames from one source to one class of a port: whether their next place is known."""

    UNKNOWN = "unknown"
    COLLECTING = "collecting"
    ORDERED = "ordered"


def steps_of(machine: str, states: type[S]) -> Mapping[tuple[S, str], S]:
    """Return the state that follows by (state, event); KeyError for an event that cannot happen in it."""
    table = load_machines()[machine].steps
    return {(states(state), event): states(following) for (state, event), following in table.items()}


DGSQ_STEPS = steps_of("dgsq", DgsqState)
LINK_STEPS = steps_of("link", LinkState)
STREAM_STEPS = steps_of("stream", StreamState)
