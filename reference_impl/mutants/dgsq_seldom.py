"""Flaws of queues that show in a high class, the second time, or when two things come together."""

from reference_impl.mutants import mutant
from reference_impl.parts.dgsq import Dgsq, DgsqTable, Key
from reference_impl.parts.ingress import Ingress


@mutant("DGSQ-AGE-OUT", kind="meeting")
class KeepsQueuesUnderBackpressure(DgsqTable):
    """Never releases a queue whose time was over while back-pressure held."""

    def age(self, now: int, dgsq: Dgsq) -> None:
        """Look at the level."""
        if not dgsq.level:
            super().age(now, dgsq)


@mutant("DGSQ-AGE-OUT", kind="meeting")
class AgesWhileFramesWait(DgsqTable):
    """Drops a queue whose frames waited for credit for `age_out`."""

    def is_stranded(self, dgsq: Dgsq) -> bool:  # noqa: ARG002 - that is the flaw
        """Take it for one without a path."""
        return True


@mutant("DGSQ-EXHAUSTION", kind="history")
class ForgetsItsBoundOnceReached(DgsqTable):
    """Bounds its queues until they were as many and some of them were released."""

    reached = over = False

    def is_exhausted(self) -> bool:
        """Remember that there were as many."""
        full = super().is_exhausted()
        self.over = self.over or (self.reached and not full)
        self.reached = self.reached or full
        return full and not self.over


@mutant("DGSQ-ON-CONGESTION-CREATED", kind="not-the-first")
class GovernsLowClassesOnly(Ingress):
    """Lets queues of the classes 4 to 7 send freely whatever BACKPRESSURE says."""

    def govern(self, dgsq: Dgsq, now: int) -> None:
        """Look at the class."""
        if dgsq.cls < 4:
            super().govern(dgsq, now)


@mutant("DGSQ-KEY", kind="not-the-first")
class DropsTheUpperBitsOfNodes(Ingress):
    """Puts frames for nodes that differ in the upper two of eight bits into one queue."""

    def enqueue(self, key: Key, frame: bytes, now: int) -> None:
        """Look for a queue to such a node."""
        for known in self.dgsqs.queues:
            if (known[0] ^ key[0]) & 63 == 0 and known[1:] == key[1:] and self.node not in {known[0], key[0]}:
                key = known
                break
        super().enqueue(key, frame, now)
