import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec import layout
from spec.errors import InputError
from spec.wire import FOLDER, bundled, load_profile

HEADER = [
    ("version", 0, 4), ("type", 4, 4), ("class", 8, 3), ("flags", 11, 5), ("source", 16, 16),
    ("destination", 32, 16), ("port", 48, 8), ("hop_limit", 56, 8),
]  # fmt: skip
MESSAGES = {
    "DATA": (0, 4, 16, [
        ("sequence", 0, 32), ("generation", 32, 16), ("index", 48, 16), ("previous_frames", 64, 16),
        ("fill", 80, 24), ("reserved", 104, 8), ("crc", 112, 16),
    ]),
    "REQUEST": (1, 4, 28, [
        ("generation", 0, 16), ("demand", 16, 64), ("sent", 80, 64), ("forfeited", 144, 64), ("crc", 208, 16),
    ]),
    "GRANT": (2, 4, 24, [
        ("generation", 0, 16), ("granted", 16, 64), ("expired", 80, 64), ("validity", 144, 32),
        ("crc", 176, 16),
    ]),
    "BACKPRESSURE": (3, 4, 9, [("about", 0, 16), ("level", 16, 8), ("validity", 24, 32), ("crc", 56, 16)]),
    "HELLO": (4, 1, 20, [
        ("role", 0, 8), ("port_id", 8, 8), ("sequence", 16, 32), ("rate", 48, 32),
        ("heard_node", 80, 16),
        ("heard_sequence", 96, 32), ("count", 128, 16), ("crc", 144, 16),
    ]),
    "FAULT": (5, 1, 12, [
        ("code", 0, 8), ("node", 8, 16), ("port_id", 24, 8), ("origin", 32, 16), ("sequence", 48, 32),
        ("crc", 80, 16),
    ]),
}  # fmt: skip


def places(layout):
    return [(field.name, field.offset_bits, field.width_bits) for field in layout.fields]


def test_open_1_is_laid_out_as_written_down():
    profile = load_profile("open-1")
    assert profile.name == "open-1"
    assert profile.ethertype == 0x88B5
    assert profile.hello_address == bytes.fromhex("0180c200000e")
    assert (profile.checksum.name, profile.zeroed) == ("CRC-16/CCITT-FALSE", ("hop_limit",))
    assert (profile.little_endian, profile.header_only, profile.in_header) == (False,) * 3
    assert profile.flags == {"LAST": 1, "UNGOVERNED": 2}
    assert places(profile.header) == HEADER
    assert profile.header.octets == 8
    assert {
        name: (message.type_code, message.hop_limit, message.fields.octets, places(message.fields))
        for name, message in profile.messages.items()
    } == MESSAGES
    assert {name for name, message in profile.messages.items() if message.payload} == {"DATA"}
    repeated = {name: message.repeated for name, message in profile.messages.items() if message.repeated}
    assert {name: (layout.octets, places(layout)) for name, layout in repeated.items()} == {
        "HELLO": (6, [("node", 0, 16), ("rate", 16, 32)])
    }


def test_fields_know_what_is_legal():
    profile = load_profile("open-1")
    assert profile.header.field("version").legal(1)
    assert not profile.header.field("version").legal(2)
    assert not profile.messages["DATA"].fields.field("generation").legal(0)
    assert profile.messages["DATA"].fields.field("generation").legal(0xFFFF)
    assert not profile.messages["DATA"].fields.field("generation").legal(0x10000)
    with pytest.raises(KeyError):
        profile.header.field("colour")


def test_messages_by_type_code():
    profile = load_profile("open-1")
    found = [profile.sharing(code) for code in range(7)]
    assert [[message.name for message in messages] for messages in found] == [
        *([name] for name in MESSAGES),
        [],
    ]
    assert profile.unassigned() == list(range(6, 16))


@given(st.sampled_from(list(MESSAGES)))
def test_fields_tile_their_layout(name):
    fields = load_profile("open-1").messages[name].fields
    ends = [field.offset_bits + field.width_bits for field in fields.fields]
    assert [field.offset_bits for field in fields.fields] == [0, *ends[:-1]]
    assert ends[-1] == fields.octets * 8


@pytest.fixture
def write(tmp_path):
    def profile(old, new):
        text = (FOLDER / "open-1.yaml").read_text(encoding="utf-8")
        assert old in text, old
        path = tmp_path / "own.yaml"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return path

    return profile


def test_offsets_may_be_written_out(write):
    path = write("{name: source, bits: 16,", "{name: source, bits: 16, bit: 16,")
    assert places(load_profile(path).header) == HEADER


def test_digest_is_that_of_the_file(write):
    assert load_profile(write("name: open-1", "name: own")).digest != load_profile("open-1").digest


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "{name: source, bits: 16,",
            "{name: source, bits: 16, bit: 8,",
            "header[source].bit: starts at bit 8 and overlaps flags, which ends at bit 15; start it at bit 1",
        ),
        (
            "{name: source, bits: 16,",
            "{name: source, bits: 16, bit: 24,",
            "header[source].bit: starts at bit 24 and leaves a gap from bit 16; fill the gap with a reserved",
        ),
        (
            "{name: hop_limit, bits: 8,",
            "{name: hop_limit, bits: 7,",
            "header: has 63 bits, not whole octets; add a reserved field.",
        ),
        ("{name: class, bits: 3,", "{name: class, bits: 7,", "header: has 68 bits, not whole octets"),
        (
            "{name: index, bits: 16,",
            "{name: index, bits: 12,",
            "messages.DATA.fields: has 124 bits, not whole",
        ),
        ("{name: reserved, bits: 8,", "{name: reserved, bits: 16,", None),
        (
            "{name: reserved, bits: 8,",
            "{name: reserved, bits: 0,",
            "messages.DATA.fields[reserved].bits: is 0; note",
        ),
        ("{name: version, bits: 4,", "{name: version, bits: 7,", "header: has 67 bits"),
        (
            "{name: reserved, bits: 8,",
            "{name: fill, bits: 8,",
            "messages.DATA.fields[fill]: stands a second time in its layout; rename one of the two.",
        ),
        (
            "algorithm: CRC-16/CCITT-FALSE",
            "algorithm: CRC-16/CCITT-FALS",
            "checksum.algorithm: CRC-16/CCITT-FALS is unknown; did you mean CRC-16/CCITT-FALSE?",
        ),
        (
            "zeroed: [hop_limit]",
            "zeroed: [hop_limits]",
            "checksum.zeroed[hop_limits]: is no field of the header; did",
        ),
        (
            "    type: 2",
            "    type: 1",
            "messages.GRANT.type: is 1, the code of REQUEST; give each message its own",
        ),
        ("    type: 2", "    type: 16", "messages.GRANT.type: is 16; give a value that the field can hold."),
        ("    type: 2", "    type: 7", "messages.GRANT.type: is 7; give a value"),
        ("5: FAULT}", "5: FAULT, 6: MORE}", "header[type].values.6: has no message; define it in messages."),
        (
            "5: FAULT}",
            "16: FAULT}",
            "header[type].values.16: is outside 0..15; correct the value or the width.",
        ),
        (
            "    hop_limit: 4",
            "    hop_limit: 256",
            "messages.DATA.hop_limit: is 256; give a value that the field can",
        ),
        ("  GRANT:", "  GRNT:", "messages.GRNT: is unknown; did you mean GRANT?"),
        (
            "{name: granted,",
            "{name: grant,",
            "messages.GRANT.fields[granted]: is missing; add it; the suite reads",
        ),
        (
            "{name: port,",
            "{name: egress,",
            "header[port]: is missing; add it; the suite reads it by this name.",
        ),
        (
            "{name: sequence, bits: 32",
            "{name: Sequence, bits: 32",
            "messages.DATA.fields[Sequence].name: is 'Sequence'",
        ),
        (
            "bits: 16, min: 1,",
            "bits: 16, min: 70000,",
            "messages.DATA.fields[generation]: has the range 70000..65535 in 16 bits, which hold 0..65535; c",
        ),
        ("max: 0,", "max: -1,", "messages.DATA.fields[reserved]: has the range 0..-1 in 8 bits"),
        (
            "    payload: true\n",
            "",
            "messages.DATA.payload: is False; let DATA, and nothing else, carry a payload.",
        ),
        ("value: 0x02", "value: 0x03", "flags.UNGOVERNED.value: is 3; give one bit of 1..31."),
        ("value: 0x02", "value: 0x20", "flags.UNGOVERNED.value: is 32; give one bit of 1..31."),
        (
            "value: 0x02",
            "value: 0x01",
            "flags.UNGOVERNED.value: is the bit of LAST; give each flag its own bit.",
        ),
        ("  LAST:", "  FINAL:", "flags.LAST: is missing; add it"),
        (
            "  LAST:",
            "  more: {value: 4, meaning: {en: More, zh: 更多}}\n  LAST:",
            "flags.more: is not in capitals; w",
        ),
        (
            "ethertype: 0x88B5",
            "ethertype: 0x05DC",
            "ethertype: is 1500; note that input should be greater than or",
        ),
        ("01:80:c2:00:00:0e", "01:80:c2", "hello_address: is '01:80:c2'; write six octets in hexadecimal"),
        ("hello_address:", "helo_address:", "helo_address: is not a known key; did you mean hello_address?"),
    ],
)
def test_faults_are_refused(write, old, new, sentence):
    path = write(old, new)
    if sentence is None:
        assert load_profile(path).messages["DATA"].fields.octets == 17
        return
    with pytest.raises(InputError) as caught:
        load_profile(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: {sentence}")
    assert "\n" not in said


def test_swapped_octets_leave_no_field_across_two(tmp_path):
    text = (FOLDER / "open-1.yaml").read_text(encoding="utf-8")
    text = text.replace("{name: version, bits: 4,", "{name: version, bits: 6,")
    text = text.replace("{name: class, bits: 3,", "{name: class, bits: 1,")
    path = tmp_path / "own.yaml"
    path.write_text(text, encoding="utf-8")
    assert load_profile(path).header.field("type").offset_bits == 6
    path = tmp_path / "little.yaml"
    path.write_text(text.replace("checksum:", "byte_order: little\nchecksum:"), encoding="utf-8")
    with pytest.raises(
        InputError, match=r"header\[type\]: has 4 bits from bit 6, whose order little does not tell; align"
    ):
        load_profile(path)


def test_extension_must_end_in_its_checksum(tmp_path):
    text = (FOLDER / "open-1.yaml").read_text(encoding="utf-8")
    path = tmp_path / "own.yaml"
    path.write_text(text.replace("{name: crc, bits: 16,", "{name: crc, bits: 32,", 1), encoding="utf-8")
    with pytest.raises(
        InputError, match=r"messages\.DATA.fields: ends in crc of 32 bits; end it in crc of 16"
    ):
        load_profile(path)


def test_entries_of_an_added_message_need_a_count(tmp_path):
    meaning = 'meaning: {en: "More", zh: "更多"}'
    entry = f"{{name: item, bits: 8, {meaning}}}"
    crc = f"{{name: crc, bits: 16, {meaning}}}"
    more = f"  MORE:\n    type: 6\n    hop_limit: 1\n    {meaning}\n    fields: [{crc}]\n"
    more += f"    repeated: [{entry}]\n"
    text = (FOLDER / "open-1.yaml").read_text(encoding="utf-8").replace("5: FAULT}", "5: FAULT, 6: MORE}")
    path = tmp_path / "own.yaml"
    path.write_text(text + more, encoding="utf-8")
    with pytest.raises(InputError, match=r"messages\.MORE.fields: has entries but no count; add count"):
        load_profile(path)


@pytest.mark.parametrize("name", ["open1", "opn-1"])
def test_misspelt_profile(name):
    with pytest.raises(
        InputError, match=rf"^wire profile: {name}: is not a bundled .*; did you mean open-1\?$"
    ):
        load_profile(name)


def test_missing_profile(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_profile(tmp_path / "none.yaml")


def test_every_required_name_stands_in_the_bundled_profile():
    profile = load_profile("open-1")
    assert profile.header.names == layout.HEADER_FIELDS
    assert list(profile.messages) == list(layout.MESSAGE_FIELDS)


HELLO = "    type: 4\n    hop_limit: 1\n"
SAYS_MORE = [
    (
        "ethertype:",
        "outer: udp\nethertype:",
        "outer: is udp, which cannot be said yet; describe messages that foll",
    ),
    (
        "flags:",
        "absent: [DATA.sequence]\nflags:",
        "absent[DATA.sequence]: is what the suite drives or judges every",
    ),
    (
        "flags:",
        "absent: [FALT]\nflags:",
        "absent[FALT]: is what the suite drives or judges every device by, and cann",
    ),
    ("flags:", "absent: [FAULT]\nflags:", "absent[FAULT]: is there all the same; remove one of the two."),
    (
        "{name: previous_frames,",
        "{name: prior,",
        "messages.DATA.fields[previous_frames]: is missing; add it, or list DA",
    ),
    (
        "{algorithm: CRC-16/CCITT-FALSE,",
        "{algorithm: none,",
        "messages.DATA.fields[crc]: stands there, and the che",
    ),
    (
        "{algorithm: CRC-16/CCITT-FALSE,",
        "{algorithm: CRC-32,",
        "messages.DATA.fields: ends in crc of 16 bits; end it",
    ),
    (
        "-FALSE, zeroed",
        "-FALSE, over: header, zeroed",
        "checksum.over: is header, and the header has no crc; put a",
    ),
    (
        "unit: us,",
        "",
        "messages.GRANT.fields[validity].unit: is missing; name it: ns, us, ms, s, or 10 of them.",
    ),
    (
        "unit: us,",
        "unit: fortnight,",
        "messages.GRANT.fields[validity].unit: fortnight is unknown; use one of ms",
    ),
    (
        "{name: granted, bits: 64,",
        "{name: granted, bits: 64, unit: 64 octets,",
        "messages.GRANT.fields[granted].unit: is ",
    ),
    (
        "{name: level, bits: 8,",
        "{name: level, bits: 8, max: 100,",
        "messages.BACKPRESSURE.fields[level]: has the range ",
    ),
    (
        "{name: reserved, bits: 8, max: 0",
        "{name: demand, bits: 8",
        "messages.DATA.fields[demand]: is what REQUEST tell",
    ),
    (
        "bits: 16, min: 1,",
        "bits: 16,",
        "messages.DATA.fields[generation]: may be 0, or one of a list; generations o",
    ),
    ("1: GSP,", "1: LEAF,", "messages.HELLO.fields[role].values: has no value for GSP; add it by that name."),
    (
        HELLO,
        f"{HELLO}    constants: {{role: 1}}\n",
        "messages.HELLO.constants.role: is 1; name a field that the su",
    ),
    (
        HELLO,
        f"{HELLO}    tlvs: {{octets: more, type_bits: 8, length_bits: 8}}\n",
        "messages.HELLO.tlvs.octets: more is",
    ),
    (
        "    type: 2\n",
        "    type: 1\n    constants: {crc: 1}\n",
        "messages.GRANT.type: is 1, the code of REQUEST; give ea",
    ),
]


@pytest.mark.parametrize(("old", "new", "sentence"), SAYS_MORE)
def test_what_cannot_be_said_is_told_in_one_sentence(write, old, new, sentence):
    path = write(old, new)
    with pytest.raises(InputError) as caught:
        load_profile(path)
    assert str(caught.value).startswith(f"{path}: {sentence}")
    assert "\n" not in str(caught.value)


def test_a_container_has_an_end(write):
    path = write("flags:", "absent: [LAST, DATA.previous_frames]\nflags:")
    text = path.read_text(encoding="utf-8")
    lines = [
        line for line in text.splitlines() if "  LAST:" not in line and "previous_frames, bits" not in line
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(
        InputError, match="leaves nothing that tells where a container ends, without LAST; let one"
    ):
        load_profile(path)


@pytest.mark.parametrize("name", bundled())
def test_bundled_profiles_are_sound(name):
    assert load_profile(name).name == name


def test_values_are_kept_in_the_unit_of_their_field():
    grant, pressure = (load_profile("rows-2").field(name, "validity") for name in ("GRANT", "BACKPRESSURE"))
    assert (grant.kept(199), grant.kept(200), grant.most) == (100, 200, 0xFFFFFF * 100)
    assert (pressure.kept(1), pressure.kept(8_000), pressure.kept(8_001)) == (8_000, 8_000, 16_000)


def test_values_that_may_not_stand_are_those_easily_mistaken():
    version = load_profile("tags-3").header.field("version")
    wrong = version.illegal(5)
    assert len(wrong) == 5
    assert 0x0303 in wrong
    assert not {0x0301, 0x0302} & set(version.illegal(100))
