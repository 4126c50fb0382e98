"""When devices are at rest, as far as they can be asked: what a play waits for at its beginning and end."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Annotated, Final, NamedTuple

from pydantic import Field

from conformance.api.testbeds import Topology

LOOK: Final = 20_000_000
"""Ns from the answer to a question to the next time that it is asked."""

Number = Annotated[int, Field(strict=True, ge=0)]


class Rest(NamedTuple):
    """What a device says of itself.

    `paths` is how many (fabric link, node reached by it) pairs it knows, `held` how much waits in it or was
    asked of it and has not come, in frames or octets, and `kept` how many queues, sources, streams and
    episodes of back-pressure it remembers.
    """

    paths: Number
    held: Number
    kept: Number


def is_quiesced(found: Mapping[str, Rest], topology: Topology) -> bool:
    """Say whether devices know all paths of a topology, and remember nothing."""
    return all(
        rest.paths >= paths_of(topology, name) and not rest.held and not rest.kept
        for name, rest in found.items()
    )


def is_at_rest(found: Mapping[str, Rest]) -> bool:
    """Say whether nothing waits in any device."""
    return not any(rest.held for rest in found.values())


def paths_of(topology: Topology, device: str) -> int:
    """Count the pairs of a fabric link of a device and a GSP that it leads to, in two tiers."""
    fabric = [link for link in topology.links if link.fabric]
    below = {name: {link.lower for link in fabric if link.upper == name} for name in topology.nodes}
    down = sum(link.upper == device for link in fabric)
    return down + sum(len(below[link.upper] - {device}) for link in fabric if link.lower == device)


class Question:
    """What is asked again and again, beside the tester, until the answer is yes.

    `ask` gives None where nobody can tell, and is not asked again then.
    """

    def __init__(self, ask: Callable[[], bool | None], operator: ThreadPoolExecutor) -> None:
        self.ask = ask
        self.operator = operator
        self.asked: tuple[int, Future[bool | None]] | None = None
        self.next = 0
        self.is_over = False

    def answered(self, now: int, *, since: int = 0) -> bool:
        """Say whether it was asked `since` a time, and the answer is yes; raise what asking raised."""
        if self.asked is None:
            if now >= self.next and not self.is_over:
                self.asked = now, self.operator.submit(self.ask)
            return False
        time, future = self.asked
        if not future.done():
            return False
        answer = future.result()
        self.asked, self.next, self.is_over = None, now + LOOK, answer is None
        return bool(answer) and time > since
