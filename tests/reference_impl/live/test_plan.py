"""What is planned reaches the process of a device as it is."""

from dataclasses import replace

from reference_impl.config import Settings
from reference_impl.live.plan import Order, PlannedDevice, load_order, write


def test_settings_of_every_type_survive_the_way_to_the_process(tmp_path):
    odd = replace(Settings(), grant_window_factor=2.5, multicast=False, overflow_mode="overflow")
    device = PlannedDevice("gsp0", "open-1", "GSP", 1, (), dict(vars(odd)))
    write(Order(tmp_path, device), tmp_path / "gsp0.order")
    settings = Settings.of(load_order(tmp_path / "gsp0.order").device.settings)
    assert settings == odd
    assert [type(value) for value in vars(settings).values()] == [type(value) for value in vars(odd).values()]
