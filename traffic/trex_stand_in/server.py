"""The stand-in server: its sockets, its thread, and the faults that befall it."""

import os
import queue
import secrets
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from select import select
from types import TracebackType
from typing import Any, Literal, Self

import zmq

from spec.errors import InputError
from traffic.trex.messages import is_compressed, pack, unpack
from traffic.trex_stand_in.engine import Engine
from traffic.trex_stand_in.methods import Methods
from traffic.trex_stand_in.port import Port
from traffic.trex_stand_in.publisher import PORT_ATTRIBUTES, Publisher
from traffic.trex_stand_in.quirks import Quirks
from traffic.trex_stand_in.requests import failure
from traffic.trex_stand_in.telling import RELEASES
from traffic.trex_stand_in.wires import Wire

Fault = Literal["die", "hang", "mute", "refuse"]
"""Die: vanish. Hang: answer and publish nothing more. Mute: publish nothing more. Refuse: one error."""


class StandIn:
    """A server of an API version (4.8, 5.0 or 5.1) on some wires; it runs in a thread of its own.

    Port 0 as `rpc_port` or `async_port` takes a free one, which the attribute then names. `faults` names
    what happens instead of an answer to the first request for a method, `quirks` how it falls short without a
    word. OSError if a port is taken.
    """

    def __init__(
        self,
        wires: Sequence[Wire],
        *,
        api: tuple[int, int] = (4, 8),
        host: str = "127.0.0.1",
        rpc_port: int = 0,
        async_port: int = 0,
        faults: dict[str, Fault] | None = None,
        quirks: Quirks | None = None,
    ) -> None:
        if api not in RELEASES:
            known = ", ".join(f"{major}.{minor}" for major, minor in RELEASES)
            raise InputError(
                "trex stand-in", "api", f"there is no API {api[0]}.{api[1]} here", f"take {known}"
            )
        self.api = api
        self.host = host
        self.faults = dict(faults or {})
        self.ports = [
            Port(index, wire, wires[index ^ 1].mac if index ^ 1 < len(wires) else b"\0\0\0\0\0\1")
            for index, wire in enumerate(wires)
        ]
        self._hung = False
        self._stopped = False
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wake, self._woken = socket.socketpair()
        self._woken.setblocking(False)
        self._context = zmq.Context()
        self._rpc = self._context.socket(zmq.REP)
        self._publisher = self._context.socket(zmq.PUB)
        for box in (self._rpc, self._publisher):
            box.setsockopt(zmq.LINGER, 0)
        try:
            self.rpc_port = _bind(self._rpc, host, rpc_port)
            self.async_port = _bind(self._publisher, host, async_port)
        except zmq.ZMQError as error:
            self._context.destroy(linger=0)
            raise OSError(error.errno, f"{host}: {error}") from error
        self.publisher = Publisher(api, self.ports, self._publisher.send)
        self.engine = Engine(api, self.ports, self.publisher, quirks or Quirks())
        self.methods = Methods(self.engine)
        self._thread = threading.Thread(target=self._run, name="trex-stand-in", daemon=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Serve until `stop`."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Vanish, without a word to anybody, and unplug the wires; also what `die` is."""
        self._stopped = True
        self._nudge()
        if self._thread is not threading.current_thread():
            self._thread.join()

    die = stop

    def wait(self, parent: int | None = None) -> None:
        """Wait until it has died or was stopped, or until a parent process is gone."""
        while self._thread.is_alive() and parent in {None, os.getppid()}:
            self._thread.join(0.5)

    def hang(self) -> None:
        """Answer and publish nothing more, and keep the connections."""
        self._call(self._hang)

    def mute(self, *, on: bool = True) -> None:
        """Publish nothing more, until told otherwise."""
        self._call(lambda: setattr(self.publisher, "mute", on))

    def take(self, port: int, user: str) -> None:
        """Let another user take a port by force."""

        def change() -> None:
            self.engine.acquired(self.ports[port], user, secrets.randbits(31), force=True)

        self._call(change)

    def link(self, port: int, *, up: bool) -> None:
        """Take the carrier of a port away, or give it back."""

        def change() -> None:
            self.ports[port].up = up
            self.publisher.event(PORT_ATTRIBUTES, self.ports[port], attr=self.ports[port].attributes())

        self._call(change)

    # The loop

    def _call(self, call: Callable[[], None]) -> None:
        done = threading.Event()

        def run() -> None:
            call()
            done.set()

        self._calls.put(run)
        self._nudge()
        done.wait(5)

    def _hang(self) -> None:
        self._hung = self.publisher.mute = True

    def _nudge(self) -> None:
        with suppress(OSError):  # it is dead already
            self._wake.send(b"\0")

    def _run(self) -> None:
        requests = int(self._rpc.getsockopt(zmq.FD))
        watched = [requests, self._woken.fileno(), *(port.wire.fileno() for port in self.ports)]
        try:
            while not self._stopped:
                asked = not self._hung and bool(self._asked())
                ready, _, _ = select(watched, (), (), 0 if asked else self.engine.patience())
                for port in self.ports:
                    if port.wire.fileno() in ready:
                        self.engine.receive(port)
                self.engine.transmit()
                if self._woken.fileno() in ready:
                    self._woken.recv(4096)
                    while not self._calls.empty():
                        self._calls.get()()
                if self._hung and requests in watched:
                    watched.remove(requests)
                if not self._hung and self._asked():
                    self._answer()
        finally:
            self._context.destroy(linger=0)
            for port in self.ports:
                port.wire.close()
            self._wake.close()
            self._woken.close()

    def _asked(self) -> int:
        """Whether a request waits; its descriptor only tells that something changed."""
        return int(self._rpc.getsockopt(zmq.EVENTS)) & zmq.POLLIN

    # Requests

    def _answer(self) -> None:
        octets = self._rpc.recv()
        try:
            request = unpack(octets)
        except ValueError:
            self._rpc.send(pack(failure(None, -32700, "Parse error")))
            return
        if isinstance(request, list):
            answers = [self._handled(single) for single in request]
            answer: Any = answers if None not in answers else None
        else:
            answer = self._handled(request)
        if answer is not None:
            self._rpc.send(pack(answer, compress=is_compressed(octets)))

    def _handled(self, request: Any) -> dict[str, Any] | None:  # noqa: ANN401 - JSON
        if not (isinstance(request, dict) and isinstance(request.get("method"), str)):
            return failure(None, -32600, "Invalid Request")
        method, params, number = request["method"], request.get("params") or {}, request.get("id")
        if not isinstance(params, dict):
            return failure(number, -32602, "Invalid params")
        fault = self.faults.pop(method, None)
        self._stopped |= fault == "die"
        self.publisher.mute |= fault == "mute"
        if fault == "hang":
            self._hang()
        if fault in {"die", "hang"}:
            return None
        return self.methods.called(method, params, number, refuse=fault == "refuse")


def _bind(box: "zmq.Socket[bytes]", host: str, port: int) -> int:
    if not port:
        return int(box.bind_to_random_port(f"tcp://{host}"))
    box.bind(f"tcp://{host}:{port}")
    return port
