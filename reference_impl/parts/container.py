"""The open container of a queue."""

from reference_impl.parts.gsp_ports import Uplink
from reference_impl.parts.sprayer import PathShare


class Container:
    """An open container: `index` frames and `fill` credit bytes so far, `left` when its newest was out.

    `alike` is what its DATA has in common, by flags.
    """

    __slots__ = ("alike", "fill", "index", "left", "port", "prefix", "sequence", "share")

    def __init__(self, sequence: int, fill: int, share: PathShare, port: Uplink) -> None:
        self.sequence = sequence
        self.fill = fill
        self.index = 0
        self.share = share
        self.port = port
        self.prefix = share.path.prefix
        self.left = 0
        self.alike: dict[int, tuple[bytes, int]] = {}
