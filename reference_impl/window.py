"""How much credit may be outstanding: what a host port, and the fabric towards this GSP, can carry."""

from typing import TYPE_CHECKING

from reference_impl.credit import PortCredit, Source
from reference_impl.lines import OVERHEAD
from reference_impl.meter import Meter

if TYPE_CHECKING:
    from reference_impl.gsp import Gsp

FCS = 4
RATIO_MEMORY = 1 << 20
"""Credit bytes after which the measured ratio of fabric bytes to credit bytes forgets half of its past."""


class CreditWindow:
    """Bounds outstanding credit, egress queue and frames held for ordering to `grant_window` a port."""

    def __init__(self, gsp: "Gsp") -> None:
        self.gsp = gsp
        self.fabric_exposed = 0
        self.fabric_octets = 0
        self.fabric_credit = 0
        self.fabric_ungoverned = Meter(gsp.settings.bp_window)
        self.configure()

    def configure(self) -> None:
        """Take the settings over."""
        settings = self.gsp.settings
        self.longest = settings.max_frame - FCS + OVERHEAD
        self.round_trip = settings.grant_round_trip
        self.unsolicited = settings.unsolicited_bytes

    def unused(self, source: Source) -> int:
        """Outstanding credit of a source beyond its unsolicited bytes."""
        settled = source.settled
        return source.granted - (settled if settled > self.unsolicited else self.unsolicited)

    def exposure(self, source: Source) -> int:
        """Outstanding credit of a source beyond one longest frame, which the windows count."""
        exposure = self.unused(source) - self.longest
        return exposure if exposure > 0 else 0

    def spare(self, source: Source) -> int:
        """What can be granted to a source before the windows count it."""
        spare = self.longest - self.unused(source)
        return min(max(spare, 0), self.longest)

    def settle(self, credit: PortCredit, source: Source) -> None:
        """Follow any change of a source in the sums of its port and of the fabric."""
        change = self.exposure(source) - source.exposed
        if change:
            source.exposed += change
            credit.exposed[source.cls] += change
            credit.exposed_total += change
            if source.node != self.gsp.node:
                self.fabric_exposed += change

    def size(self, credit: PortCredit, now: int) -> int:
        """`grant_window` in credit bytes: 1.5 x rate x grant round trip, the measured ungoverned rate deducted."""
        rate = credit.port.rate_mbps - self.ungoverned_mbps(credit, now)
        return 3 * rate * self.round_trip // 16000 if rate > 0 else 0

    def ungoverned_mbps(self, credit: PortCredit, now: int) -> int:
        """Measured rate of the DATA that comes to a port outside credit."""
        return credit.ungoverned.rate_mbps(now) if credit.ungoverned.total else 0

    def is_paused(self, credit: PortCredit, cls: int, now: int) -> bool:
        """Say whether the host has paused a class."""
        return credit.port.paused_until[cls] > now

    def outstanding(self, credit: PortCredit, now: int) -> int:
        """Outstanding credit of the classes that are not paused."""
        if credit.port.pause_end <= now:
            return credit.exposed_total
        return sum(
            exposed for cls, exposed in enumerate(credit.exposed) if not self.is_paused(credit, cls, now)
        )

    def room(self, credit: PortCredit, now: int) -> int:
        """Credit bytes that a port can still grant, after what is outstanding, queued and held for ordering."""
        return (
            self.size(credit, now)
            - self.outstanding(credit, now)
            - credit.port.queued_credit(now)
            - self.gsp.reorderer.held_bytes[credit.port.index]
        )

    def fabric_mbps(self) -> int:
        """Rate of the surviving fabric towards this GSP."""
        return sum(self.gsp.ports[link.port].rate_mbps for link in self.gsp.paths.links.values() if link.up)

    def fabric_size(self, now: int) -> int:
        """Credit bytes that the fabric carries in a grant round trip, the ungoverned rate deducted."""
        ungoverned = self.fabric_ungoverned.rate_mbps(now) if self.fabric_ungoverned.total else 0
        octets = max(self.fabric_mbps() - ungoverned, 0) * self.round_trip // 8000
        return octets * self.fabric_credit // self.fabric_octets if self.fabric_octets else octets

    def fabric_room(self, now: int) -> int:
        """Credit bytes that the fabric still has room for, shared by all host ports."""
        return self.fabric_size(now) - self.fabric_exposed

    def measure(self, credit_bytes: int, fabric_octets: int) -> None:
        """Measure the ratio of fabric bytes to credit bytes."""
        self.fabric_credit += credit_bytes
        self.fabric_octets += fabric_octets
        if self.fabric_credit > RATIO_MEMORY:
            self.fabric_credit >>= 1
            self.fabric_octets >>= 1

    def note_ungoverned(self, credit: PortCredit, node: int, credit_bytes: int, now: int) -> None:
        """Measure DATA outside credit."""
        credit.ungoverned.add(credit_bytes, now)
        if node != self.gsp.node:
            self.fabric_ungoverned.add(credit_bytes, now)
