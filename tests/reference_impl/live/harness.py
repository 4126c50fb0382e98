"""Benches for tests, and what is left of them."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from conformance.bindings.live import plan as live
from reference_impl.live import fabric
from spec.loader import load_catalogue

PROBE = """
from reference_impl.live import namespaces, packets
namespaces.acquire()
namespaces.is_privileged()
packets.supported()
"""


@cache
def refusal():
    """Say why no bench can stand here, in the words a user gets, or nothing."""
    tried = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=False)
    return tried.stderr.strip().splitlines()[-1] if tried.returncode else ""


def need_bench():
    """Skip, with the reason, where no bench can stand."""
    if refusal():
        pytest.skip(f"no live bench here: {refusal()}")


def plan(topology="leaf-spine-2x2", device="reference", **changes):
    """Plan a bench with the live parameters, some of them changed."""
    values = live.live_values(load_catalogue().parameters) | changes
    built = live.request(topology).topology(values["link_rate"], values["link_delay"])
    return live.plan(topology, built, values, "open-1", device=device)


def arrivals(port, count, seconds=10):
    """Take frames until there are so many, or time is over."""
    got = []
    fabric.until(lambda: got.extend(port.take()) or len(got) >= count, seconds)
    return got


def left_behind(name, spaces, folder):
    """List what is still there of a run: files of namespaces, its folder, processes that name it."""
    found = [path for path in (*spaces.values(), folder) if path.exists()]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if name.encode() in line:
                found.append(line)
    return found
