"""The compiler behind the codec: it writes functions for a wire profile in Python, as `dataclasses` does."""

from collections.abc import Iterable, Mapping
from functools import cache
from struct import Struct
from typing import Any

from reference_impl.codec_words import START, Join, Seal, Words
from spec.layout import MESSAGE_FIELDS, Field, Message, WireProfile

ROLES = {1: "GSP", 2: "GSF", 3: "NIC", 4: "GSF of the second tier"}
"""Roles by their number in `device.Role`, as a profile names them."""
FAULTS = {1: "node unreachable"}
SHARED = 1 << 16
"""Kinds of messages that share their type code begin here."""
STATED = ("class", "flags", "source", "destination", "port")
"""Fields of the header that a sender says."""


class BadFrame(Exception):  # noqa: N818 - it names what is wrong
    """A frame that is to be dropped, with the drop cause."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Compiler:
    """Writes and compiles the functions of one profile."""

    def __init__(self, profile: WireProfile) -> None:
        self.profile = profile
        self.seal = Seal(profile)
        self.quick = self.seal.quick
        self.start = START + profile.header.octets
        self.header = self.words(profile.header.fields)
        self.kinds = self.numbered()
        self.names: dict[str, Any] = {
            "BadFrame": BadFrame,
            "seal": self.seal.sealed,
            "sound": self.seal.sound,
            "HEADER": self.header.struct,
        }
        if self.quick:
            assert profile.checksum is not None
            self.names["update"] = profile.checksum.update
            self.names["CRC"] = Struct(">H")
            self.names["table_of"] = cache(self.seal.residues)
        self.source: list[str] = []
        self.functions: list[str] = []

    def words(self, fields: Iterable[Field]) -> Words:
        """Group fields into words."""
        return Words(fields, little=self.profile.little_endian)

    def numbered(self) -> dict[str, int]:
        """Map every message to the number of its kind."""
        shared = {
            message.name: self.profile.distinction(message.type_code) is not None
            for message in self.profile.messages.values()
        }
        return {
            name: SHARED + place if shared[name] else message.type_code
            for place, (name, message) in enumerate(self.profile.messages.items())
        }

    def function(self, signature: str, *lines: str) -> None:
        """Add one function."""
        self.functions.append(signature.partition("(")[0])
        self.source.append(f"def {signature}:\n" + "".join(f"    {line}\n" for line in lines))

    def compile(self) -> dict[str, Any]:
        """Return the functions by name."""
        for message in self.profile.messages.values():
            if message.name in MESSAGE_FIELDS:
                self.message(message)
        self.lengths()
        self.kind_functions()
        self.checking()
        self.passing()
        exec(compile("\n".join(self.source), f"<codec of {self.profile.name}>", "exec"), self.names)  # noqa: S102 - the source is made here, from numbers and field names the profile's loader has checked
        return {name: self.names[name] for name in self.functions} | self.tables()

    def read(self, field: Field, start: int) -> str:
        """Write the expression that reads a field of a layout that begins at an octet of the frame."""
        first, bit = divmod(field.offset_bits, 8)
        octets = -(-(bit + field.width_bits) // 8)
        at = start + first
        word = f"frame[{at}]"
        if octets > 1:
            word = f"int.from_bytes(frame[{at}:{at + octets}], {self.header.order!r})"
        shift = octets * 8 - bit - field.width_bits
        return f"({word} >> {shift} & {(1 << field.width_bits) - 1:#x})"

    def lengths(self) -> None:
        """Write `extra(frame, kind)`, the octets of entries and TLVs, and note all that is fixed."""
        ends = {}
        lines = []
        for name, message in self.profile.messages.items():
            kind = self.kinds[name]
            ends[kind] = self.start + message.fields.octets
            terms = []
            if message.repeated is not None:
                count = self.read(message.fields.field("count"), self.start)
                terms.append(f"{count} * {message.repeated.octets}")
            if message.tlvs is not None:
                terms.append(self.read(message.fields.field(message.tlvs.octets), self.start))
            if terms:
                lines += [f"if kind == {kind}:", f"    return {' + '.join(terms)}"]
        self.names["ENDS"] = ends
        self.function("extra(frame, kind)", *lines, "return 0")

    def kind_functions(self) -> None:
        """Write `kind_of` and `peek`, which tell messages apart that share a type code."""
        codes: dict[int, int | tuple[bool, str, dict[int, int]]] = {}
        lines = []
        for message in self.profile.messages.values():
            code = message.type_code
            name = self.profile.distinction(code)
            if name is None:
                codes[code] = self.kinds[message.name]
            elif code not in codes:
                sharing = self.profile.sharing(code)
                kinds = {each.constants[name]: self.kinds[each.name] for each in sharing}
                codes[code] = (False, name, kinds)
                self.names[f"SHARED_{code}"] = kinds
                inside = name in self.profile.header.names
                layout = self.profile.header if inside else message.fields
                field = layout.field(name)
                start = START if inside else self.start
                end = start + -(-(field.offset_bits + field.width_bits) // 8)
                found = f"SHARED_{code}.get({self.read(field, start)}) if len(frame) >= {end} else None"
                lines += [f"if code == {code}:", f"    return {found}"]
        self.names["ALONE"] = {code: kind for code, kind in codes.items() if isinstance(kind, int)}
        read = self.read(self.profile.header.field("type"), START)
        self.function("kind_of(frame)", f"code = {read}", *lines, "return ALONE.get(code)")
        taken = self.header.unpacking()
        kind = taken["type"]
        if lines:
            kind = f"kind if (kind := kind_of(frame)) is not None else {kind}"
        wanted = [kind, *(taken[name] for name in (*STATED, "hop_limit"))]
        self.function(
            "peek(frame)",
            f"{self.header.targets} = HEADER.unpack_from(frame, {START})",
            f"return {', '.join(f'({item})' for item in wanted)}",
        )

    def checking(self) -> None:
        """Write what checks any frame of the fabric."""
        fixed = self.fixed()
        self.names["FIXED"] = [fixed.get(octet) for octet in range(256)]
        hop = START + self.profile.header.field("hop_limit").offset_bits // 8
        first = START + self.profile.header.field("type").offset_bits // 8
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
        self.function(
            "parse(frame)",
            "size = len(frame)",
            f"if size < {self.start}:",
            "    raise BadFrame('bad_message')",
            *(known if fixed else ("return parse_any(frame)",)),
        )
        check = "sound(frame, end)"
        if self.quick:
            check = f"update(frame[{START}:end], FIRST) == table_of(end - {START})[frame[{hop}]]"
            self.names["FIRST"] = self.profile.checksum.start if self.profile.checksum else 0
        self.function(
            "parse_any(frame)",
            f"if {self.read(self.profile.header.field('version'), START)} != {self.profile.version}:",
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
            f"return end, update(frame[{START}:{self.start}], FIRST), table[frame[{hop}]]",
        )
        self.function("outline(frame)", *(outline if fixed else ("return None",)))
        self.function(
            "verify(frame)",
            "try:",
            "    parse(frame)",
            "except BadFrame as bad:",
            "    return bad.cause",
            "return ''",
        )

    def fixed(self) -> dict[int, tuple[int, tuple[int, ...]]]:
        """Return end and residues by the octet of version and type, for the messages of one length.

        Nothing where the profile does not put the two alone into one octet, or the checksum is none that can
        be checked so quickly; then `parse_any` does it all.
        """
        version, kind = (self.profile.header.field(name) for name in ("version", "type"))
        whole = version.width_bits + kind.width_bits == 8
        if not self.quick or not whole or version.offset_bits // 8 != kind.offset_bits // 8:
            return {}
        spoken = self.profile.version << 8 - version.offset_bits % 8 - version.width_bits
        shift = 8 - kind.offset_bits % 8 - kind.width_bits
        return {
            spoken | message.type_code << shift: (
                self.start + message.fields.octets,
                self.seal.residues(self.profile.header.octets + message.fields.octets),
            )
            for message in self.profile.messages.values()
            if not message.variable and self.profile.distinction(message.type_code) is None
        }

    def passing(self) -> None:
        """Write what changes the hop limit."""
        hop = self.profile.header.field("hop_limit")
        at = START + hop.offset_bits // 8
        if self.quick:
            self.names["LESS"] = tuple(bytes([max(value - 1, 0)]) for value in range(256))
            self.function(
                "forward(frame, prefix)",
                f"return b''.join((prefix, frame[{START}:{at}], LESS[frame[{at}]], frame[{at + 1}:]))",
            )
            self.function(
                "rehop(frame, hop_limit)", f"return frame[:{at}] + bytes([hop_limit]) + frame[{at + 1}:]"
            )
            return
        self.names["renewed"] = self.seal.renewed
        values = self.header.unpacking()
        self.function(
            "rehop(frame, hop_limit)",
            f"{self.header.targets} = HEADER.unpack_from(frame, {START})",
            f"head = HEADER.pack({self.header.packing({**values, 'hop_limit': 'hop_limit'})})",
            f"return renewed(frame[:{START}] + head + frame[{self.start}:])",
        )
        self.function(
            "forward(frame, prefix)",
            f"return prefix + rehop(frame, max({self.read(hop, START)} - 1, 0))[{START}:]",
        )

    def constants(self, message: Message) -> dict[str, str]:
        """Return the fields that are the same in every message of a kind: those nobody says."""
        fields = (*self.profile.header.fields, *message.ahead)
        values = {field.name: field.least // field.scale for field in fields if field.name != "crc"}
        values |= {"version": self.profile.version, "type": message.type_code, "flags": 0}
        values |= {"hop_limit": message.hop_limit} | dict(message.constants)
        return {name: str(value) for name, value in values.items()}

    def written(self, message: str, field: Field) -> str:
        """Write what a value becomes on the wire; a time or rate too large is the largest there."""
        name = variable(field.name)
        if (message, field.name) == ("FAULT", "code"):
            self.names["FAULT_CODES"] = codes_of(field, FAULTS)
            return f"FAULT_CODES[{name}]"
        if field.unit:
            counted = f"-(-{name} // {field.scale})" if field.rounding == "up" else f"{name} // {field.scale}"
            return f"min({counted}, {field.maximum})"
        return name

    def taken(self, message: str, field: Field, value: str) -> str:
        """Write what a value on the wire is for the reference."""
        words = {("HELLO", "role"): ROLES, ("FAULT", "code"): FAULTS}.get((message, field.name))
        if words is not None:
            name = f"{message}_{field.name}_OF"
            self.names[name] = {code: number for number, code in codes_of(field, words).items()}
            return f"{name}.get({value}, 0)"
        return f"({value}) * {field.scale}" if field.scale != 1 else f"({value})"

    def message(self, message: Message) -> None:
        """Write the encoder and the decoder of one message."""
        name = message.name.lower()
        upper = message.name
        whole = self.words((*self.profile.header.fields, *message.ahead))
        extension = self.words(message.ahead)
        self.names[f"{upper}_WHOLE"], self.names[f"{upper}_EXTENSION"] = whole.struct, extension.struct
        said = [field for field in MESSAGE_FIELDS[upper] if field != "count"]
        stated = [field for field in STATED if message.payload or field != "flags"]
        known = {field.name: field for field in message.ahead}
        values = self.constants(message) | {field: variable(field) for field in stated}
        values |= {field: self.written(upper, known[field]) for field in said if field in known}
        arguments = ", ".join(map(variable, (*stated, *said)))
        taken = extension.unpacking()
        results = [self.taken(upper, known[field], taken[field]) if field in known else "0" for field in said]
        if message.repeated is not None:
            values["count"] = "len(entries)"
            arguments += ", entries"
        body = f"{upper}_WHOLE.pack({whole.packing(values)})"
        if message.repeated is not None:
            body += f" + {self.entries(message)}"
            results.append("entries_of(frame, " + self.read(known["count"], self.start) + ")")
        frame = ", frame" if message.payload else ""
        self.function(
            f"encode_{name}(prefix, {arguments}{frame})",
            f"body = {body}",
            f"return prefix + {self.closed(message)}{' + frame' if message.payload else ''}",
        )
        self.function(
            f"{'unwrap' if message.payload else 'decode_' + name}(frame)",
            f"{extension.targets} = {upper}_EXTENSION.unpack_from(frame, {self.start})",
            f"return {', '.join(results)}"
            + (f", frame[{self.start + message.fields.octets}:]" if message.payload else ","),
        )
        if message.payload:
            self.data(message, whole, values)

    def closed(self, message: Message) -> str:
        """Write the expression for `body` with its checksum."""
        if not self.quick:
            return "seal(body)"
        start = self.profile.checksum.start if self.profile.checksum else 0
        self.names["FIRST"] = start
        if message.repeated is not None:
            return f"body + CRC.pack(update(body, FIRST) ^ table_of(len(body))[{message.hop_limit}])"
        fixed = self.profile.header.octets + sum(field.width_bits for field in message.ahead) // 8
        self.names[f"{message.name}_HOP"] = self.seal.residues(fixed)[message.hop_limit]
        return f"body + CRC.pack(update(body, FIRST) ^ {message.name}_HOP)"

    def entries(self, message: Message) -> str:
        """Write what reads and writes the entries of a message; return the expression of their octets."""
        assert message.repeated is not None
        words = self.words(message.repeated.fields)
        self.names["ENTRY"] = words.struct
        known = {field.name: field for field in message.repeated.fields}
        values = {field.name: str(field.least // field.scale) for field in message.repeated.fields}
        values |= {field: self.written("", known[field]) for field in ("node", "rate")}
        self.function("entry_octets(node, rate)", f"return ENTRY.pack({words.packing(values)})")
        taken = words.unpacking()
        results = [self.taken("", known[field], taken[field]) for field in ("node", "rate")]
        start = self.start + sum(field.width_bits for field in message.ahead) // 8
        self.function(
            "entries_of(frame, count)",
            f"run = frame[{start}:{start} + count * ENTRY.size]",
            f"return [({', '.join(results)}) for {words.targets} in ENTRY.iter_unpack(run)]",
        )
        return "b''.join([entry_octets(*entry) for entry in entries])"

    def data(self, message: Message, whole: Words, values: Mapping[str, str]) -> None:
        """Write what only DATA has: parts of its header, and containers begun and continued.

        What differs in a container is from the first word with an index, a number of frames or a fill on.
        """
        taken = whole.unpacking()
        known = {field.name for field in message.ahead}
        unpack = f"{whole.targets} = DATA_WHOLE.unpack_from(frame, {START})"
        fields = (*STATED, "hop_limit", *MESSAGE_FIELDS["DATA"])
        wanted = [f"({taken[field]})" if field in taken else "0" for field in fields]
        self.function("decode_data(frame)", unpack, f"return {', '.join(wanted)}")
        key = ("source", "destination", "port", "class", "generation", "sequence")
        self.function("container(frame)", unpack, f"return {', '.join(f'({taken[field]})' for field in key)}")
        self.function("host_frame(frame)", f"return frame[{self.start + message.fields.octets}:]")
        alike = ("class_", "flags", "source", "destination", "port", "sequence", "generation")
        if not self.quick:
            self.function(f"begin_data({', '.join(alike)})", f"return {', '.join(alike)}")
            self.function(
                "continue_data(prefix, alike, index, previous_frames, fill, frame)",
                "return encode_data(prefix, *alike, index, previous_frames, fill, frame)",
            )
            return
        first = whole.since({"index", "previous_frames", "fill"} & known)
        before, rest = whole.part(0, first), whole.part(first)
        self.names["DATA_ALIKE"], self.names["DATA_REST"] = before.struct, rest.struct
        later = [name for name in alike if name.rstrip("_") in {f.name for _, g in rest.groups for f in g}]
        self.function(
            f"begin_data({', '.join(alike)})",
            f"body = DATA_ALIKE.pack({before.packing(values)})",
            f"return {', '.join(('body', 'update(body, FIRST)', *later))}",
        )
        self.function(
            "continue_data(prefix, alike, index, previous_frames, fill, frame)",
            f"{', '.join(('head', 'crc', *later))} = alike",
            f"body = DATA_REST.pack({rest.packing(values)})",
            "return JOIN[len(frame)](prefix, head, body, update(body, crc) ^ DATA_HOP, frame)",
        )
        self.names["JOIN"] = Join(f">{START}s{before.struct.size}s{rest.struct.size}sH")

    def protected(self, frame: bytes) -> list[int]:
        """Return the bits of a message whose change its checksum shows."""
        if self.profile.checksum is None:
            return []
        named = {kind: name for name, kind in self.kinds.items()}
        message = self.profile.messages[named[self.names["kind_of"](frame)]]
        head = self.profile.header.octets * 8
        bits = [bit for bit in range(head) if self.seal.mask >> (head - 1 - bit) & 1]
        if self.profile.in_header:
            field = self.profile.header.field("crc")
            bits += range(field.offset_bits, field.offset_bits + field.width_bits)
        if not self.profile.header_only:
            bits += range(head, head + message.fields.octets * 8)
        return [START * 8 + bit for bit in bits if START * 8 + bit < len(frame) * 8]

    def tables(self) -> dict[str, Any]:
        """Return what is no function."""
        profile = self.profile
        generation = profile.field("DATA", "generation")
        role = profile.field("HELLO", "role")
        counts = [profile.field("DATA", "index").maximum + 1]
        if profile.has("DATA", "previous_frames"):
            counts.append(profile.field("DATA", "previous_frames").maximum)
        found: dict[str, Any] = dict.fromkeys(MESSAGE_FIELDS) | self.kinds
        return found | {
            "KINDS": self.kinds,
            "LAST": profile.flags.get("LAST", 0),
            "UNGOVERNED": profile.flags.get("UNGOVERNED", 0),
            "HELLO_ADDRESS": profile.hello_address,
            "HEADER_END": self.start,
            "ETHERTYPE": profile.ethertype.to_bytes(2, "big"),
            "DATA_HEADER_OCTETS": self.start + profile.messages["DATA"].fields.octets,
            "SEQUENCE_MASK": profile.numbers() - 1,
            "HELLO_MASK": profile.numbers("HELLO") - 1,
            "FAULT_MASK": profile.numbers("FAULT") - 1 if "FAULT" in profile.messages else 0,
            "GENERATIONS": range(generation.minimum, generation.maximum + 1),
            "MOST_FRAMES": min(counts),
            "ROLE_CODES": codes_of(role, ROLES),
            "UNKNOWN_ROLE": next(iter(role.illegal()), role.maximum),
            "update": self.names.get("update"),
            "protected": self.protected,
        }


def codes_of(field: Field, words: Mapping[int, str]) -> dict[int, int]:
    """Return the codes of a field, where it has one, by the number that the reference has for each."""
    return {number: field.code(word) for number, word in words.items() if word in field.values.values()}


def variable(name: str) -> str:
    """Return the name of an argument for a field."""
    return "class_" if name == "class" else name
