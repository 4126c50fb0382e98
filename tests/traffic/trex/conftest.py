import time

import pytest

from spec.errors import InputError
from traffic.trex.client import connect
from traffic.trex.libraries import find_v5, load_v4, load_v5
from traffic.trex_stand_in.server import StandIn
from traffic.trex_stand_in.wires import cable


def need_client(major):
    if major == 5:
        try:
            find_v5(None, "tests")
        except InputError as error:
            pytest.skip(str(error))


@pytest.fixture(params=[(4, 8), (5, 1)], ids=["api4", "api5"])
def api(request):
    need_client(request.param[0])
    return request.param


@pytest.fixture
def server(api):
    with StandIn(cable(), api=api) as server:
        yield server


@pytest.fixture
def session(server):
    with connect(
        server.host, rpc_port=server.rpc_port, async_port=server.async_port, user="me", timeout=1.0
    ) as session:
        yield session


@pytest.fixture
def held(session):
    session.acquire([0, 1])
    return session


@pytest.fixture
def hasty(server):
    """A session that waits no longer than 0.4 s for an answer, and holds the ports."""
    with connect(
        server.host, rpc_port=server.rpc_port, async_port=server.async_port, user="me", timeout=0.4
    ) as session:
        session.acquire([0, 1])
        yield session


@pytest.fixture
def library(api):
    """The client library itself, as it is."""
    return load_v4() if api[0] == 4 else load_v5(None, "tests")


@pytest.fixture
def raw(server, library):
    """A client of the library, unmodified and connected."""
    made = []

    def make(user="me"):
        client = library.STLClient(
            username=user, server=server.host, sync_port=server.rpc_port, async_port=server.async_port
        )
        made.append(client)
        client.connect()
        return client

    yield make
    for client in made:
        client.conn.disconnect()


def frames(count, size=60, kind=b"\x88\xb5"):
    """Distinct frames from one made-up station to another."""
    head = bytes.fromhex("020000000001020000000002") + kind
    return [(head + number.to_bytes(4, "big")).ljust(size, b"\x5a") for number in range(count)]


def until(predicate, limit=3.0):
    end = time.monotonic() + limit
    while not predicate():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)


@pytest.fixture
def helpers():
    class Helpers:
        frames = staticmethod(frames)
        until = staticmethod(until)

    return Helpers
