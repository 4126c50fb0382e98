"""How long a case may take is what its binding says."""

import pytest

from conformance.api.binding import BindingOptions
from conformance.bindings.reference import ReferenceBinding
from spec.loader import load_catalogue
from traffic.recordings.recording import ParameterValue

DEFAULTS = {name: ParameterValue(item.default) for name, item in load_catalogue().parameters.items()}
CASE = """
import time

@clause("PKTC-ONE-PATH")
@testbed(LeafSpine())
@duration(3)
def test_slow(bed, expect):
    time.sleep(3)
    expect.equal(1, 1, "one")
"""


@pytest.mark.parametrize(("seconds", "verdict"), [("0.5", "ERROR"), ("60", "PASS")])
def test_a_case_is_broken_off_when_its_binding_says_so(bench, seconds, verdict):
    conftest = bench.path / "conftest.py"
    method = f"    def case_time(self, seconds, parameters):\n        return {seconds} * seconds / 3\n\n"
    text = conftest.read_text().replace("    def open(", f"{method}    def open(", 1)
    conftest.write_text(text)
    bench.cases(test_a=CASE)
    bench.run("-n0")
    assert set(bench.verdicts().values()) == {verdict}


def test_virtual_time_stays_bounded():
    binding = ReferenceBinding(BindingOptions())
    assert binding.case_time(0, DEFAULTS) == 120
    assert binding.case_time(20, DEFAULTS) == 220
