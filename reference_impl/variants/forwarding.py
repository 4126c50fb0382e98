"""Correct devices that handle the frames of hosts otherwise."""

from functools import partial
from typing import Any

from reference_impl.config import DeviceConfig
from reference_impl.device import Device, Handler, Resolve, as_it_is
from reference_impl.parts.forwarding import Forwarder
from reference_impl.parts.ingress import PFC_ADDRESS, Ingress
from reference_impl.port import Emit, HostPort, OutPort
from reference_impl.roles.gsp import Gsp
from reference_impl.variants import variant

SHORTEST = 60
"""Octets of the shortest frame, without its FCS."""
PIPELINE = 1_500
"""Time in ns that a frame takes through a device."""


@variant("SPRAY-HELLO-CONTENT", "FWD-EGRESS-PORT", first_port=1)
class CountsPortsFromOne(Device):
    """Counts its ports from 1.

    A port number is a name; no clause says where the numbers begin.
    """


@variant("FWD-BYTE-EXACT")
class PadsWithOnes(OutPort):
    """Pads short frames with octets other than zero.

    What a MAC fills a short frame up with is not the host's, and no clause says what it is.
    """

    def attach(self, emit: Emit, eager: bool = False) -> None:
        """Pad what leaves."""
        super().attach(lambda frame, now: emit(frame.ljust(SHORTEST, b"\1"), now), eager)

    def hand_over(self, frame: bytes, now: int) -> int:
        """Pad what leaves."""
        return super().hand_over(frame.ljust(SHORTEST, b"\1"), now)


@variant("FWD-BYTE-EXACT")
class TakesPaddingOff(HostPort):
    """Takes the zeros off that fill a frame up to its shortest length, and leaves it to the wire to pad it.

    On the wire, where the clause looks, no frame is shorter than 64 octets.
    """

    def attach(self, emit: Emit, eager: bool = False) -> None:
        """Strip what leaves."""
        super().attach(lambda frame, now: emit(stripped(frame), now), eager)

    def hand_over(self, frame: bytes, now: int) -> int:
        """Strip what leaves."""
        return super().hand_over(stripped(frame), now)


def stripped(frame: bytes) -> bytes:
    """Return a frame of the shortest length without a tail of zeros."""
    return frame[:42] if len(frame) == SHORTEST and not any(frame[42:]) else frame


@variant("FWD-ZERO-LOSS", buffer_bytes=262_144)
class HasSmallBuffers(Device):
    """Has 256 KiB for each port.

    A buffer has to hold what granting leads to; how much more there is is the vendor's choice.
    """


@variant("FWD-UNKNOWN-FLOOD", unknown_unicast="flood")
class FloodsWhatItDoesNotKnow(Device):
    """Floods unicast frames with an unknown destination.

    Each of the two treatments is declared, and has a clause of its own.
    """


@variant("FWD-LINK-LOCAL", "FWD-DROP-CAUSES-SUM")
class KeepsLinkLocalFrames(Ingress):
    """Takes frames to a reserved address in as its own, as LLDP and LACP do, and counts no drop.

    The clause wants them not forwarded; the counter grows by no more than their number.
    """

    def receive(self, port: int, frame: bytes, now: int) -> None:
        """Consume them."""
        own = self.forwarder.is_link_local(frame) and not frame.startswith(PFC_ADDRESS)
        if own and len(frame) <= self.forwarder.longest:
            self.frames += 1
        else:
            super().receive(port, frame, now)


@variant("ORDER-IN-ORDER-AT-ONCE", "GRANT-CONTROL-FIRST", "FWD-ZERO-LOSS")
class HasAPipeline(Device):
    """Acts on each frame 1.5 us after it has come in.

    Every limit on time has an allowance for processing, `latency_margin`.
    """

    def __init__(self, config: DeviceConfig, resolve: Resolve = as_it_is) -> None:
        super().__init__(config, resolve)
        self.ingress_handlers = [partial(self.after_a_while, handler) for handler in self.ingress_handlers]

    def after_a_while(self, handler: Handler, port: int, frame: bytes, now: int) -> None:
        """Act on a frame later, in the order in which frames came."""
        self.at(now + PIPELINE, self.act, handler, port, frame)

    def act(self, now: int, handler: Handler, port: int, frame: bytes) -> None:
        """Act on a frame."""
        handler(port, frame, now)


@variant("FWD-FRAME-COUNTERS", "FWD-DROP-CAUSES-SUM")
class ShowsMoreThanItMust(Device):
    """Has counters, events and state that no clause speaks of.

    What has to be shown is listed; more is the vendor's.
    """

    def counters(self) -> dict[str, int]:
        """Count the turns of the fan."""
        return super().counters() | {"fan_turns": self.due % 1_000}

    def started(self, now: int) -> None:
        """Tell that a fan turns."""
        self.event(now, "fan", turns=1)
        super().started(now)

    def state(self) -> dict[str, Any]:
        """Show the fan."""
        return {"fan": {"turns": True}} | super().state()


@variant("FWD-FRAME-COUNTERS")
class CountsNowAndThen(Device):
    """Brings its counters up to date every twentieth of `hello_interval`.

    What is read at rest is exact; no clause wants more.
    """

    def __init__(self, config: DeviceConfig, resolve: Resolve = as_it_is) -> None:
        super().__init__(config, resolve)
        self.shown: dict[str, int] = super().counters()

    def started(self, now: int) -> None:
        """Begin to count."""
        super().started(now)
        self.bring_up_to_date(now)

    def bring_up_to_date(self, now: int) -> None:
        """Count, and again later."""
        self.shown = super().counters()
        self.at(now + max(self.settings.hello_interval // 20, 1), self.bring_up_to_date)

    def counters(self) -> dict[str, int]:
        """Read what was counted last."""
        return dict(self.shown)


@variant("FWD-UNKNOWN-DROP", "FWD-HAIRPIN")
class LooksEachFrameUp(Forwarder):
    """Never remembers where frames like one went, and so looks each up.

    How a table is searched is not spoken of.
    """

    def remember(self, port: int, frame: bytes, key: tuple[int, int, int]) -> None:
        """Forget it."""


@variant("ORDER-IN-ORDER-AT-ONCE", "GRANT-CONTROL-FIRST", "FWD-ZERO-LOSS")
class HasAnUnevenPipeline(Device):
    """Acts on each frame after up to a twentieth of `grant_round_trip`, by chance and yet in their order.

    Every limit on time has an allowance for processing, `latency_margin`.
    """

    def __init__(self, config: DeviceConfig, resolve: Resolve = as_it_is) -> None:
        super().__init__(config, resolve)
        self.ingress_handlers = [partial(self.after_a_while, handler) for handler in self.ingress_handlers]
        self.last: dict[int, int] = {}

    def after_a_while(self, handler: Handler, port: int, frame: bytes, now: int) -> None:
        """Act on a frame later, and not before the one ahead of it."""
        late = self.random.randint(0, self.settings.grant_round_trip // 20)
        time = self.last[port] = max(now + late, self.last.get(port, 0))
        self.at(time, self.act, handler, port, frame)

    def act(self, now: int, handler: Handler, port: int, frame: bytes) -> None:
        """Act on a frame."""
        handler(port, frame, now)


@variant("DGSQ-KEY", "FWD-EGRESS-PORT")
class ListsTheNewestFirst(Gsp):
    """Shows its queues, sources, streams and links in the opposite order.

    What has to be shown is listed; in which order is not said.
    """

    def state(self) -> dict[str, Any]:
        """Turn each list around."""
        return {
            name: each[::-1] if isinstance(each, list) else each for name, each in super().state().items()
        }


@variant("GRANT-CLASS-WEIGHTS", "ORDER-PER-FLOW")
class ServesClassesInTurn(HostPort):
    """Sends to a host from the classes in turn, and not from the highest first.

    No clause says in which order classes that share a port leave it.
    """

    turn = 0

    def next_class(self, now: int) -> int:
        """Take the next class that may go after the one before."""
        turns = ((self.turn + 1 + step) % 8 for step in range(8))
        self.turn = next(cls for cls in turns if self.busy >> cls & 1 and self.paused_until[cls] <= now)
        return self.turn
