"""The octets of TRex's JSON-RPC: one message is JSON, and from 256 octets on magic, length and zlib."""

import json
import struct
import zlib
from typing import Any, Final

MAGIC: Final = 0xABE85CEA
THRESHOLD: Final = 256
_HEAD: Final = struct.Struct(">II")


def pack(message: Any, *, compress: bool = True) -> bytes:  # noqa: ANN401 - any JSON
    """Encode a message, compressed when it is long and may be."""
    octets = json.dumps(message).encode()
    if len(octets) < THRESHOLD or not compress:
        return octets
    return _HEAD.pack(MAGIC, len(octets)) + zlib.compress(octets, 1)


def is_compressed(octets: bytes) -> bool:
    """Whether a message is compressed; a server answers as it was asked."""
    return len(octets) >= _HEAD.size and _HEAD.unpack_from(octets)[0] == MAGIC


def unpack(octets: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Decode a message, compressed or not; ValueError if it is neither."""
    if is_compressed(octets):
        _, length = _HEAD.unpack_from(octets)
        try:
            octets = zlib.decompress(octets[_HEAD.size :])
        except zlib.error as error:
            raise ValueError(f"no zlib data: {error}") from error
        if len(octets) != length:
            raise ValueError(f"{length} octets were announced, {len(octets)} came")
    try:
        return json.loads(octets)
    except RecursionError:
        raise ValueError("no JSON that can be read: it holds too many objects within one another") from None
