"""A play that the suite's own clock broke off is never judged as if it were whole."""

from dataclasses import replace

import pytest

from conformance.api.binding import Setup
from conformance.api.outcomes import Inconclusive
from conformance.api.testbed import Testbed
from conformance.api.testbeds import LeafSpine, default_peers
from conformance.bindings.reference import ReferenceDriver
from conformance.judge.expect import Expect
from conformance.run.context import RunContext, RunOptions
from traffic.patterns import elephant
from traffic.recordings.store import load, save

LOAD = elephant("h0", "h1", count=40)


@pytest.fixture(scope="module")
def setup():
    bench = RunContext(RunOptions())
    topology = LeafSpine().topology(8000, 500)
    peers = default_peers(topology, bench.parameters)
    return Setup("case", topology, bench.facts(topology, bench.parameters), peers, seed=5)


def test_a_recording_says_whether_its_play_ended_by_itself(setup, tmp_path):
    bed = ReferenceDriver(setup, None)
    whole = bed.play(LOAD, 1, fresh=False)
    assert not whole.columns.cut
    cut = bed.play(replace(LOAD, limit=30_000), 2, fresh=False)
    assert len(cut.hosts.losses()) > 10
    assert cut.columns.cut == "its own limit of 30,000 ns"
    save(cut, tmp_path / "1")
    assert load(tmp_path / "1").columns.cut == cut.columns.cut


def test_play_limit_is_named_where_it_cut(setup):
    values = setup.facts.parameters
    short = replace(values["play_limit"], value=30_000)
    hurried = replace(setup, facts=replace(setup.facts, parameters={**values, "play_limit": short}))
    assert ReferenceDriver(hurried, None).play(LOAD, 1, fresh=False).columns.cut == "play_limit of 30,000 ns"


def test_no_case_is_judged_by_a_play_that_was_cut(setup):
    bed = Testbed(setup, ReferenceDriver(setup, None), frozenset(), Expect())
    with pytest.raises(Inconclusive, match=r"play 1 was broken off at its own limit .* raise play_limit"):
        bed.play(replace(LOAD, limit=30_000))
    assert not bed.recordings
    assert len(bed.spoilt) == 1
