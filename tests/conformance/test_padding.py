"""Correct devices whose ports pad short frames, or leave padding out as a link without wire shows it."""

import json
import subprocess
import sys

import pytest

VARIANT = """
import sys
import pytest
from reference_impl.port import HostPort, OutPort

pads = lambda port, frame: frame.ljust(60, bytes(1))
strips = lambda port, frame: (
    frame[:42] if len(frame) == 60 and not any(frame[42:]) and isinstance(port, HostPort) else frame
)
change = {"pads": pads, "strips": strips}[sys.argv[1]]
attach, hand_over = OutPort.attach, OutPort.hand_over
OutPort.attach = lambda port, emit, eager=False: attach(
    port, lambda frame, now: emit(change(port, frame), now), eager
)
OutPort.hand_over = lambda port, frame, now: hand_over(port, change(port, frame), now)
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
