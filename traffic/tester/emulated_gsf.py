"""An emulated GSF: the far end of one link of the device under test, with emulated GSPs behind it."""

from collections.abc import Mapping

from traffic.frames.codec import Decoded
from traffic.scenario import DOWN, UP, GsfPeer, Treatment, Window
from traffic.tester.emulation import Emulated, Neighbourhood


class EmulatedGsf(Emulated[GsfPeer]):
    """Greets, and forwards between its link and the emulated GSPs as its treatments say."""

    role = "GSF"

    def __init__(self, around: Neighbourhood, spec: GsfPeer, origin: int) -> None:
        super().__init__(around, spec, origin, [(spec.link, 0)])
        self._counts: list[tuple[Treatment, Counter]] = []

    @property
    def link(self) -> str:
        """The link to the device under test."""
        return self.spec.link

    def adopt(self, spec: GsfPeer, origin: int) -> None:
        """Behave as specified from `origin` on, and begin to count anew."""
        super().adopt(spec, origin)
        self._counts = [(treatment, Counter()) for treatment in spec.treatments]

    @property
    def hello_off(self) -> tuple[Window, ...]:
        """Windows without HELLO."""
        return self.spec.silent

    def announced(self, now: int) -> list[dict[str, int]]:
        """Return the nodes that are reached now."""
        reached = [reach for reach in self.spec.reaches if reach.during.holds(self.time(now))]
        return [{"node": reach.node, "rate": reach.rate_mbps} for reach in reached]

    def usable(self, node: int, now: int) -> bool:
        """Whether data for a node may take this path."""
        return self.around.adjacent[self.link].leads_to(node, now, self.spec.hello_interval)

    def receive(self, message: Decoded, frame: bytes, now: int) -> None:
        """Forward what the device under test sent to the emulated GSP it is for."""
        end = self.around.ends.get(message.fields["destination"])
        if end is None or not self.spec.forwards:
            return
        for delay in self._treated(UP, message.message, message.fields, now):
            self.around.surroundings.at(now + delay, lambda time: end.receive(message, frame, time))

    def down(self, message: str, values: Mapping[str, int], frame: bytes, now: int) -> None:
        """Forward what an emulated GSP sends to the device under test."""
        if not self.spec.forwards:
            return
        transmit = self.around.surroundings.transmit
        for delay in self._treated(DOWN, message, values, now):
            self.around.surroundings.at(
                now + delay, lambda time: transmit(self.link, frame, time, control=message != "DATA")
            )

    def control(self, message: str, values: Mapping[str, int], now: int) -> None:
        """Send a control message of its own to the device under test."""
        frame = self.around.codec.encode(message, values)
        self.around.surroundings.transmit(self.link, frame, now, control=True)

    def _treated(self, direction: int, message: str, values: Mapping[str, int], now: int) -> list[int]:
        """Delays of the copies that are forwarded."""
        delay = self.spec.delay
        copies = 1
        for treatment, counter in self._counts:
            if treatment.direction != direction or not treatment.during.holds(self.time(now)):
                continue
            if counter.hits(treatment, message, values):
                if treatment.lose:
                    return []
                delay += treatment.delay
                copies += treatment.copies - 1
        return [delay] * copies


class Counter:
    """Counts the containers or frames that a treatment may hit."""

    def __init__(self) -> None:
        self.frames = 0
        self.containers: dict[tuple[int, ...], int] = {}

    def hits(self, treatment: Treatment, message: str, values: Mapping[str, int]) -> bool:
        """Count one message, and say whether it is hit."""
        if treatment.unit == "container":
            if message != "DATA":
                return False
            names = ("source", "destination", "port", "class", "generation", "sequence")
            key = tuple(values[name] for name in names)
            ordinal = self.containers.setdefault(key, len(self.containers) + 1)
        else:
            if message not in (treatment.messages or ("DATA",)):
                return False
            self.frames += 1
            ordinal = self.frames
        if treatment.ordinals:
            return ordinal in treatment.ordinals
        return treatment.every is None or ordinal % treatment.every == 0
