import json
import struct
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.utils import RawPcapNgReader

from spec.errors import InputError
from traffic.recordings.recording import (
    Columns,
    Event,
    Facts,
    Flow,
    HostAddress,
    Link,
    Node,
    ParameterValue,
    Recording,
)
from traffic.recordings.store import load, save, sha256

LINKS = (Link("h0", "h0", "gsp0"), Link("gsp0-gsf0", "gsp0", "gsf0", rate_mbps=4000))
FACTS = Facts(
    nodes={
        "gsp0": Node(
            1, "GSP", "under test", {"UNSOLICITED": True, "release": "GSE2.0", "scenarios": ("N2N",)}
        )
    },
    hosts={"h0": HostAddress("h0", bytes.fromhex("020000000100"), bytes([198, 18, 0, 1]), 1, 0)},
    parameters={"container_bytes": ParameterValue(16384, "byte", "declared by the vendor")},
    wire_profile="open-1",
    wire_digest="ab",
)
RECORDING = Recording.of_taps(
    LINKS,
    [(5_000_000_001, 0, 0, b"a" * 61, 1), (1, 1, 1, b"b" * 60, 0), (2, 1, 0, b"c" * 62, 2)],
    facts=FACTS,
    counters={"gsp0": {"rx_frames": 7}},
    baseline={"gsp0": {"rx_frames": 4}},
    events=(Event(3, "gsp0", "path_down", {"link": "gsp0-gsf0"}),),
    states={"gsp0": {"dgsqs": [1, None]}},
    capabilities=frozenset({"fabric taps", "counters"}),
    counted=(Flow(1, 10, 2, 1, 0), Flow(2, 10)),
    cut="play_limit of 9 ns",
    read=(10, 20),
    scenario="cafe",
    seed=9,
)

taps = st.lists(
    st.tuples(
        st.integers(0, 2**62),
        st.integers(0, 1),
        st.integers(0, 1),
        st.binary(max_size=200),
        st.integers(0, 127),
    ),
    max_size=20,
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
counters = st.dictionaries(st.text(), st.dictionaries(st.text(), st.integers(), max_size=3), max_size=3)


def assert_same(one: Recording, other: Recording) -> None:
    for field in fields(Columns):
        left, right = getattr(one.columns, field.name), getattr(other.columns, field.name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype, field.name
            assert left.tolist() == right.tolist(), field.name
        else:
            assert left == right, field.name


def test_what_is_loaded_is_what_was_saved(tmp_path):
    save(RECORDING, tmp_path / "deep" / "1.first")
    for name in ("1.first", "1.first.pcapng", "1.first.json"):
        assert_same(load(tmp_path / "deep" / name), RECORDING)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    taps=taps, states=st.dictionaries(st.text(), json_values, max_size=2), read=counters, seed=st.integers(0)
)
def test_any_recording_returns(tmp_path, taps, states, read, seed):
    recording = Recording.of_taps(
        LINKS, taps, counters=read, states=states, seed=seed, holds="window", facts=FACTS
    )
    save(recording, tmp_path / "x")
    assert_same(load(tmp_path / "x"), recording)


def test_the_same_recording_gives_the_same_octets(tmp_path):
    first = save(RECORDING, tmp_path / "a" / "x")
    second = save(load(tmp_path / "a" / "x"), tmp_path / "b" / "x")
    assert list(first.values()) == list(second.values())
    assert {path.name: digest for path, digest in second.items()} == {
        path.name: sha256(path) for path in second
    }


@pytest.mark.parametrize("copies", [127, 128, 255, 32_768, 2**31 - 1])
def test_any_number_of_copies_is_kept(tmp_path, copies):
    save(Recording.of_taps(LINKS, [(1, 0, 0, b"a" * 60, copies)]), tmp_path / "1")
    assert load(tmp_path / "1").columns.delivered.tolist() == [copies]


def test_any_number_of_links_is_kept(tmp_path):
    links = [Link(f"h{number}", f"h{number}", "gsp0") for number in range(40_000)]
    save(Recording.of_taps(links, [(1, 39_999, 1, b"a" * 60, 1)]), tmp_path / "1")
    back = load(tmp_path / "1")
    assert (back.columns.link.tolist(), back.columns.direction.tolist()) == ([39_999], [1])


def test_scapy_reads_the_capture(tmp_path):
    save(RECORDING, tmp_path / "x")
    with RawPcapNgReader(str(tmp_path / "x.pcapng")) as reader:
        packets = list(reader)
    assert [octets for octets, _ in packets] == [b"b" * 60, b"c" * 62, b"a" * 61]
    assert [seen.ifname for _, seen in packets] == [b"gsp0-gsf0 down", b"gsp0-gsf0 up", b"h0 up"]
    assert [seen.tshigh << 32 | seen.tslow for _, seen in packets] == [1, 2, 5_000_000_001]
    assert {seen.tsresol for _, seen in packets} == {10**9}
    assert [seen.comments for _, seen in packets] == [[b"lost on the link"], [b"delivered 2 times"], None]


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize(
    ("damage", "key"),
    [
        (lambda folder: (folder / "x.pcapng").unlink(), "file: cannot be read (No such file or directory)"),
        (lambda folder: (folder / "x.json").unlink(), "file: cannot be read"),
        (lambda folder: (folder / "x.json").write_text("{"), "file: is not as it was written"),
        (lambda folder: (folder / "x.json").write_bytes(b"\xff"), "file: is not as it was written"),
        (lambda folder: (folder / "x.pcapng").write_bytes(b""), "sha256: is not the one that x.json states"),
        (lambda folder: change(folder / "x.json", seed="1"), "seed: is not as it was written"),
        (lambda folder: change(folder / "x.json", colour=1), "colour: is not as it was written"),
        (lambda folder: change(folder / "x.json", links=[]), "links: are fewer than the capture has"),
        (lambda folder: change(folder / "x.json", delivered={"3": 0}), "delivered[3]: is no row"),
        (lambda folder: change(folder / "x.json", delivered={"2": 2**31}), "delivered.2: is not as it was"),
    ],
)
def test_damage_is_one_sentence(tmp_path, damage, key):
    save(RECORDING, tmp_path / "x")
    damage(tmp_path)
    with pytest.raises(InputError) as caught:
        load(tmp_path / "x")
    assert key in str(caught.value)
    assert str(caught.value).endswith("; fetch the recording again or play the case again.")
    assert "\n" not in str(caught.value)


def test_counters_alone(tmp_path):
    recording = Recording.of_taps(LINKS, []).but(holds="counters")
    save(recording, tmp_path / "x")
    assert_same(load(tmp_path / "x"), recording)


@pytest.mark.parametrize(
    "damage",
    [
        lambda octets: octets[:-3],
        lambda octets: octets[:29],
        lambda octets: octets + bytes(12),
        lambda octets: octets[:-4] + bytes(4),
        lambda octets: octets.replace(struct.pack("<II", 60, 60), struct.pack("<II", 1 << 30, 1 << 30)),
    ],
)
def test_a_capture_that_is_not_as_written_is_one_sentence(tmp_path, damage):
    """Even where the digest beside it fits."""
    save(RECORDING, tmp_path / "x")
    capture = tmp_path / "x.pcapng"
    capture.write_bytes(damage(capture.read_bytes()))
    stated = json.loads((tmp_path / "x.json").read_text())["capture"]
    change(tmp_path / "x.json", capture=stated | {"sha256": sha256(capture)})
    with pytest.raises(InputError, match="blocks: are not as they were written; fetch the recording again"):
        load(tmp_path / "x")
