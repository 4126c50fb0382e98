import struct
import zlib

import pytest

from traffic.trex.messages import pack, unpack


@pytest.mark.parametrize("length", [0, 200, 5000])
def test_messages_survive(length):
    message = {"method": "x" * length}
    assert unpack(pack(message)) == message


def test_from_256_octets_on_a_message_is_compressed():
    assert pack("x" * 253)[:1] == b'"'
    octets = pack("x" * 254)
    assert struct.unpack(">II", octets[:8]) == (0xABE85CEA, 256)
    assert zlib.decompress(octets[8:]) == b'"' + b"x" * 254 + b'"'


@pytest.mark.parametrize(
    "octets",
    [b"\xff\xfe", b"not json", struct.pack(">II", 0xABE85CEA, 9) + b"junk",
     struct.pack(">II", 0xABE85CEA, 9) + zlib.compress(b"{}")],
)  # fmt: skip
def test_junk_is_refused(octets):
    with pytest.raises(ValueError):
        unpack(octets)
