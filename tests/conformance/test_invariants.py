"""Invariants notice flaws in scenarios that were not made for their clause, and no correct device."""

from functools import cache

import pytest
from conformance.exploration.plan import Bed, Flow, Harm, Plan
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.exploration.play import play
from conformance.judge.expect import Expect
from conformance.judge.invariants import INVARIANTS, hidden
from conformance.judge.invariants.credit import Validity
from conformance.judge.invariants.ordering import frames_in_order_wait_for_nothing
from conformance.run.context import RunContext, RunOptions
from reference_impl.mutants import mutants
from tests.conformance.common_plans import PLANS
from traffic.scenario import GspPeer, Impairment, LinkEvent, ManagementEvent, Scenario, Trigger

KILLED = {
    "DGSQ-AGE-OUT": ("AgesFromCreation", "grants-of-other-generations"),
    "DGSQ-EXHAUSTION": ("KnowsNoBound", "few-queues"),
    "DGSQ-FIFO": ("SendsTheNewestFirst", "busy"),
    "DGSQ-GENERATION-CHANGES": ("DrawsTheGeneration", "odd"),
    "DGSQ-GENERATION-NONZERO": ("BeginsWithGenerationZero", "busy"),
    "DGSQ-KEY": ("QueuesByNode", "odd"),
    "DGSQ-LOCAL-WITHOUT-MESSAGES": ("AsksItselfAloud", "busy"),
    "DGSQ-NO-LEAK": ("ForgetsToCountReleases", "busy"),
    "DGSQ-ON-CONGESTION-CREATED": ("MarksGovernedTraffic", "crowded"),
    "DGSQ-ON-CONGESTION-FREE": ("AsksWithoutCongestion", "free"),
    "DGSQ-ON-FIRST-FRAME": ("CountsEachFrameAsAQueue", "unequal"),
    "DGSQ-WHOLE-DROP": ("LeavesGapsInContainers", "busy"),
    "FWD-BYTE-EXACT": ("ClearsTheLastOctet", "busy"),
    "FWD-CHECKSUM": ("GsfTrustsChecksums", "strays-gsf"),
    "FWD-DROP-CAUSES-SUM": ("CountsSomeDropsTwice", "odd"),
    "FWD-ECN-DSCP": ("ClearsTheTrafficClass", "odd"),
    "FWD-EGRESS-PORT": ("KnowsTheNodeAlone", "busy"),
    "FWD-EXACTLY-ONCE": ("DeliversTwice", "busy"),
    "FWD-FRAME-COUNTERS": ("MiscountsReceivedFrames", "busy"),
    "FWD-FRAME-SIZES": ("RefusesJumboFrames", "busy"),
    "FWD-HAIRPIN": ("ReturnsFrames", "odd"),
    "FWD-HOP-LIMIT": ("KeepsTheHopLimit", "busy"),
    "FWD-HOP-LIMIT-EXPIRED": ("ForwardsForever", "strays-gsf"),
    "FWD-LINK-LOCAL": ("ForwardsLinkLocal", "odd"),
    "FWD-LONG-FRAME-DROPPED": ("CarriesAnyLength", "odd"),
    "FWD-UNKNOWN-DROP": ("FloodsTheUnknown", "odd"),
    "FWD-UNKNOWN-FLOOD": ("DropsTheUnknown", "flooding"),
    "FWD-WELL-FORMED": ("ClaimsAnUnknownRole", "busy"),
    "FWD-ZERO-LOSS": ("LosesFrames", "busy"),
    "GRANT-COUNTED": ("LeavesRefreshesOut", "busy"),
    "GRANT-DEMAND-CUMULATIVE": ("AsksForTheBacklog", "busy"),
    "GRANT-EGRESS-RATE": ("GrantsAsIfAlone", "busy"),
    "GRANT-NO-DEMAND-NO-GRANT": ("RoundsDemandUp", "busy"),
    "GRANT-NO-SEND-WITHOUT": ("SendsTheFrameThatOverdraws", "busy"),
    "GRANT-PAUSED-CLASS": ("GrantsToPausedClasses", "paused"),
    "GRANT-REFRESH": ("RefreshesAfterAgeOut", "busy"),
    "GRANT-REMAINING-VALIDITY": ("RenewsValidity", "crowded"),
    "GRANT-REQUEST-ON-DEMAND": ("AsksAtTheNextRefresh", "busy"),
    "ORDER-DUPLICATE-DROPPED": ("DeliversRepeats", "lossy"),
    "ORDER-GAP-CLOSED": ("CountsNoGaps", "cut-off"),
    "ORDER-HOLD-BOUND": ("HoldsTwiceAsLong", "cut-off"),
    "ORDER-IN-ORDER-AT-ONCE": ("HoldsEveryFrame", "busy"),
    "ORDER-INDEX-ORDER": ("IgnoresTheIndex", "shaken"),
    "ORDER-PER-FLOW": ("DeliversOnArrival", "busy"),
    "ORDER-ROCE-PSN": ("ReleasesNewestFirst", "busy"),
    "PKTC-BORROW-AVERAGE": ("ForgetsExcess", "borrowing"),
    "PKTC-CLASS-SEPARATION": ("MixesClasses", "free"),
    "PKTC-CLOSE-EARLY": ("NeverClosesEarly", "busy"),
    "PKTC-COUNTERS": ("CountsFullTwice", "busy"),
    "PKTC-FILL-FIELD": ("FillIncludesFrame", "busy"),
    "PKTC-FLUSH": ("FlushesEmptyQueuesOnly", "crowded"),
    "PKTC-FRAME-INDEX": ("IndexesFromOne", "busy"),
    "PKTC-LAST-TRUTHFUL": ("MarksEveryFrameLast", "busy"),
    "PKTC-NO-PADDING": ("PadsShortFrames", "busy"),
    "PKTC-ONE-CONTAINER-A-FRAME": ("RepeatsBorderFrame", "busy"),
    "PKTC-ONE-DESTINATION": ("PacksByNode", "busy"),
    "PKTC-OVERFLOW": ("OverfillsByAFrame", "borrowing"),
    "PKTC-PREVIOUS-FRAMES": ("MiscountsPredecessor", "busy"),
    "PKTC-SEQUENCE-CONSECUTIVE": ("CountsForAllQueues", "busy"),
    "PKTC-SEQUENCE-START": ("NumbersFromOne", "busy"),
    "PKTC-SIZE": ("CountsFramesNotOctets", "busy"),
    "PKTC-WHOLE-FRAME": ("CutsLongFrames", "busy"),
    "SPRAY-EVEN": ("CountsContainers", "borrowing"),
    "SPRAY-FAULT-ANNOUNCED": ("LeavesLossToHello", "cut"),
    "SPRAY-GSF-CONTAINER-ORDER": ("PrefersShortFrames", "busy"),
    "SPRAY-HELLO-CONTENT": ("AnnouncesAllItKnows", "busy"),
    "SPRAY-LIVE-PATHS-ONLY": ("OverlooksCarrier", "cut"),
    "SPRAY-NO-PATH": ("ClingsToTheLastPath", "flaps-of-the-only-path"),
    "SPRAY-PER-DESTINATION": ("BalancesAllTogether", "borrowing"),
    "SPRAY-REMOTE-FAULT": ("NeverUnlearns", "cut"),
    "SPRAY-SINGLE-FLOW-ALL-PATHS": ("KeepsToOnePath", "free"),
}
"""By clause: a mutant that its invariant notices, and the scenario in which it does."""


@cache
def bench(device="reference"):
    return RunContext(RunOptions(device=device))


@pytest.mark.parametrize("plan", PLANS)
def test_a_correct_device_breaks_no_rule(plan):
    outcome = play(PLANS[plan], bench())
    assert outcome.recording is not None
    assert not outcome.void
    assert not outcome.breaches


@pytest.mark.parametrize("clause", KILLED)
def test_an_invariant_kills_a_mutant_without_a_case(clause):
    name, plan = KILLED[clause]
    assert clause in INVARIANTS
    assert mutants()[name].clause == clause
    assert clause in play(PLANS[plan], bench(f"mutant:{name}")).rules


def test_a_frame_behind_the_lost_end_of_a_container_may_be_held():
    harm = Harm(0, "loss", 0, 0, 10_000_000, every=10, messages=("DATA",))
    outcome = play(Plan(Bed(gsps=2), steps=(Flow(0, 1, (1518,), 40), harm)), bench())
    assert outcome.recording is not None
    lost = [data for data in outcome.recording.fabric.messages("DATA") if not data.delivered]
    assert lost[0].index == 9, "the end of a container"
    expect = Expect()
    frames_in_order_wait_for_nothing(outcome.recording, expect)
    assert not expect.breaches


def test_most_invariants_prove_themselves():
    assert len(KILLED) >= 40


@pytest.mark.parametrize(
    ("scenario", "clause"),
    [
        (Scenario(impairments=(Impairment("gsp0-gsf0", "corrupt"),)), "FWD-BYTE-EXACT"),
        (Scenario(impairments=(Impairment("gsp0-gsf0", "delay"),)), "SPRAY-HELLO-LOSS"),
        (Scenario(links=(LinkEvent(0, "gsp0-gsf0", up=False),)), "GRANT-REFRESH"),
        (Scenario(management=(ManagementEvent(0, "gsp0", "setting"),)), "PKTC-SIZE"),
        (Scenario(management=(ManagementEvent(0, "gsp0", "table_withdraw"),)), "FWD-ZERO-LOSS"),
        (Scenario(peers=(GspPeer(1, overrun=1),)), "GRANT-NO-DEMAND-NO-GRANT"),
    ],
)
def test_what_happens_in_a_play_hides_what_some_invariants_look_at(scenario, clause):
    assert clause in hidden(scenario)
    assert clause in hidden(Scenario(triggers=(Trigger("DATA", scenario),)))
    assert clause not in hidden(Scenario())


@settings(deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(0, 9)] * 3), max_size=12),
    st.lists(st.tuples(*[st.integers(0, 9)] * 2), max_size=9),
)
def test_validity_is_that_of_the_longest_grant_that_covers(grants, asked):
    """A position holds until the latest end among the GRANTs that came by then and cover it."""
    valid = Validity(grants)
    for time, position in sorted(asked):
        ends = [end for at, granted, end in grants if at <= time and granted >= position]
        assert valid.until(position, time) == max(ends, default=None)
