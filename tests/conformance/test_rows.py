"""A finding points at the play that its rows are of, whichever was played last."""

import json

from conformance.judge.expect import Expect

CASE = """
from conformance.api.marks import clause, testbed
from conformance.api.testbeds import LeafSpine
from traffic.patterns import imix
@clause("FWD-BYTE-EXACT", "generated-frames")
@testbed(LeafSpine())
def test_it(bed, expect):
    first = bed.play(imix(bed.host(0), bed.host(-1), count=3))
    second = bed.play(imix(bed.host(0), bed.host(-1), count=3))
    expect.each(first.hosts.frames(bed.host(0)), "frames of the first", lambda frame: False)
    expect.that(False, "one row of the second", 1, 2, rows=[second.hosts.frames(bed.host(0))[0].row])
    both = [recording.hosts.frames(bed.host(0))[0].row for recording in (first, second)]
    expect.that(False, "rows of both", 1, 2, both)
    expect.that(False, "rows of nobody", 1, 2, rows=[3])
"""


def test_findings_point_at_their_own_play(pytester):
    pytester.makepyfile(test_it=CASE)
    pytester.runpytest_subprocess("--out=run", "--evidence=all", "-p", "no:benchmark")
    lines = map(json.loads, (pytester.path / "run" / "results.jsonl").read_text().splitlines())
    (record,) = (line for line in lines if line["kind"] == "verdict" and not line["invariant"])
    assert record["verdict"] == "FAIL", record["reason"]
    found = [(item["what"], (item["recording"] or "none").rpartition("/")[2]) for item in record["findings"]]
    assert found == [
        *[("frames of the first", "1.pcapng")] * 3,
        ("one row of the second", "2.pcapng"),
        ("rows of both", "none"),
        ("rows of nobody", "none"),
    ]
    assert [bool(item["packets"]) for item in record["findings"]] == [True] * 4 + [False] * 2


def test_one_play_is_the_play_of_every_row():
    expect = Expect()
    expect.play = 1
    expect.that(False, "it", 1, 2, rows=[3])
    assert (expect.findings[0].play, expect.findings[0].rows) == (1, (3,))
