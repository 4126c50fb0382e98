"""When a source asks for credit, and for how much."""

from reference_impl import codec
from reference_impl.parts.dgsq import Dgsq
from reference_impl.parts.leaf import Leaf

PACED_OCTETS = 8400
"""One REQUEST of 84 octets in the time that so many take on an uplink is 1 % of it."""


class Requester:
    """Sends REQUEST on new demand, on forfeit and every `request_refresh`.

    Demand that the egress has to know of at once is reported at once; further demand of queues whose backlog
    it already knows shares one pace, so that small frames do not each cost a REQUEST: `waiting` are those
    queues in order, `free_at` is when the next of them has its turn.
    """

    def __init__(self, leaf: Leaf) -> None:
        self.leaf = leaf
        self.waiting: dict[Dgsq, None] = {}
        self.free_at = 0
        self.configure()

    def configure(self) -> None:
        """Take the settings over."""
        self.refresh = self.leaf.settings.request_refresh
        rate = max((port.rate_mbps for port in self.leaf.ports if port.kind == "fabric"), default=8000)
        self.spacing = PACED_OCTETS * 8000 // rate

    def demanded(self, dgsq: Dgsq, now: int) -> None:
        """Report new demand, now or soon."""
        if self.is_urgent(dgsq, now):
            self.send(dgsq, now)
        elif self.waiting:
            self.waiting[dgsq] = None
        elif now < self.free_at:
            self.waiting[dgsq] = None
            self.leaf.at(self.free_at, self.pace)
        else:
            self.free_at = now + self.spacing
            self.send(dgsq, now)

    def is_urgent(self, dgsq: Dgsq, now: int) -> bool:
        """Return whether frames wait while all the demand that was reported, not just now, has been sent."""
        return dgsq.reported <= dgsq.sent < dgsq.demand and now - dgsq.requested_at >= self.spacing

    def pace(self, now: int) -> None:
        """Report the demand of the queue that has waited longest."""
        while self.waiting and now >= self.free_at:
            dgsq = next(iter(self.waiting))
            del self.waiting[dgsq]
            if not dgsq.dead and dgsq.reported < dgsq.demand:
                self.send(dgsq, now)
                self.free_at = now + self.spacing
        if self.waiting:
            self.leaf.at(self.free_at, self.pace)

    def start(self, dgsq: Dgsq, now: int) -> None:
        """Begin to refresh the REQUEST of a queue."""
        self.leaf.at(now + self.refresh, self.refresh_due, dgsq)

    def refresh_due(self, now: int, dgsq: Dgsq) -> None:
        """Repeat the REQUEST, once for every `request_refresh` without one, until the queue is released."""
        if dgsq.dead:
            return
        if now - dgsq.requested_at >= self.refresh:
            self.send(dgsq, now)
        self.leaf.at(max(dgsq.requested_at, now - self.refresh + 1) + self.refresh, self.refresh_due, dgsq)

    def forfeited(self, dgsq: Dgsq, octets: int, now: int) -> None:
        """Report credit that was given up."""
        self.leaf.count["forfeited_bytes"] += octets
        self.send(dgsq, now)

    def send(self, dgsq: Dgsq, now: int) -> None:
        """Send REQUEST with the counters as they are; the own granter hears of it without a message."""
        dgsq.reported = dgsq.demand
        dgsq.requested_at = now
        leaf = self.leaf
        if dgsq.node == leaf.node:
            leaf.requested(
                leaf.node, dgsq.port, dgsq.cls, dgsq.generation, dgsq.demand, dgsq.sent, dgsq.forfeited, now
            )
            return
        path = leaf.sprayer.control_path(dgsq.node)
        if path is not None:
            message = codec.encode_request(
                path.prefix,
                dgsq.cls,
                leaf.node,
                dgsq.node,
                dgsq.port,
                dgsq.generation,
                dgsq.demand,
                dgsq.sent,
                dgsq.forfeited,
            )
            leaf.count["requests_sent"] += 1
            leaf.ports[path.port].send_control(message, now)
