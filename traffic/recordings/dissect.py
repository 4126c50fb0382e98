"""One line of text for a frame of a recording, as findings print it."""

from traffic.frames.host import VLAN, traffic_class
from traffic.recordings.fabric import FabricView
from traffic.scenario import UP

_SHORT = {"source": "src", "destination": "dst", "sequence": "seq", "index": "idx", "generation": "gen"}
_HIDDEN = {"version", "type", "crc", "count", "reserved", "entries"}


def describe(fabric: FabricView, row: int) -> str:
    """Describe a row: packet number, time, link, direction, and the fields or the addresses."""
    columns = fabric.data
    link = columns.links[columns.link[row]]
    way = "UP" if columns.direction[row] == UP else "DOWN"
    copies = int(columns.delivered[row])
    fate = "" if copies == 1 else " lost on the link" if copies == 0 else f" delivered {copies} times"
    head = f"#{row + 1} {columns.time[row] / 1000:.3f} us {link.name} {way}"
    return f"{head} {_fabric(fabric, row) if link.fabric else _ethernet(columns.frame(row))}{fate}"


def _fabric(fabric: FabricView, row: int) -> str:
    columns = fabric.data
    message = fabric.message_at(row)
    if message is None:
        return f"no {columns.profile.name} message, {_ethernet(columns.frame(row))}"
    fields = {_SHORT.get(name, name): value for name, value in message.fields.items() if name not in _HIDDEN}
    flags = [name for name, bit in columns.profile.flags.items() if fields["flags"] & bit]
    fields["flags"] = "|".join(flags) if flags else fields["flags"]
    text = " ".join(f"{name}={value}" for name, value in fields.items())
    for entry in message.fields.get("entries", ()):
        text += " [" + " ".join(f"{name}={value}" for name, value in entry.items()) + "]"
    return f"{message.name} {text}{'' if message.valid_crc else ' BAD CHECKSUM'}"


def _ethernet(frame: bytes) -> str:
    if len(frame) < 14:
        return f"{len(frame)} octets"
    tag = f" class={traffic_class(frame)}" if frame[12:14] == VLAN and len(frame) > 14 else ""
    addresses = f"{frame[6:12].hex(':')} > {frame[:6].hex(':')}"
    return f"{addresses} type={frame[12:14].hex()}{tag} size={len(frame) + 4}"
