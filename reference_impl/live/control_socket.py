"""How a running device is asked and managed: one JSON object a connection, on a socket of the run."""

import json
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from time import monotonic_ns
from typing import Any, Final

from reference_impl.live.runner import Runner
from spec.errors import InputError

PATIENCE: Final = 1.0
"""Seconds that a device waits for whoever asks it."""
LONGEST_REQUEST: Final = 1 << 20


class DeviceRefused(Exception):  # noqa: N818 - named for the fact
    """A device could not do what it was asked; the text says why."""


class ControlSocket:
    """Answers what is in `ANSWERS`; `events` are those from the `since`th on, `lateness` is in ns."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(str(path))
        self.socket.listen()
        self.socket.setblocking(False)

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self.socket.fileno()

    def answer(self, runner: Runner) -> None:
        """Answer the one who waits longest; one who is too slow, or goes away, gets nothing."""
        with suppress(OSError):
            connection, _ = self.socket.accept()
            with connection:
                connection.settimeout(PATIENCE)
                request = connection.makefile("rb").readline(LONGEST_REQUEST)
                try:
                    answer = {"result": ANSWERS[json.loads(request)["ask"]](runner, json.loads(request))}
                except (InputError, ValueError, TypeError, KeyError, AttributeError) as error:
                    answer = {"refused": f"{type(error).__name__}: {error}"}
                connection.sendall(json.dumps(answer).encode())

    def close(self) -> None:
        """Answer no more."""
        self.socket.close()


def ask(path: Path, what: str, **details: object) -> Any:  # noqa: ANN401 - the answer is JSON
    """Ask a device; OSError when nobody answers, `DeviceRefused` when it cannot."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(10 * PATIENCE)
        connection.connect(str(path))
        connection.sendall(json.dumps({"ask": what, **details}).encode() + b"\n")
        received = connection.makefile("rb").read()
    if not received:
        raise ConnectionResetError(f"{path}: gave no answer")
    answer = json.loads(received)
    if "refused" in answer:
        raise DeviceRefused(answer["refused"])
    return answer["result"]


def _manage(runner: Runner, request: Mapping[str, Any]) -> int:
    runner.manage(request["action"], request["arguments"])
    return monotonic_ns()


def _halt(runner: Runner, _: Mapping[str, Any]) -> int:
    runner.halt()
    return monotonic_ns()


def _restart(runner: Runner, request: Mapping[str, Any]) -> int:
    runner.restart(request["changes"])
    return monotonic_ns()


def _rest(runner: Runner, _: Mapping[str, Any]) -> dict[str, int]:
    """Count the paths that a device knows, what waits in it or is asked of it, and what it remembers."""
    state: dict[str, list[dict[str, Any]]] = runner.device.state()
    queues, streams, sources = (state.get(name, []) for name in ("dgsqs", "streams", "sources"))
    held = sum(port.queued for port in runner.device.ports)
    held += sum(queue["frames"] for queue in queues) + sum(stream["held"] for stream in streams)
    held += sum(max(0, each["demand"] - each["sent"] - each["forfeited"]) for each in sources)
    kept = len(queues) + len(streams) + len(sources) + len(state.get("backpressure", []))
    paths = sum(len(link["reach"]) for link in state["paths"] if link["up"])
    return {"paths": paths, "held": held, "kept": kept}


def _ports(runner: Runner, _: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"interface": port.interface, "carrier": up, "missed": port.lost(), "unsent": port.unsent}
        for port, up in zip(runner.ports, runner.carrier, strict=True)
    ]


ANSWERS: Final[Mapping[str, Callable[[Runner, Mapping[str, Any]], object]]] = {
    "counters": lambda runner, _: runner.device.counters(),
    "state": lambda runner, _: runner.device.state(),
    "events": lambda runner, request: runner.device.events.since(request.get("since", 0)),
    "rest": _rest,
    "ports": _ports,
    "lateness": lambda runner, _: asdict(runner.lateness),
    "manage": _manage,
    "halt": _halt,
    "restart": _restart,
}
