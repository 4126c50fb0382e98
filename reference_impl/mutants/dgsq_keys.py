"""Flaws of queues that show for one class, port or node alone, for many at once, or next to something."""

from reference_impl.mutants import mutant
from reference_impl.parts.backpressure import BackpressureReceiver
from reference_impl.parts.dgsq import Dgsq, DgsqTable, Key
from reference_impl.parts.ingress import Ingress


@mutant("DGSQ-KEY", kind="not-the-first")
class SharesTheTwoHighestClasses(Ingress):
    """Keeps one queue for the classes 6 and 7 of an egress."""

    def enqueue(self, key: Key, frame: bytes, now: int) -> None:
        """Take 7 for 6."""
        node, port, cls = key
        super().enqueue((node, port, min(cls, 6)), frame, now)


@mutant("DGSQ-KEY", kind="not-the-first")
class SharesTwoClassesOfASecondPort(Ingress):
    """Keeps one queue for all classes of any port but the first of a node."""

    def enqueue(self, key: Key, frame: bytes, now: int) -> None:
        """Forget the class."""
        node, port, cls = key
        super().enqueue((node, port, 0 if port else cls), frame, now)


@mutant("DGSQ-KEY", kind="at-size")
class SharesFromTheEighthOn(Ingress):
    """Puts frames for a ninth egress into the queue of the last one to the same node."""

    def enqueue(self, key: Key, frame: bytes, now: int) -> None:
        """Look for a queue to share."""
        known = self.dgsqs.queues
        if key not in known and len(known) > 7:
            key = next((other for other in reversed(known) if other[0] == key[0]), key)
        super().enqueue(key, frame, now)


@mutant("DGSQ-AGE-OUT", kind="not-the-first")
class KeepsIdleHighClasses(DgsqTable):
    """Never releases an idle queue of another class than 0."""

    def age(self, now: int, dgsq: Dgsq) -> None:
        """Look at the class."""
        if dgsq.cls == 0:
            super().age(now, dgsq)


@mutant("DGSQ-AGE-OUT", kind="not-the-first")
class AgesTheSecondPortFromCreation(DgsqTable):
    """Releases a queue to any port but the first age_out after its creation, however lately it was used."""

    def age(self, now: int, dgsq: Dgsq) -> None:
        """Look for frames alone."""
        if dgsq.port and not dgsq.dead and not dgsq.frames:
            self.release(dgsq)
        else:
            super().age(now, dgsq)


@mutant("DGSQ-AGE-OUT", kind="at-size")
class AgesFourQueues(DgsqTable):
    """Looks after the four oldest queues only, and never releases those created beside them."""

    def age(self, now: int, dgsq: Dgsq) -> None:
        """Look how many queues are older."""
        if dgsq in list(self.queues.values())[:4] and len(self.queues) < 5:
            super().age(now, dgsq)


@mutant("DGSQ-NO-LEAK", kind="not-the-first")
class LeaksHighClasses(DgsqTable):
    """Keeps a queue of another class than 0 that was created for the second time."""

    def age(self, now: int, dgsq: Dgsq) -> None:
        """Compare with the generations met."""
        if not (dgsq.cls and self.device.count["dgsq_released"] >= len(self.generations)):
            super().age(now, dgsq)


@mutant("DGSQ-FIFO", kind="not-the-first")
class SendsTheNewestOfAHighClassFirst(Ingress):
    """Sends the frame of class 3 that came last before those that wait."""

    def enqueue(self, key: Key, frame: bytes, now: int) -> None:
        """Put a frame that has to wait in front."""
        super().enqueue(key, frame, now)
        dgsq = self.dgsqs.queues.get(key)
        if dgsq is not None and dgsq.cls == 3:
            dgsq.frames.rotate()


@mutant("DGSQ-FIFO", kind="not-the-first")
class SendsTheNewestForASecondPortFirst(Ingress):
    """Sends the frame for any port but the first that came last before those that wait."""

    def enqueue(self, key: Key, frame: bytes, now: int) -> None:
        """Put a frame that has to wait in front."""
        super().enqueue(key, frame, now)
        dgsq = self.dgsqs.queues.get(key)
        if dgsq is not None and dgsq.port:
            dgsq.frames.rotate()


@mutant("DGSQ-FIFO", kind="at-size")
class ForgetsTheOrderOfLongQueues(Ingress):
    """Sends the newest frame first once fifty wait."""

    def enqueue(self, key: Key, frame: bytes, now: int) -> None:
        """Count what waits."""
        super().enqueue(key, frame, now)
        dgsq = self.dgsqs.queues.get(key)
        if dgsq is not None and len(dgsq.frames) > 50:
            dgsq.frames.rotate()


@mutant("DGSQ-GENERATION-CHANGES", kind="not-the-first")
class KeepsTheGenerationOfHighClasses(DgsqTable):
    """Creates a queue of another class than 0 again in the generation that it had."""

    def next_generation(self, key: Key) -> int:
        """Return the last one again."""
        last = self.generations.get(key) if key[2] else None
        return last or super().next_generation(key)


@mutant("DGSQ-GENERATION-CHANGES", kind="not-the-first")
class CountsGenerationsByPort(DgsqTable):
    """Counts the generations of all classes of an egress together."""

    def next_generation(self, key: Key) -> int:
        """Go on from the highest class that had one."""
        known = [self.generations[other] for other in self.generations if other[:2] == key[:2]]
        if known:
            self.generations[key] = known[-1]
        return super().next_generation(key)


@mutant("DGSQ-GENERATION-NONZERO", kind="not-the-first")
class BeginsHighClassesWithZero(DgsqTable):
    """Gives the first queue of class 7 the generation 0."""

    def next_generation(self, key: Key) -> int:
        """Look at the class."""
        return super().next_generation(key) if key[2] != 7 or key in self.generations else 0


@mutant("DGSQ-WITHDRAWN", kind="not-the-first")
class DropsClassZeroOnly(DgsqTable):
    """Keeps the queues of other classes than 0 to a host that is withdrawn."""

    def abort(self, dgsq: Dgsq, cause: str) -> None:
        """Look at the class."""
        if dgsq.cls == 0:
            super().abort(dgsq, cause)


@mutant("DGSQ-WITHDRAWN", kind="bystanders")
class DropsTheWholeNode(DgsqTable):
    """Drops the queues to all ports of a node when one host there is withdrawn."""

    def abort(self, dgsq: Dgsq, cause: str) -> None:
        """Take the others along."""
        for other in tuple(self.of(dgsq.node)):
            super().abort(other, cause)


@mutant("DGSQ-WHOLE-DROP", kind="not-the-first")
class GoesOnInTheGenerationOfHighClasses(DgsqTable):
    """Goes on in the same generation after it has dropped a queue of another class than 0."""

    def abort(self, dgsq: Dgsq, cause: str) -> None:
        """Forget that there was one."""
        super().abort(dgsq, cause)
        if dgsq.cls:
            self.generations[dgsq.node, dgsq.port, dgsq.cls] = dgsq.generation - 1


@mutant("DGSQ-BACKPRESSURE-RATE", kind="not-the-first")
class SlowsClassZeroOnly(BackpressureReceiver):
    """Slows down no queue of another class than 0."""

    def restrain(self, dgsq: Dgsq, level: int, now: int) -> None:
        """Look at the class."""
        if dgsq.cls == 0:
            super().restrain(dgsq, level, now)


@mutant("DGSQ-BACKPRESSURE-RATE", kind="not-the-first")
class SlowsTheFirstPortOnly(BackpressureReceiver):
    """Slows down no queue to another port than the first of the node concerned."""

    def restrain(self, dgsq: Dgsq, level: int, now: int) -> None:
        """Look at the port."""
        if dgsq.port == 0:
            super().restrain(dgsq, level, now)


@mutant("DGSQ-BACKPRESSURE-RATE", kind="at-size")
class SlowsTwoQueues(BackpressureReceiver):
    """Slows down the first two queues to the node concerned only."""

    def restrain(self, dgsq: Dgsq, level: int, now: int) -> None:
        """Count the queues."""
        if dgsq in list(self.leaf.dgsqs.of(dgsq.node))[:2]:
            super().restrain(dgsq, level, now)


@mutant("DGSQ-ON-CONGESTION-CREATED", kind="not-the-first")
class GovernsClassZeroOnly(Ingress):
    """Goes on without credit in any class but 0."""

    def govern(self, dgsq: Dgsq, now: int) -> None:
        """Look at the class."""
        if dgsq.cls == 0:
            super().govern(dgsq, now)


@mutant("DGSQ-ON-CONGESTION-CREATED", kind="not-the-first")
class GovernsTheFirstPortOnly(Ingress):
    """Goes on without credit to any port but the first of the node concerned."""

    def govern(self, dgsq: Dgsq, now: int) -> None:
        """Look at the port."""
        if dgsq.port == 0:
            super().govern(dgsq, now)


@mutant("DGSQ-ON-CONGESTION-CREATED", kind="bystanders")
class GovernsEveryNode(Ingress):
    """Asks for credit to all destinations once one of them reports congestion."""

    def pressed(self, reporter: int, about: int, level: int, validity: int, now: int) -> None:
        """Leave the destination out."""
        super().pressed(reporter, about, level, validity, now)
        for dgsq in tuple(self.dgsqs.queues.values()):
            if not dgsq.governed:
                self.govern(dgsq, now)


@mutant("DGSQ-LOCAL-WITHOUT-MESSAGES", kind="not-the-first")
class SendsHighLocalClassesFreely(Ingress):
    """Needs no grant for traffic of class 3 between two of its own ports."""

    def create(self, key: Key, now: int) -> Dgsq | None:
        """Grant such a queue everything."""
        dgsq = super().create(key, now)
        if dgsq is not None and dgsq.node == self.leaf.node and dgsq.cls == 3:
            dgsq.grant = 1 << 60
        return dgsq


@mutant("DGSQ-EXHAUSTION", kind="not-the-first")
class BoundsClassZeroOnly(DgsqTable):
    """Counts the queues of class 0 only."""

    def is_exhausted(self) -> bool:
        """Look at the class."""
        return sum(cls == 0 for _, _, cls in self.queues) >= self.bound


@mutant("DGSQ-EXHAUSTION", kind="bystanders")
class PunishesTheNode(Ingress):
    """Drops also the frames of existing queues to a node for which one queue too many was asked."""

    def enqueue(self, key: Key, frame: bytes, now: int) -> None:
        """Remember the nodes."""
        shunned: set[int] = self.__dict__.setdefault("shunned", set())
        if key not in self.dgsqs.queues and self.dgsqs.is_exhausted():
            shunned.add(key[0])
        if key[0] in shunned:
            self.leaf.drop("dgsq_exhausted")
        else:
            super().enqueue(key, frame, now)


@mutant("DGSQ-NO-HEAD-OF-LINE", kind="not-the-first")
class ServesClassesInOrder(Ingress):
    """Lets no queue send while another class to the same egress waits for credit."""

    def pump(self, dgsq: Dgsq, now: int) -> None:
        """Look at the queues of the same egress."""
        for other in self.dgsqs.of(dgsq.node):
            if other is not dgsq and other.port == dgsq.port and other.frames:
                return
        super().pump(dgsq, now)


@mutant("DGSQ-NO-HEAD-OF-LINE", kind="not-the-first")
class ServesPortsOfANodeInOrder(Ingress):
    """Lets no queue send while one to a lower port of the same node waits for credit."""

    def pump(self, dgsq: Dgsq, now: int) -> None:
        """Look at the queues to the same node."""
        if not any(other.port < dgsq.port and other.frames for other in self.dgsqs.of(dgsq.node)):
            super().pump(dgsq, now)
