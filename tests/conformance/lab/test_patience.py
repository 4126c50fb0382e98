"""How long a laboratory's adapters, operators and devices are waited for."""

import os
import pty
from pathlib import Path

import pytest

from conformance.api.outcomes import BenchError
from conformance.bindings.lab.adapters import PromptAdapter
from spec.loader import load_catalogue
from traffic.recordings.recording import ParameterValue

DEFAULTS = {name: ParameterValue(item.default) for name, item in load_catalogue().parameters.items()}


def seconds(binding, changes):
    return binding("trex-4-gsp", changes).case_time(1, DEFAULTS)


def test_a_laboratory_waits_as_long_as_its_adapters_and_devices(binding):
    none = seconds(binding, {"devices.gsp0.management": {"adapter": "none"}})
    slow = {"adapter": "exec", "command": ["x"], "abilities": ["restart"], "timeout": 300}
    quick = seconds(binding, {"devices.gsp0.management": slow | {"timeout": 1}})
    rebooting = seconds(binding, {"devices.gsp0.management": slow})
    asked = seconds(binding, {"devices.gsp0.management": {"adapter": "prompt", "abilities": ["restart"]}})
    assert 120 < none < quick < rebooting < asked
    assert rebooting > 10 * 300
    aged = DEFAULTS | {"age_out": ParameterValue(60_000_000_000)}
    assert binding("trex-4-gsp").case_time(1, aged) > none + 60


def test_a_laboratory_may_say_it_itself(binding):
    assert seconds(binding, {"case_timeout": 7200}) == 7200


@pytest.fixture
def terminal():
    master, slave = pty.openpty()
    yield master, Path(os.ttyname(slave))
    os.close(master)
    os.close(slave)


def test_an_operator_who_is_away_is_not_waited_for_for_ever(terminal):
    _, path = terminal
    adapter = PromptAdapter("gsp0", frozenset({"restart"}), path, timeout=0.2)
    with pytest.raises(BenchError, match=r"adapter of gsp0: the operator gave no answer in 0\.2 s"):
        adapter.restart({})


def test_what_was_typed_before_a_question_is_no_answer_to_it(terminal):
    master, path = terminal
    os.write(master, b"\n\n")
    with pytest.raises(BenchError, match="no answer"):
        PromptAdapter("gsp0", frozenset({"restart"}), path, timeout=0.2).restart({})
