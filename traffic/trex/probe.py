"""The first question to a TRex server, which one it is, asked without any client library."""

import re
from dataclasses import dataclass
from typing import Final

import zmq

from traffic.trex.errors import TrexError, TrexGoneError
from traffic.trex.messages import pack, unpack

RPC_PORT: Final = 4501
ASYNC_PORT: Final = 4500

_FIRST_OF_API: Final = (((2, 94), (5, 1)), ((2, 88), (5, 0)), ((2, 31), (4, 8)))
"""The release from which on a server speaks an API; the minor of 4 is that of the last release."""
_MODE: Final = "STL"


@dataclass(frozen=True)
class Server:
    """What a server says of itself: its release (`v2.87`), and the API that goes with it."""

    host: str
    release: str
    api: tuple[int, int]


def probe(host: str, rpc_port: int = RPC_PORT, *, timeout: float = 3.0) -> Server:
    """Ask a server for its version, waiting `timeout` s.

    TrexGoneError if nothing answers, TrexError if what answers is no stateless TRex that is known.
    """
    where = f"{host}:{rpc_port}"
    context = zmq.Context()
    box = context.socket(zmq.REQ)
    try:
        box.setsockopt(zmq.LINGER, 0)
        box.connect(f"tcp://{host}:{rpc_port}")
        box.send(pack({"jsonrpc": "2.0", "id": 1, "method": "get_version", "params": {}}))
        if not box.poll(round(timeout * 1000)):
            mend = "start the server there (t-rex-64 -i), or correct the address"
            raise TrexGoneError(where, f"nothing answered in {timeout:g} s", mend)
        answer = unpack(box.recv())
        version, mode = answer["result"]["version"], answer["result"].get("mode", _MODE)
    except zmq.ZMQError as error:
        raise TrexGoneError(where, f"cannot be reached ({error})", "correct the address") from error
    except (ValueError, KeyError, TypeError) as error:
        fault = "what answers there is no TRex server"
        raise TrexError(where, fault, "name the port of its requests, usually 4501") from error
    finally:
        context.destroy(linger=0)
    if mode != _MODE:
        mend = "start it in stateless mode (t-rex-64 -i without --astf)"
        raise TrexError(where, f"the server runs in mode {mode}, not {_MODE}", mend)
    found = re.match(r"v?(\d+)\.(\d+)", version)
    release = (int(found[1]), int(found[2])) if found else (0, 0)
    for first, api in _FIRST_OF_API:
        if release >= first:
            return Server(where, version, api)
    mend = "use a server from v2.31 on"
    raise TrexError(where, f"no client here speaks to release {version}", mend)
