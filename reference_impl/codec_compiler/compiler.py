"""The compiler behind the codec: it writes functions for a wire profile in Python, as `dataclasses` does."""

from functools import partial
from typing import Any

from reference_impl.codec_compiler import checks, messages
from reference_impl.codec_compiler.messages import ROLES
from reference_impl.codec_compiler.unit import Unit, codes_of
from reference_impl.codec_compiler.words import START
from spec.layout import MESSAGE_FIELDS, WireProfile


def compiled(profile: WireProfile) -> dict[str, Any]:
    """Return what `codec` offers for a profile, by name."""
    unit = Unit(profile)
    messages.write(unit)
    checks.write(unit)
    return unit.compile() | tables(unit)


def protected(unit: Unit, frame: bytes) -> list[int]:
    """Return the bits of a message whose change its checksum shows."""
    if unit.profile.checksum is None:
        return []
    named = {kind: name for name, kind in unit.kinds.items()}
    message = unit.profile.messages[named[unit.names["kind_of"](frame)]]
    head = unit.profile.header.octets * 8
    bits = [bit for bit in range(head) if unit.seal.mask >> (head - 1 - bit) & 1]
    if unit.profile.in_header:
        field = unit.profile.header.field("crc")
        bits += range(field.offset_bits, field.offset_bits + field.width_bits)
    if not unit.profile.header_only:
        bits += range(head, head + message.fields.octets * 8)
    return [START * 8 + bit for bit in bits if START * 8 + bit < len(frame) * 8]


def tables(unit: Unit) -> dict[str, Any]:
    """Return what is no function."""
    profile = unit.profile
    generation = profile.field("DATA", "generation")
    role = profile.field("HELLO", "role")
    counts = [profile.field("DATA", "index").maximum + 1]
    if profile.has("DATA", "previous_frames"):
        counts.append(profile.field("DATA", "previous_frames").maximum)
    found: dict[str, Any] = dict.fromkeys(MESSAGE_FIELDS) | unit.kinds
    return found | {
        "KINDS": unit.kinds,
        "LAST": profile.flags.get("LAST", 0),
        "UNGOVERNED": profile.flags.get("UNGOVERNED", 0),
        "HELLO_ADDRESS": profile.hello_address,
        "HEADER_END": unit.start,
        "ETHERTYPE": profile.ethertype.to_bytes(2, "big"),
        "DATA_HEADER_OCTETS": unit.start + profile.messages["DATA"].fields.octets,
        "SEQUENCE_MASK": profile.numbers() - 1,
        "HELLO_MASK": profile.numbers("HELLO") - 1,
        "FAULT_MASK": profile.numbers("FAULT") - 1 if "FAULT" in profile.messages else 0,
        "GENERATIONS": range(generation.minimum, generation.maximum + 1),
        "MOST_FRAMES": min(counts),
        "ROLE_CODES": codes_of(role, ROLES),
        "UNKNOWN_ROLE": next(iter(role.illegal()), role.maximum),
        "update": unit.names.get("update"),
        "protected": partial(protected, unit),
    }
