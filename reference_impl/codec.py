"""The reference's own codec: functions compiled from the wire profile, fast enough for the data path.

A frame of the fabric is a destination MAC, a source MAC and the EtherType (the 14 octets called `prefix`),
the common header, the extension and, in DATA, the whole host frame. `use` sets the functions below, in a
process that speaks one profile at a time; nothing is spoken before. Arguments and results have the order
that is written here, whatever that of the fields, in ns and Mbit/s, whatever the units on the wire: the
codec alone converts, and rounds as the profile says. What a profile has no field for is taken and given as 0.
"""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from reference_impl.codec_compiler.compiler import compiled
from reference_impl.codec_compiler.unit import BadFrame as BadFrame  # noqa: PLC0414 - part of this interface
from reference_impl.codec_compiler.words import START as START  # noqa: PLC0414 - part of this interface
from spec.layout import WireProfile

Header = tuple[int, int, int, int, int, int, int]
"""Kind of message, class, flags, source, destination, port and hop limit."""

Data = tuple[int, int, int, int, int, int, int, int, int, int, int]
"""Class, flags, source, destination, port, hop limit, sequence, generation, index, previous frames, fill."""

Container = tuple[int, int, int, int, int, int]
"""Source, destination, port, class, generation and sequence: what names a container in the fabric."""

PROFILE: WireProfile | None = None
HELLO_ADDRESS: bytes
HEADER_END: int
ETHERTYPE: bytes
DATA_HEADER_OCTETS: int
"""What DATA adds to a host frame, its own MAC addresses and EtherType included."""
DATA: int
REQUEST: int
GRANT: int
BACKPRESSURE: int | None
"""None where the profile has no such message; so with FAULT."""
HELLO: int
FAULT: int | None
KINDS: Mapping[str, int]
"""Kind by the name of the message: its type code, or a number of its own where it shares that."""
LAST: int
"""The bit of the flag, 0 where the profile has none; so with UNGOVERNED."""
UNGOVERNED: int
SEQUENCE_MASK: int
"""The largest sequence number of a container; also what a number is taken with (RFC 1982)."""
HELLO_MASK: int
FAULT_MASK: int
ROLE_CODES: Mapping[int, int]
"""What stands for a role in HELLO, by its number in `device.Role`."""
UNKNOWN_ROLE: int
"""What stands for no role, if there is such a value."""
GENERATIONS: range = range(0)
MOST_FRAMES: int
"""Frames that a container can hold, for their indices and their number to fit the fields."""

parse: Callable[[bytes], Header]
"""The header of a frame whose version, type, length and checksum are right; otherwise `BadFrame`."""
outline: Callable[[bytes], tuple[int, int, int] | None]
"""What the header of a frame tells of its checks, None where that is not enough to check it by.

The end of the extension, the checksum of the header, and what `update` with the rest has to come to.
"""
update: Callable[[bytes, int], int]
"""`update(octets, checksum)`: the checksum of what it was of, and of more octets."""
verify: Callable[[bytes], str]
"""The cause to drop a frame for (`bad_version`, `bad_message`, `bad_checksum`), or nothing."""
peek: Callable[[bytes], Header]
"""The header of a frame, whatever is wrong with it; `struct.error` when it is too short for one."""
kind_of: Callable[[bytes], int | None]
"""The kind of message of a frame that has a header; None where its type is not assigned."""
protected: Callable[[bytes], list[int]]
"""The bits of a message, counted from the start of the frame, that its checksum tells the change of."""
rehop: Callable[[bytes, int], bytes]
"""`rehop(frame, hop_limit)`: the frame with another hop limit."""
forward: Callable[[bytes, bytes], bytes]
"""`forward(frame, prefix)`: the frame, or its octets up to the end of the header, for another link.

It has one less in its hop limit.
"""
container: Callable[[bytes], Container]
host_frame: Callable[[bytes], bytes]
encode_data: Callable[..., bytes]
"""`(prefix, class, flags, source, destination, port, sequence, generation, index, previous, fill, frame)`."""
begin_data: Callable[[int, int, int, int, int, int, int], tuple[Any, ...]]
"""`(class, flags, source, destination, port, sequence, generation)`: what the DATA of a container shares."""
continue_data: Callable[[bytes, tuple[Any, ...], int, int, int, bytes], bytes]
"""`(prefix, what begin_data gave, index, previous, fill, frame)`: the frame that `encode_data` gives."""
decode_data: Callable[[bytes], Data]
unwrap: Callable[[bytes], tuple[int, int, int, int, int, bytes]]
"""`(sequence, generation, index, previous frames, fill, host frame)` of DATA."""
encode_request: Callable[[bytes, int, int, int, int, int, int, int, int], bytes]
"""`(prefix, class, source, destination, port, generation, demand, sent, forfeited)`."""
decode_request: Callable[[bytes], tuple[int, int, int, int]]
encode_grant: Callable[[bytes, int, int, int, int, int, int, int, int], bytes]
"""`(prefix, class, source, destination, port, generation, granted, expired, validity)`."""
decode_grant: Callable[[bytes], tuple[int, int, int, int]]
encode_backpressure: Callable[[bytes, int, int, int, int, int, int, int], bytes]
"""`(prefix, class, source, destination, port, about, level, validity)`."""
decode_backpressure: Callable[[bytes], tuple[int, int, int]]
encode_hello: Callable[..., bytes]
"""`(prefix, class, source, destination, port, role, port_id, sequence, rate_mbps, heard_node, heard_sequence,
[(node, rate_mbps)])`; for the role its code."""
decode_hello: Callable[[bytes], tuple[int, int, int, int, int, int, list[tuple[int, int]]]]
"""`(role, port_id, sequence, rate_mbps, heard_node, heard_sequence, [(node, rate_mbps)])`; the role by
its number in `device.Role`, 0 for one that the profile does not define."""
encode_fault: Callable[[bytes, int, int, int, int, int, int, int, int, int], bytes]
"""`(prefix, class, source, destination, port, code, node, port_id, origin, sequence)`; code 1 says that the
node is unreachable."""
decode_fault: Callable[[bytes], tuple[int, int, int, int, int]]

_COMPILED: dict[str, dict[str, Any]] = {}


def use(profile: WireProfile) -> None:
    """Make this process speak a wire profile."""
    if PROFILE is profile:
        return
    if profile.digest not in _COMPILED:
        _COMPILED[profile.digest] = compiled(profile)
    globals().update(_COMPILED[profile.digest], PROFILE=profile)


def next_generation(generation: int, steps: int = 1) -> int:
    """Return the generation that is `steps` after another: the least follows the largest."""
    return GENERATIONS[(generation - GENERATIONS.start + steps) % len(GENERATIONS)]


def any_generation(random: Random) -> int:
    """Draw a generation to begin with."""
    return random.randrange(GENERATIONS.start, GENERATIONS.stop)
