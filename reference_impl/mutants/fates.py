"""Flaws that act where conditions meet which no other case brings together."""

from reference_impl.codec import Header
from reference_impl.mutants import mutant
from reference_impl.parts.dgsq import Key
from reference_impl.parts.ingress import Ingress
from reference_impl.parts.transit import TransitForwarder


@mutant("FWD-DUE-FATE")
class LosesWhatWakesAQueue(Ingress):
    """Loses, uncounted, the frame for which a queue is created again while others are in use."""

    def enqueue(self, key: Key, frame: bytes, now: int) -> None:
        """Forget it where the key is known and has no queue."""
        known = self.__dict__.setdefault("known", set())
        if key in known and key not in self.dgsqs.queues and self.dgsqs.queues:
            return
        known.add(key)
        super().enqueue(key, frame, now)


@mutant("FWD-DUE-FATE")
class LosesAClassBehindAnother(TransitForwarder):
    """Loses, uncounted, DATA of a class above 4 that comes right behind DATA of class 0 from another port."""

    def data(self, port: int, frame: bytes, header: Header, now: int) -> None:
        """Pass all else on."""
        before, self.__dict__["before"] = self.__dict__.get("before", (port, 0)), (port, header[1])
        if header[1] <= 4 or before == (port, header[1]) or before[1]:
            super().data(port, frame, header, now)
