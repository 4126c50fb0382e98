"""What becomes of a queue whose destination is withdrawn from the table."""

from dataclasses import replace

from conformance.api.marks import clause, configure, needs, testbed
from conformance.api.testbeds import SoloGsp
from conformance.cases.dgsq.queues import grant_delay, read_within, slow_egress
from traffic.patterns import elephant
from traffic.recordings.recording import UP
from traffic.scenario import ManagementEvent, Scenario


def order(bed, at, action, host):
    """Withdraw a host from the table of the device under test, or set it."""
    address = bed.addresses[host]
    seat = {"node": address.node, "port": address.port} if action == "table_set" else {}
    return Scenario(management=(ManagementEvent(at, "gsp0", action, {"mac": address.mac.hex(), **seat}),))


@clause("DGSQ-WITHDRAWN")
@testbed(SoloGsp(remotes=2))
@needs("fabric taps", "counters", "management")
@configure(dgsq_mode="on-first-frame", unknown_unicast="drop")
def test_withdrawal_ends_the_queue(bed, expect):
    """What waits for a host withdrawn, in two classes, is dropped and counted, and all for others leaves."""
    here, there, gone, beside, apart, _ = bed.hosts
    count, time = 80, 4 * grant_delay(bed)
    load = slow_egress(bed, "gsp1") + order(bed, time, "table_withdraw", gone)
    for cls in (0, 5):
        load += elephant(here, gone, count=count // 2, gap=time // 20, cls=cls)
    for kept in (beside, apart):
        load += elephant(there, kept, count=count // 2, gap=time // 20)
    recording = bed.play(replace(load, settle=bed.parameter("age_out") // 2))
    seat = bed.addresses[gone].port
    leaving = recording.fabric.messages("DATA", bed.uplinks, UP, destination="gsp1")
    data = [message for message in leaving if message.port == seat]
    early = [message for message in data if message.time <= time]
    expect.enough(len(early), 3, "DATA for the host before it was withdrawn")
    late = [message.row for message in data if message.time > time + bed.parameter("latency_margin")]
    expect.that(not late, "DATA for the host withdrawn", 0, len(late), late)
    counted = sum(
        recording.devices.counter(f"drop.{cause}", "gsp0")
        for cause in ("table_withdrawn", "unknown_destination")
    )
    expect.equal(counted, count - len(data), "frames dropped and counted")
    if read_within(expect, recording, bed.parameter("age_out")):
        expect.equal(recording.devices.counter("dgsq_active", "gsp0"), 2, "dgsq_active")
    lost = recording.hosts.losses(there, emulated=True)
    expect.equal(lost, [], "frames for other hosts lost", [frame.row for frame in lost], unit="frame")


@clause("DGSQ-WHOLE-DROP")
@testbed(SoloGsp(hosts=1))
@needs("fabric taps", "management")
@configure(dgsq_mode="on-first-frame", unknown_unicast="drop")
def test_a_queue_is_dropped_whole(bed, expect):
    """In either class an unbroken run of frames leaves in a generation, and another after a withdrawal."""
    here, there = bed.hosts
    time, classes = 4 * grant_delay(bed), (0, 5)
    load = slow_egress(bed, "gsp1")
    load += order(bed, time, "table_withdraw", there) + order(bed, 2 * time, "table_set", there)
    load += sum((elephant(here, there, count=120, gap=time // 40, cls=cls) for cls in classes), Scenario())
    recording = bed.play(load)
    containers = recording.fabric.containers(at=bed.uplinks)
    for cls, generation in {(container.cls, container.generation) for container in containers}:
        mine = [each for each in containers if (each.cls, each.generation) == (cls, generation)]
        numbers = sorted((container.sequence, index) for container in mine for index in container.indices)
        due = [(sequence, index) for sequence, item in enumerate(mine) for index in range(item.frames)]
        expect.equal(numbers, due, f"sequences and indices in generation {generation} of class {cls}")
        sent = [frame.frame for frame in recording.hosts.frames(here) if frame.cls == cls]
        place = {frame: number for number, frame in enumerate(sent)}
        run = sorted(place.get(recording.fabric.payload(row), -1) for item in mine for row in item.rows)
        if expect.given(min(run) >= 0, "each frame in the fabric was seen when it was sent"):
            what = f"places in the flow of the frames of generation {generation} of class {cls}"
            expect.equal(run, list(range(run[0], run[0] + len(run))), what)
    for cls in classes:
        data = [each for each in recording.fabric.messages("DATA", bed.uplinks, UP) if each.cls == cls]
        old, new = ([m for m in data if m.time <= time], [m for m in data if m.time > 2 * time])
        if expect.enough(min(len(old), len(new)), 3, f"DATA of class {cls} before and after"):
            shared = {m.generation for m in old} & {m.generation for m in new}
            expect.equal(shared, set(), "generations seen both before and after", [new[0].row])
