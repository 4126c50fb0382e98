"""Flaws of what congestion does: of queues that only it creates, and of what a source withholds."""

from reference_impl import codec
from reference_impl.mutants import mutant
from reference_impl.parts.backpressure import STOP, BackpressureReceiver, BackpressureSender
from reference_impl.parts.dgsq import Dgsq, Key
from reference_impl.parts.ingress import Ingress
from reference_impl.parts.packer import Packer


@mutant("DGSQ-ON-CONGESTION-FREE")
class AsksWithoutCongestion(Ingress):
    """Asks for credit from the first frame on, in the mode on-congestion, too."""

    def is_pressed(self, dgsq: Dgsq) -> bool:  # noqa: ARG002 - that is the flaw
        """See congestion everywhere."""
        return True


@mutant("DGSQ-ON-CONGESTION-FREE")
class HidesFreeTraffic(Packer):
    """Sends frames without credit and does not mark them."""

    def flags(self, dgsq: Dgsq, last: bool) -> int:
        """Leave the flag out."""
        return super().flags(dgsq, last) & ~codec.UNGOVERNED


@mutant("DGSQ-ON-CONGESTION-FREE")
class HalvesFreeTraffic(Ingress):
    """Holds a queue without credit to half of the rate of its path."""

    def create(self, key: Key, now: int) -> Dgsq | None:
        """Restrain it from the beginning."""
        dgsq = super().create(key, now)
        if dgsq is not None and not dgsq.governed:
            self.backpressure_receiver.restrain(dgsq, STOP // 2, now)
        return dgsq


@mutant("DGSQ-ON-CONGESTION-CREATED")
class StaysFree(Ingress):
    """Goes on without credit whatever congestion is reported."""

    def govern(self, dgsq: Dgsq, now: int) -> None:
        """Do nothing."""


@mutant("DGSQ-ON-CONGESTION-CREATED")
class AsksLate(Ingress):
    """Turns to credit only a while after congestion was reported."""

    def govern(self, dgsq: Dgsq, now: int) -> None:
        """Wait ten flush times."""
        self.leaf.at(now + 10 * self.leaf.settings.flush_time, lambda late: Ingress.govern(self, dgsq, late))


@mutant("DGSQ-ON-CONGESTION-CREATED")
class GoesOnInTheContainer(Ingress):
    """Puts governed frames into the container that ungoverned ones have begun."""

    def govern(self, dgsq: Dgsq, now: int) -> None:
        """Keep the container open."""
        container, dgsq.container = dgsq.container, None
        super().govern(dgsq, now)
        dgsq.container = container


@mutant("DGSQ-ON-CONGESTION-CREATED")
class RenewsTheGeneration(Ingress):
    """Begins a new generation when congestion is reported."""

    def govern(self, dgsq: Dgsq, now: int) -> None:
        """Count from 0 in the next generation."""
        self.packer.close(dgsq)
        dgsq.generation = codec.next_generation(dgsq.generation)
        dgsq.sequence = dgsq.previous_frames = 0
        super().govern(dgsq, now)


@mutant("DGSQ-ON-CONGESTION-CREATED")
class SkipsASequence(Ingress):
    """Leaves a container sequence out when congestion is reported."""

    def govern(self, dgsq: Dgsq, now: int) -> None:
        """Skip one."""
        super().govern(dgsq, now)
        dgsq.sequence += 1


@mutant("DGSQ-ON-CONGESTION-CREATED", kind="history")
class MarksGovernedTraffic(Packer):
    """Marks the frames of a queue that sent free once as ungoverned for ever."""

    def flags(self, dgsq: Dgsq, last: bool) -> int:
        """Look at the mode alone."""
        free = self.device.settings.dgsq_mode == "on-congestion"
        return super().flags(dgsq, last) | (codec.UNGOVERNED if free else 0)


@mutant("DGSQ-ON-CONGESTION-CREATED")
class SuffersInSilence(BackpressureSender):
    """Tells no source that the queue of its host port overflows."""

    def is_crossed(self, port: int, now: int) -> bool:  # noqa: ARG002 - that is the flaw
        """See no threshold."""
        return False


@mutant("DGSQ-BACKPRESSURE-RATE", kind="history")
class CompoundsRepeats(BackpressureReceiver):
    """Takes every repeat of a level off what the last one has left."""

    def report(self, reporter: int, about: int, level: int, validity: int, now: int) -> None:
        """Multiply what is left."""
        left = (STOP - self.level(about)) * (STOP - level) // STOP if level else STOP
        super().report(reporter, about, STOP - left, validity, now)


@mutant("DGSQ-BACKPRESSURE-RATE")
class OnlyStopsOrGoes(BackpressureReceiver):
    """Takes any level for a full stop."""

    def allowed_mbps(self, dgsq: Dgsq) -> float:  # noqa: ARG002 - that is the flaw
        """Leave nothing."""
        return 0.0


@mutant("DGSQ-BACKPRESSURE-RATE")
class ScalesTheLineRate(BackpressureReceiver):
    """Takes the level off the rate of the path instead of that of the queue."""

    def base_rate(self, dgsq: Dgsq, now: int) -> int:  # noqa: ARG002 - that is the flaw
        """Look at the path."""
        return min((path.rate for path in self.leaf.paths.live(dgsq.node)), default=1)


@mutant("DGSQ-BACKPRESSURE-RATE", kind="bystanders")
class SlowsEveryQueue(BackpressureReceiver):
    """Slows the queues to all destinations down."""

    def apply(self, about: int, now: int) -> None:
        """Leave the destination out."""
        level = self.level(about)
        for dgsq in tuple(self.leaf.dgsqs.queues.values()):
            if level != dgsq.level:
                self.restrain(dgsq, level, now)


@mutant("DGSQ-BACKPRESSURE-RATE")
class NeverRecovers(BackpressureReceiver):
    """Obeys back-pressure beyond its validity."""

    def expire(self, now: int, about: int) -> None:
        """Keep every report."""
