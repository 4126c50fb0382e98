"""What a device cannot work with, it refuses with the cause: before it starts, and while it runs."""

from dataclasses import fields, replace

import pytest

from reference_impl.assembly import assemble
from reference_impl.config import DeviceConfig, PortConfig, Settings
from reference_impl.mutants import mutants
from spec.errors import InputError

PORTS = tuple(
    PortConfig(kind, 8000, bytes((2, 0, 0, 0, 0, port))) for port, kind in enumerate(("host", "fabric"))
)
CONFIG = DeviceConfig("gsp0", 1, PORTS)

SENSELESS = [
    ("container_bytes", 4096, "cannot hold the longest frame of 9216 octets with its 20 octets more"),
    ("overflow_mode", "burst", "is none of close-early, overflow, overflow-borrow"),
    ("dgsq_mode", "never", "is none of on-first-frame, on-congestion"),
    ("unknown_unicast", "learn", "is none of drop, flood"),
    ("hello_interval", 0, "is below 1"),
    ("hello_misses", 0, "is below 1"),
    ("request_refresh", 0, "is below 1"),
    ("grant_round_trip", -40_000, "is below 1"),
    ("flush_time", 0, "is below 1"),
    ("reorder_timeout", -1, "is below 0"),
    ("bp_threshold", 0, "is below 1"),
    ("bp_validity", 1, "is below 2"),
    ("buffer_bytes", 1500, "cannot hold the longest frame of 9216 octets"),
    ("flap_hold", 1.5, "is no integer"),
    ("container_bytes", "16384", "is no integer"),
    ("age_out", True, "is no integer"),
]


@pytest.mark.parametrize(("name", "value", "cause"), SENSELESS)
def test_a_device_does_not_start_with_a_setting_that_cannot_work(name, value, cause):
    for role in ("GSP", "GSF"):
        with pytest.raises(InputError) as refusal:
            assemble(role, replace(CONFIG, settings=replace(Settings(), **{name: value})))
        assert str(refusal.value).startswith(f"gsp0: {name}: {value} {cause}; ")


LATER = [
    ("max_frame", 20_000, "a container of 16384 octets cannot hold it with its 20 octets more"),
    ("container_size", 9240, "is no setting"),
]


@pytest.mark.parametrize(("name", "value", "cause"), [*SENSELESS, *LATER])
def test_a_running_device_refuses_it_and_keeps_what_it_had(name, value, cause):
    for role in ("GSP", "GSF"):
        device = assemble(role, CONFIG)
        device.manage("setting", {"name": name, "value": value}, 5)
        time, event, details = device.events.kept[-1]
        assert (time, event) == (5, "setting_refused")
        assert details["name"] == name
        assert f"{value} {cause}" in details["cause"]
        assert device.settings == Settings()


@pytest.mark.parametrize("field", fields(Settings), ids=lambda field: field.name)
def test_no_setting_goes_unchecked(field):
    """Of each, a value below any sense is refused."""
    senseless = "nonsense" if isinstance(field.default, str) else -1
    with pytest.raises(InputError, match=rf"gsp0: {field.name}: {senseless} "):
        assemble("GSP", replace(CONFIG, settings=replace(Settings(), **{field.name: senseless})))


def test_what_can_work_is_taken_over():
    device = assemble("GSP", CONFIG)
    device.manage("setting", {"name": "container_bytes", "value": 9236}, 5)
    device.manage("setting", {"name": "overflow_mode", "value": "overflow-borrow"}, 6)
    assert [event for _, event, _ in device.events.kept] == ["setting", "setting"]
    assert device.settings == replace(Settings(), container_bytes=9236, overflow_mode="overflow-borrow")


def test_a_device_that_refuses_nothing_is_a_mutant():
    device = assemble("GSP", CONFIG, mutants()["TakesAnyContainerLength"].flaw)
    device.manage("setting", {"name": "container_bytes", "value": 4096}, 5)
    assert device.settings.container_bytes == 4096


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"node": 0}, "gsp0: node: 0 is below 1; "),
        ({"ports": (replace(PORTS[0], rate_mbps=0), PORTS[1])}, "gsp0: ports.0.rate_mbps: 0 is below 1; "),
        (
            {"table": {bytes(6): (1, 1)}},
            "gsp0: table.00:00:00:00:00:00: port 1 of this node is no host port; ",
        ),
        (
            {"table": {bytes(6): (1, 7)}},
            "gsp0: table.00:00:00:00:00:00: port 7 of this node is no host port; ",
        ),
    ],
)
def test_a_device_does_not_start_where_it_cannot_work(change, sentence):
    with pytest.raises(InputError) as refusal:
        assemble("GSP", replace(CONFIG, **change))
    assert str(refusal.value).startswith(sentence)


def test_a_table_entry_for_an_own_port_without_host_is_refused():
    device = assemble("GSP", CONFIG)
    device.manage("table_set", {"mac": "02:00:00:00:00:aa", "node": 1, "port": 1}, 5)
    _, event, details = device.events.kept[-1]
    assert event == "table_refused"
    assert details["cause"] == "port 1 of this node is no host port"
    device.receive(0, bytes.fromhex("0200000000aa") + bytes(54), 6)
    assert device.counters()["drop.unknown_destination"] == 1
