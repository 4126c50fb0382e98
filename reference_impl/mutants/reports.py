"""Flaws of a node that is congested: whom it tells, how often, and of what."""

from reference_impl.mutants import mutant
from reference_impl.parts.backpressure import BackpressureSender
from reference_impl.parts.dgsq import Dgsq
from reference_impl.parts.transit import TransitBackpressure, TransitForwarder
from reference_impl.port import OutPort


@mutant("DGSQ-BACKPRESSURE-TOLD")
class TellsNobody(TransitBackpressure):
    """Lets the queues of a GSF grow and says nothing."""

    def congested(self, port: OutPort, source: int, destination: int, now: int) -> None:
        """Do nothing."""


@mutant("DGSQ-BACKPRESSURE-TOLD", kind="at-size")
class TellsOneSource(TransitBackpressure):
    """Tells the first source of a long queue of a GSF, and no other."""

    def congested(self, port: OutPort, source: int, destination: int, now: int) -> None:
        """Leave the others out."""
        episode = self.episodes.get((port.index, destination))
        if episode is None or not episode.sources or source in episode.sources:
            super().congested(port, source, destination, now)


@mutant("DGSQ-BACKPRESSURE-TOLD", kind="not-the-first")
class KnowsOneLongQueue(TransitBackpressure):
    """Tells of one long queue of a GSF at a time."""

    def congested(self, port: OutPort, source: int, destination: int, now: int) -> None:
        """Leave a second one out."""
        if not self.episodes or (port.index, destination) in self.episodes:
            super().congested(port, source, destination, now)


@mutant("DGSQ-BACKPRESSURE-TOLD", kind="history")
class TellsOnce(TransitBackpressure):
    """Tells each source of a GSF about a node once, and never again."""

    def send(self, source: int, about: int, level: int, now: int) -> None:
        """Leave what was said before."""
        told: set[tuple[int, int]] = vars(self).setdefault("told", set())
        if not level or (source, about) not in told:
            super().send(source, about, level, now)
        told.add((source, about))


@mutant("DGSQ-BACKPRESSURE-TOLD", kind="bystanders")
class TellsEverybody(TransitBackpressure):
    """Tells every node that it knows of a long queue of a GSF."""

    def send(self, source: int, about: int, level: int, now: int) -> None:  # noqa: ARG002 - the flaw
        """Send it to the others as well."""
        for node in tuple(self.paths.known):
            super().send(node, about, level, now)


@mutant("DGSQ-BACKPRESSURE-TOLD")
class RepeatsTooLate(TransitBackpressure):
    """Repeats back-pressure of a GSF only when its validity has been over for three times as long."""

    def refresh(self, now: int, key: tuple[int, int]) -> None:
        """Wait for three times as long as it was valid first."""
        self.device.at(now + 3 * self.device.settings.bp_validity, super().refresh, key)


@mutant("DGSQ-BACKPRESSURE-TOLD", kind="not-the-first")
class TellsOfItsFirstPort(BackpressureSender):
    """Tells the sources of the first host port of a GSP alone."""

    def is_crossed(self, port: int, now: int) -> bool:
        """Look at no other."""
        return port == min(self.heard) and super().is_crossed(port, now)


@mutant("DGSQ-BACKPRESSURE-COUNTED")
class CountsEpisodes(TransitBackpressure):
    """Counts an episode of back-pressure once, whatever was sent."""

    def refresh(self, now: int, key: tuple[int, int]) -> None:
        """Take the repeats off again."""
        before = self.device.count["backpressure_sent"]
        super().refresh(now, key)
        self.device.count["backpressure_sent"] = before


@mutant("FWD-DROP-CAUSES-SUM", kind="meeting")
class ForgetsWhatWaitsForLostLinks(TransitForwarder):
    """Throws away at a GSF what waits for a link that is lost, without a count."""

    def move(self, frame: bytes, control: bool, now: int) -> None:
        """Do nothing."""


@mutant("SPRAY-GSF-EVEN", kind="history")
class GsfMakesUpForAbsence(TransitForwarder):
    """Sends everything over a link of a GSF that came back until it has carried as much as the others."""

    def restart(self, now: int) -> None:
        """Remember what each has carried."""


@mutant("GRANT-NO-SEND-WITHOUT", kind="meeting")
class OverdrawsUnderPressure(Dgsq):
    """Takes the rate that back-pressure leaves for a grant."""

    def may_send(self, credit: int) -> bool:
        """Ask for no credit while a rate is set."""
        return self.level > 0 or super().may_send(credit)
