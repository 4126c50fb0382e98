"""How much credit may be outstanding: what a host port, and the fabric towards this GSP, can carry."""

from reference_impl.parts.credit import PortCredit, Source
from reference_impl.parts.leaf import Leaf
from reference_impl.parts.meter import Meter
from reference_impl.sizes import FCS, OVERHEAD

RATIO_MEMORY = 1 << 20
"""Credit bytes after which the measured ratio of fabric bytes to credit bytes forgets half of its past."""


class CreditWindow:
    """Bounds outstanding credit, egress queue and frames held for ordering to `grant_window` a port."""

    def __init__(self, leaf: Leaf) -> None:
        self.leaf = leaf
        self.fabric_version: int | None = None
        self.fabric_rate = self.fabric_beyond_one_frame = 0
        self.fabric_octets = self.fabric_credit = 1
        self.fabric_ungoverned = Meter(leaf.settings.bp_window)
        self.stale: dict[Source, PortCredit] = {}
        """The sources of which something arrived that the sums do not follow yet."""
        self.configure()

    def configure(self) -> None:
        """Take the settings over."""
        settings = self.leaf.settings
        self.longest = settings.max_frame - FCS + OVERHEAD
        self.round_trip = settings.grant_round_trip
        self.window_time = settings.window_time
        self.unsolicited = settings.unsolicited_bytes

    def unused(self, source: Source) -> int:
        """Return how much credit beyond its unsolicited bytes a source has outstanding."""
        return max(source.granted - max(source.settled, self.unsolicited), 0)

    def settle(self, credit: PortCredit, source: Source) -> None:
        """Follow any change of a source in the sums of its port and of the fabric."""
        unused = self.unused(source)
        credit.unused[source.cls] += unused - source.unused
        source.unused = unused
        beyond_one_frame = max(unused - self.longest, 0)
        rise = beyond_one_frame - source.beyond_one_frame
        source.beyond_one_frame = beyond_one_frame
        credit.beyond_one_frame[source.cls] += rise
        if source.node != self.leaf.node:
            self.fabric_beyond_one_frame += rise

    def catch_up(self) -> None:
        """Follow what has arrived."""
        for source, credit in self.stale.items():
            self.settle(credit, source)
        self.stale.clear()

    def size(self, credit: PortCredit, now: int) -> int:
        """Return the grant window: `window_time` at the rate, the measured ungoverned rate deducted."""
        rate = credit.port.rate_mbps - self.ungoverned_mbps(credit, now)
        return max(rate, 0) * self.window_time // 8000

    def ungoverned_mbps(self, credit: PortCredit, now: int) -> int:
        """Measured rate of the DATA that comes to a port outside credit."""
        return int(credit.ungoverned.rate_mbps(now))

    def is_paused(self, credit: PortCredit, cls: int, now: int) -> bool:
        """Return whether the host has paused a class."""
        return credit.port.paused_until[cls] > now

    def active(self, credit: PortCredit, sums: list[int], now: int) -> int:
        """Add up what is outstanding in the classes that are not paused."""
        paused_until = credit.port.paused_until
        return sum(octets for octets, until in zip(sums, paused_until, strict=True) if until <= now)

    def waiting(self, credit: PortCredit, now: int) -> int:
        """Credit bytes in the egress queue and held for ordering."""
        return credit.port.queued_credit(now) + self.leaf.held_bytes[credit.port.index]

    def room(self, credit: PortCredit, now: int) -> int:
        """Credit bytes that a port can still grant, everything outstanding, queued and held counted."""
        return self.size(credit, now) - self.active(credit, credit.unused, now) - self.waiting(credit, now)

    def last_room(self, credit: PortCredit, now: int) -> int:
        """Credit bytes that a port which runs dry can still grant, one longest frame a source not counted.

        So credit that is less than a frame, in the hands of many sources, cannot block a port.
        """
        if self.excess(credit, now) > 0:
            return 0
        return (
            self.size(credit, now)
            - self.active(credit, credit.beyond_one_frame, now)
            - self.waiting(credit, now)
        )

    def excess(self, credit: PortCredit, now: int) -> int:
        """Credit bytes that have to leave before a port counts as running dry: half a window waits."""
        return self.waiting(credit, now) - self.size(credit, now) // 2

    def spare(self, source: Source) -> int:
        """Return what a source can be granted before it holds more than one longest frame."""
        return max(self.longest - source.unused, 0)

    def fabric_mbps(self) -> int:
        """Rate of the surviving fabric towards this GSP: its links that lead anywhere."""
        paths = self.leaf.paths
        if self.fabric_version != paths.version:
            self.fabric_version = paths.version
            ports = {path.port for node in paths.nodes() for path in paths.live(node)}
            self.fabric_rate = sum(self.leaf.ports[port].rate_mbps for port in ports)
        return self.fabric_rate

    def fabric_size(self, now: int) -> int:
        """Credit bytes that the fabric carries in a grant round trip, the ungoverned rate deducted."""
        rate = self.fabric_mbps() - int(self.fabric_ungoverned.rate_mbps(now))
        octets = max(rate, 0) * self.round_trip // 8000
        return octets * self.fabric_credit // self.fabric_octets

    def fabric_room(self, now: int) -> int:
        """Credit bytes that the fabric has room for, one longest frame a source not counted."""
        return self.fabric_size(now) - self.fabric_beyond_one_frame

    def forget_half(self) -> None:
        """Let the measured ratio of fabric bytes to credit bytes forget half of its past."""
        self.fabric_credit, self.fabric_octets = self.fabric_credit // 2, self.fabric_octets // 2

    def note_ungoverned(self, credit: PortCredit, node: int, credit_bytes: int, now: int) -> None:
        """Measure DATA outside credit."""
        credit.ungoverned.add(credit_bytes, now)
        if node != self.leaf.node:
            self.fabric_ungoverned.add(credit_bytes, now)
