"""Correct devices that create and release their queues otherwise."""

from reference_impl import codec
from reference_impl.device import Device
from reference_impl.parts.backpressure import BackpressureReceiver
from reference_impl.parts.dgsq import Dgsq, DgsqTable, Key
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
