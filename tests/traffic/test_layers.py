import pytest
from scapy.config import conf
from scapy.layers.l2 import Ether

from traffic.frames.codec import codec
from traffic.frames.layers import dissect, layers
from traffic.frames.roce import frames, host_addresses
from traffic.scenario import Stream

OPEN = layers("open-1")
HOST_FRAME = next(frames(Stream(7, "h0", "h1", (64,), 1), host_addresses(2)))


@pytest.fixture(autouse=True)
def strict(monkeypatch):
    monkeypatch.setattr(conf, "debug_dissector", True)


GOLDEN = {
    "DATA": "10a1000200010904" + "01020304" + "1111" + "0003" + "0005" + "0a0b0c" + "00" + "abcd",
    "REQUEST": "11000001000200040007000001000000000000000000000000050000000000000006abcd",
    "GRANT": "1200000200010004" + "0007" + "0000000000000003" + "0000000000000002" + "000000c8" + "abcd",
    "BACKPRESSURE": "1300010000010004" + "0002" + "ff" + "00000064" + "abcd",
    "HELLO": "1400010000000001" + "0201" + "00000009" + "00001f40" + "0001" + "00000004" + "0001"
    "0002" + "00001f40" + "abcd",
    "FAULT": "1500010000000001" + "01" + "0003" + "02" + "0100" + "00000001" + "abcd",
}
VALUES = {
    "DATA": {
        "sequence": 0x01020304,
        "generation": 0x1111,
        "index": 3,
        "previous_frames": 5,
        "fill": 0x0A0B0C,
    },
    "REQUEST": {"generation": 7, "demand": 1 << 40, "sent": 5, "forfeited": 6},
    "GRANT": {"generation": 7, "granted": 3, "expired": 2, "validity": 200},
    "BACKPRESSURE": {"about": 2, "level": 255, "validity": 100},
    "HELLO": {"role": 2, "port_id": 1, "sequence": 9, "rate": 8000, "heard_node": 1, "heard_sequence": 4}
    | {"count": 1},
    "FAULT": {"code": 1, "node": 3, "port_id": 2, "origin": 0x100, "sequence": 1},
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_octets_are_read_and_written(name):
    frame = bytes(12) + bytes.fromhex("88b5" + GOLDEN[name]) + (HOST_FRAME if name == "DATA" else b"")
    shown = Ether(frame)
    message = shown[OPEN.messages[name]]
    assert {field: message.getfieldval(field) for field in VALUES[name]} == VALUES[name]
    assert message.crc == 0xABCD
    assert bytes(shown) == frame
    header = shown[OPEN.header]
    crafted = OPEN.messages[name](**VALUES[name], crc=0xABCD)
    if name == "HELLO":
        entry = type(message.entries[0])
        crafted.entries = [entry(node=2, rate=8000)]
    fields = {key: header.getfieldval(key) for key in ("class_", "flags", "source", "destination", "port")}
    built = Ether(dst="00:00:00:00:00:00", src="00:00:00:00:00:00") / OPEN.header(**fields) / crafted
    assert bytes(built).hex() == frame[: len(frame) - (len(HOST_FRAME) if name == "DATA" else 0)].hex()


def test_every_field_of_the_profile_is_in_wire_order():
    for name, message in OPEN.profile.messages.items():
        shown = [field.name for field in OPEN.messages[name].fields_desc if field.name != "entries"]
        assert shown == list(message.fields.names)
    assert [field.name for field in OPEN.header.fields_desc] == [
        "class_" if name == "class" else name for name in OPEN.profile.header.names
    ]


def test_data_carries_the_host_frame():
    frame = codec("open-1").encode("DATA", {"source": 2, "destination": 1, "flags": 3}, payload=HOST_FRAME)
    shown = Ether(frame)
    assert bytes(shown[OPEN.messages["DATA"]].payload) == HOST_FRAME
    assert str(shown[OPEN.header].flags) == "LAST+UNGOVERNED"


def test_dissection_names_fields_and_flags():
    text = dissect(codec("open-1").encode("DATA", {"source": 2, "flags": 1}, payload=HOST_FRAME), "open-1")
    for part in ("GSE", "DATA", "LAST", "sequence", "dqpn"):
        assert part in text
    assert "checksum" not in text.splitlines()[-1]


def test_dissection_tells_a_wrong_checksum():
    text = dissect(codec("open-1").encode("GRANT", {"source": 2, "crc": 0x1234}), "open-1")
    assert text.splitlines()[-1].startswith("checksum wrong: got 0x1234, want 0x")


def test_padding_behind_a_control_message_is_padding():
    shown = Ether(codec("open-1").encode("GRANT", {}))
    assert shown.lastlayer().name == "Padding"
