"""What an egress knows of its sources and of the credit of each host port; all counters are credit bytes."""

from collections import deque

from reference_impl.parts.gsp_ports import EgressPort
from reference_impl.parts.meter import Meter


class Source:
    """One (source node, class) of a port, its counters cumulative within a generation of its queue.

    `sent` is what REQUEST says, `arrived` what DATA brought, `lost` what is known or reckoned to be lost;
    `unused` and `beyond_one_frame` are its credit outstanding, in all and beyond one longest frame; `idle`
    says that credit of it expired and no DATA has come since, `silent` that three refreshes have not;
    `look_at` is what has to have arrived before it can want credit, `stale` that the sums lack what arrived;
    `penalty` is what it sent beyond its grant and others have not been granted since.
    """

    __slots__ = (
        "announced_at",
        "arrived",
        "beyond_one_frame",
        "checked_arrived",
        "checked_at",
        "checked_sent",
        "cls",
        "deficit",
        "demand",
        "ended",
        "expired",
        "expires",
        "expiry_armed",
        "forfeited",
        "generation",
        "granted",
        "heard",
        "idle",
        "look_at",
        "lost",
        "node",
        "penalty",
        "reported",
        "ringed",
        "sent",
        "silent",
        "stale",
        "unused",
        "written_off",
    )

    def __init__(self, node: int, cls: int, now: int) -> None:
        self.node = node
        self.cls = cls
        self.generation = 0
        self.ringed = False
        self.unused = 0
        self.beyond_one_frame = 0
        self.stale = False
        self.expiry_armed = False
        self.heard = now
        self.silent = False
        self.penalty = 0
        self.written_off = False
        self.restart(0, 0)

    def restart(self, generation: int, first_grant: int) -> None:
        """Begin a generation of the source's queue."""
        self.ended = self.generation
        self.generation = generation
        self.demand = 0
        self.sent = 0
        self.arrived = 0
        self.look_at = 0
        self.lost = 0
        self.checked_sent = 0
        self.checked_arrived = 0
        self.checked_at = 0
        self.forfeited = 0
        self.reported = 0
        self.granted = first_grant
        self.expired = 0
        self.expires = 0
        self.announced_at = 0
        self.deficit = 0
        self.idle = False

    @property
    def known_sent(self) -> int:
        """What the source has sent for certain; arrived DATA counts at once."""
        arrived = self.arrived + self.lost
        return arrived if arrived > self.sent else self.sent  # noqa: FURB136 - the data path

    @property
    def held(self) -> int:
        """Credit that the source may still use."""
        sent = self.arrived + self.lost
        position = (sent if sent > self.sent else self.sent) + self.forfeited  # noqa: FURB136 - the data path
        if position < self.expired:  # noqa: PLR1730 - the data path
            position = self.expired
        return self.granted - position if self.granted > position else 0

    @property
    def need(self) -> int:
        """Backlog that the credit held does not cover."""
        sent = self.arrived + self.lost
        if sent < self.sent:  # noqa: PLR1730 - the data path
            sent = self.sent
        position = sent + self.forfeited
        if position < self.expired:  # noqa: PLR1730 - the data path
            position = self.expired
        need = self.demand - sent
        if self.granted > position:
            need -= self.granted - position
        return need if need > 0 else 0  # noqa: FURB136 - the data path

    @property
    def settled(self) -> int:
        """Credit of which nothing can arrive any more: arrived, lost, forfeited or taken back."""
        settled = self.arrived + self.lost + self.forfeited
        return settled if settled > self.expired else self.expired  # noqa: FURB136 - the data path


class ClassRing:
    """The backlogged sources of one class of a port, by turns; `served` is bytes / weight."""

    __slots__ = ("cls", "listed", "served", "sources")

    def __init__(self, cls: int) -> None:
        self.cls = cls
        self.sources: deque[Source] = deque()
        self.served = 0.0
        self.listed = False


class PortCredit:
    """One host port: its sources, whose turn it is, and the sums of what they have outstanding by class.

    `waiting` counts the sources in the rings, `shortage` the bytes to come free before a look is worth it;
    `starved` while it waits for the fabric.
    """

    __slots__ = (
        "beyond_one_frame",
        "classes",
        "penalised",
        "port",
        "rings",
        "served",
        "shortage",
        "sources",
        "starved",
        "ungoverned",
        "unused",
        "waiting",
    )

    def __init__(self, port: EgressPort, window: int) -> None:
        self.port = port
        self.sources: dict[tuple[int, int], Source] = {}
        self.rings = tuple(ClassRing(cls) for cls in range(8))
        self.classes: list[ClassRing] = []
        self.penalised: list[Source] = []
        self.served = 0.0
        self.beyond_one_frame = [0] * 8
        self.unused = [0] * 8
        self.starved = False
        self.ungoverned = Meter(window)
        self.waiting = 0
        self.shortage = 0
