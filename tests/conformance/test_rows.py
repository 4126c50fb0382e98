"""A finding points at the play that its rows are of, whichever was played last."""

import json

import pytest

from conformance.judge.expect import Expect
from conformance.judge.rows import Row, of_play

CASE = """
from traffic.patterns import imix
@clause("FWD-BYTE-EXACT", "generated-frames")
@testbed(LeafSpine())
def test_it(bed, expect):
    first = bed.play(imix(bed.host(0), bed.host(-1), count=3))
    second = bed.play(imix(bed.host(0), bed.host(-1), count=3))
    expect.each(first.host_frames(bed.host(0)), "frames of the first", lambda frame: False)
    expect.that(False, "one row of the second", 1, 2, rows=[second.host_frames(bed.host(0))[0].row])
    both = [recording.host_frames(bed.host(0))[0].row for recording in (first, second)]
    expect.that(False, "rows of both", 1, 2, both)
    expect.that(False, "rows of nobody", 1, 2, rows=[3])
"""


def test_findings_point_at_their_own_play(bench):
    bench.cases(test_it=CASE)
    bench.run("--binding=reference", "--evidence=all")
    (record,) = (line for line in bench.lines() if line["kind"] == "verdict" and not line["invariant"])
    assert record["verdict"] == "FAIL", record["reason"]
    found = [(item["what"], (item["recording"] or "none").rpartition("/")[2]) for item in record["findings"]]
    assert found == [
        *[("frames of the first", "1.pcapng")] * 3,
        ("one row of the second", "2.pcapng"),
        ("rows of both", "none"),
        ("rows of nobody", "none"),
    ]
    assert [bool(item["packets"]) for item in record["findings"]] == [True] * 4 + [False] * 2
    assert json.dumps(record)


@pytest.mark.parametrize("value", ["it", 1.5, True, None, b"x", [True], {"a": "b"}])
def test_what_is_no_row_stays_as_it_is(value):
    found = of_play(value, 2)
    assert found == value
    assert type(found) is type(value)


def test_rows_are_marked_wherever_they_stand():
    assert of_play([3], 2)[0].play == of_play({"a": (3,)}, 2)["a"][0].play == 2
    assert of_play(Row(3, 1), 2).play == 1


def test_one_play_is_the_play_of_every_row():
    expect = Expect()
    expect.play = 1
    expect.that(False, "it", 1, 2, rows=[3])
    assert (expect.findings[0].play, expect.findings[0].rows) == (1, (3,))
