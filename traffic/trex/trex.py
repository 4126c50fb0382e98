"""A TRex server as the tester: one small interface over the two generations of its Python client."""

from typing import Any

from traffic.trex.capturing import Capturing
from traffic.trex.loading import Loading


class Trex(Capturing, Loading):
    """A connection to one server that pushes and captures frames, and plays loads."""


def hasten(link: Any) -> None:  # noqa: ANN401 - untyped
    """Have a library neither compress requests, as the server then does its answers, nor print them.

    Either costs more than all the rest: fetching captured frames gets four times as fast.
    """
    link.zipper.check_threshold = lambda _message: False
    link.pretty_json = lambda message, use_colors=None: ""  # noqa: ARG005 - its own
