"""The parameters of a live run."""

from reference_impl.live.parameters import live_values
from spec.loader import load_catalogue


def test_every_value_is_in_its_range():
    parameters = load_catalogue().parameters
    values = live_values(parameters)
    assert values.keys() == parameters.keys()
    assert {name: parameters[name].fault_of(value) for name, value in values.items()} == dict.fromkeys(values)


def test_a_fabric_in_slow_motion_keeps_its_proportions():
    parameters = load_catalogue().parameters
    values = live_values(parameters)

    def window(of):
        return of("grant_round_trip") * of("link_rate")

    assert window(values.get) == window(lambda name: parameters[name].default)
    assert values["age_out"] >= sum(
        values[n] for n in ("grant_validity", "path_delay_max", "reorder_timeout")
    )
