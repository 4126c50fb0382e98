"""What must hold in every recording that can show it, whatever case it was made for; a module a chapter."""

from importlib import import_module
from pkgutil import iter_modules

from conformance.judge.invariants.registration import INVARIANTS, hidden, judge

__all__ = ["INVARIANTS", "hidden", "judge"]

for _module in iter_modules(__path__, f"{__name__}."):
    import_module(_module.name)
