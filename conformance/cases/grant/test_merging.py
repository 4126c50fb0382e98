"""Grants that come twice, too late, damaged or for another generation, and the allowance that needs none."""

from dataclasses import replace
from itertools import pairwise

from conformance.api.marks import clause, configure, needs, testbed
from conformance.api.testbeds import SoloGsp
from traffic.frames.crafted import message
from traffic.patterns import credit_bytes, elephant
from traffic.recordings.recording import DOWN
from traffic.scenario import GrantPolicy, Impairment, Scenario, Treatment, Trigger, Window

FRAMES = 40
FRAME = credit_bytes(size=1518)


def waiting(bed, cls=0, **policy):
    """Return frames that wait at the source, and an egress that answers requests by a policy."""
    lasting, count = bed.parameter("settle_time"), FRAMES + bed.parameter("unsolicited_bytes") // FRAME
    egress = replace(bed.peer("gsp1"), grants=GrantPolicy(validity=lasting, **policy))
    return elephant(bed.host(0), bed.host(-1), count=count, cls=cls) + Scenario(peers=(egress,))


def sent_in(recording, start, stop):
    """Return the DATA that the source put on the wire in [start, stop) ns."""
    return [data for data in recording.fabric.messages("DATA", source="gsp0") if start <= data.time < stop]


def expect_first_grant_to_count(bed, expect, recording, wrong, right):
    """Expect DATA of the unsolicited allowance alone after wrong grants, and the rest after the right one."""
    expect.enough(min(len(wrong), len(right)), 1, "wrong GRANT, and right one after it")
    limit = bed.parameter("play_limit")
    heard = recording.arrival[right[0].row] if right else limit
    early = sum(data.credit for data in sent_in(recording, 0, heard))
    expect.at_most(early, bed.parameter("unsolicited_bytes"), "credit octets sent on wrong GRANTs", "octet")
    late = sent_in(recording, heard, limit)
    waited = (late[0].time if late else limit) - heard if right else None
    expect.at_most(waited, bed.parameter("latency_margin"), "wait after the right GRANT", "ns")


@clause("GRANT-DUPLICATE")
@testbed(SoloGsp())
@needs("fabric taps")
@configure(dgsq_mode="on-first-frame")
def test_repeated_grants_count_once(bed, expect):
    """Grants that each arrive three times let no more data out than the highest of them."""
    allowance, window = bed.parameter("unsolicited_bytes"), bed.parameter("max_frame")
    ceiling = allowance + FRAMES // 2 * FRAME
    for cls in (0, 3):
        recording = bed.play(waiting(bed, cls, copies=3, window=window, ceiling=ceiling))
        grants = recording.fabric.messages("GRANT", destination="gsp0")
        repeats = sum(after.granted == before.granted for before, after in pairwise(grants))
        expect.enough(repeats, 4, "repeated GRANT")
        sent = sum(data.credit for data in recording.fabric.messages("DATA", source="gsp0"))
        expect.enough(sent // FRAME, 2, "frames sent")
        highest = max((grant.granted for grant in grants), default=allowance)
        expect.at_most(sent, highest, f"credit octets sent in class {cls}", "octet")


@clause("GRANT-OLDER-IGNORED", "overtaken-grant")
@testbed(SoloGsp(uplinks=1))
@needs("fabric taps")
@configure(unsolicited_bytes=0, dgsq_mode="on-first-frame")
def test_older_grant_takes_nothing_back(bed, expect):
    """A grant that was overtaken by a higher one leaves what that one allowed to the frames that follow."""
    turn = max(bed.parameter("request_refresh"), 4 * bed.parameter("grant_round_trip"))
    late = Treatment(DOWN, "frame", ("GRANT",), during=Window(stop=turn // 4), delay=turn // 2)
    mute = Treatment(DOWN, "frame", ("GRANT",), lose=True, during=Window(start=turn // 2))
    spine = replace(bed.peer("gsf0"), treatments=(late, mute))
    lasting = bed.parameter("settle_time")
    egress = replace(bed.peer("gsp1"), grants=GrantPolicy("at-once", extra=9 * FRAME // 2, validity=lasting))
    for cls in (0, 3):
        one, few, more = (elephant(bed.host(0), bed.host(-1), count=count, cls=cls) for count in (1, 6, 20))
        load = one + few.delayed(turn // 4) + more.delayed(turn)
        recording = bed.play(load + Scenario(peers=(spine, egress)))
        grants = recording.fabric.messages("GRANT", destination="gsp0", direction=DOWN)
        highest = max((grant.granted for grant in grants), default=0)
        if expect.given(grants and grants[-1].granted < highest, "the last GRANT is lower than one before"):
            sent = sum(data.credit for data in recording.fabric.messages("DATA", source="gsp0"))
            expect.at_least(sent, highest - FRAME + 1, f"credit octets sent in class {cls}", "octet")


@clause("GRANT-OLDER-IGNORED", "overtaken-request")
@testbed(SoloGsp(uplinks=1))
@needs("fabric taps", "raw frames")
@configure(unsolicited_bytes=0)
def test_older_request_takes_nothing_back(bed, expect):
    """In either class, a REQUEST with lower counters that comes after a higher one makes no grant fall."""
    ends = {"source": bed.node("gsp1"), "destination": bed.node("gsp0")}
    ends |= {"port": bed.addresses[bed.host(0)].port, "generation": bed.profile.after(6)}
    high = ends | {"demand": 5 * bed.parameter("container_bytes")}
    low = ends | {"demand": credit_bytes(64)}
    load = Scenario()
    for turn, values in enumerate((high, low, high, low, high)):
        at = 2 * turn * bed.parameter("grant_round_trip")
        for cls in (0, 3):
            told = values | {"class": cls}
            load += message(bed.uplinks[0], "REQUEST", told, at=at, profile=bed.wire_profile)
    recording = bed.play(load)
    grants = recording.fabric.messages("GRANT", source="gsp0", destination="gsp1")
    expect.each(
        [pair for cls in (0, 3) for pair in pairwise(grant for grant in grants if grant.cls == cls)],
        "cumulative grants of a class that follow each other",
        lambda pair: pair[1].granted >= pair[0].granted,
        at_least=4,
        expected="never falling",
        show=lambda pair: [grant.granted for grant in pair],
    )


@clause("GRANT-WRONG-GENERATION")
@testbed(SoloGsp())
@needs("fabric taps")
@configure(dgsq_mode="on-first-frame")
def test_grant_for_another_generation_is_ignored(bed, expect):
    """Grants for the generation before, the one after and for 0 let nothing out, one for its own does."""
    right = Scenario(peers=waiting(bed, mode="at-once").peers)
    corrected = Trigger("REQUEST", right, after=4 * bed.parameter("request_refresh"))
    for cls in (0, 3):
        load = waiting(bed, cls, mode="at-once", generations=("before", "after", "zero"))
        recording = bed.play(load + Scenario(triggers=(corrected,)))
        own = {request.generation for request in recording.fabric.messages("REQUEST", source="gsp0")}
        grants = recording.fabric.messages("GRANT", destination="gsp0")
        good, wrong = (
            [grant for grant in grants if (grant.generation in own) == is_own] for is_own in (True, False)
        )
        expect.enough(len({grant.generation for grant in wrong}), 3, "wrong generations")
        expect_first_grant_to_count(bed, expect, recording, wrong, good)


@clause("GRANT-CORRUPTED")
@testbed(SoloGsp())
@needs("fabric taps", "counters", "impairments")
@configure(dgsq_mode="on-first-frame")
def test_damaged_grant_is_ignored(bed, expect):
    """Grants with one flipped bit let nothing out and are counted as dropped, the first intact one does."""
    stop = 10 * bed.parameter("request_refresh")
    damage = tuple(Impairment(link, "corrupt", DOWN, stop=stop, messages=("GRANT",)) for link in bed.uplinks)
    recording = bed.play(waiting(bed, mode="at-once") + Scenario(impairments=damage))
    grants = recording.fabric.messages("GRANT", destination="gsp0", valid=None)
    wrong, good = (
        [grant for grant in grants if (grant.time < stop) == is_wrong] for is_wrong in (True, False)
    )
    expect.enough(len(wrong), 8, "damaged GRANT")
    expect_first_grant_to_count(bed, expect, recording, wrong, good)
    causes = ("bad_checksum", "bad_version", "bad_message")
    counted = sum(recording.devices.counter(f"drop.{cause}", "gsp0") for cause in causes)
    expect.equal(counted, len(wrong), f"growth of {' and '.join(causes)}")


@clause("GRANT-UNSOLICITED")
@testbed(SoloGsp())
@needs("fabric taps")
@configure(unsolicited_bytes=20000, dgsq_mode="on-first-frame")
def test_allowance_is_used_and_kept_to(bed, expect):
    """Of a burst whose requests nobody answers, what fits the allowance leaves at once, and no more."""
    allowance, size = bed.parameter("unsolicited_bytes"), 66
    mute = Scenario(peers=waiting(bed, mode="withhold").peers)
    for cls in (0, 3):
        count = 2 * allowance // credit_bytes(size)
        recording = bed.play(mute + elephant(bed.host(0), bed.host(-1), count=count, size=size, cls=cls))
        data = recording.fabric.messages("DATA", source="gsp0")
        rows = [message.row for message in data]
        expect.enough(len(recording.fabric.messages("REQUEST", source="gsp0")), 3, "REQUEST without answer")
        sent, least = sum(message.credit for message in data), allowance - credit_bytes(size) + 1
        expect.at_most(sent, allowance, "credit octets sent without a GRANT", "octet", rows=rows)
        expect.at_least(sent, least, f"credit octets sent in class {cls}", "octet", rows=rows)
        for first, frame in zip(data[:1], recording.hosts.frames(bed.host(0)), strict=False):
            waited = first.time - recording.arrival[frame.row]
            expect.at_most(waited, bed.parameter("latency_margin"), "wait of the first frame", "ns")
