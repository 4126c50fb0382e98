import pytest

from spec.errors import InputError
from spec.integrity import faults
from spec.loader import load_catalogue, read_catalogue
from spec.relations import breaches, inequality_of, parameters_of
from spec.relations_page import PAGE, RATES, alone, breach_of, ends, nearest, page

CATALOGUE = load_catalogue()


def broken(**chosen):
    return [breach.relation.that for breach in breaches(CATALOGUE, alone(CATALOGUE, chosen))]


@pytest.mark.parametrize("gigabit", RATES)
def test_the_defaults_of_all_rates_keep_every_relation(gigabit):
    assert broken(link_rate=gigabit * 1000) == []
    assert broken(link_rate=gigabit * 1000, max_frame=1518) == []


def test_a_breach_names_the_values_and_the_reason():
    (found,) = breaches(CATALOGUE, alone(CATALOGUE, {"age_out": 300_000}))
    assert found.names == ("age_out", "grant_validity", "path_delay_max", "reorder_timeout")
    assert (
        "age_out >= grant_validity + path_delay_max + reorder_timeout (here 300,000 and 350,000)"
        in found.fault
    )


def test_parameters_behind_a_term_are_named_too():
    that = inequality_of("grant_round_trip >= 4 * hop_time")
    assert parameters_of(CATALOGUE, that) == ("grant_round_trip", "link_delay", "max_frame", "link_rate")


def test_times_follow_the_links_and_octets_what_they_carry():
    fast = alone(CATALOGUE, {"link_rate": 800_000})
    assert fast["age_out"] == 61_000
    assert fast["reorder_bytes"] == 6_380_000
    assert fast["container_bytes"] == 16_384
    assert alone(CATALOGUE, {}) == {name: item.default for name, item in CATALOGUE.parameters.items()}


def test_limits_follow_the_declared_timers_and_what_is_declared_stays():
    values = alone(CATALOGUE, {"hello_interval": 1_000_000, "age_out": 100_000_000})
    assert values["outage_max"] == 5_000_000
    assert values["play_limit"] == 5_000_000_000
    assert values["hello_interval"] == 1_000_000
    assert alone(CATALOGUE, {"hello_interval": 1_000_000, "outage_max": 4_000_000})["outage_max"] == 4_000_000


def test_next_to_a_refused_end_lies_a_value_that_is_not():
    refused = [
        (name, end)
        for name, parameter in CATALOGUE.parameters.items()
        for end in ends(parameter)
        if breach_of(CATALOGUE, name, end) is not None
    ]
    assert len(refused) > 30
    for name, end in refused:
        near = nearest(CATALOGUE, name, end)
        step = 1 if CATALOGUE.parameters[name].type == "integer" else 0.001
        assert breach_of(CATALOGUE, name, near) is None
        assert breach_of(CATALOGUE, name, round(near + (step if end > near else -step), 3)) is not None


def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == page(CATALOGUE), "run gse-cts relations --write"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("2 * container_bytes", "2 ** container_bytes", "terms.two.formula"),
        ("2 * container_bytes", "2 * container_byte", "terms.two.formula"),
        ("that: two >= container_bytes", "that: two", "relations.containers-double.that"),
        ("that: two >= container_bytes", "that: two < 1", "relations.containers-double.that"),
        ("of: device", "of: device\n    when: GPS", "relations.containers-double.when"),
    ],
)
def test_a_wrong_relation_is_named(checkout, old, new, fault):
    checkout.edit("spec/relations.yaml", old, new)
    assert fault in [found.key for found in faults(read_catalogue(checkout.spec))]


def test_a_default_that_does_not_follow_is_named(checkout):
    edit = ("default: 1000000, kind", 'default: 1000000, least: "2000000", kind')
    checkout.edit("spec/parameters.yaml", *edit)
    with pytest.raises(InputError, match=r"settle_time\.default: is 1000000, and 2000000 follows"):
        raise next(iter(faults(read_catalogue(checkout.spec))))
