"""Devices whose messages are not what the wire profile says."""

from reference_impl import codec
from reference_impl.mutants import mutant
from reference_impl.parts.dgsq import Dgsq
from reference_impl.parts.liveness import Liveness
from reference_impl.parts.packer import Packer


@mutant("FWD-WELL-FORMED")
class SetsAnUnknownFlag(Packer):
    """Sets a flag in DATA that the wire profile does not define."""

    def flags(self, dgsq: Dgsq, last: bool) -> int:
        """Add the lowest that is free."""
        known = codec.LAST | codec.UNGOVERNED
        return super().flags(dgsq, last) | next(1 << bit for bit in range(64) if not known >> bit & 1)


@mutant("FWD-WELL-FORMED")
class ClaimsAnUnknownRole(Liveness):
    """Says HELLO with a role that the wire profile does not define."""

    def role_code(self) -> int:
        """Take the first that is free."""
        return codec.UNKNOWN_ROLE
