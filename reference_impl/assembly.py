"""The only place that puts a device together: a role, what it is told, and the flaw that it is to have."""

from collections.abc import Mapping
from typing import Final, TypeVar

from reference_impl.config import DeviceConfig
from reference_impl.device import Device, as_it_is
from reference_impl.roles.gsf import Gsf
from reference_impl.roles.gsp import Gsp

T = TypeVar("T")

ROLES: Final[Mapping[str, type[Device]]] = {"GSP": Gsp, "GSF": Gsf}
"""The roles by the names that a testbed gives them."""


def assemble(role: str | type[Device], config: DeviceConfig, flaw: type | None = None) -> Device:
    """Return a device of a role, flawless, or with a flaw in everything that it concerns.

    A flaw is a class that derives from one role or part and overrides a method of it. It acts in that role or
    part and in whatever derives from it, so that a role made of the parts of another has its flaws, too; a
    device without any of them is flawless. ValueError for an unknown role.
    """
    if isinstance(role, str):
        if role not in ROLES:
            raise ValueError(f"there is no role {role}; there are {', '.join(ROLES)}")
        role = ROLES[role]
    resolve = Flawed(flaw) if flaw else as_it_is
    return resolve(role)(config, resolve)


class Flawed:
    """Puts a class with the flaw in the place of each role or part that the flaw concerns."""

    def __init__(self, flaw: type) -> None:
        self.flaw = flaw
        self.original = flaw.__bases__[0]
        self.known: dict[type, type] = {self.original: flaw}

    def __call__(self, kind: type[T], /) -> type[T]:
        """Return the class to make in the place of `kind`."""
        if not issubclass(kind, self.original):
            return kind
        if kind not in self.known:
            self.known[kind] = type(self.flaw.__name__, (self.flaw, kind), {})
        return self.known[kind]
