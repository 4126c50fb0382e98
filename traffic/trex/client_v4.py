"""The client for servers of API 4.x: trex-stl-lib 0.3, with its flaws guarded against."""

from collections.abc import Mapping
from typing import Any

import zmq

from traffic.trex.data import Access
from traffic.trex.libraries import load_v4
from traffic.trex.probe import Server
from traffic.trex.trex import Trex, hasten


class TrexV4(Trex):
    """A connection through trex-stl-lib.

    Its subscriber thread kills the process group of the parent after 3 s of silence (the warning that it
    wants to log raises, and its crash handler is `os.killpg(os.getppid(), SIGTERM)`), and interrupts the main
    thread when a connection is lost; both are replaced: silence means nothing, requests tell. Its
    `str(STLError)` raises, it loses `next=`, and it cannot read, not even to connect, while the server knows
    of a latency group that received nothing; so groups are read without it.
    """

    def __init__(self, server: Server, access: Access) -> None:
        api = load_v4()
        client = api.STLClient(
            username=access.user,
            server=access.host,
            sync_port=access.rpc_port,
            async_port=access.async_port,
            logger=_silent(api),
            verbose_level=api.LoggerApi.VERBOSE_QUIET,
        )
        super().__init__(server, access, api, client)
        connection, link = client.conn, client.conn.rpc.rpc_link
        connection.sigint_on_conn_lost_enable = lambda: None
        client.event_handler.on_async_timeout = lambda _seconds: None
        client.get_pgid_stats = dict
        subscriber = connection.async_connection
        subscriber._run_safe = lambda: _subscribe(subscriber)  # noqa: SLF001 - it is what is wrong there
        dial = link.connect

        def connect() -> Any:  # noqa: ANN401 - untyped
            answer = dial()
            for option in (zmq.SNDTIMEO, zmq.RCVTIMEO):
                link.socket.setsockopt(option, round(access.timeout * 1000))
            return answer

        link.connect = connect
        hasten(link)

    @property
    def alive(self) -> bool:
        """Whether the request channel still stands."""
        return bool(self._client.conn.rpc.is_connected)

    def _port_counters(self) -> Mapping[int, Mapping[str, Any]]:
        if not (synchronised := self._client.conn.barrier()):
            raise self._api.STLError(synchronised)
        return {number: port.get_stats() for number, port in self._client.ports.items()}

    def _wipe(self, ports: list[int]) -> None:
        self._client.stop(ports, rx_delay_ms=0)
        self._client.remove_all_streams(ports)

    def _chain(self, stream: Any, follower: str) -> None:  # noqa: ANN401 - untyped
        stream.__next__ = follower  # where its get_next() looks


def _silent(api: Any) -> Any:  # noqa: ANN401 - untyped
    class Silent(api.LoggerApi):  # type: ignore[misc]
        def write(self, msg: str, newline: bool = True) -> None:
            pass

        def flush(self) -> None:
            pass

    return Silent()


def _subscribe(subscriber: Any) -> None:  # noqa: ANN401 - untyped
    """Read what the server publishes, and on a fault just end."""
    box = subscriber.socket
    box.setsockopt(zmq.SUBSCRIBE, b"")
    box.setsockopt(zmq.RCVTIMEO, subscriber.get_timeout_sec() * 1000)
    box.connect(subscriber.tr)
    try:
        subscriber._run()  # noqa: SLF001
    except Exception as error:  # noqa: BLE001 - a thread of the library has nobody to tell
        subscriber.stateless_client.event_handler.log_warning(f"the subscriber ended: {error!r}")
    finally:
        box.close(linger=0)
