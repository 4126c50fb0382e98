from pathlib import Path

import pytest

from spec.errors import InputError
from spec.ics import load_ics
from spec.loader import load_catalogue

REFERENCE = Path(__file__).parents[2] / "reference_impl" / "ics.yaml"
STATEMENT = """\
identification: {supplier: A, product: B, version: "1"}
roles: [GSP]
release: [GSE2.0]
scenario: [N2N]
facts:
  UNSOLICITED: false
parameters:
  container_bytes: {min: 9240, default: 10000, max: 20000}
  overflow_mode: {values: [close-early, overflow], default: overflow}
"""


@pytest.fixture
def declare(checkout):
    catalogue = load_catalogue(checkout.spec)

    def load(old="", new="", text=STATEMENT):
        assert old in text
        path = checkout.root / "ics.yaml"
        path.write_text(text.replace(old, new, 1) if old else text, encoding="utf-8")
        return load_ics(path, catalogue)

    return load


def test_settings_have_an_origin(declare):
    settings = declare().settings
    container = settings["container_bytes"]
    assert (container.minimum, container.value, container.maximum) == (9240, 10000, 20000)
    assert (container.unit, container.origin) == ("octet", "declared by the vendor")
    assert settings["overflow_mode"].values == ("close-early", "overflow")
    fairness = settings["fairness_min"]
    assert (fairness.minimum, fairness.value, fairness.maximum) == (None, 0.98, None)
    assert fairness.origin == "suite default"


def test_one_value_is_its_own_range(declare):
    setting = declare("{min: 9240, default: 10000, max: 20000}", "{value: 10000}").settings["container_bytes"]
    assert (setting.minimum, setting.value, setting.maximum) == (10000, 10000, 10000)


def test_facts_for_a_role(declare):
    facts = declare(
        "roles: [GSP]", "roles: [GSP, GSF]", STATEMENT.replace("false", "true\n  BUFFERS: 4\n  LEARNS: never")
    )
    assert facts.facts_for("GSP") == {
        "role": "GSP", "GSP": True, "GSF": False, "GSOS": False, "NIC": False,
        "GSE1.0": False, "GSE2.0": True, "N2N": True, "E2E": False,
        "container_bytes": 10000, "overflow_mode": ("close-early", "overflow"), "settle_time": 1000000,
        "UNSOLICITED": True,
    }  # fmt: skip
    of_gsf = facts.facts_for("GSF")
    assert (of_gsf["UNSOLICITED"], of_gsf["BUFFERS"], of_gsf["LEARNS"]) == (False, 4, "never")


def test_applicability_over_an_ics(declare):
    catalogue_facts = declare().facts_for("GSP")
    expression = load_catalogue().applicability("PKTC-ONE-PATH")
    assert expression.evaluate(catalogue_facts)
    assert not expression.evaluate(declare("GSE2.0", "GSE1.0").facts_for("GSP"))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("roles: [GSP]", "roles: []", "roles: is empty; fill it in."),
        ("roles: [GSP]", "roles: [GPS]", "roles[0]: is 'GPS'; did you mean GSP?"),
        ("roles: [GSP]", "rules: [GSP]", "rules: is not a known key; did you mean roles?"),
        ("facts:\n  UNSOLICITED: false", "facts: {}", "facts: is empty; fill it in."),
        (
            "UNSOLICITED: false",
            "UNSOLICITTED: false",
            "facts.UNSOLICITTED: is no item of the ICS; did you mean UNSOL",
        ),
        (
            "UNSOLICITED: false",
            "container_bytes: 9",
            "facts.container_bytes: is a parameter; move it to parameters.",
        ),
        (
            "UNSOLICITED: false",
            "UNSOLICITED: 1",
            "facts.UNSOLICITED: is 1, not yes or no; write true or false.",
        ),
        (
            "UNSOLICITED: false",
            "UNSOLICITED: false\n  BUFFERS: 1",
            "facts.BUFFERS: is asked of other roles only; rem",
        ),
        (
            "roles: [GSP]",
            "roles: [GSP, GSF]",
            "facts.BUFFERS: is not answered; declare its integer value (Number of",
        ),
        (
            "container_bytes: {min",
            "container_byte: {min",
            "parameters.container_byte: is no parameter; did you mean",
        ),
        (
            "container_bytes: {min: 9240",
            "container_bytes: {min: 9239",
            "parameters.container_bytes.min: is 9239 octet, outside 9240..4194304 octet; give a value in 924",
        ),
        (
            "max: 20000",
            "max: 5000000",
            "parameters.container_bytes.max: is 5000000 octet, outside 9240..4194304",
        ),
        (
            "default: 10000",
            "default: 30000",
            "parameters.container_bytes.default: is 30000, outside 9240..20000; ",
        ),
        (
            "default: 10000",
            "default: many",
            "parameters.container_bytes.default: is 'many', not an integer; give a",
        ),
        (
            "default: 10000",
            "default: 1.5",
            "parameters.container_bytes.default: is 1.5, not an integer; give a value",
        ),
        (
            "default: 10000",
            "value: 10000",
            "parameters.container_bytes: has a value and a range; write default",
        ),
        (", max: 20000", "", "parameters.container_bytes: has a default without its range; add min and max"),
        (
            "default: 10000, ",
            "",
            "parameters.container_bytes: needs a value, or a default with its range; give",
        ),
        (
            "default: 10000",
            "default: 10000, value: 3",
            "parameters.container_bytes: needs a value, or a default ",
        ),
        (
            "{min: 9240, default: 10000, max: 20000}",
            "{values: ['9'], default: 10000}",
            "parameters.container_bytes.values: is for an enum; write min and max.",
        ),
        (
            "default: overflow",
            "default: borrow",
            "parameters.overflow_mode.default: is 'borrow', not one of close-",
        ),
        (
            "default: overflow",
            "default: overflow, min: 3",
            "parameters.overflow_mode: has min or max, but is an enum",
        ),
        (
            "[close-early, overflow]",
            "[close-early]",
            "parameters.overflow_mode.default: is overflow, not among its ",
        ),
        (
            "[close-early, overflow]",
            "[overflow, clsoe-early]",
            "parameters.overflow_mode.values: is 'clsoe-early', not one of close-early, overflow; did you me",
        ),
        (
            "parameters:",
            "parameters:\n  settle_time: {value: 5000}",
            "parameters.settle_time: belongs to the suite, not to the device; remove it.",
        ),
    ],
)
def test_every_fault_is_one_sentence(declare, old, new, sentence):
    with pytest.raises(InputError) as caught:
        declare(old, new)
    said = str(caught.value)
    assert f"ics.yaml: {sentence}" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("BUFFERS: true\n  LEARNS: never", "facts.BUFFERS: is True, not an integer; write an integer."),
        ("BUFFERS: 4\n  LEARNS: nevr", "facts.LEARNS: is 'nevr'; did you mean never?"),
        ("BUFFERS: 4\n  LEARNS: [never, allways]", "facts.LEARNS: is 'allways'; did you mean always?"),
    ],
)
def test_wrong_answers(declare, line, sentence):
    text = STATEMENT.replace("roles: [GSP]", "roles: [GSF]").replace("UNSOLICITED: false", line)
    with pytest.raises(InputError) as caught:
        declare(text=text)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("text", ["", "{}", "# nothing", "[]"])
def test_empty_statement(declare, text):
    with pytest.raises(InputError, match="document: is empty"):
        declare(text=text)


def test_no_such_file(tmp_path):
    with pytest.raises(
        InputError, match=r"file: cannot be read \(No such file or directory\); check the path"
    ):
        load_ics(tmp_path / "ics.yaml")


def test_unknown_parameter_is_refused(declare):
    ics = declare()
    assert ics.parameter("container_bytes") == 10000
    with pytest.raises(InputError, match=r"is no parameter; did you mean container_bytes\?"):
        ics.parameter("container_byte")


def test_the_reference_is_declared():
    ics = load_ics(REFERENCE)
    catalogue = load_catalogue()
    for clause in catalogue.clauses.values():
        for role in ics.roles:
            assert catalogue.applicability(clause.id).explain(ics.facts_for(role))


OPTIONS = (
    ("UNSOLICITED", "unsolicited_bytes", "{min: 0, default: 0, max: 1048576}", "{value: 0}"),
    ("ON_CONGESTION", "dgsq_mode", "{values: [on-first-frame, on-congestion], default: on-first-frame}", ""),
    ("FLOOD", "unknown_unicast", "{values: [drop, flood], default: drop}", "{value: drop}"),
)


@pytest.mark.parametrize(("option", "parameter", "wide", "narrow"), OPTIONS)
def test_an_option_and_its_parameter_agree(tmp_path, option, parameter, wide, narrow):
    """What the reference declares of an option and its parameter may change together, and not alone."""
    text = REFERENCE.read_text(encoding="utf-8")
    narrow = narrow or "{value: on-first-frame}"
    statement = tmp_path / "ics.yaml"
    assert f"{option}: true" in text
    assert f"{parameter}: {wide}" in text
    without = text.replace(f"{option}: true", f"{option}: false")
    statement.write_text(without, encoding="utf-8")
    said = rf"ics.yaml: facts.{option}: is no, and parameters.{parameter} can be set so that {parameter} "
    with pytest.raises(InputError, match=said):
        load_ics(statement)
    statement.write_text(text.replace(wide, narrow), encoding="utf-8")
    said = rf"facts.{option}: is yes, and parameters.{parameter} cannot be set so that {parameter} "
    with pytest.raises(InputError, match=said):
        load_ics(statement)
    for agreed in (without.replace(wide, narrow), without.replace(f"  {parameter}: {wide}\n", "")):
        statement.write_text(agreed, encoding="utf-8")
        assert load_ics(statement).facts[option] is False


def test_a_nic_needs_the_scenario_that_has_one(tmp_path):
    statement = tmp_path / "ics.yaml"
    text = REFERENCE.read_text(encoding="utf-8")
    statement.write_text(text.replace("roles: [GSP, GSF]", "roles: [GSP, GSF, NIC]"), encoding="utf-8")
    with pytest.raises(InputError, match="scenario: lacks E2E, which alone has a part for a NIC; add E2E"):
        load_ics(statement)


@pytest.mark.parametrize(
    ("item", "fault"),
    [
        ("setting: overflow_mode = always", "ics_items.yaml: UNSOLICITED.setting: "),
        ("setting: GSP", "UNSOLICITED.setting: compares no parameter; write one comparison"),
        ("setting: overflow_mod = overflow", "did you mean overflow_mode"),
    ],
)
def test_what_goes_with_an_option_is_checked(checkout, item, fault):
    checkout.edit("spec/ics_items.yaml", "type: bool,", f"type: bool, {item},")
    with pytest.raises(InputError, match=fault):
        load_catalogue(checkout.spec)


def test_only_a_yes_or_no_shows_something(checkout):
    checkout.edit("spec/ics_items.yaml", "type: integer,", "type: integer, shows: counters,")
    with pytest.raises(InputError, match="only a yes or no goes with a setting or shows something"):
        load_catalogue(checkout.spec)
