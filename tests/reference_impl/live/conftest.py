"""A live bench in namespaces of its own; skipped, with the reason, where the kernel gives none."""

import pytest

from conformance.bindings.live import plan as live
from reference_impl.live import namespaces
from reference_impl.live.packets import PacketPort
from tests.reference_impl.live.harness import need_bench, plan


@pytest.fixture(scope="session", autouse=True)
def possible():
    need_bench()


@pytest.fixture(scope="session")
def privileged(possible):
    if not namespaces.capable():
        pytest.skip("the test enters the namespaces itself, which takes privilege")


@pytest.fixture(scope="session")
def bench(privileged, tmp_path_factory):
    """Return a leaf and spine whose links are up."""
    standing = live.up(plan(), folder=tmp_path_factory.mktemp("bench"))
    try:
        assert standing.await_paths(), [standing.log(item.name).read_text() for item in standing.plan.devices]
        yield standing
    finally:
        standing.down()


@pytest.fixture
def host(bench):
    """Open a host's end of a link as a port."""
    opened = []

    def opening(name):
        with namespaces.inside(bench.space(bench.plan.tester)):
            opened.append(PacketPort(name))
        return opened[-1]

    yield opening
    for port in opened:
        port.close()
