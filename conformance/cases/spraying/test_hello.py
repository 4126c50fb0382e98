"""HELLO: what it says, and which links it takes out of use."""

from dataclasses import replace
from itertools import pairwise

from conformance.api.marks import clause, needs, testbed
from conformance.api.testbeds import LeafSpine, SoloGsf, SoloGsp
from conformance.cases.spraying.shares import (
    begun,
    in_turn,
    judge_shares,
    judge_unused,
    lasting,
    line_time,
    plenty,
)
from traffic.patterns import elephant
from traffic.recordings.recording import DOWN, UP
from traffic.scenario import Scenario, Window


def patience(bed):
    """Time in ns after the last sign of life by which a link is out of use."""
    intervals = bed.parameter("hello_misses") + 1
    return intervals * bed.parameter("hello_interval") + bed.parameter("latency_margin")


@clause("SPRAY-HELLO-LOSS", "enough-missing")
@testbed(SoloGsp(uplinks=3))
@needs("fabric taps")
def test_a_silent_link_is_left(bed, expect):
    """When HELLO ceases on the first or the last of three uplinks, DATA goes up the others alone, in time."""
    for name in (bed.gsfs[0], bed.gsfs[-1]):
        peer = replace(bed.peer(name), silent=(Window(3 * bed.parameter("hello_interval")),))
        silent, good = peer.link, [link for link in bed.uplinks if link != peer.link]
        time = 2 * patience(bed) + line_time(bed, plenty(bed, 2))
        recording = bed.play(lasting(bed, bed.host(0), bed.host(-1), time) + Scenario(peers=(peer,)))
        heard = recording.fabric.messages("HELLO", silent, DOWN)
        expect.enough(len(recording.fabric.messages("DATA", silent, UP)), 2, "DATA while HELLO was heard")
        if expect.enough(len(heard), 1, "HELLO before the silence"):
            left = heard[-1].time + patience(bed)
            containers = begun(recording.fabric.containers(at=bed.uplinks), left)
            used = {link for container in containers for link in container.links}
            expect.equal(used, set(good), f"uplinks in use when {silent} is silent", unit="uplink")
            judge_shares(bed, expect, containers, dict.fromkeys(good, 1), "the others")


@clause("SPRAY-HELLO-LOSS", "enough-missing")
@testbed(SoloGsf())
@needs("fabric taps")
def test_a_silent_gsp_is_left(bed, expect):
    """When the HELLO of one of two destinations ceases, a GSF forwards DATA to the other alone, in time."""
    (good,), (silent,) = bed.uplinks_of("gsp1"), bed.uplinks_of("gsp2")
    peer = replace(bed.peer("gsp2"), silent_hello=(Window(3 * bed.parameter("hello_interval")),))
    recording = bed.play(in_turn(bed, 3 * patience(bed)) + Scenario(peers=(peer,)))
    heard = recording.fabric.messages("HELLO", silent, UP)
    expect.enough(len(recording.fabric.messages("DATA", silent, DOWN)), 2, "DATA while HELLO was heard")
    if expect.enough(len(heard), 1, "HELLO before the silence"):
        judge_unused(expect, recording, silent, good, after=heard[-1].time + patience(bed), way=DOWN)


@clause("SPRAY-HELLO-LOSS", "one-fewer")
@testbed(SoloGsp())
@needs("fabric taps", "counters")
def test_a_short_silence_is_borne(bed, expect):
    """With one HELLO fewer than hello_misses left out, the uplink keeps its share."""
    interval = bed.parameter("hello_interval")
    start = interval + interval // 2
    gap = Window(start, start + (bed.parameter("hello_misses") - 1) * interval)
    load = lasting(bed, bed.host(0), bed.host(-1), patience(bed) + line_time(bed, plenty(bed, 2)))
    recording = bed.play(load + Scenario(peers=(replace(bed.peer("gsf1"), silent=(gap,)),)))
    times = [message.time for message in recording.fabric.messages("HELLO", bed.uplinks[1], DOWN)]
    missed = max((later - earlier for earlier, later in pairwise(times)), default=0) // interval
    expect.enough(missed, bed.parameter("hello_misses") - 1, "hello intervals of silence")
    expect.equal(recording.devices.counter("path_down", "gsp0"), 0, "growth of path_down")
    containers = recording.fabric.containers(at=bed.uplinks)
    judge_shares(bed, expect, containers, dict.fromkeys(bed.uplinks, 1), "both uplinks")


@clause("SPRAY-HELLO-LOSS", "across-the-wrap")
@testbed(SoloGsp())
@needs("fabric taps", "counters")
def test_numbers_of_hello_begin_again(bed, expect):
    """When the sequence of HELLO wraps, no path is lost, and DATA goes up both uplinks from then on."""
    gap = bed.parameter("hello_interval") // 4
    load = elephant(bed.host(0), bed.host(-1), count=100, size=bed.parameter("max_frame"), gap=gap)
    recording = bed.play(load)
    for link in bed.uplinks:
        heard = recording.fabric.messages("HELLO", link, DOWN)
        again = [after.time for before, after in pairwise(heard) if after.sequence < before.sequence]
        if expect.given(again, f"the sequence of HELLO on {link} wrapped"):
            left = begun(recording.fabric.containers(at=bed.uplinks), again[0] + patience(bed))
            used = {each for container in left for each in container.links}
            expect.equal(used, set(bed.uplinks), "uplinks in use behind the wrap", unit="uplink")
    expect.equal(recording.devices.counter("path_down", "gsp0"), 0, "growth of path_down")


def judge_pace(bed, expect, greetings):
    """Expect HELLO in time, each with the number after the one before."""
    pause = bed.parameter("hello_interval") + bed.parameter("latency_margin")
    if len(greetings) > 1:
        settled = greetings[-5:]
        whole, number = settled[-1].time - settled[0].time, len(settled) - 1
        limit = number * bed.parameter("hello_interval") + bed.parameter("latency_margin")
        expect.at_most(whole, limit, f"time of {number} pauses between HELLO", "ns")
    for before, after in pairwise(greetings):
        rows = before.row, after.row
        expect.at_most(after.time - before.time, pause, "pause between two HELLO", "ns", rows=rows)
        expect.equal(
            (after.sequence - before.sequence) % bed.profile.numbers("HELLO"), 1, "step of the sequence", rows
        )


def judge_heard(bed, expect, greetings, came):
    """Expect HELLO to name the newest (node, sequence, time) that came, or one that came meanwhile.

    What came before its own first HELLO, a device that was still starting may have missed.
    """
    alive = greetings[0].time if greetings else 0
    missable = [(0, 0, 0), *(item for item in came if item[2] <= alive)]
    for hello in greetings:
        made = hello.time - bed.parameter("latency_margin")
        heard = [item for item in came if alive < item[2] <= made]
        newest = [max(heard, key=lambda item: item[2])] if heard else missable
        meanwhile = [item for item in came if made < item[2] <= hello.time]
        allowed = [item[:2] for item in (*newest, *meanwhile)]
        got = hello.heard_node, hello.heard_sequence
        expect.that(got in allowed, "heard node and sequence", allowed, got, [hello.row])


def judge_truth(bed, expect, greetings, own, link):
    """Expect HELLO to say who sends it and how fast, and in the end which nodes lie behind."""
    other = link.upper if own == link.lower else link.lower
    role, behind = ("GSP", {own}) if own in bed.gsps else ("GSF", {*bed.gsps} - {other})
    rates = {item.lower: item.rate_mbps for item in bed.topology.ports(own if role == "GSF" else other)}
    port, rate = bed.topology.number(own, link), bed.profile.field("HELLO", "rate").kept(link.rate_mbps)
    for hello in greetings:
        said = hello.source, hello.role, hello.port_id, hello.rate
        due = bed.node(own), bed.profile.code("HELLO", "role", role), port, rate
        expect.equal(said, due, "source, role, port and rate", [hello.row])
    for hello in greetings[-1:]:
        told = {entry["node"]: entry["rate"] for entry in hello.entries}
        field = bed.profile.field("HELLO", "rate")
        true = {bed.node(name): field.kept(rates[name]) for name in behind}
        expect.equal(told, true, "nodes that can be reached, with their rates", [hello.row])


@clause("SPRAY-HELLO-CONTENT")
@testbed(LeafSpine(gsps=5, slower={"gsp0-gsf1": 2}))
@needs("fabric taps")
def test_hello_tells_the_truth(bed, expect):
    """While a network starts and rests, both ends of each fabric link say who they are and whom they hear."""
    span = bed.parameter("flap_hold") + 8 * bed.parameter("hello_interval")
    recording = bed.play(Scenario(settle=span), fresh=True)
    for link in bed.topology.links:
        if not link.fabric:
            continue
        for own, other, way in ((link.lower, link.upper, UP), (link.upper, link.lower, DOWN)):
            greetings = recording.fabric.messages("HELLO", link.name, way)
            back = recording.fabric.messages("HELLO", link.name, DOWN if way == UP else UP)
            came = [(bed.node(other), item.sequence, int(recording.arrival[item.row])) for item in back]
            expect.enough(len(greetings), 5, f"HELLO of {own} on {link.name}")
            judge_pace(bed, expect, greetings)
            judge_heard(bed, expect, greetings, came)
            judge_truth(bed, expect, greetings, own, link)


@clause("SPRAY-TWO-WAY")
@testbed(SoloGsp())
@needs("fabric taps")
def test_a_deaf_neighbour_gets_nothing(bed, expect):
    """A neighbour whose HELLO says that it hears nobody is sent no DATA any more, on whichever uplink."""
    for name, good in zip(bed.gsfs, reversed(bed.uplinks), strict=True):
        peer = replace(bed.peer(name), unheard=(Window(3 * bed.parameter("hello_interval")),))
        load = lasting(bed, bed.host(0), bed.host(-1), 3 * patience(bed))
        recording = bed.play(load + Scenario(peers=(peer,)))
        hellos = recording.fabric.messages("HELLO", peer.link, DOWN)
        stale = [hello for hello in hellos if not hello.heard_node]
        expect.enough(len(recording.fabric.messages("DATA", peer.link, UP)), 2, "DATA while it heard")
        if expect.enough(len(stale), 2, "HELLO of a neighbour that hears nobody"):
            judge_unused(expect, recording, peer.link, good, after=stale[0].time + patience(bed))


@clause("SPRAY-TWO-WAY")
@testbed(SoloGsf())
@needs("fabric taps")
def test_a_deaf_gsp_gets_nothing(bed, expect):
    """A GSF forwards no DATA to a GSP any more whose HELLO says that it hears nobody."""
    (good,), (deaf,) = bed.uplinks_of("gsp1"), bed.uplinks_of("gsp2")
    peer = replace(bed.peer("gsp2"), unheard=(Window(3 * bed.parameter("hello_interval")),))
    recording = bed.play(in_turn(bed, 3 * patience(bed)) + Scenario(peers=(peer,)))
    stale = [hello for hello in recording.fabric.messages("HELLO", deaf, UP) if not hello.heard_node]
    expect.enough(len(recording.fabric.messages("DATA", deaf, DOWN)), 2, "DATA while it heard")
    if expect.enough(len(stale), 2, "HELLO of a GSP that hears nobody"):
        judge_unused(expect, recording, deaf, good, after=stale[0].time + patience(bed), way=DOWN)
