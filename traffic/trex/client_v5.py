"""The client for servers of API 5.x: the modern one, from the extra `trex5` or the server's own tree."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from traffic.trex.data import Access
from traffic.trex.libraries import load_v5
from traffic.trex.probe import Server
from traffic.trex.trex import Trex, hasten


class TrexV5(Trex):
    """A connection through the modern client.

    It ends its own process when its subscriber thread fails, interrupts the main thread when a connection is
    lost, and waits four times as long as it was told; all three are replaced. Streams may lie in profiles
    that another user named, so ports are wiped of all profiles.
    """

    def __init__(self, server: Server, access: Access, folder: Path | None) -> None:
        api = load_v5(folder, server.host)
        client = api.STLClient(
            username=access.user,
            server=access.host,
            sync_port=access.rpc_port,
            async_port=access.async_port,
            verbose_level="none",
            sync_timeout=access.timeout,
            async_timeout=access.timeout,
        )
        super().__init__(server, access, api, client)
        client.conn.sigint_on_conn_lost_enable = lambda: None
        hasten(client.conn.rpc)
        client.conn.rpc.set_retry_base = lambda _enable: None
        client.ctx.event_handler.register_event_handler("subscriber crashed", lambda _error: None)

    @property
    def alive(self) -> bool:
        """Whether the request channel still stands."""
        return bool(self._client.conn.rpc.is_connected())

    def _port_counters(self) -> Mapping[int, Mapping[str, Any]]:
        counters: dict[int, dict[str, Any]] = self._client.get_stats(self._client.get_all_ports())
        return counters

    def _wipe(self, ports: list[int]) -> None:
        self._client.clear_stl_profiles(ports)

    def _chain(self, stream: Any, follower: str) -> None:  # noqa: ANN401 - untyped
        stream.next = follower
