"""The only place that puts a device together: a role, what it is told, and what it is to do otherwise."""

from collections.abc import Mapping
from typing import Final, TypeVar

from reference_impl.config import DeviceConfig
from reference_impl.device import Device, as_it_is
from reference_impl.roles.gsf import Gsf
from reference_impl.roles.gsp import Gsp

T = TypeVar("T")

ROLES: Final[Mapping[str, type[Device]]] = {"GSP": Gsp, "GSF": Gsf}
"""The roles by the names that a testbed gives them."""


def assemble(role: str | type[Device], config: DeviceConfig, change: type | None = None) -> Device:
    """Return a device of a role, as it is, or with a change in everything that it concerns.

    A change, a mutant's flaw or what makes a variant, is a class that derives from one role or part and
    overrides methods of it. It acts in that role or part and in whatever derives from it, so that a role made
    of the parts of another has it, too; a device without any of them is as it was. ValueError for an unknown
    role.
    """
    if isinstance(role, str):
        if role not in ROLES:
            raise ValueError(f"there is no role {role}; there are {', '.join(ROLES)}")
        role = ROLES[role]
    resolve = Changed(change) if change else as_it_is
    return resolve(role)(config, resolve)


class Changed:
    """Puts a class with the change in the place of each role or part that the change concerns."""

    def __init__(self, change: type) -> None:
        self.change = change
        self.original = change.__bases__[0]
        self.known: dict[type, type] = {self.original: change}

    def __call__(self, kind: type[T], /) -> type[T]:
        """Return the class to make in the place of `kind`."""
        if not issubclass(kind, self.original):
            return kind
        if kind not in self.known:
            self.known[kind] = type(self.change.__name__, (self.change, kind), {})
        return self.known[kind]
