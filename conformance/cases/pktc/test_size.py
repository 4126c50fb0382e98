"""How much a container holds, in each overflow mode and for every size of frame."""

from conformance.api.marks import clause, configure, needs, sweep, testbed
from conformance.api.testbeds import SoloGsp
from conformance.cases.pktc.containers import filling, full
from traffic.patterns import credit_bytes
from traffic.scenario import SHORTEST_TAGGED_ROCE, ManagementEvent, Scenario

AWKWARD = 1000


@clause("PKTC-SIZE", "configured-sizes")
@testbed(SoloGsp())
@needs("fabric taps")
@sweep("container_bytes")
def test_full_containers_follow_the_setting(bed, expect, container_bytes):
    """Full containers hold the configured octets to within one frame, at each length that can be set."""
    size = bed.parameter("max_frame")
    recording = bed.play(filling(bed, 5, sizes=[size]))
    expect.each(
        full(bed, recording),
        "octets of a full container",
        lambda container: abs(container.bytes - container_bytes) < credit_bytes(size),
        at_least=2,
        expected=f"{container_bytes} to within {credit_bytes(size)}",
        show=lambda container: container.bytes,
    )


@clause("PKTC-SIZE", "frame-sizes")
@testbed(SoloGsp())
@needs("fabric taps")
def test_full_containers_weigh_the_same(bed, expect):
    """Containers of short, medium, long and mixed frames hold as many octets, in each of two classes."""
    nominal = bed.parameter("container_bytes")
    for sizes in ((64,), (594,), (bed.parameter("max_frame"),), (64, 594, bed.parameter("max_frame"))):
        longest = credit_bytes(max(*sizes, SHORTEST_TAGGED_ROCE))
        recording = bed.play(filling(bed, 8, sizes, classes=(0, 6)))
        expect.each(
            full(bed, recording),
            f"octets of a full container of frames of {' and '.join(map(str, sizes))} octets",
            lambda container, longest=longest: abs(container.bytes - nominal) < longest,
            at_least=3,
            expected=f"{nominal} to within {longest}",
            show=lambda container: container.bytes,
        )


@clause("PKTC-CLOSE-EARLY")
@testbed(SoloGsp())
@needs("fabric taps")
@configure(overflow_mode="close-early")
def test_close_early_never_exceeds(bed, expect):
    """No container that closes early is longer than its nominal length."""
    nominal = bed.parameter("container_bytes")
    recording = bed.play(filling(bed, 10, sizes=[AWKWARD]))
    expect.each(
        recording.fabric.containers(at=bed.uplinks),
        "octets of a container",
        lambda container: container.bytes <= nominal,
        at_least=8,
        expected=f"at most {nominal}",
        show=lambda container: container.bytes,
    )


@clause("PKTC-OVERFLOW")
@testbed(SoloGsp())
@needs("fabric taps")
@sweep("overflow_mode")
def test_overflow_fills_and_exceeds_by_less_than_a_frame(bed, expect, overflow_mode):
    """A full container ends at or beyond its nominal length, by less than one frame."""
    nominal = bed.parameter("container_bytes")
    recording = bed.play(filling(bed, 10, sizes=[AWKWARD]))
    expect.each(
        full(bed, recording),
        f"final fill of a full container ({overflow_mode})",
        lambda container: 0 <= container.fills[-1] + container.sizes[-1] - nominal < credit_bytes(AWKWARD),
        at_least=6,
        expected=f"{nominal} or more, by less than {credit_bytes(AWKWARD)}",
        show=lambda container: container.fills[-1] + container.sizes[-1],
    )


@clause("PKTC-BORROW-AVERAGE")
@testbed(SoloGsp())
@needs("fabric taps")
@configure(overflow_mode="overflow-borrow")
def test_borrowing_keeps_the_average(bed, expect):
    """However many full containers of a class have gone, their octets are as many lengths, to a frame."""
    nominal, limit = bed.parameter("container_bytes"), credit_bytes(AWKWARD) - 1
    recording = bed.play(filling(bed, 32, sizes=[AWKWARD], classes=(0, 5)))
    for cls in (0, 5):
        containers = [container for container in full(bed, recording) if container.cls == cls]
        run = [item for n, item in enumerate(containers) if item.sequence == containers[0].sequence + n]
        total = 0
        for number, container in enumerate(run, 1):
            total += container.bytes
            excess = abs(total - number * nominal)
            expect.at_most(excess, limit, "excess after full containers", "octet", rows=container.rows)
        expect.enough(len(run), 12, f"full containers of class {cls} without a pause")


@clause("PKTC-FILL-RATIO")
@testbed(SoloGsp())
@needs("fabric taps")
def test_short_frames_share_containers(bed, expect):
    """Frames of 64 octets at line rate fill their containers well."""
    nominal = bed.parameter("container_bytes")
    recording = bed.play(filling(bed, 6, sizes=[64]))
    containers = recording.fabric.containers(at=bed.uplinks)[:-1]
    if expect.enough(len(containers), 4, "containers"):
        ratio = sum(container.bytes for container in containers) / nominal / len(containers)
        expect.at_least(ratio, bed.parameter("fill_ratio_min"), "mean fill of containers")


@clause("PKTC-MINIMUM-REFUSED")
@testbed(SoloGsp())
@needs("fabric taps", "management", "events")
def test_too_short_a_container_is_refused(bed, expect):
    """A length below the longest frame is refused, and full containers keep the length that was set."""
    nominal, pause = bed.parameter("container_bytes"), bed.parameter("latency_margin")
    short = {"name": "container_bytes", "value": bed.parameter("max_frame") // 2}
    order = Scenario(management=(ManagementEvent(0, bed.gsps[0], "setting", short),))
    load = filling(bed, 6, sizes=[AWKWARD])
    recording = bed.play(order + load.delayed(by=pause))
    refusals = recording.devices.events("setting_refused", bed.gsps[0])
    expect.equal(len(refusals), 1, "refusals of a container length below the longest frame")
    expect.each(
        full(bed, recording),
        "octets of a full container",
        lambda container: abs(container.bytes - nominal) < credit_bytes(AWKWARD),
        at_least=4,
        expected=f"{nominal} to within {credit_bytes(AWKWARD)}",
        show=lambda container: container.bytes,
    )
