"""Flaws in what a GSP makes of values that stand for nothing, have no meaning yet, or begin again."""

from reference_impl import codec
from reference_impl.codec import BadFrame, Header
from reference_impl.mutants import mutant
from reference_impl.parts.liveness import Liveness
from reference_impl.parts.reorder import Reorderer
from reference_impl.roles.gsp import Gsp


@mutant("FWD-GENERATION-ZERO", kind="malformed")
class DeliversDataOfNoGeneration(Reorderer):
    """Orders and delivers DATA of the generation 0 like any other."""

    def is_void(self, generation: int) -> bool:  # noqa: ARG002 - that is the flaw
        """Take it."""
        return False


@mutant("FWD-GENERATION-ZERO", kind="malformed")
class AnswersRequestsOfNoGeneration(Gsp):
    """Takes REQUEST and GRANT of the generation 0 like any other."""

    def is_void(self, generation: int) -> bool:  # noqa: ARG002 - that is the flaw
        """Take them."""
        return False


@mutant("FWD-RESERVED-IGNORED", kind="malformed")
class RefusesFlagsItDoesNotKnow(Gsp):
    """Drops DATA with a flag that has no meaning."""

    def check_concern(self, header: Header) -> None:
        """Look at the flags."""
        super().check_concern(header)
        if header[0] == codec.DATA and header[2] & ~(codec.LAST | codec.UNGOVERNED):
            raise BadFrame("bad_message")


@mutant("SPRAY-HELLO-LOSS", kind="history")
class ComparesHelloAsPlainNumbers(Liveness):
    """Takes a HELLO with a lower sequence than the last for an old one."""

    def hear(self, port: int, frame: bytes, now: int) -> None:
        """Compare without regard to the wrap."""
        link, (_, port_id, sequence, *_) = self.links[port], codec.decode_hello(frame)
        sender = codec.peek(frame)[3], port_id
        if sender != (link.neighbour, link.neighbour_port) or sequence >= link.heard_sequence:
            super().hear(port, frame, now)
