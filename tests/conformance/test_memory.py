"""What a large play left in circles of references is freed at once, and not kept until somebody looks."""

import gc
import weakref

import pytest

from conformance.api.memory import LARGE, release_memory


class Circle:
    def __init__(self):
        self.itself = self


@pytest.fixture(autouse=True)
def _without_collection():
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(("octets", "freed"), [(LARGE, True), (LARGE - 1, False)])
def test_a_circle_goes_with_a_large_play(octets, freed):
    kept = weakref.ref(Circle())
    release_memory(octets)
    assert (kept() is None) == freed
