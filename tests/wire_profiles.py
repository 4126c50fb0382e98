"""The wire profiles that tests speak: the bundled ones, and some that a laboratory might write."""

from pathlib import Path

from spec.wire import bundled

FILES = Path(__file__).parent / "conformance" / "wire"
PROFILES = [*bundled(), *(str(path) for path in sorted(FILES.glob("*.yaml")))]
NAMES = [Path(profile).stem for profile in PROFILES]


def ccitt_false(octets):
    """CRC-16/CCITT-FALSE, bit by bit."""
    register = 0xFFFF
    for octet in octets:
        register ^= octet << 8
        for _ in range(8):
            register = (register << 1) ^ 0x1021 if register & 0x8000 else register << 1
            register &= 0xFFFF
    return register


def internet(octets):
    """Sum of RFC 1071, over an even number of octets."""
    total = sum(int.from_bytes(octets[at : at + 2], "big") for at in range(0, len(octets), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def rows_2():
    """BACKPRESSURE of node 0x100 to node 1 about node 2, class 2, full stop for 100,001 ns, in rows-2."""
    head = bytes.fromhex("10 00 0000 001100 82 aa")
    extension = bytes.fromhex("ff 0002 000d")
    return head + extension + ccitt_false(bytes(1) + head[1:] + extension).to_bytes(2, "big")


def tags_3():
    """The same message in tags-3."""
    before, behind = bytes.fromhex("4c5347 0103"), bytes.fromhex("0000 00010000")
    rest = bytes.fromhex("02 01000000 0004 00000000 10 ff 650000 02000000")
    total = internet(before + bytes(2) + behind + bytes(1) + rest)
    return before + total.to_bytes(2, "little") + behind + b"\x08" + rest


MESSAGE = {"source": 0x100, "destination": 1, "class": 2, "about": 2, "level": 255, "validity": 100_001}
GOLDEN = {"rows-2": (0x9A51, rows_2(), 104_000), "tags-3": (0x9B02, tags_3(), 101_000)}
"""EtherType, octets, and the validity that is left of 100,001 ns."""
