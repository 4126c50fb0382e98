"""A capture file as the load of a host, with an account of every packet of it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from spec.errors import InputError
from traffic.frames.pcapfile import ETHERNET, Packet, read_packets
from traffic.scenario import FCS, HEADER, HostAddress, ManagementEvent, Scenario, TimedFrame

_MAC_CONTROL: Final = b"\x88\x08"
_NAMED: Final = 3
"""Packets of each reason that an account names."""


@dataclass(frozen=True)
class Playable:
    """What a capture holds: the packets to play, in the order of the file, and why others are left out."""

    file: str
    packets: tuple[Packet, ...]
    left_out: Mapping[str, tuple[int, ...]]

    def between(self, source: HostAddress, target: HostAddress, hosts: Collection[HostAddress]) -> "Playable":
        """Leave out what is to or from other hosts of the testbed than these two; each has its own place.

        Any other address is a station of the capture, and is put where the target is.
        """
        to = {host.mac for host in hosts if host != target}
        senders = {host.mac for host in hosts if host != source}
        packets, left_out = [], dict(self.left_out)
        for packet in self.packets:
            why = ""
            if packet.octets[:6] in to:
                why = f"to a host of the testbed other than {target.name}"
            elif packet.octets[6:12] in senders:
                why = f"from a host of the testbed other than {source.name}"
            if why:
                left_out[why] = (*left_out.get(why, ()), packet.number)
            else:
                packets.append(packet)
        return replace(self, packets=tuple(packets), left_out=left_out)

    def __str__(self) -> str:
        left = sum(map(len, self.left_out.values()))
        group = sum(packet.octets[0] & 1 for packet in self.packets)
        uncompared = f" ({group} of them to groups, not compared)" if group else ""
        held, played = len(self.packets) + left, f"played {len(self.packets)}{uncompared}"
        account = f"{self.file}: {held} packets, {played}, left out {left}"
        return f"{account}: {self.why}" if left else account

    @property
    def why(self) -> str:
        """Say why packets are left out, with their number and the first of them."""
        return "; ".join(f"{len(found)} {why} ({_some(found)})" for why, found in self.left_out.items())


def playable(path: str | Path, longest: int | None = None) -> Playable:
    """Read a pcap or pcapng file (also gzipped) to its end; frames beyond `longest` (with FCS) are left out.

    InputError for a file that cannot be read whole, or holds no frame to play.
    """
    packets, left_out = [], dict[str, list[int]]()
    for packet in read_packets(path):
        why = _unfit(packet, longest)
        if why:
            left_out.setdefault(why, []).append(packet.number)
        else:
            packets.append(packet)
    found = Playable(
        Path(path).name, tuple(packets), {why: tuple(numbers) for why, numbers in left_out.items()}
    )
    if not left_out and not packets:
        raise InputError(path, "(whole)", "holds no packet", "capture some traffic")
    if all(packet.octets[0] & 1 for packet in packets):
        group = f"{len(packets)} to groups, whose treatment a device declares" if packets else ""
        words = "; ".join(part for part in (group, found.why) if part)
        mend = "capture unicast frames on an Ethernet port, whole and not longer than max_frame"
        raise InputError(path, "(whole)", f"holds nothing to play and compare: {words}", mend)
    return found


def pcap_load(
    path: str | Path,
    source: str,
    destination: str,
    hosts: Mapping[str, HostAddress],
    *,
    tables: Sequence[str] = (),
    pace: Literal["recorded", "back to back"] = "recorded",
    stretch: float = 1.0,
    start: int = 1_000,
    rewrite: bool = False,
    longest: int | None = None,
) -> tuple[Scenario, Playable]:
    """Play a capture file into the port of `source`, for the host `destination`; gives also its account.

    The frames stay untouched: their destination addresses are set in the tables of the GSPs `tables`
    (names) to lead to `destination`; what is to or from another host of the testbed is left out, and that may
    be all. With `rewrite` all frames carry the addresses of the two hosts instead.
    Times are as recorded, times `stretch`, or back to back; the first frame leaves at `start` ns, and one
    whose time was not recorded with the one before it. InputError as `playable`.
    """
    target = hosts[destination]
    found = playable(path, longest)
    if not rewrite:
        found = found.between(hosts[source], target, hosts.values())
    frames = []
    for time, packet in zip(_times(found.packets), found.packets, strict=True):
        octets = target.mac + hosts[source].mac + packet.octets[12:] if rewrite else packet.octets
        offset = round(time * stretch) if pace == "recorded" else 0
        frames.append(TimedFrame(start + offset, source, octets))
    stations = {} if rewrite else {f.frame[:6]: None for f in frames if not f.frame[0] & 1}
    management = tuple(
        ManagementEvent(
            0, table, "table_set", {"mac": mac.hex(":"), "node": target.node, "port": target.port}
        )
        for table in tables
        for mac in stations
        if mac != target.mac
    )
    return Scenario(frames=tuple(frames), management=management, name=f"pcap {found.file}"), found


def _times(packets: Sequence[Packet]) -> Iterator[int]:
    """Yield the time of each packet in ns after the first that has one; none is before it."""
    first = next((packet.time for packet in packets if packet.time is not None), 0)
    time = 0
    for packet in packets:
        if packet.time is not None:
            time = max(0, packet.time - first)
        yield time


def _unfit(packet: Packet, longest: int | None) -> str:
    """Say why a packet cannot be played as a frame of a host; nothing where it can."""
    octets = packet.octets
    reasons = (
        (packet.link_type != ETHERNET, f"of link type {packet.link_type}, not Ethernet"),
        (len(octets) < packet.length, "cut by the snapshot length"),
        (len(octets) < HEADER, f"shorter than the {HEADER} octets of a header, so no frame"),
        (octets[12:14] == _MAC_CONTROL, "of MAC control, which ends at the port that it is sent to"),
        (octets[6:7] > b"\0" and octets[6] & 1, "from a group address, which no station has"),
        (
            longest is not None and len(octets) + FCS > longest,
            f"longer than max_frame, {longest} octets with FCS",
        ),
    )
    return next((why for unfit, why in reasons if unfit), "")


def _some(numbers: Sequence[int]) -> str:
    """Name some packets by number."""
    more = ", ..." if len(numbers) > _NAMED else ""
    word = "packet" if len(numbers) == 1 else "packets"
    return f"{word} {', '.join(map(str, numbers[:_NAMED]))}{more}"
