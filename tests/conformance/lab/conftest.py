"""Laboratories' files for tests: an example, changed as a test wants it."""

import copy

import pytest
import yaml

from conformance.api.binding import BindingOptions
from conformance.bindings.lab.bench import load_bench
from conformance.bindings.lab.binding import LabBinding
from conformance.cli.binding import EXAMPLES


@pytest.fixture
def example(tmp_path):
    """Write an example as LAB.yaml, with changes by dotted key (None removes), and give its path."""

    def writing(name, changes=None):
        data = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8"))
        data = copy.deepcopy(data)
        for key, value in (changes or {}).items():
            place, parts = data, key.split(".")
            for part in parts[:-1]:
                place = place.setdefault(part, {})
            if value is None:
                del place[parts[-1]]
            else:
                place[parts[-1]] = value
        path = tmp_path / "LAB.yaml"
        path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
        return path

    return writing


@pytest.fixture
def bench(example):
    return lambda name, changes=None: load_bench(example(name, changes))


@pytest.fixture
def binding(example):
    return lambda name, changes=None: LabBinding(BindingOptions(file=example(name, changes)))
