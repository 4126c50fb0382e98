"""Flaws in what a GSP makes of malformed messages of credit, and of some kinds of frame."""

from reference_impl import codec
from reference_impl.codec import BadFrame, Header
from reference_impl.mutants import mutant
from reference_impl.parts.dgsq import Dgsq, Key
from reference_impl.parts.ingress import Ingress
from reference_impl.roles.gsp import Gsp


@mutant("GRANT-STRANGE-REFUSED", kind="malformed")
class TakesRequestsOfAnyVersion(Gsp):
    """Acts on a REQUEST of another version."""

    def check(self, port: int, frame: bytes) -> Header:
        """Read on behind the version."""
        try:
            return super().check(port, frame)
        except BadFrame as bad:
            header = codec.peek(frame)
            if bad.cause == "bad_version" and header[0] == codec.REQUEST:
                return header
            raise


@mutant("GRANT-STRANGE-REFUSED", kind="malformed")
class TakesRequestsForOthers(Gsp):
    """Acts on a REQUEST for another node."""

    def check_concern(self, header: Header) -> None:
        """Leave the destination out."""
        try:
            super().check_concern(header)
        except BadFrame as bad:
            if bad.cause != "not_for_this_node" or header[0] != codec.REQUEST:
                raise


@mutant("GRANT-STRANGE-REFUSED", kind="malformed")
class DropsStrangersInSilence(Gsp):
    """Drops messages for other nodes without counting them."""

    def drop(self, cause: str) -> None:
        """Leave the cause out."""
        if cause != "not_for_this_node":
            super().drop(cause)


@mutant("GRANT-STRANGE-REFUSED", kind="malformed")
class MiscallsUnknownPorts(Gsp):
    """Counts messages for a port that it has not as bad ones."""

    def drop(self, cause: str) -> None:
        """Call them bad."""
        super().drop("bad_message" if cause == "unknown_destination" else cause)


@mutant("GRANT-DEMAND-CUMULATIVE", kind="frame-kinds")
class LeavesTagsOutOfTheDemand(Ingress):
    """Asks for tagged frames as if they had no tag."""

    def enqueue(self, key: Key, frame: bytes, now: int) -> None:
        """Take the tag off."""
        super().enqueue(key, frame, now)
        dgsq = self.dgsqs.queues.get(key)
        if dgsq is not None and frame[12:14] == b"\x81\x00":
            dgsq.demand -= 4


@mutant("GRANT-DEMAND-CUMULATIVE", kind="frame-kinds")
class CountsShortestFramesTwice(Dgsq):
    """Counts a shortest frame as sent two times."""

    def account(self, credit: int) -> None:
        """Look at the size."""
        super().account(credit if credit > 84 else 2 * credit)


@mutant("GRANT-DEMAND-CUMULATIVE", kind="frame-kinds")
class LeavesJumboFramesOut(Dgsq):
    """Does not count jumbo frames as sent."""

    def account(self, credit: int) -> None:
        """Look at the size."""
        super().account(credit if credit < 9000 else 0)


@mutant("DGSQ-FIFO", kind="frame-kinds")
class LetsShortestFramesOvertake(Ingress):
    """Puts a shortest frame in front of those that wait."""

    def enqueue(self, key: Key, frame: bytes, now: int) -> None:
        """Look at the length."""
        super().enqueue(key, frame, now)
        dgsq = self.dgsqs.queues.get(key)
        if dgsq is not None and len(frame) <= 60:
            dgsq.frames.rotate()


@mutant("DGSQ-FIFO", kind="frame-kinds")
class LetsTaggedFramesOvertake(Ingress):
    """Puts a tagged frame in front of those that wait."""

    def enqueue(self, key: Key, frame: bytes, now: int) -> None:
        """Look for the tag."""
        super().enqueue(key, frame, now)
        dgsq = self.dgsqs.queues.get(key)
        if dgsq is not None and frame[12:14] == b"\x81\x00":
            dgsq.frames.rotate()
