"""The reference's own codec: functions compiled from the wire profile, fast enough for the data path.

A frame of the fabric is a destination MAC, a source MAC and the EtherType (the 14 octets called `prefix`),
the common header, the extension with its checksum and, in DATA, the whole host frame. The functions below
are set by `use`; the order of their arguments and results is that of the fields in the profile.
"""

from binascii import crc_hqx
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from struct import Struct
from typing import Any

from spec.wire import Field, Message, WireProfile, load_profile

START = 14
"""The octet of a frame at which the common header starts."""

Header = tuple[int, int, int, int, int, int, int]
"""Type, class, flags, source, destination, port and hop limit."""

Data = tuple[int, int, int, int, int, int, int, int, int, int, int]
"""Class, flags, source, destination, port, hop limit, sequence, generation, index, previous frames, fill."""

Container = tuple[int, int, int, int, int, int]
"""Source, destination, port, class, generation and sequence: what names a container in the fabric."""

PROFILE: WireProfile
HELLO_ADDRESS: bytes
HOP_LIMIT_OCTET: int
HEADER_END: int
ETHERTYPE: bytes
DATA_HEADER_OCTETS: int
"""What DATA adds to a host frame, its own MAC addresses and EtherType included."""
DATA: int
REQUEST: int
GRANT: int
BACKPRESSURE: int
HELLO: int
FAULT: int
LAST: int
UNGOVERNED: int

parse: Callable[[bytes], Header]
"""The header of a frame whose version, type, length and checksum are right; otherwise `BadFrame`."""
outline: Callable[[bytes], tuple[int, int, int] | None]
"""What the header of a frame tells of its checks, None where the message has no fixed length.

The end of the extension, the CRC of the header, and what the CRC over both has to come to.
"""
verify: Callable[[bytes], str]
"""The cause to drop a frame for (`bad_version`, `bad_message`, `bad_checksum`), or nothing."""
peek: Callable[[bytes], Header]
"""The header of a frame, whatever is wrong with it; `struct.error` when it is too short for one."""
forward: Callable[[bytes, bytes], bytes]
"""`forward(frame, prefix)`: the frame with one less in its hop limit, for another link."""
container: Callable[[bytes], Container]
host_frame: Callable[[bytes], bytes]
encode_data: Callable[..., bytes]
"""`(prefix, class, flags, source, destination, port, sequence, generation, index, previous, fill, frame)`."""
begin_data: Callable[[int, int, int, int, int, int, int], tuple[bytes, int]]
"""`(class, flags, source, destination, port, sequence, generation)`: what the DATA of a container shares."""
continue_data: Callable[[bytes, tuple[bytes, int], int, int, int, bytes], bytes]
"""`(prefix, what begin_data gave, index, previous, fill, frame)`: the frame that `encode_data` gives."""
decode_data: Callable[[bytes], Data]
unwrap: Callable[[bytes], tuple[int, int, int, int, int, bytes]]
"""`(sequence, generation, index, previous frames, fill, host frame)` of DATA."""
encode_request: Callable[[bytes, int, int, int, int, int, int, int, int], bytes]
"""`(prefix, class, source, destination, port, generation, demand, sent, forfeited)`."""
decode_request: Callable[[bytes], tuple[int, int, int, int]]
encode_grant: Callable[[bytes, int, int, int, int, int, int, int, int], bytes]
"""`(prefix, class, source, destination, port, generation, granted, expired, validity)`; validity in ns."""
decode_grant: Callable[[bytes], tuple[int, int, int, int]]
encode_backpressure: Callable[[bytes, int, int, int, int, int, int, int], bytes]
"""`(prefix, class, source, destination, port, about, level, validity)`; validity in ns."""
decode_backpressure: Callable[[bytes], tuple[int, int, int]]
encode_hello: Callable[..., bytes]
"""`(prefix, class, source, destination, port, role, port_id, sequence, rate_mbps, heard_node, heard_sequence,
[(node, rate_mbps)])`."""
decode_hello: Callable[[bytes], tuple[int, int, int, int, int, int, list[tuple[int, int]]]]
"""`(role, port_id, sequence, rate_mbps, heard_node, heard_sequence, [(node, rate_mbps)])`."""
encode_fault: Callable[[bytes, int, int, int, int, int, int, int, int, int], bytes]
"""`(prefix, class, source, destination, port, code, node, port_id, origin, sequence)`."""
decode_fault: Callable[[bytes], tuple[int, int, int, int, int]]

WORDS = {8: "B", 16: "H", 32: "I", 64: "Q"}
OMITTED = {"reserved", "crc"}
MICROSECONDS = "_us"
"""How the name of a field ends that is in microseconds; outside the codec such a value is in ns."""
AT_LEAST = {"BACKPRESSURE"}
"""Messages whose times last no less than they say: rounded up. Those of others, as credit, last no more."""


def words(fields: Iterable[Field]) -> list[tuple[int, list[Field]]]:
    """Group fields into machine words of 8, 16, 32 or 64 bits, each with its width.

    A group is closed as soon as it makes a word; fields that never do are a `ValueError`.
    """
    result: list[tuple[int, list[Field]]] = []
    group: list[Field] = []
    for item in fields:
        group.append(item)
        width = sum(each.width_bits for each in group)
        if width in WORDS:
            result.append((width, group))
            group = []
    if group:
        raise ValueError(f"fields from {group[0].name!r} on do not fill words of 8, 16, 32 or 64 bits")
    return result


def argument(name: str) -> str:
    """Return what an argument for a field is called."""
    return "class_" if name == "class" else name.removesuffix(MICROSECONDS)


def in_its_unit(name: str, round_up: bool) -> str:
    """Write the expression that brings an argument into the unit of its field."""
    if not name.endswith(MICROSECONDS):
        return argument(name)
    return f"-(-{argument(name)} // 1000)" if round_up else f"({argument(name)} // 1000)"


def packing(groups: list[tuple[int, list[Field]]], constants: dict[str, int], round_up: bool) -> list[str]:
    """Write one expression a word that puts its fields together; omitted fields are 0."""
    result = []
    for width, group in groups:
        shift = width
        terms = []
        for item in group:
            shift -= item.width_bits
            value = str(constants.get(item.name, in_its_unit(item.name, round_up)))
            if value != "0":
                terms.append(f"{value} << {shift}" if shift else value)
        result.append(" | ".join(terms) or "0")
    return result


def unpacking(groups: list[tuple[int, list[Field]]], wanted: Callable[[str], bool]) -> list[str]:
    """Write one expression a wanted field that takes it out of its word `w<n>`; times in ns."""
    result = []
    for index, (width, group) in enumerate(groups):
        shift = width
        for item in group:
            shift -= item.width_bits
            if wanted(item.name):
                moved = f"w{index} >> {shift}" if shift else f"w{index}"
                mask = f" & {(1 << item.width_bits) - 1:#x}"
                value = moved + (mask if shift + item.width_bits < width else "")
                result.append(f"({value}) * 1000" if item.name.endswith(MICROSECONDS) else value)
    return result


def residues(profile: WireProfile, octets: int) -> tuple[int, ...]:
    """Give what each hop limit adds to the checksum of `octets` octets; the profile takes it as 0."""
    if profile.zeroed != ("hop_limit",):
        return (0,) * 256
    place = profile.header.field("hop_limit").offset_bits // 8
    return tuple(
        crc_hqx(bytes(place) + bytes([value]) + bytes(octets - place - 1), 0) for value in range(256)
    )


class BadFrame(Exception):  # noqa: N818 - it names what is wrong
    """A frame that is to be dropped, with the drop cause."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Join(dict[int, Callable[..., bytes]]):
    """What joins the parts of a DATA frame, by the octets of the host frame: faster than adding them up."""

    def __init__(self, parts: str) -> None:
        super().__init__()
        self.parts = parts

    def __missing__(self, octets: int) -> Callable[..., bytes]:
        pack = self[octets] = Struct(f"{self.parts}{octets}s").pack
        return pack


class Compiler:
    """Writes the functions of one profile as Python and compiles them, as `dataclasses` does."""

    def __init__(self, profile: WireProfile) -> None:
        self.profile = profile
        self.header = words(profile.header.fields)
        self.names: dict[str, Any] = {"crc_hqx": crc_hqx, "CRC": Struct(">H")}
        self.names["table_of"] = cache(partial(residues, profile))
        self.source: list[str] = []
        self.functions: list[str] = []

    def function(self, signature: str, *lines: str) -> None:
        """Add one function."""
        self.functions.append(signature.partition("(")[0])
        self.source.append(f"def {signature}:\n" + "".join(f"    {line}\n" for line in lines))

    def struct(self, name: str, groups: list[tuple[int, list[Field]]]) -> None:
        """Add one struct under a name."""
        self.names[name] = Struct(">" + "".join(WORDS[width] for width, _ in groups))

    def compile(self) -> dict[str, Any]:
        """Return the functions by name."""
        ends = {}
        for message in self.profile.messages.values():
            ends[message.type_code] = START + self.profile.header.octets + message.fields.octets
            self.message(message)
        self.names["ENDS"] = ends
        self.frame_functions()
        exec(compile("\n".join(self.source), f"<codec of {self.profile.name}>", "exec"), self.names)  # noqa: S102 - the source is made here, from numbers and field names the profile's loader has checked
        return {name: self.names[name] for name in self.functions}

    def place(self, name: str) -> str:
        """Write the expression that reads one header field of at most one octet out of a frame."""
        item = self.profile.header.field(name)
        octet, bit = divmod(item.offset_bits, 8)
        if bit + item.width_bits > 8:
            raise ValueError(f"header field {name!r} crosses an octet")
        shift = 8 - bit - item.width_bits
        return f"(frame[{START + octet}] >> {shift} & {(1 << item.width_bits) - 1:#x})"

    def frame_functions(self) -> None:
        """Write what reads or changes any frame of the fabric."""
        profile = self.profile
        start = START + profile.header.octets
        hop = START + profile.header.field("hop_limit").offset_bits // 8
        repeated = next(message for message in profile.messages.values() if message.repeated is not None)
        assert repeated.repeated is not None
        count = repeated.fields.field("count")
        at = start + count.offset_bits // 8
        until = at + count.width_bits // 8
        self.names["BadFrame"] = BadFrame
        self.names["LESS"] = tuple(bytes([max(value - 1, 0)]) for value in range(256))
        self.names["TABLES"] = tables = {}
        for message in profile.messages.values():
            tables[message.type_code] = residues(profile, profile.header.octets + message.fields.octets)
        fixed = self.fixed(tables)
        self.names["FIXED"] = [fixed.get(octet) for octet in range(256)]
        self.function(
            "parse(frame)",
            "size = len(frame)",
            f"if size < {start}:",
            "    raise BadFrame('bad_message')",
            f"known = FIXED[frame[{START + profile.header.field('type').offset_bits // 8}]]",
            "if known is None:",
            "    return parse_any(frame)",
            "end, table = known",
            "if size < end:",
            "    raise BadFrame('bad_message')",
            f"if crc_hqx(frame[{START}:end], 0xFFFF) != table[frame[{hop}]]:",
            "    raise BadFrame('bad_checksum')",
            "return peek(frame)",
        )
        self.function(
            "parse_any(frame)",
            f"if {self.place('version')} != {version(profile)}:",
            "    raise BadFrame('bad_version')",
            f"kind = {self.place('type')}",
            "end = ENDS.get(kind)",
            "if end is None:",
            "    raise BadFrame('bad_message')",
            f"if kind == {repeated.type_code}:",
            f"    end += int.from_bytes(frame[{at}:{until}], 'big') * {repeated.repeated.octets}",
            f"    table = table_of(end - {START}) if end <= len(frame) else TABLES[kind]",
            "else:",
            "    table = TABLES[kind]",
            "if len(frame) < end:",
            "    raise BadFrame('bad_message')",
            f"if crc_hqx(frame[{START}:end], 0xFFFF) != table[frame[{hop}]]:",
            "    raise BadFrame('bad_checksum')",
            "return peek(frame)",
        )
        self.function(
            "outline(frame)",
            f"known = FIXED[frame[{START + profile.header.field('type').offset_bits // 8}]]",
            "if known is None:",
            "    return None",
            "end, table = known",
            f"return end, crc_hqx(frame[{START}:{start}], 0xFFFF), table[frame[{hop}]]",
        )
        self.function(
            "verify(frame)",
            "try:",
            "    parse(frame)",
            "except BadFrame as bad:",
            "    return bad.cause",
            "return ''",
        )
        self.struct("HEADER", self.header)
        self.function(
            "peek(frame)",
            f"{targets(self.header)} = HEADER.unpack_from(frame, {START})",
            f"return {', '.join(unpacking(self.header, lambda name: name != 'version'))}",
        )
        self.function(
            "forward(frame, prefix)",
            f"return b''.join((prefix, frame[{START}:{hop}], LESS[frame[{hop}]], frame[{hop + 1}:]))",
        )

    def fixed(self, tables: Mapping[int, tuple[int, ...]]) -> dict[int, tuple[int, tuple[int, ...]]]:
        """Give end and residues by the octet of version and type, for the messages of one length.

        Nothing where the profile does not put the two alone into one octet; then `parse_any` does it all.
        """
        first, second = (self.profile.header.field(name) for name in ("version", "type"))
        whole = first.width_bits + second.width_bits == 8
        if not whole or first.offset_bits // 8 != second.offset_bits // 8:
            return {}
        high = version(self.profile) << 8 - first.offset_bits % 8 - first.width_bits
        shift = 8 - second.offset_bits % 8 - second.width_bits
        return {
            high | message.type_code << shift: (
                START + self.profile.header.octets + message.fields.octets,
                tables[message.type_code],
            )
            for message in self.profile.messages.values()
            if message.repeated is None
        }

    def message(self, message: Message) -> None:
        """Write the encoder and the decoder of one message."""
        name = message.name.lower()
        groups = words([item for item in message.fields.fields if item.name != "crc"])
        whole = self.header + groups
        constants = {
            "version": version(self.profile),
            "type": message.type_code,
            "hop_limit": message.hop_limit,
            "reserved": 0,
        }
        if not message.payload:
            constants["flags"] = 0
        arguments = [
            argument(item.name)
            for _, group in whole
            for item in group
            if item.name not in constants and item.name != "count"
        ]
        values = packing(whole, constants, message.name in AT_LEAST)
        self.struct(name.upper() + "_WHOLE", whole)
        self.struct(name.upper() + "_EXTENSION", groups)
        fixed = self.profile.header.octets + message.fields.octets - 2
        self.names[name.upper() + "_HOP"] = residues(self.profile, fixed)[message.hop_limit]
        if message.repeated is not None:
            self.repeated(message, arguments, values, groups, fixed)
            return
        tail = " + frame" if message.payload else ""
        self.function(
            f"encode_{name}(prefix, {', '.join(arguments)}{', frame' if message.payload else ''})",
            f"body = {name.upper()}_WHOLE.pack({', '.join(values)})",
            f"return prefix + body + CRC.pack(crc_hqx(body, 0xFFFF) ^ {name.upper()}_HOP){tail}",
        )
        if message.payload:
            end = START + fixed + 2
            wanted = unpacking(whole, lambda item: item not in OMITTED | {"version", "type"})
            self.function(
                f"decode_{name}(frame)",
                f"{targets(whole)} = {name.upper()}_WHOLE.unpack_from(frame, {START})",
                f"return {', '.join(wanted)}",
            )
            key = ("source", "destination", "port", "class", "generation", "sequence")
            order = [item.name for _, group in whole for item in group if item.name in key]
            parts = dict(zip(order, unpacking(whole, lambda item: item in key), strict=True))
            self.function(
                "container(frame)",
                f"{targets(whole)} = {name.upper()}_WHOLE.unpack_from(frame, {START})",
                f"return {', '.join(parts[item] for item in key)}",
            )
            self.function("host_frame(frame)", f"return frame[{end}:]")
            self.container_functions(whole, values, arguments)
            wanted = unpacking(groups, lambda item: item not in OMITTED)
            self.function(
                "unwrap(frame)",
                f"{targets(groups)} = {name.upper()}_EXTENSION.unpack_from(frame, "
                f"{START + self.profile.header.octets})",
                f"return {', '.join(wanted)}, frame[{end}:]",
            )
            return
        self.function(
            f"decode_{name}(frame)",
            f"{targets(groups)} = {name.upper()}_EXTENSION.unpack_from(frame, "
            f"{START + self.profile.header.octets})",
            f"return {', '.join(unpacking(groups, lambda item: item not in OMITTED))}",
        )

    def container_functions(
        self, whole: list[tuple[int, list[Field]]], values: list[str], arguments: list[str]
    ) -> None:
        """Write `begin_data`, for the octets that all DATA of a container has alike, and `continue_data`.

        What differs is from the first word with index or fill on; what is alike behind it is given again.
        """
        differs = ("index", "fill")
        first = next(at for at, (_, group) in enumerate(whole) if any(item.name in differs for item in group))
        rest = [item.name for _, group in whole[first:] for item in group if item.name in arguments]
        self.struct("DATA_ALIKE", whole[:first])
        self.struct("DATA_REST", whole[first:])
        alike = [name for name in arguments if name not in rest]
        self.function(
            f"begin_data({', '.join(alike)})",
            f"body = DATA_ALIKE.pack({', '.join(values[:first])})",
            "return body, crc_hqx(body, 0xFFFF)",
        )
        self.function(
            f"continue_data(prefix, alike, {', '.join(rest)}, frame)",
            "head, crc = alike",
            f"body = DATA_REST.pack({', '.join(values[first:])})",
            "return JOIN[len(frame)](prefix, head, body, crc_hqx(body, crc) ^ DATA_HOP, frame)",
        )
        lengths = (self.names[name].size for name in ("DATA_ALIKE", "DATA_REST"))
        self.names["JOIN"] = Join(f">{START}s{'s'.join(map(str, lengths))}sH")

    def repeated(
        self,
        message: Message,
        arguments: list[str],
        values: list[str],
        groups: list[tuple[int, list[Field]]],
        fixed: int,
    ) -> None:
        """Write the encoder and the decoder of a message with a list of entries before its checksum."""
        name = message.name.lower()
        assert message.repeated is not None
        self.struct("ENTRY", words(message.repeated.fields))
        start = START + self.profile.header.octets
        self.function(
            f"encode_{name}(prefix, {', '.join(arguments)}, entries)",
            "count = len(entries)",
            f"body = {name.upper()}_WHOLE.pack({', '.join(values)})",
            "body += b''.join([ENTRY.pack(*entry) for entry in entries])",
            "delta = table_of(len(body))",
            f"return prefix + body + CRC.pack(crc_hqx(body, 0xFFFF) ^ delta[{message.hop_limit}])",
        )
        self.function(
            f"decode_{name}(frame)",
            f"{targets(groups)} = {name.upper()}_EXTENSION.unpack_from(frame, {start})",
            f"count = {unpacking(groups, lambda item: item == 'count')[0]}",
            f"end = {START + fixed} + count * ENTRY.size",
            f"entries = list(ENTRY.iter_unpack(frame[{START + fixed}:end]))",
            f"return {', '.join(unpacking(groups, lambda item: item not in OMITTED | {'count'}))}, entries",
        )


def version(profile: WireProfile) -> int:
    """Give the protocol version that a profile speaks: the least value its version field may have."""
    field = profile.header.field("version")
    return min(field.values, default=field.minimum)


def targets(groups: list[tuple[int, list[Field]]]) -> str:
    """Name the words that a struct unpacks to."""
    return ", ".join(f"w{index}" for index in range(len(groups))) + ","


def use(profile: WireProfile) -> None:
    """Make this module speak a wire profile."""
    names = Compiler(profile).compile()
    names |= {name: message.type_code for name, message in profile.messages.items()}
    names |= profile.flags
    names["PROFILE"] = profile
    names["HELLO_ADDRESS"] = profile.hello_address
    names["HOP_LIMIT_OCTET"] = START + profile.header.field("hop_limit").offset_bits // 8
    names["HEADER_END"] = START + profile.header.octets
    names["ETHERTYPE"] = profile.ethertype.to_bytes(2, "big")
    data = next(message for message in profile.messages.values() if message.payload)
    names["DATA_HEADER_OCTETS"] = START + profile.header.octets + data.fields.octets
    globals().update(names)


use(load_profile("open-1"))
