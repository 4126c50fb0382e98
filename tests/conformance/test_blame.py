"""A device that raises or comes to no end ends the play: it is named, and what was seen is still judged."""

from dataclasses import replace

import pytest

from conformance.api.binding import Setup
from conformance.api.outcomes import BenchError, DeviceEnded
from conformance.api.testbed import Testbed
from conformance.api.testbeds import LeafSpine, default_peers
from conformance.bindings.blame import NoEnd, culprit, watched
from conformance.bindings.reference import ReferenceDriver
from conformance.judge.expect import Expect
from conformance.run.context import RunContext, RunOptions
from reference_impl.parts.granter import Granter
from reference_impl.parts.ingress import Ingress
from reference_impl.parts.liveness import Liveness
from reference_impl.parts.reorder import Reorderer
from reference_impl.roles.gsp import Gsp
from spec.verdict import Verdict
from traffic.patterns import elephant
from traffic.recordings.store import load, save
from traffic.scenario import LinkEvent

LOAD = elephant("h0", "h1", count=40)


@pytest.fixture(scope="module")
def setup():
    bench = RunContext(RunOptions())
    topology = LeafSpine().topology(8000, 500)
    peers = default_peers(topology, bench.parameters)
    return Setup("case", topology, bench.facts(topology, bench.parameters), peers, seed=5)


def played(setup, flaw, scenario=LOAD, patience=None):
    return ReferenceDriver(setup, flaw, patience).play(scenario, 1, fresh=False)


class RaisesOnFrames(Ingress):
    def receive(self, port, frame, now):
        if self.frames >= 10:
            raise ValueError("enough")
        super().receive(port, frame, now)


class RaisesWhenMade(Granter):
    def configure(self):
        raise KeyError("window")


class RaisesWhenRead(Gsp):
    def counters(self):
        if self.ingress.frames:
            raise ZeroDivisionError("nothing to divide by")
        return super().counters()


class RaisesOnCarrier(Liveness):
    def carrier(self, port, up, now):
        raise RuntimeError(f"what is {port, up, now}?")


class NeverReturns(Reorderer):
    def receive(self, *arguments):
        while arguments:
            pass


class WakesForEver(Ingress):
    def receive(self, port, frame, now):
        super().receive(port, frame, now)
        self.leaf.at(now, self.again)

    def again(self, now):
        self.leaf.at(now, self.again)


@pytest.mark.parametrize(
    ("flaw", "node", "words"),
    [
        (RaisesOnFrames, "gsp0", "ValueError: enough in RaisesOnFrames.receive of test_blame.py"),
        (RaisesWhenMade, "gsp0", "KeyError: 'window' in RaisesWhenMade.configure of test_blame.py"),
        (RaisesWhenRead, "gsp0", "ZeroDivisionError: nothing to divide by in RaisesWhenRead.counters"),
        (NeverReturns, "gsp1", "s of processor time in NeverReturns.receive of test_blame.py"),
        (WakesForEver, "gsp0", "no end after "),
    ],
)
def test_the_device_is_named_and_what_was_seen_is_kept(setup, flaw, node, words, tmp_path):
    recording = played(setup, flaw)
    trouble = recording.columns.trouble
    assert (trouble.breaks, trouble.node) == ("device", node)
    assert words in trouble.words
    assert node not in recording.columns.states
    assert bool(len(recording.columns)) is (flaw is not RaisesWhenMade)
    save(recording, tmp_path / "1")
    assert load(tmp_path / "1").columns.trouble == trouble


def test_a_device_that_ends_with_the_carrier_is_named(setup):
    cut = LinkEvent(at=1000, link="gsp1-gsf0", up=False)
    recording = played(setup, RaisesOnCarrier, replace(LOAD, links=(cut,)))
    assert recording.columns.trouble.node in {"gsp1", "gsf0"}
    assert "RuntimeError: what is (" in recording.columns.trouble.words


def test_a_play_that_takes_too_long_is_ended_where_time_moves_on(setup):
    class Busy(Ingress):
        def receive(self, port, frame, now):
            super().receive(port, frame, now)
            self.again(now)

        def again(self, now):
            self.leaf.at(now + 1000, self.again)
            for _ in range(20_000):
                pass

    trouble = played(setup, Busy, patience=0.5).columns.trouble
    assert trouble.node == "gsp0"
    assert "no end after 0.5 s of processor time" in trouble.words


def test_what_breaks_in_the_tester_blames_no_device(setup, monkeypatch):
    def broken(*_):
        raise OSError("no tester")

    monkeypatch.setattr("traffic.tester.tester.VirtualTester.receive", broken)
    with pytest.raises(OSError, match="no tester"):
        ReferenceDriver(setup, None).play(LOAD, 1, fresh=False)


def test_expect_notes_the_breach_and_the_case_ends(setup):
    expect = Expect()
    bed = Testbed(setup, ReferenceDriver(setup, RaisesOnFrames), frozenset(), expect)
    with pytest.raises(DeviceEnded, match="play 1 ended with gsp0: ValueError: enough"):
        bed.play(LOAD)
    assert expect.verdict()[0] is Verdict.FAIL
    assert len(bed.recordings) == 1
    assert not bed.spoilt


def test_a_device_that_is_not_under_test_is_the_bench(setup):
    nodes = {name: replace(node, status="reference") for name, node in setup.topology.nodes.items()}
    spared = replace(setup, topology=replace(setup.topology, nodes=nodes))
    bed = Testbed(spared, ReferenceDriver(spared, RaisesOnFrames), frozenset(), Expect())
    with pytest.raises(BenchError, match="enough"):
        bed.play(LOAD)
    assert len(bed.spoilt) == 1


def test_nothing_is_watched_once_a_watch_is_over():
    def stand_still():
        with watched(lambda: 0):
            while True:
                pass

    with pytest.raises(NoEnd, match="no end"):
        stand_still()
    steps = iter(range(10**9))
    with watched(lambda: next(steps), patience=None):
        assert culprit(ValueError("of nobody"), {}) is None
