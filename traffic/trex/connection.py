"""The connection to a TRex server and the ports it holds, over either generation of TRex's Python client.

What the libraries and servers get wrong (measured) is guarded against here and in what builds on it, so that
the caller meets plain data and four kinds of TrexError.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Final, Self

import zmq

from traffic.trex.data import Access, Port, PortCounters
from traffic.trex.errors import TrexError, TrexGoneError, TrexRefusedError, TrexTakenError
from traffic.trex.probe import Server

_NO_EVENTS: Final = "no data flow from server"


class Connection(ABC):
    """A connection to one server; a context manager that lets everything go at its end."""

    def __init__(self, server: Server, access: Access, api: Any, client: Any) -> None:  # noqa: ANN401 - untyped
        self.server = server
        self._access = access
        self._api = api
        self._client = client
        self._held: tuple[int, ...] = ()
        self._captures: dict[int, int] = {}
        """How many frames were fetched of each capture that the server holds for us."""
        self._groups: dict[int, dict[str, Any]] = {}
        """The packet groups that it counts for us, as they read when they were last started."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # What the generations do differently

    @property
    @abstractmethod
    def alive(self) -> bool:
        """Whether the request channel still stands."""

    @abstractmethod
    def _port_counters(self) -> Mapping[int, Mapping[str, Any]]:
        """Read the counters of all ports, fresh."""

    @abstractmethod
    def _wipe(self, ports: list[int]) -> None:
        """Stop ports and take all streams from them, whoever gave them those."""

    # The connection and its ports

    @property
    def user(self) -> str:
        """The name under which ports are taken."""
        return self._access.user

    def connect(self) -> Self:
        """Shake hands."""
        try:
            with self._told("connecting"):
                self._client.connect()
        except BaseException:
            self._hang_up()
            raise
        return self

    def close(self) -> None:
        """Release the ports, if they are still ours, and disconnect; never raises."""
        try:
            with suppress(TrexError):
                self.release()
        finally:
            self._hang_up()

    def abandon(self) -> None:
        """Drop a connection that was interrupted, on which nothing can be asked any more; never raises.

        The ports stay with our user, so that the next connection can take them.
        """
        self._held = ()
        self._captures.clear()
        self._hang_up()

    def ports(self) -> dict[int, Port]:
        """Describe every port as it is now, by its number: the server lists them in an order of its own."""
        with self._told("reading the ports"):
            ports = {}
            for info in self._client.get_server_system_info()["ports"]:
                status = self._status(info["index"])
                attributes = status["attr"]
                ports[info["index"]] = Port(
                    info["index"],
                    bytes.fromhex(attributes["layer_cfg"]["ether"]["src"].replace(":", "")),
                    round(attributes["speed"] * 1000),
                    attributes["link"]["up"],
                    status["owner"],
                    info["driver"],
                    info.get("description", ""),
                )
            return dict(sorted(ports.items()))

    def acquire(self, ports: Iterable[int], *, force: bool = False) -> None:
        """Take ports and clean them: no traffic, no streams, no stale captures, promiscuous, service mode.

        Captures are global to a server, so those of other users end, too. TrexTakenError unless `force`.
        """
        wanted, known = list(ports), self.ports()
        for number in wanted:
            if number not in known:
                names = ", ".join(map(str, known))
                raise self._error(TrexRefusedError, f"there is no port {number}", f"take some of {names}")
            owner = known[number].owner
            if owner and number not in self._held and not force:
                raise self._taken(number, owner)
        with self._told("acquiring ports"):
            if not (synchronised := self._client.conn.barrier()):  # late news of the last owner would undo it
                raise self._api.STLError(synchronised)
            self._client.acquire(wanted, force=force, sync_streams=False)
        self._held = tuple(dict.fromkeys((*self._held, *wanted)))
        with self._told("cleaning the ports"):
            self._synchronise(wanted)
            self._wipe(wanted)
            self._client.remove_all_captures()
            self._captures.clear()
            self._groups.clear()
            self._client.clear_stats(wanted)
            self._client.set_port_attr(wanted, promiscuous=True)
            self._client.set_service_mode(wanted, enabled=True)

    def serve(self, ports: Iterable[int], *, enabled: bool) -> None:
        """Put ports into service mode, in which they can be captured, or out of it, where they keep up."""
        with self._told("switching the service mode"):
            self._client.set_service_mode(list(ports), enabled=enabled)

    def release(self) -> None:
        """Stop everything and give back the ports that are still ours."""
        held, self._held = self._held, ()
        if not held:
            return
        with self._told("releasing ports"):
            for number in self._captures:
                self._client._transmit("capture", {"command": "remove", "capture_id": number})  # noqa: SLF001
            self._captures.clear()
            ours = [number for number in held if self._ours(number, self._status(number))]
            if ours:
                self._wipe(ours)
                with suppress(self._api.STLError):  # somebody else's capture keeps it on
                    self._client.set_service_mode(ours, enabled=False)
                self._client.release(ours)

    def counters(self) -> dict[int, PortCounters]:
        """Read what each port of ours counted since it was acquired."""
        with self._told("reading port counters"):
            read = self._port_counters()
        names = ("opackets", "ipackets", "obytes", "ibytes", "oerrors", "ierrors")
        return {port: PortCounters(*(int(read[port][name]) for name in names)) for port in self._held}

    # Inside

    def _status(self, port: int) -> Any:  # noqa: ANN401 - JSON
        return self._transmit("get_port_status", port_id=port, profile_id="*", block=False)

    def _transmit(self, method: str, **params: Any) -> Any:  # noqa: ANN401 - JSON
        answer = self._client._transmit(method, params)  # noqa: SLF001 - the one way to ask anything
        if not answer:
            raise self._api.STLError(answer)
        return answer.data()

    def _synchronise(self, ports: Iterable[int]) -> bool:
        """Ask the server how ports are, and say whether one transmits."""
        active = False
        for number in ports:
            answer = self._client.ports[number].sync()
            if not answer:
                raise self._api.STLError(answer)
            active |= self._client.ports[number].is_active()
        return active

    def _owned(self, port: int) -> None:
        if port not in self._held:
            raise self._error(TrexRefusedError, f"port {port} was not acquired", "acquire it first")
        with self._told("seeing to whom a port belongs"):
            status = self._status(port)
        if not self._ours(port, status):
            raise self._taken(port, status["owner"])

    def _ours(self, port: int, status: Mapping[str, Any]) -> bool:
        return bool(status["owner"] == self._access.user and self._client.ports[port].is_acquired())

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        """Turn what the library raises into a TrexError, and an interrupt that it swallowed back into one."""
        try:
            yield
        except self._api.STLError as error:
            interrupt = error.__context__
            if interrupt is not None and not isinstance(interrupt, Exception):
                raise interrupt from None
            raise self._explained(doing, _plain(error.msg)) from None
        except zmq.ZMQError as error:
            fault, mend = f"the connection broke while {doing} ({error})", "connect anew"
            raise self._error(TrexGoneError, fault, mend) from error

    def _explained(self, doing: str, text: str) -> TrexError:
        if _NO_EVENTS in text:
            fault = f"no events come from its port {self._access.async_port}"
            return self._error(TrexGoneError, fault, "correct that port, or let it through the firewall")
        statuses = {}
        if self.alive:
            with suppress(self._api.STLError):
                self._transmit("ping")
                statuses = {number: self._status(number) for number in self._held}
        if not self.alive:
            mend = "see that the server and the way to it are up, then run again"
            return self._error(TrexGoneError, f"the server went away while {doing}", mend)
        for number, status in statuses.items():
            if not self._ours(number, status):
                return self._taken(number, status["owner"])
        return self._error(TrexRefusedError, f"{doing} was refused ({text})", "see what the server says")

    def _taken(self, port: int, owner: str) -> TrexError:
        mend = "ask for it to be released, or take it by force"
        return self._error(TrexTakenError, f"port {port} belongs to '{owner}'", mend)

    def _error(self, kind: type[TrexError], fault: str, mend: str) -> TrexError:
        return kind(self.server.host, fault, mend)

    def _hang_up(self) -> None:
        with suppress(Exception):  # whatever state the library is in, we are through with it
            self._client.conn.disconnect()


def _plain(text: str) -> str:
    """Take the colours and line ends out of what the library says."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", text).split())
