"""JSON of others: what is taken, and what is refused in which words."""

import pytest

from spec.answers import checked, read_answer


@pytest.mark.parametrize(
    ("octets", "value"),
    [
        (b' {"a": [1, 2.5, true, null, "\xe4\xb8\xad"]}\n', {"a": [1, 2.5, True, None, "中"]}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a\\u001b": "\\ud800\\u202e"}', {r"a\x1b": r"\ud800\u202e"}),
        (b"18446744073709551615", 2**64 - 1),
        (b"[" * 64 + b"]" * 64, None),
    ],
)
def test_what_is_json_is_taken_and_made_printable(octets, value):
    found = read_answer(octets)
    assert value is None or found == value


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b'"caf\xe9"', "is not UTF-8 at octet 4"),
        (b"[" * 65 + b"]" * 65, "holds more than 64 lists and objects within one another"),
        (b"[" * 1_000_000, "holds more than 64 lists and objects within one another"),
        (
            b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
            "holds more than 64 lists and objects within one another",
        ),
        (b"NaN", "holds NaN, which is no number"),
        (b"-Infinity", "holds -Infinity, which is no number"),
        (b"1e999", "holds inf, which is no number"),
        (b"9" * 5000, "holds a number of 5000 digits"),
        (b"9" * 40, "holds a number of 133 bits"),
        (b'{"a": 1, "a": 2}', "holds the key 'a' twice"),
        (b"{", "Expecting property name"),
        (b"", "Expecting value"),
    ],
    ids=range(12),
)
def test_what_is_none_is_refused_in_words(octets, words):
    with pytest.raises(ValueError, match=words) as caught:
        read_answer(octets)
    assert len(str(caught.value)) < 200


def test_a_value_that_is_no_json_is_refused():
    loop = []
    loop.append(loop)
    for value, words in (
        (b"x", "holds a bytes"),
        ({1: 2}, "has a key that is no text but a int"),
        (loop, "holds more than 64"),
        (float("nan"), "holds nan"),
        ({"a": {1}}, "holds a set"),
    ):
        with pytest.raises(ValueError, match=words):
            checked(value)
    assert checked((1, ("a\x00",))) == [1, [r"a\x00"]]
