"""Geometry of the report's drawings: header layouts as rows of bits, verdict counts as stacked bars."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from spec.model import Text
from spec.verdict import Verdict
from spec.wire import Field, Message, Tlvs, WireProfile

BITS_PER_ROW = 32
BAR_ORDER = (Verdict.PASS, *(verdict for verdict in reversed(Verdict) if verdict is not Verdict.PASS))


@dataclass(frozen=True)
class Cell:
    """A field, or its part in one row, `start` and `width` in bits; `named` where the name is written."""

    field: Field
    row: int
    start: int
    width: int
    named: bool


@dataclass(frozen=True)
class Block:
    """Consecutive rows of a drawing, `key` naming its caption: the entries of a list stand in their own."""

    cells: tuple[Cell, ...]
    rows: int
    octets: int
    repeated: bool = False


@dataclass(frozen=True)
class Drawing:
    """A header or a message extension as blocks from top to bottom."""

    name: str
    message: Message | None
    blocks: tuple[Block, ...]
    octets: int
    payload: bool = False


@dataclass(frozen=True)
class Segment:
    """A part of a stacked bar, in hundredths of the bar."""

    verdict: Verdict
    count: int
    start: float
    width: float


def header_drawings(profile: WireProfile) -> tuple[Drawing, ...]:
    """Draw the common header and then the extension of every message."""
    header = profile.header
    common = Drawing("", None, (_block(header.fields),), header.octets)
    return (common, *(_extension(message) for message in profile.messages.values()))


def stacked_bar(counts: Mapping[Verdict, int], whole: int) -> tuple[Segment, ...]:
    """Lay the counts side by side, PASS and FAIL first; `whole` is the count that fills the bar."""
    segments = []
    position = 0.0
    for verdict in BAR_ORDER:
        count = counts.get(verdict, 0)
        width = 100 * count / whole if whole else 0.0
        if count:
            segments.append(Segment(verdict, count, round(position, 3), round(width, 3)))
        position += width
    return tuple(segments)


def _extension(message: Message) -> Drawing:
    fields, ahead = message.fields.fields, message.ahead
    if not message.variable:
        return Drawing(message.name, message, (_block(fields),), message.fields.octets, message.payload)
    blocks = [_block(ahead)]
    if message.repeated is not None:
        blocks.append(_block(message.repeated.fields, repeated=True))
    if message.tlvs is not None:
        blocks.append(_block(_tlv(message.tlvs), repeated=True))
    if fields[len(ahead) :]:
        blocks.append(_block(fields[len(ahead) :]))
    return Drawing(message.name, message, tuple(blocks), message.fields.octets, message.payload)


def _tlv(tlvs: Tlvs) -> tuple[Field, ...]:
    """Draw type and length of a value, which follows them."""
    what = Text(en="What the value is", zh="值的类型")
    size = Text(en="Octets of the value that follows", zh="其后值的字节数")
    top = (1 << tlvs.type_bits) - 1, (1 << tlvs.length_bits) - 1
    return (
        Field("type", tlvs.type_bits, 0, what, tlvs.values, 0, top[0]),
        Field("length", tlvs.length_bits, tlvs.type_bits, size, {}, 0, top[1]),
    )


def _block(fields: Iterable[Field], repeated: bool = False) -> Block:
    cells: list[Cell] = []
    position = 0
    for field in fields:
        parts = _parts(position, field.width_bits)
        widest = max(parts, key=lambda part: part[2])
        cells += [Cell(field, *part, named=part == widest) for part in parts]
        position += field.width_bits
    return Block(tuple(cells), -(-position // BITS_PER_ROW), position // 8, repeated)


def _parts(offset: int, width: int) -> list[tuple[int, int, int]]:
    """Cut a field at the ends of rows, as (row, start in the row, width)."""
    parts = []
    while width:
        row, start = divmod(offset, BITS_PER_ROW)
        taken = min(width, BITS_PER_ROW - start)
        parts.append((row, start, taken))
        offset += taken
        width -= taken
    return parts
