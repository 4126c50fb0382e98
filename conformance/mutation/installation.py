"""How a process gets another reference than that of the checkout: in memory, with a module changed."""

import ast
import builtins
import sys
from collections.abc import Mapping, Sequence
from copy import copy
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final

from conformance.api.binding import BindingOptions
from conformance.bindings.registry import load_binding
from conformance.checkout import ROOT
from conformance.mutation.places import ROOM
from conformance.run.context import RunContext

GENERATED: Final = "(generated)"
"""How the name of a text ends that `COMPILER` makes, and which is in no file."""
COMPILER: Final = f"{ROOM}.codec_compiler.unit"


class Changed(SourceFileLoader):
    """Loads a module from a tree instead of its file."""

    def __init__(self, name: str, path: str, tree: ast.Module) -> None:
        super().__init__(name, path)
        self.tree = tree

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002
        """Return the code of the tree."""
        return compile(self.tree, self.path, "exec", dont_inherit=True)


class Finder(MetaPathFinder):
    """Finds the modules that are changed, before anything else finds them."""

    def __init__(self, trees: Mapping[str, ast.Module]) -> None:
        self.trees = trees

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Return where a changed module comes from, None for any other."""
        if fullname not in self.trees:
            return None
        file = str(ROOT / f"{fullname.replace('.', '/')}.py")
        return spec_from_file_location(fullname, file, loader=Changed(fullname, file, self.trees[fullname]))


def install(context: RunContext, file: str = "", tree: ast.Module | None = None) -> RunContext:
    """Load the reference anew into this process, with a file of it changed; return a bench with it.

    The process is of no other use afterwards. The bench counts as working, as `context` was seen to: what
    does not work now is the device.
    """
    binding = type(context.binding).__module__
    for name in list(sys.modules):
        if name == binding or name.partition(".")[0] == ROOM:
            del sys.modules[name]
    if tree is not None and not file.endswith(GENERATED):
        sys.meta_path.insert(0, Finder({module_of(file): tree}))
    import_module(binding)
    if tree is not None and file.endswith(GENERATED):
        vars(import_module(COMPILER))["compile"] = Recompiling(file, tree)
    return stand(context)


def stand(context: RunContext) -> RunContext:
    """Return a bench with the reference that this process has."""
    fresh = copy(context)
    options = context.options
    fresh.binding = load_binding(options.binding, BindingOptions(wire_profile=options.wire_profile))
    vars(fresh)["smoke"] = None
    return fresh


class Recompiling:
    """Stands for `compile` where the codec is made, and compiles another tree in the place of one text."""

    def __init__(self, file: str, tree: ast.Module) -> None:
        self.file = file
        self.tree = tree

    def __call__(self, source: str, name: str, mode: str) -> Any:  # noqa: ANN401 - as compile itself
        """Compile a text, or the tree where the name is that of its profile."""
        return builtins.compile(self.tree if named(name) == self.file else source, name, mode)


def named(code: str) -> str:
    """Return the name of a generated text by that of its code, `<codec of open-1>`."""
    return f"{code.strip('<>')} {GENERATED}"


def module_of(file: str) -> str:
    """Return the name of the module of a file of the reference."""
    return f"{ROOM}.{Path(file).with_suffix('').as_posix().replace('/', '.')}"
