"""Foreign text: what is shown of it, what is left as it is, and that nothing else comes out."""

import os
import re
import subprocess
import unicodedata
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spec.errors import InputError
from spec.text import LONGEST, ROWS, command, is_utf8, line, lines, said

ANY = st.text(st.characters(categories=None), max_size=200)  # halves of pairs included

LEGITIMATE = (
    "plain text",
    "全调度以太网 (GSE)，报文容器",
    "naïve café, Ångström, e\u0301",
    "Ελληνικά Кириллица العربية עברית ไทย हिन्दी",
    "👍🏽 ❤️ 🇨🇳 👨‍👩‍👧‍👦 🏳️‍🌈 ❤️‍🔥",
    "1\u202f000 µs, 20\u00a0°C, 全\u3000角",
    r"a \x1b that was spelt out already",
)
HOSTILE = {
    "\ud800": r"\ud800",
    "a\udcffb": r"a\udcffb",
    "\x1b[31mred\x1b[0m": r"\x1b[31mred\x1b[0m",
    "\x00": r"\x00",
    "\x07\x08\x7f\x9b": r"\x07\x08\x7f\x9b",
    "user\u202etxt.exe": r"user\u202etxt.exe",
    "\u2066\u2069\u200e\u200f\u061c": r"\u2066\u2069\u200e\u200f\u061c",
    "pass\u200bword\ufeff": r"pass\u200bword\ufeff",
    "a\u200db": r"a\u200db",
    "\u2028\u2029": r"\u2028\u2029",
    "\ufffe\uffff": r"\ufffe\uffff",
    "\U000e0041": r"\U000e0041",
    "one\rtwo": r"one\rtwo",
}


@pytest.mark.parametrize("text", LEGITIMATE)
def test_what_can_be_read_stays_as_it_is(text):
    assert line(text) == lines(text) == text


@pytest.mark.parametrize(("text", "shown"), HOSTILE.items(), ids=ascii)
def test_what_cannot_be_seen_is_shown(text, shown):
    assert line(text) == lines(text) == shown


def test_only_a_text_of_several_lines_has_several():
    assert line("a\n\tb\r\n") == r"a\n\tb\r\n"
    assert lines("a\n\tb\r\n") == "a\n\tb\n"


@given(ANY)
@example("👨‍👩‍👧" * 2000)
@example("\x00" * 5000)
@example("\n" * 5000)
def test_nothing_else_comes_out_and_what_came_out_stays(text):
    for fit in (line, lines):
        shown = fit(text)
        assert fit(shown) == shown
        assert len(shown) <= LONGEST
        assert shown.count("\n") < ROWS
        shown.encode()
        allowed = {"\n", "\t"} if fit is lines else set()
        odd = {c for c in shown if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"}} - allowed
        assert not odd
        assert not re.search("[\u061c\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]", shown)
        element = ET.Element("a")
        element.text = shown
        assert (ET.fromstring(ET.tostring(element, "utf-8")).text or "") == shown  # noqa: S314 - our own


@pytest.mark.parametrize("character", ["x", "\x00", "\ud800", "中", "\n"])
def test_a_text_of_20_mb_is_cut_and_says_so(character):
    shown = lines(character * 20_000_000)
    assert len(shown) <= LONGEST
    assert shown.endswith("... (20000000 characters in all)")


def test_an_exception_that_cannot_speak_is_no_fault_of_the_suite():
    class MuteError(Exception):
        def __str__(self):
            raise RuntimeError

    assert said(MuteError()) == "(its text raises RuntimeError)"
    assert said(ValueError("\ud800")) == r"\ud800"


@pytest.mark.parametrize(
    "word",
    [
        b"plain",
        b"a b",
        b"it's",
        b"\xff\xfe name",
        b"\x1b[31m\n",
        "\u202e中文'\\".encode(),
        b"\xffab",
        b"$HOME `x`",
    ],
    ids=ascii,
)
def test_a_command_is_printable_and_means_what_was_called(word):
    words = ["printf", "%s", os.fsdecode(word)]
    shown = command(words)
    assert line(shown) == shown
    bash, utf8 = ["bash", "-c", shown], {**os.environ, "LC_ALL": "C.UTF-8"}
    assert subprocess.run(bash, capture_output=True, check=True, env=utf8).stdout == word  # noqa: S603


def test_only_what_is_utf8_is_called_so():
    assert is_utf8("中文 👍 \x1b")
    assert not is_utf8(os.fsdecode(b"\xff"))


def test_an_error_is_one_printable_sentence_that_keeps_its_mend():
    error = InputError("a\udcff\x1b.yaml", "key\u202e", "is " + "x" * 10**6 + "\nand more", "write less")
    assert str(error).startswith(r"a\udcff\x1b.yaml: key\u202e: is xxx")
    assert str(error).endswith("... (1000012 characters in all); write less.")
