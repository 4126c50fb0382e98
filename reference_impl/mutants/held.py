"""Flaws of what a GSP makes of the pauses of its hosts."""

from reference_impl.mutants import mutant
from reference_impl.parts.gsp_ports import EgressPort


@mutant("FWD-PAUSE-OBEYED")
class IgnoresPauses(EgressPort):
    """Sends on whatever its host pauses."""

    def pause(self, cls: int, until: int, now: int) -> None:
        """Do nothing."""


@mutant("FWD-PAUSE-OBEYED", kind="not-the-first")
class PausesOneClass(EgressPort):
    """Obeys one pause at a time: a second class ends that of the first."""

    def pause(self, cls: int, until: int, now: int) -> None:
        """Let the others go."""
        for other in range(8):
            super().pause(other, until if other == cls else now, now)


@mutant("FWD-PAUSE-OBEYED", kind="bystanders")
class PausesAllClasses(EgressPort):
    """Stands still in every class when its host pauses one."""

    def pause(self, cls: int, until: int, now: int) -> None:  # noqa: ARG002 - that is the flaw
        """Hold all."""
        for other in range(8):
            super().pause(other, until, now)


@mutant("FWD-PAUSE-OBEYED", kind="by-little")
class PausesTooShort(EgressPort):
    """Takes a fifth off each pause."""

    def pause(self, cls: int, until: int, now: int) -> None:
        """Go on early."""
        super().pause(cls, until - (until - now) // 5, now)


@mutant("FWD-PAUSE-OBEYED", kind="history")
class PausesOnce(EgressPort):
    """Obeys the first pause of each class alone."""

    def pause(self, cls: int, until: int, now: int) -> None:
        """Forget how to."""
        if not self.paused_until[cls]:
            super().pause(cls, until, now)
