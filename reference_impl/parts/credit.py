"""What an egress knows of its sources and of the credit of each host port; all counters are credit bytes."""

from collections import deque

from reference_impl.parts.gsp_ports import EgressPort
from reference_impl.parts.meter import Meter


class Source:
    """One (source node, class) of a port, its counters cumulative within a generation of its queue.

    `sent` is what REQUEST says, `arrived` what DATA brought, `lost` what is known or reckoned to be lost;
    `unused` and `beyond_one_frame` are its credit outstanding, in all and beyond one longest frame; `idle`
    says that credit of it expired and no DATA has come since, `silent` that three refreshes have not;
    `deficit` is what is left of its turn, and below 0 what it sent beyond its grant.
    """

    __slots__ = (
        "announced_at",
        "arrived",
        "beyond_one_frame",
        "checked",
        "checked_at",
        "cls",
        "deficit",
        "demand",
        "ended",
        "expired",
        "expires",
        "forfeited",
        "generation",
        "granted",
        "heard",
        "idle",
        "lost",
        "node",
        "ringed",
        "sent",
        "silent",
        "unused",
    )

    def __init__(self, node: int, cls: int, now: int) -> None:
        self.node = node
        self.cls = cls
        self.generation = 0
        self.ringed = False
        self.unused = self.beyond_one_frame = self.deficit = 0
        self.heard = now
        self.silent = False
        self.restart(0, 0)

    def restart(self, generation: int, first_grant: int) -> None:
        """Begin a generation of the source's queue."""
        self.ended = self.generation
        self.generation = generation
        self.granted = first_grant
        self.demand = self.sent = self.arrived = self.lost = self.forfeited = self.expired = 0
        self.checked: tuple[int, int] | None = None
        self.checked_at = self.expires = self.announced_at = 0
        self.idle = False

    @property
    def known_sent(self) -> int:
        """What the source has sent for certain; arrived DATA counts at once."""
        return max(self.sent, self.arrived)

    @property
    def reported(self) -> int:
        """The position that the source has reported."""
        return self.sent + self.forfeited

    @property
    def held(self) -> int:
        """Credit that the source may still use."""
        return max(self.granted - max(self.known_sent + self.forfeited, self.expired), 0)

    @property
    def need(self) -> int:
        """Backlog that the credit held does not cover; below 0 where it covers more."""
        return self.demand - self.known_sent - self.held

    @property
    def settled(self) -> int:
        """Credit of which nothing can arrive any more: arrived, lost, forfeited or taken back."""
        return max(self.arrived + self.lost + self.forfeited, self.expired)


class ClassRing:
    """The backlogged sources of one class of a port, by turns; `served` is bytes / weight."""

    __slots__ = ("cls", "served", "sources")

    def __init__(self, cls: int) -> None:
        self.cls = cls
        self.sources: deque[Source] = deque()
        self.served = 0.0


class PortCredit:
    """One host port: its sources, whose turn it is, and the sums of what they have outstanding by class.

    `classes` are the rings with sources in them; `served` is that of the class which was granted last.
    """

    __slots__ = (
        "beyond_one_frame",
        "classes",
        "port",
        "rings",
        "served",
        "sources",
        "ungoverned",
        "unused",
    )

    def __init__(self, port: EgressPort, window: int) -> None:
        self.port = port
        self.sources: dict[tuple[int, int], Source] = {}
        self.rings = tuple(ClassRing(cls) for cls in range(8))
        self.classes: list[ClassRing] = []
        self.served = 0.0
        self.beyond_one_frame = [0] * 8
        self.unused = [0] * 8
        self.ungoverned = Meter(window)
