"""Scenarios that were made for no clause; whatever happens, frames of hosts come to what they are due.

The plans are chosen for the pairs of conditions they meet; `gse-cts explore --plan NAME` plays one alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from conformance.api.marks import clause, configure, needs, testbed
from conformance.api.outcomes import Inconclusive, TesterLimited
from conformance.api.testbeds import LeafSpine, SoloGsf, SoloGsp
from conformance.plans.oracle import Oracle
from conformance.plans.staging import Seat, stage
from conformance.plans.stock import parts, shares
from spec.layout import NotInProfile
from traffic.recordings.recording import BeyondRecording

AMONG_PEERS = (
    "fabric taps",
    "counters",
    "events",
    "link events",
    "pfc",
    "raw frames",
    "reactive peer",
    "timestamps <= 1 us",
)
EVERYTHING = (*AMONG_PEERS, "management", "impairments")


@contextmanager
def saying_nothing(expect, plan, silent) -> Iterator[None]:
    """Count a plan that this bench or wire profile cannot play, or not to its end; it fails nobody."""
    try:
        yield
    except (NotInProfile, TesterLimited, Inconclusive, BeyondRecording) as error:
        silent.append(plan.name)
        expect.note(f"plan {plan.name} says nothing: {error}")


def judge_plans(bed, expect, plans):
    """Play plans, and expect that the oracle of what a correct fabric owes finds nothing amiss."""
    silent: list[str] = []
    data = 0
    seat = Seat(bed.topology, bed.peers, bed.parameter, bed.wire_profile)
    for plan in plans:
        with saying_nothing(expect, plan, silent):
            scenario, probes_at = stage(plan, seat)
            recording = bed.play(scenario)
            data += len(recording.fabric.messages("DATA"))
            broken = Oracle(scenario, recording, probes_at).breaches()
            told = "; ".join(f"{breach.rule}: {breach.words}" for breach in broken)
            again = f"gse-cts explore --plan {plan.name}"
            expect.that(not broken, f"what is amiss in play {len(bed.recordings)} ({again})", "nothing", told)
            expect.note(f"play {len(bed.recordings)}: {again}")
    if len(silent) == len(plans):
        raise TesterLimited(f"none of {len(plans)} plans says anything here")
    expect.enough(data, len(plans) - len(silent), "DATA on the fabric links")


@clause("FWD-DUE-FATE", "whole-fabric")
@testbed(LeafSpine(gsps=3, gsfs=2, hosts=2))
@needs(*EVERYTHING)
@pytest.mark.parametrize("part", parts("fabric"))
def test_frames_in_a_fabric_come_to_what_they_are_due(bed, expect, part):
    """In a fabric each frame arrives once, unchanged and in order, or is counted; then all is as it was."""
    judge_plans(bed, expect, shares("fabric")[part])


@clause("FWD-DUE-FATE", "other-modes")
@testbed(LeafSpine(gsps=3, gsfs=2, parallel=2))
@configure(overflow_mode="overflow-borrow", dgsq_mode="on-congestion", unknown_unicast="flood")
@needs(*EVERYTHING)
@pytest.mark.parametrize("part", parts("borrowing"))
def test_frames_in_other_modes_come_to_what_they_are_due(bed, expect, part):
    """The same where containers borrow, queues wait for congestion and unknown frames are flooded."""
    judge_plans(bed, expect, shares("borrowing")[part])


@clause("FWD-DUE-FATE", "gsp-among-peers")
@testbed(SoloGsp(hosts=2, uplinks=2, remotes=2))
@needs(*AMONG_PEERS)
@pytest.mark.parametrize("part", parts("gsp"))
def test_frames_of_a_gsp_among_odd_peers_come_to_what_they_are_due(bed, expect, part):
    """The same at a GSP whose peers err: late, lost or foreign grants, strays, repeats, silent spines."""
    judge_plans(bed, expect, shares("gsp")[part])


@clause("FWD-DUE-FATE", "gsf-among-peers")
@testbed(SoloGsf(gsps=3, parallel=2))
@needs(*AMONG_PEERS)
@pytest.mark.parametrize("part", parts("gsf"))
def test_messages_through_a_gsf_come_to_what_they_are_due(bed, expect, part):
    """A GSF sends each message on that came to it, once, or counts it as dropped, whatever its peers do."""
    judge_plans(bed, expect, shares("gsf")[part])
