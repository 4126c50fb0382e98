"""Flaws that act only in states which no case leads to; they prove exploration, as mutants prove cases."""

from collections.abc import Sequence

from reference_impl.mutants import latent
from reference_impl.parts.container import Container
from reference_impl.parts.dgsq import DgsqTable, Key
from reference_impl.parts.forwarding import Forwarder, Target
from reference_impl.parts.ingress import Ingress
from reference_impl.parts.liveness import Link, Liveness
from reference_impl.parts.packer import Packer


@latent("SPRAY-FLAP-DAMPED")
class TrustsTheThirdReturn(Liveness):
    """Holds a link when it comes back, but not the second time in a short while."""

    def damped(self, link: Link) -> bool:
        """Hold it, unless it was held of late."""
        return super().damped(link) and not link.held_until


@latent("DGSQ-GENERATION-CHANGES")
class SkipsALaterGeneration(DgsqTable):
    """Leaves a generation out when a queue is created for the fourth time."""

    def next_generation(self, key: Key) -> int:
        """Count one more than is due, once."""
        times = self.__dict__.setdefault("times", {})
        times[key] = times.get(key, 0) + 1
        if times[key] == 4:
            self.generations[key] = super().next_generation(key)
        return super().next_generation(key)


@latent("FWD-GROUP-COPIES")
class CopiesForEightAtMost(Forwarder):
    """Makes no more than eight copies of a frame to a group."""

    def flood(self, port: int) -> Sequence[Target]:
        """Leave the others out."""
        return super().flood(port)[:8]


@latent("PKTC-PREVIOUS-FRAMES")
class MiscountsAmongMany(Packer):
    """Forgets one frame of a container while more than three queues are in use."""

    def frames_of(self, container: Container) -> int:
        """Count one less where there are many."""
        return container.index - (container.index > 2 and self.device.count["dgsq_active"] > 3)


@latent("DGSQ-WHOLE-DROP")
class ForgetsAQueueInACut(Ingress):
    """Drops, uncounted, a frame of each queue for which a path goes while it waits for credit."""

    def paths_changed(self, now: int) -> None:
        """Lose the last one that waits."""
        for dgsq in tuple(self.dgsqs.queues.values()):
            if len(dgsq.frames) > 8:
                _, credit = dgsq.frames.pop()
                dgsq.queued -= credit
                self.dgsqs.queued -= credit
        super().paths_changed(now)
