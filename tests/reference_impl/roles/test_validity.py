"""A validity is ns in a device and microseconds on the wire: back-pressure lasts no less, credit no more."""

import pytest

from reference_impl import codec
from reference_impl.mutants import mutants
from tests.reference_impl.roles.gsp.conftest import Bench, host_frame

VALIDITY_OCTETS = slice(-6, -2)
"""Where GRANT and BACKPRESSURE have it: ahead of the checksum."""


def on_wire(frame):
    return int.from_bytes(frame[VALIDITY_OCTETS], "big")


def told_by_a_gsf(fabric, validity):
    world = fabric(gsps=3, gsfs=1, settings={"bp_threshold": 20_000, "bp_validity": validity}).up()
    for gsp in (0, 1):
        prefix = world.gsps[gsp].paths.links[0].prefix
        frames = [
            codec.encode_data(prefix, 0, 0, gsp + 1, 3, 0, number, 1, 0, 0, 0, bytes(1500))
            for number in range(60)
        ]
        world.send(gsp, 0, *frames)
    world.network.run(300_000)
    return [on_wire(frame) for frame in world.gsps[0].messages(codec.BACKPRESSURE)]


def told_by_a_gsp(validity):
    world = Bench(bp_threshold=20_000, bp_validity=validity)
    for sequence in range(60):
        world.data(host_frame(0, size=1500), sequence=sequence, last=True)
    return [
        on_wire(frame) for _, _, frame in world.of(codec.BACKPRESSURE) if codec.decode_backpressure(frame)[1]
    ]


@pytest.mark.parametrize(
    ("validity", "expected"), [(100_000, 100), (100_001, 101), (100_999, 101), (1_500, 2)]
)
def test_every_role_rounds_the_validity_of_backpressure_up(fabric, validity, expected):
    by_gsf, by_gsp = told_by_a_gsf(fabric, validity), told_by_a_gsp(validity)
    assert by_gsf
    assert by_gsp
    assert {*by_gsf, *by_gsp} == {expected}


def test_the_validity_of_a_grant_is_rounded_down():
    world = Bench(grant_validity=70_999)
    world.request(5000)
    assert [on_wire(frame) for _, _, frame in world.of(codec.GRANT)] == [70]


@pytest.mark.parametrize("validity", [0, 1000, 70_000, 4_294_967_295_000])
def test_the_codec_takes_and_gives_ns(validity):
    prefix = bytes(12) + codec.ETHERTYPE
    grant = codec.encode_grant(prefix, 0, 1, 2, 0, 1, 5, 0, validity)
    backpressure = codec.encode_backpressure(prefix, 0, 1, 2, 0, 3, 128, validity)
    assert codec.decode_grant(grant)[-1] == codec.decode_backpressure(backpressure)[-1] == validity
    assert on_wire(grant) == on_wire(backpressure) == validity // 1000


@pytest.mark.parametrize("flaw", [mutants()["RenewsValidity"].flaw])
def test_a_repeated_grant_of_a_healthy_device_says_less(flaw):
    def repeated(flaw):
        world = Bench(flaw=flaw)
        world.request(5000)
        world.run(world.now + 60_000)
        world.request(5000)
        return [on_wire(frame) for _, _, frame in world.of(codec.GRANT)]

    assert repeated(None) == [200, 140]
    assert repeated(flaw) == [200, 200]
