"""Correct devices whose ports pad short frames, or leave padding out as a link without wire shows it."""

import json
import subprocess
import sys

import pytest

VARIANT = """
import sys
import pytest
from reference_impl.port import HostPort, OutPort

def changed(method, change):
    return lambda port, frame, *rest: method(port, change(frame), *rest)

pads = lambda frame: frame.ljust(60, bytes(1))
strips = lambda frame: frame[:42] if len(frame) == 60 and not any(frame[42:]) else frame
change = {"pads": pads, "strips": strips}[sys.argv[1]]
places = [(OutPort, "send"), (OutPort, "send_control"), (OutPort, "transmit"), (HostPort, "send_class")]
for kind, name in places if change is pads else places[3:]:
    setattr(kind, name, changed(getattr(kind, name), change))
sys.exit(pytest.main(sys.argv[2:]))
"""


@pytest.mark.parametrize("variant", ["pads", "strips"])
def test_a_device_that_pads_frames_as_macs_do_passes(variant, tmp_path, request):
    words = [
        "conformance",
        "--chapter=forwarding",
        f"--out={tmp_path / 'out'}",
        "-q",
        "-p",
        "no:allure_pytest",
    ]
    subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-c", VARIANT, variant, *words],
        cwd=request.config.rootpath,
        check=False,
        timeout=120,
    )
    lines = (tmp_path / "out" / "results.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines[1:-1]]
    assert len(records) > 20
    assert [r for r in records if r["verdict"] not in {"PASS", "NOT_APPLICABLE"}] == []
    (played,) = [r for r in records if "a_capture_arrives" in r["case"] and not r["invariant"]]
    assert played["notes"] == [
        "mixed.pcap: 77 packets, played 77 (15 of them to groups, not compared), left out 0"
    ]
