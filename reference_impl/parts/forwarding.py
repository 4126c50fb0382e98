"""What becomes of a host frame at the ingress: where it goes, or why it goes nowhere."""

from collections.abc import Sequence

from reference_impl.device import Device
from reference_impl.sizes import FCS

Target = tuple[int, int]
"""Destination node and its egress port."""

MIN_OCTETS = 14
VLAN = b"\x81\x00"
LINK_LOCAL = bytes.fromhex("0180c20000")
NOWHERE: Sequence[Target] = ()
KNOWN_BY = 15
"""Octets at the start of a frame that decide where it goes: addresses, type, and the priority of a tag."""
REMEMBERED_STARTS = 65_536


class Forwarder:
    """Finds the final egress of a host frame in a table of MAC addresses, configured or set by management."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.table: dict[bytes, Target] = dict(device.config.table)
        self.known: list[dict[bytes, tuple[int, int, int]]] = [{} for _ in device.ports]
        """Destination node, its egress port and class by the first octets of a frame, for each port."""
        self.configure()

    def configure(self) -> None:
        """Take the settings over."""
        self.forget()
        self.longest = self.device.settings.max_frame - FCS

    def remember(self, port: int, frame: bytes, key: tuple[int, int, int]) -> None:
        """Note where frames that start like this one go."""
        if len(frame) >= KNOWN_BY:
            known = self.known[port]
            if len(known) >= REMEMBERED_STARTS:
                known.clear()
            known[frame[:KNOWN_BY]] = key

    def forget(self) -> None:
        """Look everything up again."""
        for known in self.known:
            known.clear()

    def route(self, port: int, frame: bytes) -> Sequence[Target]:
        """Return every egress of a frame that came in on `port`; none when it was dropped, and counted."""
        if not MIN_OCTETS <= len(frame) <= self.longest:
            self.device.drop(self.bad_length(frame))
            return NOWHERE
        target = self.table.get(frame[:6])
        if target is not None:
            if target[1] == port and self.is_hairpin(target, port):
                self.device.drop("hairpin")
                return NOWHERE
            return (target,)
        if self.is_link_local(frame):
            self.device.drop("link_local")
            return NOWHERE
        spreads = self.device.settings.multicast if self.is_group(frame) else self.floods_unknown()
        targets = self.flood(port) if spreads else NOWHERE
        if not targets:
            self.device.drop("unknown_destination")
        return targets

    def bad_length(self, frame: bytes) -> str:
        """Return the cause to drop a frame longer than `max_frame` or without a whole Ethernet header."""
        return "bad_message" if len(frame) < MIN_OCTETS else "frame_too_long"

    def is_link_local(self, frame: bytes) -> bool:
        """Return whether a frame is for 01-80-C2-00-00-00 to -0F, which no bridge forwards (802.1Q)."""
        return frame.startswith(LINK_LOCAL) and frame[5] < 16

    def is_group(self, frame: bytes) -> bool:
        """Return whether a frame is multicast or broadcast."""
        return bool(frame[0] & 1)

    def floods_unknown(self) -> bool:
        """Return whether an unknown unicast frame is flooded instead of dropped."""
        return self.device.settings.unknown_unicast == "flood"

    def is_hairpin(self, target: Target, port: int) -> bool:
        """Give whether a frame would go back to the port it came from."""
        return target == (self.device.node, port)

    def flood(self, port: int) -> Sequence[Target]:
        """Every known egress port of the fabric but the one the frame came in on."""
        own = {(self.device.node, each.index) for each in self.device.ports if each.kind == "host"}
        return sorted((own | set(self.table.values())) - {(self.device.node, port)})

    def class_of(self, frame: bytes) -> int:
        """Read the class: the priority of an outer 802.1Q tag, else 0."""
        return frame[14] >> 5 if frame[12:14] == VLAN and len(frame) > MIN_OCTETS else 0

    def set(self, mac: bytes, target: Target) -> None:
        """Enter a host."""
        self.forget()
        self.table[mac] = target

    def withdraw(self, mac: bytes) -> Target | None:
        """Remove a host; return its egress when no other host is entered there any more."""
        self.forget()
        target = self.table.pop(mac, None)
        return None if target in self.table.values() else target
