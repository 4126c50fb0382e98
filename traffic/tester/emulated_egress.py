"""The half of an emulated GSP that grants: what its hosts are to receive."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from traffic.frames.host import credit
from traffic.tester.emulation import Leaf, QueueKey

LONGEST: Final = 9240
"""Bytes that a frame of 9216 counts; no window is narrower, so that any frame may leave."""


@dataclass
class Credit:
    """What an emulated egress keeps for one source queue; all counters are cumulative in a generation."""

    source: int
    port: int
    cls: int
    generation: int
    granted: int
    demand: int = 0
    sent: int = 0
    forfeited: int = 0
    arrived: int = 0
    expired: int = 0
    valid_until: int = 0
    expire_at: int = 0

    @property
    def position(self) -> int:
        """Bytes the source has used or given up, as far as is known."""
        return max(max(self.sent, self.arrived) + self.forfeited, self.expired)

    @property
    def backlogged(self) -> bool:
        """Whether the source has more to send than has arrived."""
        return self.demand > max(self.sent, self.arrived)


class Egress:
    """Grants to every source what it asks for, as the policy of the peer says, and delivers what comes.

    `grants` counts the GRANTs since the peer began to behave as it is specified now.
    """

    def __init__(self, leaf: Leaf) -> None:
        self.leaf = leaf
        self.credits: dict[QueueKey, Credit] = {}
        self.grants = 0
        self._swapped: Callable[[int], None] | None = None

    def _credit(self, values: Mapping[str, int]) -> Credit:
        key = (values["source"], values["port"], values["class"])
        state = self.credits.get(key)
        if state is None or state.generation != values["generation"]:
            state = Credit(*key, values["generation"], self.leaf.spec.unsolicited_bytes)
            self.credits[key] = state
        return state

    def request(self, values: Mapping[str, int], now: int) -> None:
        """Take the counters of a REQUEST."""
        state = self._credit(values)
        state.demand = max(state.demand, values["demand"])
        state.sent = max(state.sent, values["sent"])
        state.forfeited = max(state.forfeited, values["forfeited"])
        if not self._raise(state, now) and state.granted > state.position and state.valid_until > now:
            self._grant(state, now)

    def data(self, values: Mapping[str, int], payload: bytes, now: int) -> None:
        """Deliver a host frame, and count it for its source."""
        if values["port"] < len(self.leaf.spec.hosts):
            self.leaf.around.surroundings.deliver(self.leaf.spec.hosts[values["port"]], payload, now)
        if values["flags"] & self.leaf.around.codec.profile.flags.get("UNGOVERNED", 0):
            return
        known = self.credits.get((values["source"], values["port"], values["class"]))
        if known is not None and known.generation != values["generation"]:
            return
        state = self._credit(values)
        state.arrived += credit(payload)
        self._raise(state, now)

    def _raise(self, state: Credit, now: int) -> bool:
        """Raise the cumulative grant as far as the policy lets it, and say so."""
        policy = self.leaf.spec.grants
        if policy.mode == "withhold" or not policy.during.holds(self.leaf.time(now)):
            return False
        target = state.demand + state.forfeited
        if target <= state.position:
            return False
        if policy.mode == "window":
            active = sum(other.backlogged for other in self.credits.values())
            whole = max(2 * LONGEST, self.leaf.spec.rate_mbps) if policy.window is None else policy.window
            window = max(whole // max(1, active), LONGEST)
            target = min(target, state.position + window)
            if target < state.demand + state.forfeited and target - state.granted < window // 4:
                return False
        target = max(target + policy.extra, state.position)
        if policy.ceiling is not None:
            target = min(target, policy.ceiling)
        if target <= state.granted:
            return False
        state.granted = target
        validity = min(policy.validity, self.leaf.around.codec.profile.field("GRANT", "validity").most)
        state.valid_until = now + validity
        self._plan_expiry(state, now + (policy.expire_after or validity))
        self._grant(state, now)
        return True

    def _plan_expiry(self, state: Credit, time: int) -> None:
        state.expire_at = time

        def expire(now: int) -> None:
            if now < state.expire_at or state.granted <= state.position or not self.leaf.alive:
                return
            state.expired = state.granted
            self._grant(state, now)
            if state.demand + state.forfeited > state.position:
                self._raise(state, now)

        self.leaf.around.surroundings.at(time, expire)

    def _grant(self, state: Credit, now: int) -> None:
        """Send a GRANT with what is granted and still valid, with the flaws of the policy."""
        policy = self.leaf.spec.grants
        self.grants += 1
        number = self.grants
        if policy.lose_every is not None and number % policy.lose_every == 0:
            return
        others = {
            "right": state.generation,
            "before": self.leaf.around.codec.profile.after(state.generation, -1),
            "after": self.leaf.around.codec.profile.after(state.generation),
            "zero": 0,
        }
        values = {
            "source": self.leaf.spec.node,
            "destination": state.source,
            "port": state.port,
            "class": state.cls,
            "generation": others[policy.generations[(number - 1) % len(policy.generations)]],
            "granted": state.granted,
            "expired": state.expired,
            "validity": max(0, state.valid_until - now),
        }

        def send(time: int) -> None:
            for _ in range(policy.copies):
                self.leaf.control("GRANT", values, time)

        if policy.swap_every is not None and number % policy.swap_every == 0 and self._swapped is None:
            self._swapped = send
            return
        self.leaf.around.later(now + policy.delay, now, send)
        if self._swapped is not None:
            self.leaf.around.later(now + policy.delay, now, self._swapped)
            self._swapped = None
