"""How the generations of a queue are numbered."""

from itertools import pairwise, product

from conformance.api.marks import clause, configure, needs, testbed
from conformance.api.testbeds import LeafSpine, SoloGsp
from conformance.cases.dgsq.queues import release_time
from traffic.patterns import all_to_all, bursts, elephant
from traffic.recordings.recording import UP
from traffic.scenario import Scenario


@clause("DGSQ-GENERATION-NONZERO")
@testbed(LeafSpine(gsps=3))
@needs("fabric taps")
@configure(dgsq_mode="on-first-frame")
def test_no_message_has_generation_zero(bed, expect):
    """Between all hosts and in all classes, before and after the queues aged out, no generation is 0."""
    octets = bed.parameter("unsolicited_bytes") + 2 * bed.parameter("max_frame")
    classes = (elephant(bed.host(0), bed.host(-1), bytes=octets, cls=cls) for cls in range(1, 8))
    load = sum(classes, all_to_all(bed.hosts, bytes=octets))
    recording = bed.play(load + load.delayed(2 * release_time(bed)))
    for name in ("DATA", "REQUEST", "GRANT"):
        expect.each(
            recording.fabric.messages(name, direction=UP),
            f"generation of {name}",
            lambda message: message.generation != 0,
            at_least=12,
            expected="1 or more",
            show=lambda message: message.generation,
        )


@clause("DGSQ-GENERATION-CHANGES")
@testbed(SoloGsp())
@needs("fabric taps")
@configure(dgsq_mode="on-first-frame")
def test_a_new_queue_has_the_next_generation(bed, expect):
    """Queues of two classes, used four times with rests that release them, are of successive generations."""
    often = {"repeat": 4, "frames": 5, "period": 2 * release_time(bed)}
    load = sum((bursts(bed.host(0), bed.host(-1), cls=cls, **often) for cls in (0, 3)), Scenario())
    recording = bed.play(load)
    for name, cls in product(("REQUEST", "DATA"), (0, 3)):
        messages = [each for each in recording.fabric.messages(name, bed.uplinks, UP) if each.cls == cls]
        changes = [
            (before.generation, after.generation)
            for before, after in pairwise(messages)
            if after.time - before.time > bed.parameter("age_out") // 2
        ]
        expect.each(
            changes,
            f"generation in {name} of class {cls} before and after a rest",
            lambda change: change[1] == bed.profile.after(change[0]),
            at_least=3,
            expected="the next one, and never 0",
            show=lambda change: change,
        )
        expect.equal(
            len({message.generation for message in messages}), 4, f"generations in {name} of class {cls}"
        )
