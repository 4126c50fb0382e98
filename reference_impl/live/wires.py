"""Builds the wires of a bench: veth pairs between network namespaces, over rtnetlink."""

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pyroute2 import IPRoute
from pyroute2.ethtool import Ethtool
from pyroute2.netlink.exceptions import NetlinkError

from reference_impl.live import links
from reference_impl.live.namespaces import MACHINE, inside
from reference_impl.live.plan import End, Plan
from spec.errors import InputError

OFFLOADS: Final = ("tx-checksum", "segmentation", "gro", "gso", "lro", "vlan-hw", "scatter-gather")
"""Parts of the names of what a driver does to frames; all of it is switched off."""
LOOPBACK: Final = 1
"""The number of the loopback interface, after which the kernel goes on."""


def lay(plan: Plan, spaces: Mapping[str, Path]) -> None:
    """Lay every wire of a plan and switch both ends on; InputError when the kernel has no veth.

    The lower ends are numbered from above all that the kernel numbers itself: it tells of a lost carrier up
    to a second later where both ends of a wire have the same number, each in its namespace.
    """
    handles = {name: os.open(path, os.O_RDONLY | os.O_CLOEXEC) for name, path in spaces.items()}
    try:
        with IPRoute() as route:
            for number, wire in enumerate(plan.wires, LOOPBACK + len(plan.wires) + 1):
                lower, upper = (_attributes(end, handles, plan.mtu) for end in wire.ends)
                route.link("add", kind="veth", index=number, **lower, peer=upper)
    except NetlinkError as error:
        if error.code in {errno.EOPNOTSUPP, errno.ENODEV}:
            raise InputError(
                MACHINE, "veth", "the kernel has no such kind of interface", "load it with modprobe veth"
            ) from error
        raise OSError(error.code, f"lay a wire: {os.strerror(error.code)}") from error
    finally:
        for handle in handles.values():
            os.close(handle)
    for space, path in spaces.items():
        with inside(path):
            for end in (end for wire in plan.wires for end in wire.ends if end.space == space):
                leave_frames_alone(end.interface)
                links.switch(end.interface, up=True)


def _attributes(end: End, handles: Mapping[str, int], mtu: int) -> dict[str, object]:
    return {"ifname": end.interface, "address": end.mac, "mtu": mtu, "net_ns_fd": handles[end.space]}


def leave_frames_alone(interface: str) -> None:
    """Switch off all that a driver would do to frames."""
    with Ethtool() as tool:
        features = tool.get_features(interface)
        for name, feature in features.features.items():
            if any(part in name for part in OFFLOADS):
                feature.enable = False
        tool.set_features(interface, features)
