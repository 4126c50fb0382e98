"""A device that declares other parameters passes, or is told in one sentence why that cannot be.

`make test` plays a sample; `make whole` plays every end of every parameter, the admissible value nearest
to each end that is refused, the realistic points, and 10 to 800 Gbit/s.
"""

import os

import pytest

from tests.conformance.ends import admissible, realistic, refused, run, single

POINTS = {point.name: point for point in (*single(), *admissible(), *realistic())}
REFUSED = {point.name for point in refused(POINTS.values())}
ENDS_REFUSED = sorted(point.name for point in refused(single()))
PLAYED = [name for name in POINTS if name not in REFUSED]
whole = pytest.mark.skipif("GSE_WHOLE" not in os.environ, reason="takes many minutes; make whole does it")
SAMPLE = ("short frames at 25 Gbit/s", "patient ordering", "unsolicited", "grant_window_factor=8.0")


@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_passes(tmp_path, name):
    outcome = run(POINTS[name], tmp_path)
    assert outcome.code == 0, str(outcome)


@pytest.mark.parametrize("name", ENDS_REFUSED[::9])
def test_a_senseless_set_is_refused_in_a_sentence(tmp_path, name):
    outcome = run(POINTS[name], tmp_path)
    assert outcome.refused, str(outcome)
    assert name.partition("=")[0] in outcome.words
    assert not (tmp_path / "run" / "results.jsonl").exists()


def test_a_device_that_counts_its_ports_from_1_passes(tmp_path):
    outcome = run(POINTS["few queues"], tmp_path, "--device=variant:CountsPortsFromOne")
    assert outcome.code == 0, str(outcome)


@whole
@pytest.mark.parametrize("name", PLAYED)
def test_every_point_passes(tmp_path, name):
    outcome = run(POINTS[name], tmp_path)
    assert outcome.code == 0, str(outcome)


@whole
@pytest.mark.parametrize("name", sorted(REFUSED))
def test_every_other_end_is_refused(tmp_path, name):
    outcome = run(POINTS[name], tmp_path)
    assert outcome.refused, str(outcome)
