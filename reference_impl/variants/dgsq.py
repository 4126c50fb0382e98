"""Correct devices that create and release their queues otherwise."""

from reference_impl import codec
from reference_impl.device import Device
from reference_impl.parts.backpressure import BackpressureReceiver
from reference_impl.parts.dgsq import Dgsq, DgsqTable, Key
from reference_impl.parts.egress import Egress
from reference_impl.parts.ingress import Ingress
from reference_impl.parts.leaf import Leaf
from reference_impl.variants import variant


@variant("DGSQ-GENERATION-CHANGES", "DGSQ-GENERATION-NONZERO")
class BeginsBeforeTheWrap(DgsqTable):
    """Begins with the largest generation, so that the second one is the smallest.

    The first generation of a queue is any but 0.
    """

    def next_generation(self, key: Key) -> int:
        """Begin with the largest."""
        return super().next_generation(key) if key in self.generations else codec.GENERATIONS[-1]


@variant("DGSQ-AGE-OUT", "GRANT-REFRESH")
class LooksForIdleQueuesNowAndThen(DgsqTable):
    """Looks for idle queues four times in `request_refresh`, and so releases them up to so much later.

    The clauses let it take `request_refresh` longer than `age_out`.
    """

    def age(self, now: int, dgsq: Dgsq) -> None:
        """Wait for the next look."""
        step = max(self.device.settings.request_refresh // 4, 1)
        if now % step and not dgsq.dead:
            self.device.at(now + step - now % step, self.age, dgsq)
        else:
            super().age(now, dgsq)


@variant("DGSQ-ON-CONGESTION-FREE", "DGSQ-ON-FIRST-FRAME", dgsq_mode="on-congestion")
class SendsFreelyAtFirst(Device):
    """Makes its queues on congestion, where nothing else is set.

    Both modes are declared, and which one a device has by itself is the vendor's choice.
    """


@variant("DGSQ-EXHAUSTION", dgsq_max=24)
class HasFewQueues(Device):
    """Has two dozen queues.

    How many there are is declared; beyond that it says what becomes of a frame.
    """


@variant("DGSQ-BACKPRESSURE-RATE")
class SlowsDownInPairs(BackpressureReceiver):
    """Lets two frames go at a time under back-pressure, and then makes both wait.

    The clause is about a rate, not about the distance of two frames.
    """

    def holds(self, dgsq: Dgsq, now: int) -> bool:
        """Let a frame go one frame's time early."""
        rate = self.allowed_mbps(dgsq)
        early = int(dgsq.frames[0][1] * 8000 / rate) if rate else 0
        return super().holds(dgsq, now) if now + early < dgsq.free_at or not rate else False


@variant("GRANT-NO-SEND-WITHOUT", "GRANT-EXPIRY", "DGSQ-NO-HEAD-OF-LINE")
class ThinksBeforeItSends(Ingress):
    """Acts on each GRANT after up to a tenth of `grant_round_trip`, sooner or later by chance.

    Every limit on time has an allowance for processing, `latency_margin`.
    """

    def granted(  # noqa: PLR0917 - the fields of GRANT
        self, now: int, key: Key, generation: int, granted: int, expired: int, validity: int
    ) -> None:
        """Act on it later, with what is left of its validity then."""
        late = self.leaf.random.randint(0, self.leaf.settings.grant_round_trip // 10)
        left = max(validity - late, 0)
        self.leaf.at(now + late, super().granted, key, generation, granted, expired, left)


@variant("DGSQ-NO-HEAD-OF-LINE", "DGSQ-FIFO", "GRANT-EXPIRY")
class WaitsForTheUplink(Ingress):
    """Leaves what was granted in its queue until the uplink of its container is free.

    Where frames wait that may go is the vendor's choice; what a source sends late, it may have to forfeit.
    """

    def __init__(self, leaf: Leaf, egress: Egress) -> None:
        super().__init__(leaf, egress)
        self.put_off: set[Dgsq] = set()

    def pump(self, dgsq: Dgsq, now: int) -> None:
        """Send nothing before the uplink has sent what it has."""
        share = self.sprayer.choose(dgsq.node)
        if dgsq.container is not None:
            port = dgsq.container.port.index
        elif share is not None:
            port = share.path.port
        else:
            port = -1
        busy_until = self.leaf.ports[port].free_at if port >= 0 else now
        if busy_until <= now:
            super().pump(dgsq, now)
        elif dgsq not in self.put_off:
            self.put_off.add(dgsq)
            self.leaf.at(busy_until, self.again, dgsq)

    def again(self, now: int, dgsq: Dgsq) -> None:
        """Look whether it may go now."""
        self.put_off.discard(dgsq)
        if not dgsq.dead:
            self.pump(dgsq, now)
