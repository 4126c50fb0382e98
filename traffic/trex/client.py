"""Chooses the generation of TRex's Python client that a server's version needs, and connects with it."""

from pathlib import Path

from traffic.trex.client_v4 import TrexV4
from traffic.trex.client_v5 import TrexV5
from traffic.trex.data import Access
from traffic.trex.probe import ASYNC_PORT, RPC_PORT, probe
from traffic.trex.trex import Trex


def connect(
    host: str,
    *,
    rpc_port: int = RPC_PORT,
    async_port: int = ASYNC_PORT,
    user: str = "gse-cts",
    client: Path | None = None,
    timeout: float = 3.0,
) -> Trex:
    """Connect to a server with the client that its version needs.

    `client` is the folder of the client tree that a server of API 5.x ships (None: the extra `trex5`).
    `timeout` is how long, in s, each answer may take. InputError if that client is not there.
    """
    access = Access(host, rpc_port, async_port, user, timeout)
    server = probe(host, rpc_port, timeout=timeout)
    if server.api[0] == 4:
        return TrexV4(server, access).connect()
    return TrexV5(server, access, client).connect()
