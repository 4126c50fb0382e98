import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec.checksum import CHECKSUMS

CHECK = {
    "CRC-16/CCITT-FALSE": 0x29B1,
    "CRC-16/XMODEM": 0x31C3,
    "CRC-32": 0xCBF43926,
    "CRC-32C": 0xE3069283,
    "CRC-16/ARC": 0xBB3D,
    "CRC-8": 0xF4,
}
"""Of the text 123456789, as the catalogue of parametrised CRC algorithms prints them."""


@pytest.mark.parametrize("name", CHECK)
def test_published_check_values(name):
    assert CHECKSUMS[name].of(b"123456789") == CHECK[name]


def test_the_example_of_rfc_1071():
    assert CHECKSUMS["INTERNET"].of(bytes.fromhex("0001f203f4f5f6f7")) == 0xDDF2 ^ 0xFFFF


@given(st.sampled_from(sorted(CHECKSUMS)), st.binary(max_size=40), st.binary(max_size=40))
def test_a_text_may_come_in_parts(name, first, second):
    checksum = CHECKSUMS[name]
    if name == "INTERNET":
        first += bytes(len(first) % 2)
    assert checksum.update(second, checksum.of(first)) == checksum.of(first + second)


@given(st.sampled_from(sorted(CHECKSUMS)), st.lists(st.tuples(*[st.integers(0, 255)] * 2), max_size=40))
def test_additive_ones_add(name, pairs):
    checksum = CHECKSUMS[name]
    if not checksum.additive:
        return
    one, other = (bytes(pair[side] for pair in pairs) for side in (0, 1))
    both = bytes(a ^ b for a, b in pairs)
    assert checksum.of(both) == checksum.of(one) ^ checksum.of(other) ^ checksum.of(bytes(len(pairs)))
