"""YAML is read without surprise: bounded, and no word means something else than was written."""

import json
import random

import pytest

from spec.catalogue import ROOT
from spec.errors import InputError
from spec.formats import FORMATS
from spec.reading import LARGEST, read_yaml
from spec.schema import schemas

REFUSED = [
    *("011000", "0o11", "0b1", "153:36", "1:30", "1_000", "12:34:56:12:34:56", "007", "08", "190:20:30.15"),
    *("yes", "No", "ON", "off", "y", "N", "1" * 400, "1e400", ".inf", "-.INF", ".nan", "0x1_0"),
    *("!!bool maybe", "!!int x", "!!float x", "!!python/name:os.system x", "!!binary x", "!!timestamp x"),
    *("!!set {a}", "!!omap [a: 1]", "!own x", "*nothing", "&a [*a]", "{? [a] : b}", "{<<: {a: 1}}"),
    *("[" * 30_000, "{a: " * 30_000, "- " * 100, "{a: 1, a: 2}", '"\\0"', "{true: 1}", "{1.5: 1}", "{~: 1}"),
]
TAKEN = {
    "0x88B5": 0x88B5,
    "1e3": 1000.0,
    "0.90": 0.9,
    "-7": -7,
    "true": True,
    "~": None,
    "2026-11-27": "2026-11-27",
    "198.18.1.10": "198.18.1.10",
    "02:00:00:00:01:00": "02:00:00:00:01:00",
    "'011000'": "011000",
    '"on"': "on",
    "=": "=",
    "[&a {b: 1}, *a]": ({"b": 1}, {"b": 1}),
}


def read(tmp_path, octets):
    path = tmp_path / "x.yaml"
    path.write_bytes(octets if isinstance(octets, bytes) else octets.encode())
    return read_yaml(path)


def refusal(tmp_path, octets):
    with pytest.raises(InputError) as caught:
        read(tmp_path, octets)
    words = str(caught.value)
    assert "\n" not in words
    assert len(words) < 600
    return words


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:20])
def test_what_is_not_clear_is_refused_in_one_sentence(tmp_path, text):
    assert "x.yaml: a" in refusal(
        tmp_path, f"a: {text}\n" if not text.startswith("- ") else f"a:\n  {text}\n"
    ) or text.startswith(("[", "{a: {", "- "))


@pytest.mark.parametrize("text", TAKEN)
def test_what_is_clear_is_taken(tmp_path, text):
    assert read(tmp_path, f"a: {text}\n") == {"a": TAKEN[text]}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("on: 1", "on (line 1): is on, which YAML 1.1 reads as true; write true, or put it in quotes"),
        (
            "a: {b: 153:36}",
            "a.b (line 1): is 153:36, which YAML 1.1 reads as 9216, a number in base 60; put it in",
        ),
        ("a: 1\n---\nb: 2", "begins a second document; write one document a file."),
        ("a:\n\tb: 1", "indent with spaces, not with tabs."),
        ("a: \0", "line 1: holds the control character U+0000"),
        ("{<<: {}}", "is a merge key, which is not supported; write its entries out."),
    ],
)
def test_the_sentence_names_place_and_mend(tmp_path, text, sentence):
    assert sentence in refusal(tmp_path, text)


def test_encodings(tmp_path):
    assert read(tmp_path, b"\xef\xbb\xbfa: 1") == {"a": 1}
    assert "is UTF-16; save it as UTF-8." in refusal(tmp_path, "a: 1".encode("utf-16"))
    assert "control character" in refusal(tmp_path, "a: 1".encode("utf-16-le"))
    assert "line 2: is not UTF-8" in refusal(tmp_path, "a: 1\nb: \u4e2d".encode("gbk"))


def test_size_is_bounded_with_aliases_written_out(tmp_path):
    assert "is larger than" in refusal(tmp_path, b"#" * (LARGEST + 1))
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
    assert "with its aliases written out" in refusal(tmp_path, bomb)
    chain = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 100))
    assert "deep" in refusal(tmp_path, chain)


def test_every_pattern_has_words():
    def patterns(shape):
        if isinstance(shape, dict):
            yield from [shape["pattern"]] if isinstance(shape.get("pattern"), str) else []
            shape = list(shape.values())
        for part in shape if isinstance(shape, list) else []:
            yield from patterns(part)

    found = {pattern for text in schemas().values() for pattern in patterns(json.loads(text))}
    assert found
    assert found <= FORMATS.keys()


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.yaml")), ids=lambda path: path.stem)
def test_a_spoilt_file_is_read_or_refused(tmp_path, path):
    octets, choose = path.read_bytes()[:6000], random.Random(path.stem)
    for _ in range(60):
        spoilt = bytearray(octets)
        for _ in range(choose.randint(1, 6)):
            place = choose.randrange(len(spoilt))
            spoilt[place : place + choose.randint(0, 9)] = choose.choice(
                [
                    b"",
                    b"[",
                    b"{",
                    b"\t",
                    b"\0",
                    b": ",
                    b"- ",
                    b"!!int ",
                    b"*a",
                    b"&a ",
                    b"'",
                    b'"',
                    b"\xff",
                    b"<<: ",
                ]
            )
        try:
            read(tmp_path, bytes(spoilt))
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017 - any other outcome raises
            assert len(str(error)) < 1000  # noqa: PT017
