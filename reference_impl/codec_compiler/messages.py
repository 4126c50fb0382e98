"""Writes the encoders and decoders of messages."""

from collections.abc import Mapping

from reference_impl.codec_compiler.unit import STATED, Unit, codes_of
from reference_impl.codec_compiler.words import START, Join, Words
from spec.layout import MESSAGE_FIELDS, Field, Message

ROLES = {1: "GSP", 2: "GSF", 3: "NIC", 4: "GSF of the second tier"}
"""Roles by their number in `device.Role`, as a profile names them."""
FAULTS = {1: "node unreachable"}


def write(unit: Unit) -> None:
    """Write those of every message that the suite knows."""
    for message in unit.profile.messages.values():
        if message.name in MESSAGE_FIELDS:
            write_message(unit, message)


def write_message(unit: Unit, message: Message) -> None:
    """Write the encoder and the decoder of one message."""
    name = message.name.lower()
    upper = message.name
    whole = unit.words((*unit.profile.header.fields, *message.ahead))
    extension = unit.words(message.ahead)
    unit.names |= {f"{upper}_WHOLE": whole.struct, f"{upper}_EXTENSION": extension.struct}
    said = [field for field in MESSAGE_FIELDS[upper] if field != "count"]
    stated = [field for field in STATED if message.payload or field != "flags"]
    known = {field.name: field for field in message.ahead}
    values = constants_of(unit, message) | {field: variable(field) for field in stated}
    values |= {field: to_wire(unit, upper, known[field]) for field in said if field in known}
    arguments = ", ".join(map(variable, (*stated, *said)))
    taken = extension.unpacking()
    results = [
        from_wire(unit, upper, known[field], taken[field]) if field in known else "0" for field in said
    ]
    if message.repeated is not None:
        values["count"] = "len(entries)"
        arguments += ", entries"
    body = f"{upper}_WHOLE.pack({whole.packing(values)})"
    if message.repeated is not None:
        body += f" + {write_entries(unit, message)}"
        results.append("entries_of(frame, " + unit.read(known["count"], unit.start) + ")")
    frame = ", frame" if message.payload else ""
    unit.function(
        f"encode_{name}(prefix, {arguments}{frame})",
        f"body = {body}",
        f"return prefix + {with_checksum(unit, message)}{' + frame' if message.payload else ''}",
    )
    unit.function(
        f"{'unwrap' if message.payload else 'decode_' + name}(frame)",
        f"{extension.targets} = {upper}_EXTENSION.unpack_from(frame, {unit.start})",
        f"return {', '.join(results)}"
        + (f", frame[{unit.start + message.fields.octets}:]" if message.payload else ","),
    )
    if message.payload:
        write_data(unit, message, whole, values)


def constants_of(unit: Unit, message: Message) -> dict[str, str]:
    """Return the fields that are the same in every message of a kind: those nobody says."""
    fields = (*unit.profile.header.fields, *message.ahead)
    values = {field.name: field.least // field.scale for field in fields if field.name != "crc"}
    values |= {"version": unit.profile.version, "type": message.type_code, "flags": 0}
    values |= {"hop_limit": message.hop_limit} | dict(message.constants)
    return {name: str(value) for name, value in values.items()}


def to_wire(unit: Unit, message: str, field: Field) -> str:
    """Write what a value becomes on the wire; a time or rate too large is the largest there."""
    name = variable(field.name)
    if (message, field.name) == ("FAULT", "code"):
        unit.names["FAULT_CODES"] = codes_of(field, FAULTS)
        return f"FAULT_CODES[{name}]"
    if field.unit:
        counted = f"-(-{name} // {field.scale})" if field.rounding == "up" else f"{name} // {field.scale}"
        return f"min({counted}, {field.maximum})"
    return name


def from_wire(unit: Unit, message: str, field: Field, value: str) -> str:
    """Write what a value on the wire is for the reference."""
    words = {("HELLO", "role"): ROLES, ("FAULT", "code"): FAULTS}.get((message, field.name))
    if words is not None:
        name = f"{message}_{field.name}_OF"
        unit.names[name] = {code: number for number, code in codes_of(field, words).items()}
        return f"{name}.get({value}, 0)"
    return f"({value}) * {field.scale}" if field.scale != 1 else f"({value})"


def with_checksum(unit: Unit, message: Message) -> str:
    """Write the expression for `body` with its checksum."""
    if not unit.quick:
        return "seal(body)"
    start = unit.profile.checksum.start if unit.profile.checksum else 0
    unit.names["FIRST"] = start
    if message.repeated is not None:
        return f"body + CRC.pack(update(body, FIRST) ^ table_of(len(body))[{message.hop_limit}])"
    fixed = unit.profile.header.octets + sum(field.width_bits for field in message.ahead) // 8
    unit.names[f"{message.name}_HOP"] = unit.seal.residues(fixed)[message.hop_limit]
    return f"body + CRC.pack(update(body, FIRST) ^ {message.name}_HOP)"


def write_entries(unit: Unit, message: Message) -> str:
    """Write what reads and writes the entries of a message; return the expression of their octets."""
    assert message.repeated is not None
    words = unit.words(message.repeated.fields)
    unit.names["ENTRY"] = words.struct
    known = {field.name: field for field in message.repeated.fields}
    values = {field.name: str(field.least // field.scale) for field in message.repeated.fields}
    values |= {field: to_wire(unit, "", known[field]) for field in ("node", "rate")}
    unit.function("entry_octets(node, rate)", f"return ENTRY.pack({words.packing(values)})")
    taken = words.unpacking()
    results = [from_wire(unit, "", known[field], taken[field]) for field in ("node", "rate")]
    start = unit.start + sum(field.width_bits for field in message.ahead) // 8
    unit.function(
        "entries_of(frame, count)",
        f"run = frame[{start}:{start} + count * ENTRY.size]",
        f"return [({', '.join(results)}) for {words.targets} in ENTRY.iter_unpack(run)]",
    )
    return "b''.join([entry_octets(*entry) for entry in entries])"


def write_data(unit: Unit, message: Message, whole: Words, values: Mapping[str, str]) -> None:
    """Write what only DATA has: parts of its header, and containers begun and continued.

    What differs in a container is from the first word with an index, a number of frames or a fill on.
    """
    taken = whole.unpacking()
    known = {field.name for field in message.ahead}
    unpack = f"{whole.targets} = DATA_WHOLE.unpack_from(frame, {START})"
    fields = (*STATED, "hop_limit", *MESSAGE_FIELDS["DATA"])
    wanted = [f"({taken[field]})" if field in taken else "0" for field in fields]
    unit.function("decode_data(frame)", unpack, f"return {', '.join(wanted)}")
    key = ("source", "destination", "port", "class", "generation", "sequence")
    unit.function("container(frame)", unpack, f"return {', '.join(f'({taken[field]})' for field in key)}")
    unit.function("host_frame(frame)", f"return frame[{unit.start + message.fields.octets}:]")
    alike = ("class_", "flags", "source", "destination", "port", "sequence", "generation")
    if not unit.quick:
        unit.function(f"begin_data({', '.join(alike)})", f"return {', '.join(alike)}")
        unit.function(
            "continue_data(prefix, alike, index, previous_frames, fill, frame)",
            "return encode_data(prefix, *alike, index, previous_frames, fill, frame)",
        )
        return
    first = whole.since({"index", "previous_frames", "fill"} & known)
    before, rest = whole.part(0, first), whole.part(first)
    unit.names["DATA_ALIKE"], unit.names["DATA_REST"] = before.struct, rest.struct
    later = [name for name in alike if name.rstrip("_") in {f.name for _, g in rest.groups for f in g}]
    unit.function(
        f"begin_data({', '.join(alike)})",
        f"body = DATA_ALIKE.pack({before.packing(values)})",
        f"return {', '.join(('body', 'update(body, FIRST)', *later))}",
    )
    unit.function(
        "continue_data(prefix, alike, index, previous_frames, fill, frame)",
        f"{', '.join(('head', 'crc', *later))} = alike",
        f"body = DATA_REST.pack({rest.packing(values)})",
        "return JOIN[len(frame)](prefix, head, body, update(body, crc) ^ DATA_HOP, frame)",
    )
    unit.names["JOIN"] = Join(f">{START}s{before.struct.size}s{rest.struct.size}sH")


def variable(name: str) -> str:
    """Return the name of an argument for a field."""
    return "class_" if name == "class" else name
