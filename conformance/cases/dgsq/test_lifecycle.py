"""When a queue comes into being, for what, and when it ends."""

from dataclasses import replace

from conformance.api.marks import clause, configure, needs, testbed
from conformance.api.testbeds import SoloGsp
from conformance.cases.dgsq.queues import read_after, read_within, release_time
from traffic.patterns import bursts, elephant, gap_at, interleaved, single
from traffic.recordings.recording import UP
from traffic.scenario import Scenario, Signal, Window


@clause("DGSQ-NONE-AT-IDLE")
@testbed(SoloGsp(remotes=2))
@needs("fabric taps", "counters")
def test_idle_holds_no_queue(bed, expect):
    """A GSP that has just started greets its neighbours, and neither creates a queue nor asks for credit."""
    idle = 5 * max(bed.parameter("request_refresh"), bed.parameter("hello_interval"))
    recording = bed.play(Scenario(settle=idle), fresh=True)
    alive = [hello.row for hello in recording.fabric.messages("HELLO", bed.uplinks, UP)]
    expect.enough(len(alive), 2 * len(bed.uplinks), "HELLO of the idle device")
    for gauge in ("dgsq_created", "dgsq_active"):
        expect.equal(recording.devices.counter(gauge, "gsp0"), 0, gauge)
    requests = recording.fabric.messages("REQUEST", bed.uplinks, UP)
    expect.none(requests, "REQUEST without traffic", (min(alive, default=None), max(alive, default=None)))


@clause("DGSQ-ON-FIRST-FRAME")
@testbed(SoloGsp())
@needs("fabric taps", "counters")
@configure(dgsq_mode="on-first-frame")
def test_the_first_frame_creates_the_only_queue(bed, expect):
    """The first frame for a host creates a queue, and many more frames after a pause use the same."""
    pause = bed.parameter("age_out") // 2
    load = single(bed.host(0), bed.host(-1)) + elephant(bed.host(0), bed.host(-1), count=60, start=pause)
    recording = bed.play(load)
    expect.equal(recording.devices.counter("dgsq_created", "gsp0"), 1, "growth of dgsq_created")
    generations = set()
    for name, at_least in (("REQUEST", 2), ("DATA", 61)):
        messages = recording.fabric.messages(name, bed.uplinks, UP)
        expect.enough(len(messages), at_least, name)
        generations |= {message.generation for message in messages}
    expect.equal(len(generations), 1, "generations in REQUEST and DATA")


@clause("DGSQ-KEY")
@testbed(SoloGsp(remotes=2))
@needs("fabric taps", "counters")
@configure(dgsq_mode="on-first-frame")
def test_one_queue_an_egress_and_class(bed, expect):
    """Frames for two ports of each of two nodes, in as many classes as have room, use a queue each."""
    here, ends = bed.host(0), bed.hosts[2:]
    classes = (0, 7, 3, 1, 6)[: bed.parameter("dgsq_max") // len(ends)]
    load = sum((interleaved(here, ends, count=5, cls=cls) for cls in classes), Scenario())
    recording = bed.play(replace(load, settle=bed.parameter("age_out") // 2))
    seats = [bed.addresses[host] for host in ends]
    wanted = {(seat.node, seat.port, cls) for seat in seats for cls in classes}
    if read_within(expect, recording, bed.parameter("age_out")):
        expect.equal(recording.devices.counter("dgsq_active", "gsp0"), len(wanted), "dgsq_active")
    for name in ("REQUEST", "DATA"):
        sent = recording.fabric.messages(name, bed.uplinks, UP)
        keys = {(message.destination, message.port, message.cls) for message in sent}
        expect.equal(keys, wanted, f"node, port and class named by {name}")


@clause("DGSQ-AGE-OUT", "two-sided")
@testbed(SoloGsp(remotes=2))
@needs("counters")
@configure(dgsq_mode="on-first-frame")
def test_idle_queues_are_released_in_time(bed, expect):
    """Queues in rare use outlive each pause below age_out, and go soon after, under back-pressure as well."""
    age_out, margin = bed.parameter("age_out"), bed.parameter("latency_margin")
    pause = age_out - 3 * margin - bed.parameter("grant_round_trip")
    often = {"repeat": 3, "frames": 2, "period": pause, "size": 66}
    rare = [bursts(bed.host(0), host, cls=cls, **often) for host in bed.hosts[2:] for cls in (0, 5)]
    slower = Signal(bed.node("gsp1"), (bed.node("gsp0"),), 128, 9 * age_out)
    pressed = Scenario(peers=(replace(bed.peer("gsp1"), signals=(slower,)),))
    for rest, active, more in ((pause, len(rare), Scenario()), (release_time(bed), 0, pressed)):
        recording = bed.play(replace(sum(rare, more), settle=rest))
        if not (
            read_within(expect, recording, age_out - margin)
            if active
            else read_after(expect, recording, rest)
        ):
            continue
        expect.equal(recording.devices.counter("dgsq_created", "gsp0"), len(rare), "growth of dgsq_created")
        expect.equal(
            recording.devices.counter("dgsq_active", "gsp0"), active, f"dgsq_active after {rest} ns of rest"
        )
        released = recording.devices.counter("dgsq_released", "gsp0")
        expect.equal(released, len(rare) - active, f"growth of dgsq_released after {rest} ns of rest")


@clause("DGSQ-AGE-OUT", "waiting-is-not-idle")
@testbed(SoloGsp())
@needs("fabric taps", "counters")
@configure(unsolicited_bytes=0, dgsq_mode="on-first-frame")
def test_waiting_queues_are_not_released(bed, expect):
    """Queues of two classes that wait for credit for longer than age_out keep their frames and generation."""
    late, flows = 3 * bed.parameter("age_out"), ((bed.host(0), 0), (bed.host(1), 5))
    grants = replace(bed.peer("gsp1").grants, during=Window(start=late))
    load = sum((elephant(host, bed.host(-1), count=20, cls=cls) for host, cls in flows), Scenario())
    egress = Scenario(peers=(replace(bed.peer("gsp1"), grants=grants),), settle=2 * late)
    recording = bed.play(load + egress)
    for source, cls in flows:
        data = [each for each in recording.fabric.messages("DATA", source="gsp0") if each.cls == cls]
        expect.enough(sum(each.time > late for each in data), 1, f"DATA of class {cls} granted late")
        arrived = recording.hosts.delivered(source, bed.host(-1), emulated=True)
        expect.equal(arrived, 20, f"frames of class {cls} delivered")
    expect.equal(recording.devices.counter("dgsq_created", "gsp0"), len(flows), "growth of dgsq_created")


@clause("DGSQ-NO-LEAK")
@testbed(SoloGsp(remotes=3))
@needs("counters")
@configure(dgsq_mode="on-first-frame")
def test_created_and_released_balance(bed, expect):
    """After each of several bursts to six hosts in two classes, with rests between, no queue is left over."""
    here, rest = bed.host(0), release_time(bed)
    destinations = [(host, cls) for host in bed.hosts[2:] for cls in (0, 7)]
    for cycles in (1, 2, 4):
        often = {"repeat": cycles, "frames": 2, "period": 2 * rest}
        each = (bursts(here, host, cls=cls, **often) for host, cls in destinations)
        recording = bed.play(replace(sum(each, Scenario()), settle=rest))
        created, released, active = (
            recording.devices.counter(f"dgsq_{name}", "gsp0") for name in ("created", "released", "active")
        )
        expect.equal(created, cycles * len(destinations), f"growth of dgsq_created in {cycles} cycles")
        expect.equal(created - released, active, f"queues created less those released in {cycles} cycles")
        expect.equal(active, 0, f"dgsq_active after {cycles} cycles")


@clause("DGSQ-EXHAUSTION")
@testbed(SoloGsp(remotes=2))
@needs("counters", "fabric taps")
@configure(dgsq_max=2, dgsq_mode="on-first-frame")
def test_exhaustion_harms_the_newcomer_alone(bed, expect):
    """When two queues are all there are, frames for another port, and in another class, are dropped alone."""
    here, other, *known = bed.hosts[:2] + bed.hosts[2::2]
    size = bed.parameter("max_frame") // 10
    middle = 40 * gap_at(size, bed.parameter("link_rate"))
    load = Scenario()
    for host, cls in zip(known, (0, 5), strict=True):
        load += elephant(here, host, count=60, size=size, gap=middle // 40, cls=cls)
    for newcomer, cls in ((bed.host(3), 0), (bed.host(5), 0), (bed.host(5), 5)):
        load += elephant(other, newcomer, count=10, size=size, start=middle, cls=cls)
    later = 2 * release_time(bed)
    for turn, cls in enumerate((0, 3, 5)):
        free = {"count": 5, "size": size, "start": later + turn * middle, "cls": cls}
        load += elephant(other, bed.host(3), **free)
    recording = bed.play(replace(load, settle=bed.parameter("age_out") // 2))
    again = recording.hosts.delivered(other, bed.host(3), emulated=True)
    expect.equal(again, 2 * 5, "frames of two newcomers once the others are released")
    dropped = recording.devices.counter("drop.dgsq_exhausted", "gsp0")
    expect.equal(dropped, 3 * 10 + 5, "growth of drop.dgsq_exhausted, that of a third newcomer included")
    expect.at_most(recording.devices.counter("dgsq_active", "gsp0"), bed.parameter("dgsq_max"), "dgsq_active")
    for host in known:
        expect.enough(recording.hosts.delivered(here, host, emulated=True), 40, f"frames for {host}")
        lost = recording.hosts.losses(here, host, emulated=True)
        expect.equal(lost, [], f"frames for {host} lost", [frame.row for frame in lost], unit="frame")
