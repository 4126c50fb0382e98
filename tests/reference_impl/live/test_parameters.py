"""The parameters of a live run."""

import pytest

from reference_impl.live.parameters import live_values
from spec.loader import load_catalogue
from spec.relations import breaches


def test_every_value_is_in_its_range():
    parameters = load_catalogue().parameters
    values = live_values(parameters)
    assert values.keys() == parameters.keys()
    assert {name: parameters[name].fault_of(value) for name, value in values.items()} == dict.fromkeys(values)


@pytest.mark.parametrize("trex", [False, True])
def test_no_value_contradicts_another(trex):
    catalogue = load_catalogue()
    assert [*breaches(catalogue, live_values(catalogue.parameters, trex=trex))] == []


def test_a_fabric_in_slow_motion_keeps_its_proportions():
    parameters = load_catalogue().parameters
    values = live_values(parameters)

    def window(of):
        return of("grant_round_trip") * of("link_rate")

    assert window(values.get) == window(lambda name: parameters[name].default)
    assert values["age_out"] >= sum(
        values[n] for n in ("grant_validity", "path_delay_max", "reorder_timeout")
    )
