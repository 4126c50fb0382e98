"""Wire profiles: header layouts and code points as data, checked before any codec is made from them."""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from spec.checksum import CHECKSUMS, Checksum
from spec.documents import did_you_mean, find, load
from spec.files import digest
from spec.layout import (
    CODES,
    FLAGS,
    HEADER_FIELDS,
    MESSAGE_FIELDS,
    OPTIONAL,
    REPEATED_FIELDS,
    Field,
    Layout,
    Message,
    NotInProfile,
    Tlvs,
    WireProfile,
)
from spec.wire_entry import MessageEntry, ProfileEntry
from spec.wire_fields import LayoutReader, Reader

__all__ = [
    "FOLDER",
    "Field",
    "Layout",
    "Message",
    "NotInProfile",
    "Tlvs",
    "WireProfile",
    "load_profile",
    "locate",
]

FOLDER: Final = Path(__file__).parent / "wire"
NONE: Final = "none"
"""The name of no checksum."""


def bundled() -> list[str]:
    """Return the names of the profiles that come with the suite."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def locate(name_or_path: str | Path) -> Path:
    """Return the file of a profile, by its name or path; InputError for a name that is not bundled."""
    return find(name_or_path, FOLDER, "wire profile")


@cache
def load_profile(name_or_path: str | Path) -> WireProfile:
    """Load a profile by the name of a bundled one or by path; InputError when anything in it is wrong."""
    path = locate(name_or_path)
    entry = load(ProfileEntry, path)
    return _ProfileReader(path, entry).profile()


class _ProfileReader(Reader):
    """Turns the entry of one file into a profile, or raises its first fault."""

    def __init__(self, path: Path, entry: ProfileEntry) -> None:
        super().__init__(path, entry)
        self.layout = LayoutReader(path, entry).layout

    def profile(self) -> WireProfile:
        entry = self.entry
        if entry.outer != "ethernet":
            fault = f"is {entry.outer}, which cannot be said yet"
            raise self.error("outer", fault, "describe messages that follow the Ethernet header at once")
        self.absences()
        checksum = self.checksum()
        in_header = any(field.name == "crc" for field in entry.header)
        header = self.header(checksum, in_header)
        self.message_names()
        messages = {
            name: self.message(name, message, header, None if in_header else checksum)
            for name, message in entry.messages.items()
        }
        profile = WireProfile(
            name=entry.name,
            title=entry.title,
            status=entry.status,
            digest=digest(self.path),
            ethertype=entry.ethertype,
            hello_address=bytes.fromhex(entry.hello_address.replace(":", "")),
            little_endian=entry.byte_order == "little",
            checksum=checksum,
            header_only=entry.checksum.over == "header",
            zeroed=entry.checksum.zeroed,
            header=header,
            messages=messages,
            flags=self.flags(header.field("flags")),
        )
        self.types(profile)
        self.generations(profile)
        return profile

    def absences(self) -> None:
        for name in self.entry.absent:
            message, _, field = name.partition(".")
            if name not in OPTIONAL:
                fault = "is what the suite drives or judges every device by, and cannot be absent"
                raise self.error(f"absent[{name}]", fault, did_you_mean(name, OPTIONAL))
            fields = self.entry.messages[message].fields if message in self.entry.messages else ()
            there = name in self.entry.messages or name in self.entry.flags
            if there or any(item.name == field for item in fields):
                raise self.error(f"absent[{name}]", "is there all the same", "remove one of the two")
        if {"LAST", "DATA.previous_frames"} <= set(self.entry.absent):
            fault = "leaves nothing that tells where a container ends, without LAST"
            raise self.error("absent[DATA.previous_frames]", fault, "let one of the two be there")

    def checksum(self) -> Checksum | None:
        said = self.entry.checksum
        if said.algorithm == NONE:
            return None
        if said.algorithm not in CHECKSUMS:
            mend = did_you_mean(said.algorithm, [*CHECKSUMS, NONE])
            raise self.error("checksum.algorithm", f"{said.algorithm} is unknown", mend)
        return CHECKSUMS[said.algorithm]

    def header(self, checksum: Checksum | None, in_header: bool) -> Layout:
        said = self.entry.checksum
        header = self.layout("header", self.entry.header, HEADER_FIELDS)
        for name in said.zeroed:
            if name not in header.names or name == "crc":
                mend = did_you_mean(name, header.names)
                raise self.error(f"checksum.zeroed[{name}]", "is no field of the header", mend)
        if not in_header:
            if said.over == "header" and checksum is not None:
                fault = "is header, and the header has no crc"
                raise self.error("checksum.over", fault, "put a field crc into the header")
            return header
        bits = checksum.bits if checksum is not None else 0
        crc = header.field("crc")
        if crc.width_bits != bits or crc.offset_bits % 8:
            fault = f"has {crc.width_bits} bits from bit {crc.offset_bits}"
            raise self.error("header[crc]", fault, f"give it {bits} bits on a whole octet")
        return header

    def message_names(self) -> None:
        entries = self.entry.messages
        missing = [name for name in MESSAGE_FIELDS if name not in entries and name not in self.entry.absent]
        for name in entries:
            if missing and name not in MESSAGE_FIELDS:
                raise self.error(f"messages.{name}", "is unknown", did_you_mean(name, missing))
        for name in missing:
            self.missing(f"messages.{name}", name)

    def message(self, name: str, entry: MessageEntry, header: Layout, checksum: Checksum | None) -> Message:
        key = f"messages.{name}"
        required = MESSAGE_FIELDS.get(name, ())
        self.foreign(name, entry)
        fields = self.layout(f"{key}.fields", entry.fields, required, name)
        self.ends(key, fields, checksum)
        for field, value in (("hop_limit", entry.hop_limit), ("type", entry.type)):
            if not header.field(field).legal(value):
                raise self.error(f"{key}.{field}", f"is {value}", "give a value that the field can hold")
        self.constants(key, entry, (*header.fields, *fields.fields), (*HEADER_FIELDS, *required))
        repeated = None
        if name in REPEATED_FIELDS or entry.repeated:
            repeated = self.layout(f"{key}.repeated", entry.repeated, REPEATED_FIELDS.get(name, ()))
            if "count" not in fields.names:
                raise self.error(f"{key}.fields", "has entries but no count", "add count")
        if entry.payload != (name == "DATA"):
            raise self.error(
                f"{key}.payload", f"is {entry.payload}", "let DATA, and nothing else, carry a payload"
            )
        self.codes(name, fields)
        return Message(
            name,
            entry.type,
            entry.meaning,
            fields,
            repeated,
            entry.payload,
            entry.hop_limit,
            entry.constants,
            self.tlvs(key, entry, fields),
        )

    def constants(self, key: str, entry: MessageEntry, fields: Iterable[Field], read: Sequence[str]) -> None:
        """See that constants are for fields that the suite does not `read`, and can stand there."""
        known = {field.name: field for field in fields}
        for name, value in entry.constants.items():
            if name not in known or not known[name].legal(value) or name in read:
                mend = "name a field that the suite does not read, and a value it can hold"
                raise self.error(f"{key}.constants.{name}", f"is {value}", mend)

    def codes(self, message: str, fields: Layout) -> None:
        """See that values have a name that the suite asks for."""
        for (owner, name), wanted in CODES.items():
            if owner == message and name in fields.names:
                for word in set(wanted).difference(fields.field(name).values.values()):
                    key = f"messages.{message}.fields[{name}].values"
                    raise self.error(key, f"has no value for {word}", "add it by that name")

    def tlvs(self, key: str, entry: MessageEntry, fields: Layout) -> Tlvs | None:
        """Return the run of TLVs of a message, whose octets one of its fields counts."""
        said = entry.tlvs
        if said is None:
            return None
        if said.octets not in fields.names:
            mend = f"name the field that counts them; {did_you_mean(said.octets, fields.names)}"
            raise self.error(f"{key}.tlvs.octets", f"{said.octets} is no field of the extension", mend)
        return Tlvs(said.octets, said.type_bits, said.length_bits, said.values)

    def foreign(self, name: str, entry: MessageEntry) -> None:
        """Refuse a message that does the work of another one as well."""
        own = MESSAGE_FIELDS.get(name)
        for field in entry.fields if own is not None else ():
            for other, names in MESSAGE_FIELDS.items():
                if own is not None and field.name in names and field.name not in own:
                    fault = f"is what {other} tells; a message that does the work of two cannot be said yet"
                    mend = "rename the field if it means something else"
                    raise self.error(f"messages.{name}.fields[{field.name}]", fault, mend)

    def ends(self, key: str, fields: Layout, checksum: Checksum | None) -> None:
        """See that an extension ends in its checksum, where it has one of its own."""
        bits = checksum.bits if checksum is not None else 0
        last = fields.fields[-1] if fields.fields else None
        if bits and (last is None or last.name != "crc" or last.width_bits != bits or last.offset_bits % 8):
            got = "is empty" if last is None else f"ends in {last.name} of {last.width_bits} bits"
            raise self.error(f"{key}.fields", got, f"end it in crc of {bits} bits on a whole octet")
        if not bits and "crc" in fields.names:
            where = "in the header" if self.entry_crc() else "none"
            fault = f"stands there, and the checksum is {where}"
            raise self.error(f"{key}.fields[crc]", fault, "remove it, or rename it")

    def entry_crc(self) -> bool:
        """Say whether the header has the checksum."""
        return any(field.name == "crc" for field in self.entry.header)

    def types(self, profile: WireProfile) -> None:
        """See that type codes, or constants beside them, tell all messages apart."""
        header = profile.header
        for code in {message.type_code for message in profile.messages.values()}:
            sharing = profile.sharing(code)
            if len(sharing) == 1:
                continue
            first, *others = sharing
            taken = {tuple(first.constants.items())}
            for other in others:
                key = f"messages.{other.name}.type"
                fault = f"is {code}, the code of {first.name}"
                mend = "give each message its own code, or tell them apart by one field in constants"
                if len(other.constants) != 1 or other.constants.keys() != first.constants.keys():
                    raise self.error(key, fault, mend)
                (name,) = other.constants
                places = {self.place(header, message, name) for message in (first, other)}
                if len(places) != 1 or tuple(other.constants.items()) in taken:
                    raise self.error(key, f"{fault}, and {name} does not tell them apart", mend)
                taken.add(tuple(other.constants.items()))
        assigned = {message.type_code for message in profile.messages.values()}
        for value in header.field("type").values:
            if value not in assigned:
                raise self.error(f"header[type].values.{value}", "has no message", "define it in messages")

    @staticmethod
    def place(header: Layout, message: Message, name: str) -> tuple[bool, int, int]:
        """Tell where a field stands: in the header or not, at which bit, and over how many."""
        inside = name in header.names
        field = (header if inside else message.fields).field(name)
        return inside, field.offset_bits, field.width_bits

    def generations(self, profile: WireProfile) -> None:
        """See that all messages count generations alike, and that 0 is free for none."""
        wanted = profile.field("DATA", "generation")
        if wanted.minimum < 1 or wanted.values:
            fault = "may be 0, or one of a list; generations other than a range from 1 on cannot be said yet"
            raise self.error("messages.DATA.fields[generation]", fault, "give it min: 1 and no values")
        for name in ("REQUEST", "GRANT"):
            found = profile.field(name, "generation")
            if (found.minimum, found.maximum) != (wanted.minimum, wanted.maximum):
                fault = f"is {found.minimum}..{found.maximum}, and {wanted.minimum}..{wanted.maximum} in DATA"
                raise self.error(f"messages.{name}.fields[generation]", fault, "make the ranges the same")

    def flags(self, field: Field) -> dict[str, int]:
        for name in FLAGS:
            if name not in self.entry.flags:
                self.missing(f"flags.{name}", name)
        seen: dict[int, str] = {}
        for name, flag in self.entry.flags.items():
            key = f"flags.{name}.value"
            if re.fullmatch(r"[A-Z][A-Z0-9_]*", name) is None:
                raise self.error(f"flags.{name}", "is not in capitals", f"write {name.upper()}")
            if flag.value.bit_count() != 1 or not 0 < flag.value <= field.maximum:
                raise self.error(key, f"is {flag.value}", f"give one bit of 1..{field.maximum}")
            if flag.value in seen:
                raise self.error(key, f"is the bit of {seen[flag.value]}", "give each flag its own bit")
            seen[flag.value] = name
        return {name: flag.value for name, flag in self.entry.flags.items()}
