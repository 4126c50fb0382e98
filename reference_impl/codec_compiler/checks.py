"""Writes what every frame of the fabric goes through: its checks, its kind, and its hop limit."""

from reference_impl.codec_compiler.unit import STATED, Unit
from reference_impl.codec_compiler.words import START


def write(unit: Unit) -> None:
    """Write all of them."""
    write_lengths(unit)
    write_kinds(unit)
    write_checks(unit)
    write_passing(unit)


def write_lengths(unit: Unit) -> None:
    """Write `extra(frame, kind)`, the octets of entries and TLVs, and note all that is fixed."""
    ends = {}
    lines = []
    for name, message in unit.profile.messages.items():
        kind = unit.kinds[name]
        ends[kind] = unit.start + message.fields.octets
        terms = []
        if message.repeated is not None:
            count = unit.read(message.fields.field("count"), unit.start)
            terms.append(f"{count} * {message.repeated.octets}")
        if message.tlvs is not None:
            terms.append(unit.read(message.fields.field(message.tlvs.octets), unit.start))
        if terms:
            lines += [f"if kind == {kind}:", f"    return {' + '.join(terms)}"]
    unit.names["ENDS"] = ends
    unit.function("extra(frame, kind)", *lines, "return 0")


def write_kinds(unit: Unit) -> None:
    """Write `kind_of` and `peek`, which tell messages apart that share a type code."""
    codes: dict[int, int | tuple[bool, str, dict[int, int]]] = {}
    lines = []
    for message in unit.profile.messages.values():
        code = message.type_code
        name = unit.profile.distinction(code)
        if name is None:
            codes[code] = unit.kinds[message.name]
        elif code not in codes:
            sharing = unit.profile.sharing(code)
            kinds = {each.constants[name]: unit.kinds[each.name] for each in sharing}
            codes[code] = (False, name, kinds)
            unit.names[f"SHARED_{code}"] = kinds
            inside = name in unit.profile.header.names
            layout = unit.profile.header if inside else message.fields
            field = layout.field(name)
            start = START if inside else unit.start
            end = start + -(-(field.offset_bits + field.width_bits) // 8)
            found = f"SHARED_{code}.get({unit.read(field, start)}) if len(frame) >= {end} else None"
            lines += [f"if code == {code}:", f"    return {found}"]
    unit.names["ALONE"] = {code: kind for code, kind in codes.items() if isinstance(kind, int)}
    read = unit.read(unit.profile.header.field("type"), START)
    unit.function("kind_of(frame)", f"code = {read}", *lines, "return ALONE.get(code)")
    taken = unit.header.unpacking()
    kind = taken["type"]
    if lines:
        kind = f"kind if (kind := kind_of(frame)) is not None else {kind}"
    wanted = [kind, *(taken[name] for name in (*STATED, "hop_limit"))]
    unit.function(
        "peek(frame)",
        f"{unit.header.targets} = HEADER.unpack_from(frame, {START})",
        f"return {', '.join(f'({item})' for item in wanted)}",
    )


def write_checks(unit: Unit) -> None:
    """Write what checks any frame of the fabric."""
    fixed = fixed_lengths(unit)
    unit.names["FIXED"] = [fixed.get(octet) for octet in range(256)]
    hop = START + unit.profile.header.field("hop_limit").offset_bits // 8
    first = START + unit.profile.header.field("type").offset_bits // 8
    known = (
        f"known = FIXED[frame[{first}]]",
        "if known is None:",
        "    return parse_any(frame)",
        "end, table = known",
        "if size < end:",
        "    raise BadFrame('bad_message')",
        f"if update(frame[{START}:end], FIRST) != table[frame[{hop}]]:",
        "    raise BadFrame('bad_checksum')",
        "return peek(frame)",
    )
    unit.function(
        "parse(frame)",
        "size = len(frame)",
        f"if size < {unit.start}:",
        "    raise BadFrame('bad_message')",
        *(known if fixed else ("return parse_any(frame)",)),
    )
    check = "sound(frame, end)"
    if unit.quick:
        check = f"update(frame[{START}:end], FIRST) == table_of(end - {START})[frame[{hop}]]"
        unit.names["FIRST"] = unit.profile.checksum.start if unit.profile.checksum else 0
    unit.function(
        "parse_any(frame)",
        f"if {unit.read(unit.profile.header.field('version'), START)} != {unit.profile.version}:",
        "    raise BadFrame('bad_version')",
        "kind = kind_of(frame)",
        "if kind is None or len(frame) < ENDS[kind]:",
        "    raise BadFrame('bad_message')",
        "end = ENDS[kind] + extra(frame, kind)",
        "if len(frame) < end:",
        "    raise BadFrame('bad_message')",
        f"if not {check}:",
        "    raise BadFrame('bad_checksum')",
        "return peek(frame)",
    )
    outline = (
        f"known = FIXED[frame[{first}]]",
        "if known is None:",
        "    return None",
        "end, table = known",
        f"return end, update(frame[{START}:{unit.start}], FIRST), table[frame[{hop}]]",
    )
    unit.function("outline(frame)", *(outline if fixed else ("return None",)))
    unit.function(
        "verify(frame)",
        "try:",
        "    parse(frame)",
        "except BadFrame as bad:",
        "    return bad.cause",
        "return ''",
    )


def fixed_lengths(unit: Unit) -> dict[int, tuple[int, tuple[int, ...]]]:
    """Return end and residues by the octet of version and type, for the messages of one length.

    Nothing where the profile does not put the two alone into one octet, or the checksum is none that can
    be checked so quickly; then `parse_any` does it all.
    """
    version, kind = (unit.profile.header.field(name) for name in ("version", "type"))
    whole = version.width_bits + kind.width_bits == 8
    if not unit.quick or not whole or version.offset_bits // 8 != kind.offset_bits // 8:
        return {}
    spoken = unit.profile.version << 8 - version.offset_bits % 8 - version.width_bits
    shift = 8 - kind.offset_bits % 8 - kind.width_bits
    return {
        spoken | message.type_code << shift: (
            unit.start + message.fields.octets,
            unit.seal.residues(unit.profile.header.octets + message.fields.octets),
        )
        for message in unit.profile.messages.values()
        if not message.variable and unit.profile.distinction(message.type_code) is None
    }


def write_passing(unit: Unit) -> None:
    """Write what changes the hop limit."""
    hop = unit.profile.header.field("hop_limit")
    at = START + hop.offset_bits // 8
    if unit.quick:
        unit.names["LESS"] = tuple(bytes([max(value - 1, 0)]) for value in range(256))
        unit.function(
            "forward(frame, prefix)",
            f"return b''.join((prefix, frame[{START}:{at}], LESS[frame[{at}]], frame[{at + 1}:]))",
        )
        unit.function(
            "rehop(frame, hop_limit)", f"return frame[:{at}] + bytes([hop_limit]) + frame[{at + 1}:]"
        )
        return
    unit.names["renewed"] = unit.seal.renewed
    values = unit.header.unpacking()
    unit.function(
        "rehop(frame, hop_limit)",
        f"{unit.header.targets} = HEADER.unpack_from(frame, {START})",
        f"head = HEADER.pack({unit.header.packing({**values, 'hop_limit': 'hop_limit'})})",
        f"return renewed(frame[:{START}] + head + frame[{unit.start}:])",
    )
    unit.function(
        "forward(frame, prefix)",
        f"return prefix + rehop(frame, max({unit.read(hop, START)} - 1, 0))[{START}:]",
    )
