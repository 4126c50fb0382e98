"""What requests to the stand-in have in common: the handle, the port that they name, how they fail."""

import secrets
from typing import Any, Final, NoReturn

from traffic.trex_stand_in.engine import Engine
from traffic.trex_stand_in.port import Port

_FREE_OF_HANDLE: Final = frozenset({"api_sync", "api_sync_v2", "get_version", "ping"})


class Refusal(Exception):  # noqa: N818 - it is the fact, not an error of the program
    """An error that the client is told."""


class Requests:
    """Answers requests on the engine of a server; a session has to show the handle that it was given.

    A request is answered by the method of its name after `_rpc_`.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.publisher = engine.publisher
        self._handle = secrets.token_hex(4)

    def called(self, method: str, params: dict[str, Any], number: Any, *, refuse: bool) -> dict[str, Any]:  # noqa: ANN401
        """Answer a request by its number; `refuse` it, if that was told."""
        call = getattr(self, f"_rpc_{method}", None)
        if call is None:
            return failure(number, -32601, "Method not found")
        try:
            if refuse:
                _refuse(f"{method} is refused, as told")
            if method not in _FREE_OF_HANDLE and params.get("api_h") != self._handle:
                _refuse("invalid API handler")
            return {"jsonrpc": "2.0", "id": number, "result": call(params)}
        except (Refusal, ValueError) as error:
            return failure(number, -32000, "Failed To Execute Method", str(error))
        except (LookupError, TypeError, AttributeError) as error:
            return failure(number, -32602, "Invalid params", f"field missing or of a wrong type: {error}")

    def _port(self, params: dict[str, Any], *, owned: bool = False) -> Port:
        number: int = params["port_id"]
        if not 0 <= number < len(self.engine.ports):
            raise Refusal(f"invalid port id - should be between 0 and {len(self.engine.ports) - 1}")
        port = self.engine.ports[number]
        if owned and (not port.handler or params.get("handler") != port.handler):
            raise Refusal(
                f"port {number} is not owned by this session" if port.owner else "port is not owned"
            )
        return port

    def _idle(self, params: dict[str, Any]) -> Port:
        port = self._port(params, owned=True)
        if port.transmission:
            raise Refusal("port is active")
        return port


def _refuse(reason: str) -> NoReturn:
    raise Refusal(reason)


def failure(number: Any, code: int, message: str, specific: str | None = None) -> dict[str, Any]:  # noqa: ANN401
    """Make the answer that says an error."""
    fault = {"code": code, "message": message} | ({"specific_err": specific} if specific else {})
    return {"jsonrpc": "2.0", "id": number, "error": fault}
