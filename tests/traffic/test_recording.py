"""Every view on small hand-made recordings of two leaves and two spines, from frames packed here alone."""

import struct
from dataclasses import replace

import numpy as np
import pytest

from spec.errors import InputError
from traffic.frames.roce import frames
from traffic.recordings.recording import (
    DOWN,
    UP,
    BeyondRecording,
    Event,
    Facts,
    Fault,
    Flow,
    HostAddress,
    Link,
    Node,
    ParameterValue,
    Queue,
    Recording,
    jain,
)
from traffic.scenario import Stream

LINKS = (
    Link("h0", "h0", "gsp0"),
    Link("h1", "h1", "gsp0"),
    Link("h2", "h2", "gsp1"),
    Link("gsp0-gsf0", "gsp0", "gsf0"),
    Link("gsp0-gsf1", "gsp0", "gsf1"),
    Link("gsp1-gsf0", "gsp1", "gsf0"),
    Link("gsp1-gsf1", "gsp1", "gsf1"),
)
INDEX = {link.name: index for index, link in enumerate(LINKS)}
MACS = {f"h{i}": bytes.fromhex(f"0200000001{i:02x}") for i in range(3)}
SEATS = {"h0": (1, 0), "h1": (1, 1), "h2": (2, 0)}
FACTS = Facts(
    nodes={
        "gsp0": Node(1, "GSP", "under test"),
        "gsp1": Node(2, "GSP"),
        "gsf0": Node(0x100, "GSF"),
        "gsf1": Node(0x101, "GSF"),
    },
    hosts={name: HostAddress(name, MACS[name], bytes(4), *SEATS[name]) for name in MACS},
    parameters={"unsolicited_bytes": ParameterValue(0, "byte")},
    wire_profile="open-1",
)
CAPABILITIES = frozenset({"fabric taps", "counters", "events", "state"})
QUEUE = Queue(1, 2, 0, 0, 1)
LAST, UNGOVERNED = 1, 2


def crc(octets):
    value = 0xFFFF
    for octet in octets:
        value ^= octet << 8
        for _ in range(8):
            value = (value << 1 ^ 0x1021 if value & 0x8000 else value << 1) & 0xFFFF
    return value


def message(kind, source, destination, extension, *, port=0, cls=0, flags=0, payload=b""):
    header = struct.pack(">BBHHBB", 0x10 | kind, cls << 5 | flags, source, destination, port, 0)
    return bytes(12) + b"\x88\xb5" + header + extension + struct.pack(">H", crc(header + extension)) + payload


def data(sequence, index, payload, *, fill=0, previous=0, generation=1, source=1, destination=2, **header):
    extension = struct.pack(">IHHH", sequence, generation, index, previous) + fill.to_bytes(3, "big") + b"\0"
    return message(0, source, destination, extension, payload=payload, **header)


def request(demand, sent=0, forfeited=0, *, generation=1):
    return message(1, 1, 2, struct.pack(">HQQQ", generation, demand, sent, forfeited))


def grant(granted, expired=0, *, generation=1, destination=1):
    return message(2, 2, destination, struct.pack(">HQQI", generation, granted, expired, 200))


def host(source, destination, number, size=1000, cls=0):
    tag = b"\x81\x00" + bytes([cls << 5, 1]) if cls else b""
    to = MACS.get(destination) or bytes.fromhex(destination)
    return (
        to + MACS[source] + tag + b"\x08\x00" + struct.pack(">I", number).ljust(size - 18 - len(tag), b"\0")
    )


def play(*taps, **rest):
    """Record taps of (time, link name, direction, frame, copies = 1)."""
    full = [(time, INDEX[name], way, frame, *(copies or [1])) for time, name, way, frame, *copies in taps]
    return Recording.of_taps(LINKS, full, **{"facts": FACTS, "capabilities": CAPABILITIES} | rest)


FRAMES = [host("h0", "h2", number) for number in range(5)]
SIZE = 1020  # credit bytes of a frame of size 1000: 996 octets, FCS, preamble and gap


def sprayed():
    """Five frames in containers of two, sprayed over both spines, the third overtaking the second."""
    return play(
        *((100 * n, "h0", UP, frame) for n, frame in enumerate(FRAMES)),
        (1000, "gsp0-gsf0", UP, data(0, 0, FRAMES[0])),
        (1100, "gsp0-gsf0", UP, data(0, 1, FRAMES[1], fill=SIZE, flags=LAST)),
        (1200, "gsp0-gsf1", UP, data(1, 0, FRAMES[2], previous=2)),
        (1300, "gsp0-gsf1", UP, data(1, 1, FRAMES[3], previous=2, fill=SIZE)),
        (1400, "gsp0-gsf0", UP, data(2, 0, FRAMES[4], previous=2)),
        (2000, "gsp1-gsf0", DOWN, data(0, 0, FRAMES[0])),
        (2100, "gsp1-gsf0", DOWN, data(0, 1, FRAMES[1], fill=SIZE, flags=LAST)),
        (2200, "gsp1-gsf0", DOWN, data(2, 0, FRAMES[4], previous=2)),
        (2300, "gsp1-gsf1", DOWN, data(1, 0, FRAMES[2], previous=2)),
        (2400, "gsp1-gsf1", DOWN, data(1, 1, FRAMES[3], previous=2, fill=SIZE)),
        *((4000 + 100 * n, "h2", DOWN, frame) for n, frame in enumerate(FRAMES)),
    )


def test_taps_are_kept_in_order_of_time_with_counters_as_differences():
    recording = play(
        (9, "h0", UP, b"b" * 60),
        (3, "h1", DOWN, b"a" * 61, 0),
        counters={"gsp0": {"rx_frames": 7, "drop.late": 2, "drop.no_path": 0}, "gsp1": {"rx_frames": 1}},
        baseline={"gsp0": {"rx_frames": 4}},
    )
    assert [recording.frame(row) for row in range(len(recording))] == [b"a" * 61, b"b" * 60]
    assert (recording.time.tolist(), recording.columns.delivered.tolist()) == ([3, 9], [0, 1])
    assert (recording.devices.counter("rx_frames"), recording.devices.counter("rx_frames", "gsp0")) == (4, 3)
    assert (recording.devices.drops(), recording.devices.drops("gsp1")) == ({"late": 2}, {})
    assert repr(recording) == "<Recording of 2 frames on 7 links, holds all>"


def test_events_and_states():
    events = (Event(1, "gsp0", "path_down"), Event(2, "gsp1", "path_down"), Event(3, "gsp0", "path_up"))
    recording = play(events=events, states={"gsp0": {"dgsqs": []}})
    assert recording.devices.events("path_down", "gsp0") == [events[0]]
    assert recording.devices.events("path_down") == [*events[:2]]
    assert recording.devices.state("gsp0") == {"dgsqs": []}


@pytest.mark.parametrize(
    "question",
    [
        lambda recording: recording.devices.counter("rx_frames"),
        lambda recording: recording.devices.drops(),
        lambda recording: recording.devices.events("path_up"),
        lambda recording: recording.devices.state("gsp0"),
        lambda recording: recording.fabric.containers(),
        lambda recording: recording.fabric.messages("GRANT"),
        lambda recording: recording.credit.overdrawn(),
        lambda recording: recording.hosts.losses(),
        lambda recording: recording.hosts.frames("h0"),
        lambda recording: recording.parameter("container_bytes"),
    ],
)
def test_what_was_not_seen_is_not_answered(question):
    with pytest.raises(BeyondRecording):
        question(play(capabilities=frozenset(), holds="counters"))


def test_counters_alone_answer_nothing_about_frames():
    recording = play(holds="counters", counters={"gsp0": {"rx_frames": 3}})
    assert recording.devices.counter("rx_frames") == 3
    with pytest.raises(BeyondRecording, match="holds counters"):
        recording.fabric.containers()


def test_a_window_shows_containers_but_no_losses():
    recording = sprayed().but(holds="window")
    assert len(recording.fabric.containers()) == 3
    for question in (
        recording.hosts.losses,
        recording.credit.overdrawn,
        lambda: recording.fabric.deviation(["gsp0-gsf0"]),
    ):
        with pytest.raises(BeyondRecording):
            question()


def test_another_wire_profile_is_refused():
    recording = play(facts=replace(FACTS, wire_digest="0" * 64))
    with pytest.raises(InputError, match="open-1: digest: is not the one"):
        recording.fabric.messages("DATA")


def test_messages():
    hello = message(4, 0x100, 0, bytes([2, 0]) + struct.pack(">IIHIHHI", 1, 8000, 1, 0, 1, 2, 8000))
    recording = play(
        (1, "gsp0-gsf0", DOWN, hello),
        (2, "gsp0-gsf0", DOWN, grant(5000)),
        (3, "gsp1-gsf0", UP, grant(6000)),
        (4, "gsp0-gsf0", DOWN, grant(7000)[:-1] + b"\0"),
    )
    (first,) = recording.fabric.messages("GRANT", at="gsp0-gsf0", direction=DOWN)
    assert (first.packet, first.time, first.link, first.granted, first.cls) == (2, 2, "gsp0-gsf0", 5000, 0)
    assert [seen.granted for seen in recording.fabric.messages("GRANT", source="gsp1", destination=1)] == [
        5000,
        6000,
    ]
    assert [seen.row for seen in recording.fabric.messages("GRANT", valid=False)] == [3]
    assert len(recording.fabric.messages("GRANT", valid=None)) == 3
    assert recording.fabric.messages("HELLO")[0].entries == ({"node": 2, "rate": 8000},)
    assert (
        recording.fabric.malformed()
        == recording.fabric.malformed(Fault.CHECKSUM, at="gsp0-gsf0", direction=DOWN)
        == [3]
    )
    assert list(recording.columns.tables.illegal()) == []
    assert recording.fabric.message_at(1) == first
    with pytest.raises(AttributeError, match="GRANT has no field demand"):
        _ = first.demand
    with pytest.raises(KeyError, match="no link gsp9"):
        recording.fabric.messages("GRANT", at="gsp9")


def test_payload_and_illegal_fields():
    recording = play(
        (1, "gsp0-gsf0", UP, data(0, 0, FRAMES[0], generation=0)), (2, "gsp0-gsf0", UP, grant(1))
    )
    assert recording.fabric.payload(0) == FRAMES[0]
    assert [(item.row, item.field) for item in recording.columns.tables.illegal()] == [(0, "generation")]
    with pytest.raises(KeyError, match="packet 2"):
        recording.fabric.payload(1)


def test_containers():
    recording = sprayed()
    first, second, third = recording.fabric.containers(at=recording.fabric.uplinks("gsp0"))
    assert [item.sequence for item in (first, second, third)] == [0, 1, 2]
    assert first.queue == QUEUE
    assert (first.indices, first.fills, first.sizes, first.bytes) == (
        (0, 1),
        (0, SIZE),
        (SIZE, SIZE),
        2 * SIZE,
    )
    assert (first.links, second.uplinks) == ({"gsp0-gsf0"}, {"gsp0-gsf1"})
    assert (first.last, second.last, first.announced, third.announced) == (True, False, 2, None)
    assert (first.packets, first.times, first.frames, first.whole) == ((6, 7), (1000, 1100), 2, True)
    assert recording.fabric.containers() == [first, second, third]
    assert [item.sequence for item in recording.fabric.containers(direction=DOWN)] == [0, 2, 1]
    assert (
        recording.fabric.containers(source="gsp1")
        == recording.fabric.containers(port=1)
        == recording.fabric.containers(cls=1)
        == []
    )


def test_a_container_with_a_frame_missing_is_not_whole():
    recording = play(
        (1, "gsp0-gsf0", UP, data(0, 0, FRAMES[0])),
        (2, "gsp0-gsf0", UP, data(0, 2, FRAMES[2])),
        (3, "gsp0-gsf0", UP, data(0xFFFFFFFF, 0, FRAMES[3])),
        (4, "gsp0-gsf1", UP, data(1, 0, FRAMES[4], previous=3, flags=UNGOVERNED)),
    )
    wrapped = next(item for item in recording.fabric.containers() if item.sequence == 0xFFFFFFFF)
    assert [item.whole for item in recording.fabric.containers()] == [False, False, True]
    assert (wrapped.announced, recording.fabric.containers()[-1].ungoverned) == (0, (True,))


def test_spread_over_uplinks():
    recording = sprayed()
    uplinks = recording.fabric.uplinks("gsp0")
    assert recording.fabric.uplink_bytes(uplinks) == {"gsp0-gsf0": 3 * SIZE, "gsp0-gsf1": 2 * SIZE}
    assert recording.fabric.uplink_bytes(uplinks, destination="gsp0", source=1) == dict.fromkeys(uplinks, 0)
    assert recording.fabric.uplink_bytes(uplinks, start=1100, stop=1400) == {
        "gsp0-gsf0": SIZE,
        "gsp0-gsf1": 2 * SIZE,
    }
    worst = recording.fabric.deviation(uplinks)
    assert (worst.bytes, worst.row, worst.time) == (2 * SIZE, 6, 1100)
    weighted = recording.fabric.deviation(uplinks, {"gsp0-gsf0": 3, "gsp0-gsf1": 1})
    assert (weighted.bytes, weighted.time) == (pytest.approx(4 * SIZE - 4 * SIZE / 3), 1300)
    assert recording.fabric.deviation(uplinks, start=5000).bytes == 0


def test_order_at_egress_while_the_fabric_reorders():
    recording = sprayed()
    assert recording.hosts.reordering("h0", "h2").ratio == 0
    fabric = recording.fabric.reordering(destination="gsp1", port=0, cls=0)
    assert (fabric.received, fabric.reordered, fabric.ratio, fabric.extent) == (5, 2, 0.4, 2)
    assert fabric.rows == [13, 14]
    assert recording.fabric.reordering(destination="gsp0").ratio == 0


def test_sequence_numbers_that_wrap_are_in_order():
    recording = play(
        (1, "gsp1-gsf0", DOWN, data(0xFFFFFFFF, 0, FRAMES[0])),
        (2, "gsp1-gsf0", DOWN, data(0, 0, FRAMES[1])),
        (3, "gsp1-gsf0", DOWN, data(1, 0, FRAMES[2])),
    )
    assert recording.fabric.reordering().reordered == 0


def test_all_delivered():
    recording = sprayed()
    assert recording.hosts.matches() == {row: [row + 15] for row in range(5)}
    assert recording.hosts.losses() == recording.hosts.duplicates() == recording.hosts.strays() == []
    assert recording.hosts.delivered("h0", "h2", cls=0) == 5
    assert recording.hosts.latencies().tolist() == [4000] * 5
    assert [frame.size for frame in recording.hosts.frames("h2", "received")] == [1000] * 5
    assert [frame.host for frame in recording.hosts.frames()] == ["h0"] * 5


def test_loss_duplicate_stray_and_reordering():
    altered = FRAMES[4][:-1] + b"\x01"
    recording = play(
        *((n, "h0", UP, frame) for n, frame in enumerate(FRAMES)),
        (100, "h2", DOWN, FRAMES[2]),
        (101, "h2", DOWN, FRAMES[0]),
        (102, "h2", DOWN, FRAMES[0]),
        (103, "h2", DOWN, FRAMES[1]),
        (104, "h2", DOWN, altered),
        (105, "h1", DOWN, FRAMES[3]),
    )
    assert [frame.packet for frame in recording.hosts.losses("h0", "h2")] == [4, 5]
    assert [(frame.host, frame.row) for frame in recording.hosts.duplicates()] == [("h2", 7)]
    assert [(frame.host, frame.row) for frame in recording.hosts.strays()] == [("h2", 9), ("h1", 10)]
    assert recording.hosts.strays("h0") == []
    order = recording.hosts.reordering()
    assert (order.received, order.rows, order.extents.tolist()) == (3, [6, 8], [1, 2])


def test_streams_are_told_apart_by_what_their_frames_say():
    one, other = (list(frames(Stream(number, "h0", "h2", (100,), 4), FACTS.hosts)) for number in (3, 7))
    recording = play(
        *((n, "h0", UP, frame) for n, frame in enumerate((*one, *other, FRAMES[0]))),
        *((100 + n, "h2", DOWN, one[number]) for n, number in enumerate((0, 2, 1, 2))),
        *((200 + n, "h2", DOWN, frame) for n, frame in enumerate(other)),
    )
    assert recording.hosts.flows() == [Flow(3, 4, lost=1, duplicated=1, reordered=1), Flow(7, 4, reordered=0)]


def test_streams_that_the_tester_counted_are_as_it_counted_them():
    counted = (Flow(3, 10, lost=2),)
    assert play(holds="counters", counted=counted).hosts.flows() == list(counted)


def test_equal_frames_are_told_apart_by_their_order():
    same = FRAMES[0]
    recording = play(
        (1, "h0", UP, same),
        (2, "h0", UP, same),
        (9, "h2", DOWN, same),
        (12, "h2", DOWN, same),
        (15, "h2", DOWN, same),
    )
    assert recording.hosts.matches() == {0: [2], 1: [3]}
    assert [frame.row for frame in recording.hosts.duplicates("h2")] == [4]
    assert recording.hosts.latencies().tolist() == [8, 10]


def test_classes_are_flows_of_their_own():
    plain, urgent = host("h0", "h2", 1), host("h0", "h2", 2, cls=5)
    recording = play(
        (1, "h0", UP, plain), (2, "h0", UP, urgent), (3, "h2", DOWN, urgent), (4, "h2", DOWN, plain)
    )
    assert recording.hosts.frames("h0")[1].cls == 5
    assert recording.hosts.reordering().ratio == 0
    assert recording.hosts.latencies(cls=5).tolist() == [1]


def test_links_of_hosts_may_lose_and_double():
    recording = play(
        (1, "h0", UP, FRAMES[0], 0),
        (2, "h0", UP, FRAMES[1], 2),
        (3, "h2", DOWN, FRAMES[1]),
        (4, "h2", DOWN, FRAMES[1]),
    )
    assert recording.hosts.losses() == recording.hosts.duplicates() == []


@pytest.mark.parametrize(
    ("destination", "flood", "receivers"),
    [
        ("ffffffffffff", "drop", ["h1", "h2"]),
        ("01005e000001", "drop", ["h1", "h2"]),
        ("0180c200000e", "flood", []),
        ("02000000ffff", "drop", []),
        ("02000000ffff", "flood", ["h1", "h2"]),
        ("020000000100", "flood", []),
    ],
)
def test_who_must_receive(destination, flood, receivers):
    facts = replace(FACTS, parameters={"unknown_unicast": ParameterValue(flood)})
    recording = play((1, "h0", UP, host("h0", destination, 1)), facts=facts)
    assert len(recording.hosts.losses()) == len(receivers)
    assert [name for name in MACS if recording.hosts.losses(destination=name)] == receivers


def test_emulated_hosts_stand_behind_their_node():
    """gsp0 alone is real: what h0 sends to h2 must leave on an uplink, what h2 sends comes down on one."""
    back = host("h2", "h0", 7)
    solo = [link for link in LINKS if link.name in {"h0", "h1", "gsp0-gsf0", "gsp0-gsf1"}]
    place = {link.name: index for index, link in enumerate(solo)}
    taps = [
        (1, place["h0"], UP, FRAMES[0], 1),
        (2, place["h0"], UP, FRAMES[1], 1),
        (3, place["gsp0-gsf1"], UP, data(0, 0, FRAMES[0]), 1),
        (4, place["gsp0-gsf0"], DOWN, data(0, 0, back, source=2, destination=1), 1),
        (5, place["h0"], DOWN, back, 1),
    ]
    recording = Recording.of_taps(solo, taps, facts=FACTS, capabilities=CAPABILITIES)
    assert recording.hosts.losses() == recording.hosts.strays() == []
    assert [(frame.row, frame.frame) for frame in recording.hosts.losses(emulated=True)] == [(1, FRAMES[1])]
    assert recording.hosts.latencies("h2", "h0", emulated=True).tolist() == [1]
    assert recording.hosts.matches() == {0: [2], 1: [], 3: [4]}
    with pytest.raises(BeyondRecording, match="h2 has no link"):
        recording.credit.egress("h2")
    assert len(recording.fabric.containers()) == 1


def test_throughput_and_fairness():
    other = host("h1", "h2", 1)
    recording = play(
        (0, "h0", UP, FRAMES[0]),
        (0, "h0", UP, FRAMES[1]),
        (0, "h1", UP, other),
        (1000, "h2", DOWN, FRAMES[0]),
        (2000, "h2", DOWN, other),
        (3000, "h2", DOWN, FRAMES[1]),
    )
    assert recording.hosts.received_bytes("h2", start=1000, stop=3000) == 2 * SIZE
    assert recording.hosts.received_bytes("h2", source="h1") == SIZE
    assert recording.hosts.throughput("h2", 0, 4080) == 3 * SIZE * 8000 / 4080
    assert recording.hosts.throughput_bins("h2", 0, 3000, 1000) == [0, 8160, 8160]
    assert recording.hosts.throughput("h2", 0, 4080, source="h0") == 4000
    assert (jain([1, 1]), jain([1, 0]), jain([])) == (1, 0.5, 0)


def test_an_account_follows_grants_and_data():
    recording = play(
        (100, "gsp0-gsf0", UP, request(3 * SIZE)),
        (1000, "gsp0-gsf0", DOWN, grant(SIZE)),
        (1400, "gsp0-gsf1", DOWN, grant(9 * SIZE), 0),
        (1600, "gsp0-gsf0", UP, data(0, 0, FRAMES[0])),
        (1700, "gsp0-gsf0", UP, data(0, 1, FRAMES[1])),
        (1750, "gsp0-gsf0", UP, data(0, 2, FRAMES[3], flags=UNGOVERNED)),
        (1800, "gsp0-gsf0", DOWN, grant(2 * SIZE, SIZE // 2)),
        (2400, "gsp0-gsf0", UP, request(4 * SIZE, 2 * SIZE, 1)),
        (2500, "gsp0-gsf1", UP, data(0, 0, FRAMES[2], generation=2)),
    )
    account = recording.credit.account(QUEUE)
    assert account.time.tolist() == [100, 1500, 1600, 1700, 1750, 2300, 2400]
    assert account.granted.tolist() == [0, SIZE, SIZE, SIZE, SIZE, 2 * SIZE, 2 * SIZE]
    assert account.sent.tolist() == [0, 0, SIZE, 2 * SIZE, 2 * SIZE, 2 * SIZE, 2 * SIZE]
    assert account.ungoverned.tolist()[-1] == SIZE
    assert (account.demand.tolist()[-1], account.reported.tolist()[-1]) == (4 * SIZE, 2 * SIZE)
    assert (account.expired.tolist()[-1], account.position.tolist()[-1]) == (SIZE // 2, 2 * SIZE + 1)
    assert (account.overdrawn, account.overdraft, account.first_grant) == ([4], SIZE, 1500)
    assert (account.requests, account.grants, account.data) == ([0, 7], [1, 6], [3, 4])
    assert recording.credit.overdrawn() == [4, 8]
    assert [item.queue.generation for item in recording.credit.accounts("gsp0", "gsp1", 0, 0)] == [1, 2]
    assert recording.credit.accounts(source="gsp1") == []


def test_unsolicited_bytes_need_no_grant():
    facts = replace(FACTS, parameters={"unsolicited_bytes": ParameterValue(SIZE, "byte")})
    recording = play(
        (1, "gsp0-gsf0", UP, data(0, 0, FRAMES[0])), (2, "gsp0-gsf0", UP, data(0, 1, FRAMES[1])), facts=facts
    )
    assert recording.credit.overdrawn() == [1]


def test_a_dgsq_from_before_is_judged_from_its_first_grant():
    recording = play(
        (100, "gsp0-gsf0", UP, data(7, 0, FRAMES[0])),
        (1000, "gsp0-gsf0", DOWN, grant(SIZE)),
        (1600, "gsp0-gsf0", UP, data(7, 1, FRAMES[1])),
    )
    assert not recording.credit.account(QUEUE).opened
    assert recording.credit.overdrawn() == [2]


def test_an_egress_counts_what_it_grants_and_queues():
    recording = play(
        (100, "gsp1-gsf0", UP, grant(2 * SIZE)),
        (200, "gsp1-gsf1", UP, grant(2 * SIZE)),
        (300, "gsp1-gsf0", UP, grant(SIZE, destination=3)),
        (1000, "gsp1-gsf0", DOWN, data(0, 0, FRAMES[0])),
        (1100, "gsp1-gsf1", DOWN, data(0, 1, FRAMES[1])),
        (1650, "h2", DOWN, FRAMES[0]),
        (2000, "gsp1-gsf0", UP, grant(4 * SIZE, 3 * SIZE)),
        (2500, "gsp1-gsf0", DOWN, request(0, generation=2)),
    )
    egress = recording.credit.egress("h2")
    assert egress.granted.tolist()[-1] == 5 * SIZE
    assert egress.queue.max() == 2 * SIZE
    assert (egress.longest_queue.value, egress.longest_queue.time) == (2 * SIZE, 1600)
    assert (egress.most_outstanding.value, egress.most_outstanding.time) == (3 * SIZE, 300)
    assert egress.outstanding.tolist()[-1] == SIZE
    assert (egress.granted_in(250).value, egress.granted_in(150).value) == (3 * SIZE, 2 * SIZE)
    assert egress.granted_in(5000).value == 5 * SIZE


def test_credit_beyond_a_rate_is_found_over_the_worst_span():
    recording = play(
        (1000, "gsp1-gsf0", UP, grant(2 * SIZE)),
        (1000 + SIZE, "gsp1-gsf0", UP, grant(3 * SIZE)),
        (1000 + 9 * SIZE, "gsp1-gsf0", UP, grant(4 * SIZE)),
        (1000 + 9 * SIZE, "gsp1-gsf0", UP, grant(5 * SIZE, destination=3)),
    )
    worst = recording.credit.overgrant("h2", 8000)
    assert (worst.value, worst.row) == (6 * SIZE, 3)
    assert recording.credit.overgrant("h2", 80000).value == 6 * SIZE
    assert recording.credit.overgrant("h2", 8000, start=1001).value == 6 * SIZE
    assert recording.credit.overgrant("h0", 8000).row == -1


def test_credit_that_expired_or_was_used_before_is_not_given_out_again():
    recording = play(
        (100, "gsp1-gsf0", UP, grant(2 * SIZE)),
        (200, "gsp1-gsf0", UP, grant(2 * SIZE, 2 * SIZE)),
        (300, "gsp1-gsf1", UP, grant(2 * SIZE)),
        (400, "gsp1-gsf0", UP, grant(3 * SIZE, 2 * SIZE)),
    )
    assert recording.credit.overgrant("h2", 0).value == 2 * SIZE
    recording = play(
        (100, "gsp1-gsf0", UP, grant(SIZE)),
        (200, "gsp1-gsf0", DOWN, request(9 * SIZE, 5 * SIZE, 3 * SIZE)),
        (900, "gsp1-gsf0", UP, grant(9 * SIZE)),
    )
    assert recording.credit.overgrant("h2", 0).value == 2 * SIZE
    recording = play(
        (100, "gsp1-gsf0", UP, grant(4 * SIZE)),
        (200, "gsp1-gsf0", DOWN, request(9 * SIZE, SIZE, 3 * SIZE)),
        (900, "gsp1-gsf0", UP, grant(7 * SIZE)),
        (950, "gsp1-gsf0", UP, grant(7 * SIZE, 6 * SIZE)),
        (960, "gsp1-gsf0", DOWN, request(9 * SIZE, SIZE, 5 * SIZE)),
        (990, "gsp1-gsf0", UP, grant(8 * SIZE, 6 * SIZE)),
    )
    assert recording.credit.overgrant("h2", 0).value == 4 * SIZE


def test_a_new_generation_ends_every_span():
    recording = play(
        (100, "gsp1-gsf0", UP, grant(2 * SIZE)),
        (200, "gsp1-gsf0", UP, grant(3 * SIZE, generation=2)),
        (300, "gsp1-gsf0", UP, grant(2 * SIZE)),
    )
    assert recording.credit.overgrant("h2", 0).value == 3 * SIZE


def test_local_traffic_queues_at_the_egress():
    local = host("h0", "h1", 1)
    recording = play((0, "h0", UP, local), (1600, "h1", DOWN, local))
    egress = recording.credit.egress("h1")
    assert (egress.time.tolist(), egress.queue.tolist()) == ([500, 1600], [SIZE, 0])
    assert recording.credit.egress("h2").longest_queue.value == 0


def test_bytes_on_the_wire():
    recording = play((1, "gsp0-gsf0", UP, grant(1)), (2, "gsp0-gsf0", UP, data(0, 0, FRAMES[0])))
    assert recording.fabric.wire_bytes(["GRANT"]) == 60 + 24
    assert recording.fabric.wire_bytes(at="gsp0-gsf0", direction=UP) == 84 + 38 + SIZE
    assert recording.fabric.wire_bytes(at="gsp0-gsf1") == 0


def test_dissection():
    recording = play(
        (12345, "gsp0-gsf1", UP, data(7, 3, FRAMES[0], fill=4521, flags=LAST), 0),
        (12400, "gsp0-gsf1", UP, grant(9)[:-1] + b"\0"),
        (12500, "h0", UP, host("h0", "h2", 1, cls=5), 2),
        (12600, "gsp0-gsf0", DOWN, b"\0" * 10),
    )
    assert recording.dissect(range(4)) == [
        (
            "#1 12.345 us gsp0-gsf1 UP DATA class=0 flags=LAST src=1 dst=2 port=0 hop_limit=0 seq=7 gen=1 "
            "idx=3 previous_frames=0 fill=4521 credit=1020 lost on the link"
        ),
        (
            "#2 12.400 us gsp0-gsf1 UP GRANT class=0 flags=0 src=2 dst=1 port=0 hop_limit=0 gen=1 granted=9 "
            "expired=0 validity=200000 BAD CHECKSUM"
        ),
        (
            "#3 12.500 us h0 UP 02:00:00:00:01:00 > 02:00:00:00:01:02 "
            "type=8100 class=5 size=1000 delivered 2 times"
        ),
        "#4 12.600 us gsp0-gsf0 DOWN no open-1 message, 10 octets",
    ]


def test_an_empty_recording_answers():
    recording = play()
    assert (
        recording.fabric.containers()
        == recording.fabric.messages("HELLO")
        == recording.hosts.losses()
        == recording.credit.accounts()
        == []
    )
    assert recording.fabric.deviation(["gsp0-gsf0"]).bytes == 0
    assert recording.credit.egress("h2").granted_in(10).value == 0
    assert recording.fabric.reordering().ratio == recording.hosts.reordering().ratio == 0
    assert np.array_equal(recording.hosts.latencies(), [])
