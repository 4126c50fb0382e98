"""Flaws of queues: when they are created, what shares one, how they are renewed, and how they end."""

from reference_impl import codec
from reference_impl.mutants import mutant
from reference_impl.parts.container import Container
from reference_impl.parts.dgsq import GOVERNED, Dgsq, DgsqTable, Key
from reference_impl.parts.ingress import Ingress
from reference_impl.parts.packer import Packer
from reference_impl.parts.requester import Requester
from reference_impl.port import NEVER
from reference_impl.roles.gsp import Gsp


@mutant("DGSQ-NONE-AT-IDLE")
class ReservesAQueueAHost(Gsp):
    """Creates a queue for every remote host as soon as it starts."""

    def started(self, now: int) -> None:
        """Go through the table."""
        super().started(now)
        for node, port in self.ingress.forwarder.table.values():
            if node != self.node:
                self.ingress.create((node, port, 0), now)


@mutant("DGSQ-NONE-AT-IDLE")
class AsksBeforeTraffic(Gsp):
    """Asks every destination for credit once it knows a path, though no host has sent."""

    def paths_changed(self, now: int) -> None:
        """Send a REQUEST for port 0 of each node within reach, and keep no queue."""
        super().paths_changed(now)
        for node in self.paths.nodes():
            self.ingress.requester.send(Dgsq((node, 0, 0), 1, 0, True, self.settings.bp_window, now), now)


@mutant("DGSQ-ON-FIRST-FRAME")
class EndsQueuesThatRunEmpty(Ingress):
    """Releases a queue as soon as its last frame has left, so that the next frame needs another one."""

    def pump(self, dgsq: Dgsq, now: int) -> None:
        """Look whether frames are left."""
        super().pump(dgsq, now)
        if not dgsq.frames and not dgsq.dead:
            self.dgsqs.release(dgsq)


@mutant("DGSQ-ON-FIRST-FRAME")
class CountsEachFrameAsAQueue(Ingress):
    """Counts a queue created for every frame."""

    def enqueue(self, key: Key, frame: bytes, now: int) -> None:
        """Count again where the queue exists."""
        if key in self.dgsqs.queues:
            self.dgsqs.created()
        super().enqueue(key, frame, now)


@mutant("DGSQ-KEY")
class QueuesByNode(Ingress):
    """Keeps one queue for all ports of a node."""

    def enqueue(self, key: Key, frame: bytes, now: int) -> None:
        """Use the queue of another port of the node where there is one."""
        node, port, cls = key
        ports = [other for there, other, _ in self.dgsqs.queues if there == node]
        super().enqueue((node, min([port, *ports]), cls), frame, now)


@mutant("DGSQ-KEY")
class QueuesWithoutClass(Ingress):
    """Keeps one queue for all classes of an egress."""

    def enqueue(self, key: Key, frame: bytes, now: int) -> None:
        """Forget the class."""
        node, port, _ = key
        super().enqueue((node, port, 0), frame, now)


@mutant("DGSQ-AGE-OUT")
class ReleasesEarly(DgsqTable):
    """Releases a queue after half of age_out."""

    def configure(self) -> None:
        """Halve it."""
        super().configure()
        self.age_out //= 2


@mutant("DGSQ-AGE-OUT")
class ReleasesLate(DgsqTable):
    """Releases a queue after twice age_out."""

    def configure(self) -> None:
        """Double it."""
        super().configure()
        self.age_out *= 2


@mutant("DGSQ-AGE-OUT")
class AgesFromCreation(DgsqTable):
    """Releases a queue age_out after its creation, however lately it was used."""

    def age(self, now: int, dgsq: Dgsq) -> None:  # noqa: ARG002 - that is the flaw
        """Look for frames alone."""
        if not dgsq.dead and not dgsq.frames:
            self.release(dgsq)


@mutant("DGSQ-NO-LEAK", kind="history")
class KeepsRenewedQueues(DgsqTable):
    """Never releases a queue that was created for the second time or later."""

    def age(self, now: int, dgsq: Dgsq) -> None:
        """Think of queues of the first generation alone."""
        if self.device.count["dgsq_released"] < len(self.generations):
            super().age(now, dgsq)


@mutant("DGSQ-NO-LEAK", kind="counters")
class ForgetsToCountReleases(DgsqTable):
    """Counts the release of every other queue only."""

    def release(self, dgsq: Dgsq) -> None:
        """Take a count back."""
        super().release(dgsq)
        if self.device.count["dgsq_released"] % 2:
            self.device.count["dgsq_released"] -= 1


@mutant("DGSQ-EXHAUSTION")
class KnowsNoBound(DgsqTable):
    """Holds any number of queues."""

    def is_exhausted(self) -> bool:
        """Find room for one more, always."""
        return False


@mutant("DGSQ-EXHAUSTION")
class EndsAQueueForTheNewcomer(DgsqTable):
    """Drops the oldest queue, with what waits in it, to make room for a new one."""

    def create(self, key: Key, now: int) -> Dgsq | None:
        """Make room first."""
        if self.is_exhausted():
            self.abort(next(iter(self.queues.values())), "dgsq_aborted")
        return super().create(key, now)


@mutant("DGSQ-EXHAUSTION", kind="counters")
class MiscallsExhaustion(Gsp):
    """Drops frames that need one queue too many under another cause."""

    def drop(self, cause: str) -> None:
        """Call the buffer full."""
        super().drop("queue_full" if cause == "dgsq_exhausted" else cause)


@mutant("DGSQ-NO-HEAD-OF-LINE", kind="bystanders")
class ServesQueuesInOrder(Ingress):
    """Lets no queue send while an older one waits for credit."""

    def pump(self, dgsq: Dgsq, now: int) -> None:
        """Look whether frames wait in a queue before this one."""
        for other in self.dgsqs.queues.values():
            if other is dgsq:
                super().pump(dgsq, now)
            if other is dgsq or other.frames:
                return


@mutant("DGSQ-NO-HEAD-OF-LINE", kind="bystanders")
class SharesOneBuffer(DgsqTable):
    """Lets the frames that wait in one queue fill the buffer of all."""

    def configure(self) -> None:
        """Have room for ten containers."""
        super().configure()
        self.buffer_bytes = 10 * self.device.settings.container_bytes


@mutant("DGSQ-FIFO")
class SendsTheNewestFirst(Ingress):
    """Sends the frame that came last before those that wait."""

    def enqueue(self, key: Key, frame: bytes, now: int) -> None:
        """Put a frame that has to wait in front."""
        super().enqueue(key, frame, now)
        dgsq = self.dgsqs.queues.get(key)
        if dgsq is not None:
            dgsq.frames.rotate()


@mutant("DGSQ-GENERATION-NONZERO")
class BeginsWithGenerationZero(DgsqTable):
    """Gives the first queue of each key the generation 0."""

    def next_generation(self, key: Key) -> int:
        """Count from 0."""
        return super().next_generation(key) if key in self.generations else 0


@mutant("DGSQ-GENERATION-NONZERO")
class ForgetsTheGeneration(Requester):
    """Asks for credit for generation 0 where nothing has changed since it last asked."""

    def send(self, dgsq: Dgsq, now: int) -> None:
        """Put 0 in place of the generation of a queue that waits for nothing."""
        generation = dgsq.generation
        if dgsq.reported == dgsq.demand:
            dgsq.generation = 0
        super().send(dgsq, now)
        dgsq.generation = generation


@mutant("DGSQ-GENERATION-CHANGES")
class KeepsTheGeneration(DgsqTable):
    """Creates a queue again in the generation that it had."""

    def next_generation(self, key: Key) -> int:
        """Return the last one again."""
        return self.generations.get(key) or super().next_generation(key)


@mutant("DGSQ-GENERATION-CHANGES")
class SkipsAGeneration(DgsqTable):
    """Goes up by two generations at a time."""

    def next_generation(self, key: Key) -> int:
        """Leave one out."""
        return codec.next_generation(super().next_generation(key))


@mutant("DGSQ-GENERATION-CHANGES")
class DrawsTheGeneration(DgsqTable):
    """Takes a random generation whenever a queue is created."""

    def next_generation(self, key: Key) -> int:
        """Forget the last one."""
        self.generations.pop(key, None)
        return super().next_generation(key)


@mutant("DGSQ-LOCAL-WITHOUT-MESSAGES")
class SendsLocalFramesFreely(Ingress):
    """Needs no grant for traffic between two of its own ports."""

    def create(self, key: Key, now: int) -> Dgsq | None:
        """Grant a local queue everything."""
        dgsq = super().create(key, now)
        if dgsq is not None and dgsq.node == self.leaf.node:
            dgsq.grant = NEVER
        return dgsq


@mutant("DGSQ-LOCAL-WITHOUT-MESSAGES")
class AsksItselfAloud(Requester):
    """Sends a REQUEST into the fabric for the queues to its own ports, too."""

    def send(self, dgsq: Dgsq, now: int) -> None:
        """Send it on the first path there is."""
        super().send(dgsq, now)
        leaf = self.leaf
        if dgsq.node == leaf.node:
            path = next(path for node in leaf.paths.nodes() for path in leaf.paths.live(node))
            message = codec.encode_request(
                path.prefix,
                dgsq.cls,
                leaf.node,
                leaf.node,
                dgsq.port,
                dgsq.generation,
                dgsq.demand,
                dgsq.sent,
                dgsq.forfeited,
            )
            leaf.ports[path.port].send_control(message, now)


@mutant("DGSQ-WITHDRAWN")
class SendsWhatWaits(Gsp):
    """Forgets a withdrawn entry for new frames, but sends those that wait."""

    def manage_table_withdraw(self, now: int, mac: str) -> None:
        """Leave the queues alone."""
        self.ingress.forwarder.withdraw(bytes.fromhex(mac.replace(":", "")))
        self.event(now, "table_withdraw", mac=mac)


@mutant("DGSQ-WITHDRAWN", kind="counters")
class DropsWithoutCounting(DgsqTable):
    """Does not count the frames that are dropped with their queue."""

    def abort(self, dgsq: Dgsq, cause: str) -> None:
        """Empty the queue first."""
        dgsq.frames.clear()
        super().abort(dgsq, cause)


@mutant("DGSQ-WITHDRAWN")
class KeepsTheEmptiedQueue(DgsqTable):
    """Drops what waits in a queue whose entry is withdrawn, but keeps the queue."""

    def abort(self, dgsq: Dgsq, cause: str) -> None:
        """Put the queue back."""
        super().abort(dgsq, cause)
        dgsq.state = GOVERNED
        self.queues[dgsq.node, dgsq.port, dgsq.cls] = dgsq
        self.device.count["dgsq_released"] -= 1
        self.device.count["dgsq_active"] += 1


@mutant("DGSQ-WITHDRAWN", kind="bystanders")
class DropsEveryQueue(Gsp):
    """Drops the queues to all destinations when one entry is withdrawn."""

    def manage_table_withdraw(self, now: int, mac: str) -> None:
        """Leave no queue out."""
        super().manage_table_withdraw(now, mac)
        for dgsq in tuple(self.dgsqs.queues.values()):
            self.dgsqs.abort(dgsq, "table_withdrawn")


@mutant("DGSQ-WHOLE-DROP")
class GoesOnInTheGeneration(DgsqTable):
    """Goes on in the same generation after it has dropped a queue."""

    def abort(self, dgsq: Dgsq, cause: str) -> None:
        """Step the generation back."""
        super().abort(dgsq, cause)
        key = (dgsq.node, dgsq.port, dgsq.cls)
        self.generations[key] = codec.next_generation(self.generations[key], -1)


@mutant("DGSQ-WHOLE-DROP")
class DropsTheOldestFrame(Ingress):
    """Drops the first frame of a queue of more than ten, and goes on with the next."""

    def enqueue(self, key: Key, frame: bytes, now: int) -> None:
        """Look how many wait."""
        super().enqueue(key, frame, now)
        dgsq = self.dgsqs.queues.get(key)
        if dgsq is not None and len(dgsq.frames) > 10:
            _, credit = dgsq.frames.popleft()
            dgsq.queued -= credit
            self.dgsqs.queued -= credit
            self.leaf.drop("queue_full")


@mutant("DGSQ-WHOLE-DROP")
class LeavesGapsInContainers(Packer):
    """Numbers a frame and then drops it, so that its container has a gap."""

    def place(self, container: Container, credit: int) -> tuple[int, int]:
        """Pass over the index of a third frame."""
        container.index += container.index == 2
        return super().place(container, credit)
