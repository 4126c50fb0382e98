"""Back-pressure: what a source withholds, and what an egress asks its sources to withhold."""

from reference_impl import codec
from reference_impl.parts.dgsq import Dgsq
from reference_impl.parts.leaf import Leaf
from reference_impl.parts.timers import EndTimers
from reference_impl.port import NEVER

STOP = 255
REMEMBERED_REPORTERS = 256


class BackpressureReceiver:
    """Scales the rate of the queues to a node by the highest live report of any node that is not adjacent."""

    def __init__(self, leaf: Leaf) -> None:
        self.leaf = leaf
        self.reports: dict[int, dict[int, tuple[int, int]]] = {}
        """Level and end of validity by node concerned and reporter."""
        self.ends = EndTimers(leaf.at, self.ended)

    def report(self, reporter: int, about: int, level: int, validity: int, now: int) -> None:
        """Take a BACKPRESSURE; a repeat of the same reporter replaces what it said before. Validity in ns.

        About a node out of reach it says nothing; should that change, the reporter will have repeated it.
        """
        if about != self.leaf.node and not self.leaf.paths.live(about):
            return
        reports = self.reports.setdefault(about, {})
        if level:
            if len(reports) >= REMEMBERED_REPORTERS:
                del reports[min(reports, key=reports.__getitem__)]
            reports[reporter] = (level, now + validity)
            self.ends.arm(about, now + validity)
        else:
            reports.pop(reporter, None)
        self.apply(about, now)

    def ended(self, now: int, about: int) -> int | None:
        """End the reports about a node that are over; return when the next one is."""
        self.expire(now, about)
        return min((until for _, until in self.reports.get(about, {}).values() if until > now), default=None)

    def expire(self, now: int, about: int) -> None:
        """End the reports whose validity is over."""
        reports = self.reports.get(about, {})
        for reporter in [each for each, (_, until) in reports.items() if until <= now]:
            del reports[reporter]
        self.apply(about, now)

    def level(self, about: int) -> int:
        """Return the level that rules for a node: the highest of the live reporters."""
        return max((level for level, _ in self.reports.get(about, {}).values()), default=0)

    def apply(self, about: int, now: int) -> None:
        """Set the queues to a node to the level that rules now."""
        level = self.level(about)
        if not level:
            self.reports.pop(about, None)
        for dgsq in self.leaf.dgsqs.of(about):
            if level != dgsq.level:
                self.restrain(dgsq, level, now)

    def restrain(self, dgsq: Dgsq, level: int, now: int) -> None:
        """Set the level of one queue; the rate it scales is measured once, before the episode."""
        if not dgsq.level:
            dgsq.base_mbps = self.base_rate(dgsq, now)
        dgsq.level = level
        dgsq.free_at = now
        self.leaf.pump(dgsq, now)

    def base_rate(self, dgsq: Dgsq, now: int) -> float:
        """Mbit/s that a queue had over `bp_window`, or that of its slowest path where it had none."""
        measured = dgsq.meter.rate_mbps(now)
        return measured or min((path.rate for path in self.leaf.paths.live(dgsq.node)), default=1)

    def join(self, dgsq: Dgsq, now: int) -> None:
        """Let a new queue share in an episode that is under way."""
        level = self.level(dgsq.node)
        if level:
            self.restrain(dgsq, level, now)

    def allowed_mbps(self, dgsq: Dgsq) -> float:
        """Rate that is left to a queue."""
        return dgsq.base_mbps * (STOP - dgsq.level) / STOP

    def defer(self, dgsq: Dgsq, credit: int, now: int) -> None:
        """Put off the next frame of a restrained queue by the time the one that left takes at its rate."""
        rate = self.allowed_mbps(dgsq)
        dgsq.free_at = max(dgsq.free_at, now) + int(credit * 8000 / rate) if rate else NEVER

    def holds(self, dgsq: Dgsq, now: int) -> bool:
        """Return whether a restrained queue has to wait; a full stop ends only with the episode."""
        if self.allowed_mbps(dgsq) == 0:
            return True
        if now >= dgsq.free_at:
            return False
        if not dgsq.pump_armed:
            dgsq.pump_armed = True
            self.leaf.at(dgsq.free_at, self.resume, dgsq)
        return True

    def resume(self, now: int, dgsq: Dgsq) -> None:
        """Send what the rate allows by now."""
        dgsq.pump_armed = False
        self.leaf.pump(dgsq, now)


class BackpressureSender:
    """Tells the sources of a host port whose queue crosses `bp_threshold` to hold back."""

    def __init__(self, leaf: Leaf) -> None:
        self.leaf = leaf
        self.heard: dict[int, dict[int, int]] = {port.index: {} for port in leaf.ports if port.kind == "host"}
        """When each source of late was heard, by port; looked through once in `bp_window`."""
        self.looked_at = dict.fromkeys(self.heard, 0)
        self.notified: dict[int, set[int]] = {}

    def arrived(self, port: int, source: int, now: int) -> None:
        """Note traffic of a source to a port where something waits, and look at the queue."""
        if now - self.looked_at[port] > self.leaf.settings.bp_window:
            self.sources(port, now)
        self.heard[port][source] = now
        if port not in self.notified and self.is_crossed(port, now):
            self.notified[port] = set()
            self.leaf.host_ports[port].watch("backpressure", now)
            self.refresh(now, port, self.notified[port])

    def depth(self, port: int, now: int) -> int:
        """Octets that a port is behind with; what a host paused is no congestion, and credit bounds it.

        Only where data comes without credit does a paused class count as well.
        """
        egress = self.leaf.host_ports[port]
        if egress.pause_end <= now or self.leaf.ungoverned_mbps(port, now):
            return egress.queued
        return egress.queued_credit(now)

    def is_crossed(self, port: int, now: int) -> bool:
        """Return whether the queue of a port is over the threshold."""
        return self.depth(port, now) >= self.leaf.settings.bp_threshold

    def is_over(self, port: int, now: int) -> bool:
        """Return whether the queue of a port has fallen to half of the threshold."""
        return self.depth(port, now) <= self.leaf.settings.bp_threshold // 2

    def departed(self, port: int, now: int) -> None:
        """Release the sources once the queue is short again."""
        if port in self.notified and self.is_over(port, now):
            self.leaf.host_ports[port].unwatch("backpressure")
            for source in sorted(self.notified.pop(port)):
                self.tell(source, now)

    def level(self, port: int, now: int) -> int:
        """Return what to withhold: half at the threshold, everything at twice the threshold."""
        threshold = self.leaf.settings.bp_threshold
        excess = self.depth(port, now) - threshold
        return max(1, min(STOP, 128 + 127 * excess // threshold))

    def sources(self, port: int, now: int) -> list[int]:
        """List the sources whose traffic came to a port within `bp_window`."""
        self.looked_at[port] = now
        since = now - self.leaf.settings.bp_window
        heard = self.heard[port] = {
            source: time for source, time in self.heard[port].items() if time >= since
        }
        return sorted(heard)

    def refresh(self, now: int, port: int, notified: set[int]) -> None:
        """Tell every source of late, again at half the validity as long as the episode lasts."""
        if self.notified.get(port) is not notified:
            return
        notified.update(self.sources(port, now))
        for source in sorted(notified):
            self.tell(source, now)
        self.leaf.at(now + self.leaf.settings.bp_validity // 2, self.refresh, port, notified)

    def tell(self, source: int, now: int) -> None:
        """Tell one source the highest level of its ports, 0 to release; the own queues need no message."""
        leaf = self.leaf
        ports = (port for port, sources in self.notified.items() if source in sources)
        level = max((self.level(port, now) for port in ports), default=0)
        validity = leaf.settings.bp_validity if level else 0
        if source == leaf.node:
            leaf.pressed(leaf.node, leaf.node, level, validity, now)
            return
        path = leaf.sprayer.control_path(source)
        if path is not None and codec.BACKPRESSURE is not None:
            message = codec.encode_backpressure(
                path.prefix, 0, leaf.node, source, 0, leaf.node, level, validity
            )
            leaf.count["backpressure_sent"] += 1
            leaf.ports[path.port].send_control(message, now)
