"""Values in findings are words for people, whatever they are in Python."""

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import NamedTuple

import numpy as np
import pytest

from conformance.judge.expect import Expect
from conformance.judge.shown import ordinal, parting, quantity, shown


class Fault(IntEnum):
    BAD_TYPE = 3


class Mode(Enum):
    EARLY = "close-early"


class Seat(NamedTuple):
    node: int
    cls: int


@dataclass
class Seen:
    links: frozenset[str]
    row: int = 4


@dataclass
class Told:
    name: str

    def __str__(self):
        return f"{self.name} as it calls itself"


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (frozenset({"gsp0-gsf1", "gsp0-gsf0"}), "uplink", "2 uplinks: gsp0-gsf0, gsp0-gsf1"),
        ({"gsp0-gsf0"}, "uplink", "1 uplink: gsp0-gsf0"),
        ({"gsp0-gsf0"}, "", "gsp0-gsf0"),
        (set(), "uplink", "none"),
        ((), "", "none"),
        ({(2, 0, 3), (2, 0, 0)}, "", "(2, 0, 0), (2, 0, 3)"),
        ({1, "a"}, "", "1, a"),
        ([1, 0, 2], "", "1, 0, 2"),
        (list(range(40)), "frame", "40 frames: 0 to 39"),
        ([0, 2, 4, 6, 7, 8, 9, 3], "", "0, 2, 4, 6 to 9, 3"),
        ((True,) * 5, "", "5 times yes"),
        ([i * i for i in range(20)], "", "0, 1, 4, 9, 16, 25, 36, 49, 64, 81, 100, 121, … (20 in all)"),
        (np.array([1.5, 2.5]), "", "1.5, 2.5"),
        (np.array([]), "", "none"),
        (np.int64(12), "", "12"),
        (np.float32(0.5), "", "0.5"),
        (np.bool_(False), "", "no"),
        (None, "", "nothing"),
        (b"\x01\x02", "", "01 02"),
        (b"", "", "no octets"),
        (bytes(60), "", "00 " * 48 + "… (60 octets)"),
        (Fault.BAD_TYPE, "", "bad type"),
        (Mode.EARLY, "", "close-early"),
        (Seat(2, 5), "", "node 2, class 5"),
        ([Seat(2, 5)], "seat", "1 seat: (node 2, class 5)"),
        (Seen(frozenset({"a", "b"})), "", "links (a, b)"),
        (Told("it"), "", "it as it calls itself"),
        ({1: 8000, 2: [3, 4]}, "", "1: 8000, 2: 3, 4"),
        ("its own words", "octet", "its own words"),
    ],
)
def test_values(value, unit, words):
    assert shown(value, unit) == words


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (1_065_220.0, "octet", "1,065,220 octets"),
        (1, "octet", "1 octet"),
        (7599.99, "Mbit/s", "7,599.99 Mbit/s"),
        (16777215, "", "16777215"),
        (0.648157004, "", "0.648157"),
        (np.float64("inf"), "Mbit/s", "infinite Mbit/s"),
        (-float("inf"), "", "minus infinite"),
        (float("nan"), "ns", "not a number"),
        (2, "class", "2 classes"),
        (3, "entry", "3 entries"),
    ],
)
def test_numbers(value, unit, words):
    assert quantity(value, unit) == words


def test_lists_that_differ_are_shown_whole_or_where_they_part():
    assert parting([0, 1, 2, 3], [0, 2], "frame") == ("4 frames: 0 to 3", "2 frames: 0, 2")
    squares = [i * i for i in range(46)]
    assert parting(squares, [0, 1, 782], "frame") == ("46 frames; the 3rd: 4", "3 frames; the 3rd: 782")
    assert parting(squares, squares[:45]) == ("46 in all; the 46th: 2025", "45 in all; no 46th")
    assert parting([], squares) == ("none", "46 in all; the 1st: 0")


def test_octets_that_differ_are_shown_from_the_first_that_does():
    sent, got = bytes(60), bytes(40) + b"\1" + bytes(19)
    assert parting(sent, got) == (
        "60 octets; from octet 40: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
        "60 octets; from octet 40: 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
    )
    assert parting(sent, sent[:40])[1] == "40 octets; from octet 40: none"
    frames = parting([sent, sent], [sent, got, got], "frame")
    assert frames[0].startswith("2 frames; the 2nd: 60 octets; from octet 40: 00 ")
    assert frames[1].startswith("3 frames; the 2nd: 60 octets; from octet 40: 01 ")


def test_ordinals():
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 102, 111)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"
    ]  # fmt: skip


def test_a_limit_and_a_value_that_differ_look_different():
    expect = Expect()
    expect.at_least(0.97999999999, 0.98, "index")
    (finding,) = expect.findings
    assert finding.expected.removeprefix("at least ") != finding.got
