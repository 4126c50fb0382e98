"""Timed frames of which some are governed DATA: asked for first, and sent as soon as due and granted."""

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Final

from traffic.frames.host import credit
from traffic.scenario import TimedFrame
from traffic.tester.emulated_gsp import EmulatedGsp
from traffic.tester.emulation import Neighbourhood

NEVER: Final = 1 << 62
QUEUE: Final = ("source", "destination", "port", "class")


class Claim:
    """The credit that an emulated source has asked for, for the scripted frames of one queue generation.

    `left` are the octets of those that have not left; of a generation that has ended, `before`, they were
    granted beforehand. `changed(now)` is called with each GRANT.
    """

    def __init__(
        self,
        gsp: EmulatedGsp,
        fields: Mapping[str, int],
        before: "Claim | None",
        changed: Callable[[int], None],
    ) -> None:
        self.gsp = gsp
        self.name = {name: fields[name] for name in (*QUEUE, "generation")}
        self.before = before
        self.changed = changed
        self.places: set[tuple[int, int]] = set()
        self.demand = self.left = 0
        self.sent = self.forfeited = self.expired = 0
        self.grant = gsp.spec.unsolicited_bytes
        self.valid_until = NEVER
        self.is_open = self.is_over = False

    def add(self, fields: Mapping[str, int], payload: bytes) -> int:
        """Count a frame, and return what it costs: a copy of another one nothing."""
        place = fields["sequence"], fields["index"]
        octets = 0 if place in self.places else credit(payload)
        self.places.add(place)
        self.demand += octets
        self.left += octets
        return octets

    def admits(self, octets: int, now: int) -> bool:
        """Return whether a frame may leave now; ask for it where nobody has."""
        if self.is_over or not octets:
            return True
        if not self.is_open:
            if self.before is not None and not self.before.end(now):
                return False
            self.is_open = True
            self.gsp.claims.append(self)
            self.refresh(now)
        return self.covers(octets, now)

    def covers(self, octets: int, now: int) -> bool:
        """Return whether credit for so much is there, and good; give it up where it is void."""
        if now >= self.valid_until and self.sent + self.forfeited < self.grant:
            self.forfeited = self.grant - self.sent
            self.tell(now)
        return self.sent + self.forfeited + octets <= self.grant

    def take(self, octets: int) -> None:
        """Use credit for a frame that leaves."""
        self.sent += octets
        self.left -= octets

    def end(self, now: int) -> bool:
        """End the generation once all of it is granted, so that what has not arrived was sent before."""
        if not self.is_over and self.admits(self.left, now):
            self.close()
        return self.is_over

    def close(self) -> None:
        """Ask no more."""
        self.is_over = True
        if self in self.gsp.claims:
            self.gsp.claims.remove(self)

    def granted(self, values: Mapping[str, int], now: int) -> None:
        """Take the counters of a GRANT, if it is for this claim."""
        answered = self.name | {"source": self.name["destination"], "destination": self.name["source"]}
        if any(values[name] != value for name, value in answered.items()):
            return
        if values["granted"] > max(self.grant, self.sent + self.forfeited):
            self.grant = values["granted"]
            self.valid_until = now + values["validity"]
        if values["expired"] > self.sent + self.forfeited:
            self.forfeited = values["expired"] - self.sent
            self.tell(now)
        self.changed(now)

    def refresh(self, now: int) -> None:
        """Send REQUEST, and again as often as the source does, until all has left."""
        if not self.is_over and self.gsp.alive:
            self.tell(now)
            if self.left:
                self.gsp.around.surroundings.at(now + self.gsp.spec.request_refresh, self.refresh)

    def tell(self, now: int) -> None:
        """Send REQUEST with the counters as they are."""
        counters = {"demand": self.demand, "sent": self.sent, "forfeited": self.forfeited}
        self.gsp.control("REQUEST", self.name | counters, now)


class Script:
    """Sends frames in the order of their times; one that has to wait for credit puts off all that follow.

    1. A frame is governed where it is marked so, its source is an emulated GSP and its destination is none.
    2. The source claims the octets of all governed frames of a queue generation at once, before the first,
       and asks together for queues whose first frames are due together: none waits for another's answer.
    3. A frame leaves when it is due and the grant covers it.
    4. A generation ends with the first frame of the next one, and has to be granted as a whole by then: its
       stragglers left before, and are on their way only.

    `pend(n)` counts what waits for its time, which a play has to wait for; for credit it need not.
    """

    def __init__(
        self, frames: Sequence[TimedFrame], start: int, around: Neighbourhood, pend: Callable[[int], None]
    ) -> None:
        self.around = around
        self.pend = pend
        self.shift = start
        self.next = 0
        self.planned = False
        self.is_over = False
        self.claims: dict[tuple[int, ...], Claim] = {}
        """The newest claim of each queue."""
        self.known: dict[tuple[int, ...], Claim] = {}
        """The claims by queue and generation."""
        self.steps = [(timed, *self._claimed(timed)) for timed in sorted(frames, key=lambda each: each.at)]
        self.run(start)

    def _claimed(self, timed: TimedFrame) -> tuple[Claim | None, int]:
        """Return the claim that a frame is sent on, and what it costs; None where it needs no credit."""
        message = self.around.codec.decode(timed.frame) if timed.governed else None
        if message is None:
            return None, 0
        fields = message.fields
        gsp = self.around.ends.get(fields["source"])
        if not isinstance(gsp, EmulatedGsp) or fields["destination"] in self.around.ends:
            return None, 0
        queue = tuple(fields[name] for name in QUEUE)
        key = (*queue, fields["generation"])
        claim = self.known.get(key)
        if claim is None:
            claim = Claim(gsp, fields, self.claims.get(queue), self.run)
            self.known[key] = self.claims[queue] = claim
        return claim, claim.add(fields, message.payload)

    def run(self, now: int) -> None:
        """Send what is due and granted."""
        while not self.is_over and not self.planned and self.next < len(self.steps):
            timed, claim, octets = self.steps[self.next]
            due = self.shift + timed.at
            if due > now:
                self.planned = True
                self.pend(1)
                self.around.surroundings.at(due, self.wake)
                return
            if claim is not None and not claim.is_open:
                self._ask(timed.at, now)
            if claim is not None and not claim.admits(octets, now):
                return
            self.next += 1
            self.shift = now - timed.at
            self.around.surroundings.transmit(timed.port, timed.frame, now, control=False)
            if claim is not None:
                claim.take(octets)

    def _ask(self, at: int, now: int) -> None:
        """Ask for all new queues whose first frames are due at this time of the script."""
        for timed, claim, octets in islice(self.steps, self.next, None):
            if timed.at != at:
                return
            if claim is not None and claim.before is None and not claim.is_open:
                claim.admits(octets, now)

    def end(self) -> None:
        """Send no more, and ask for nothing."""
        self.is_over = True
        for claim in self.known.values():
            claim.close()

    def wake(self, now: int) -> None:
        """Go on, because it is time to."""
        if not self.is_over:
            self.planned = False
            self.pend(-1)
            self.run(now)
