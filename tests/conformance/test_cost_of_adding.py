"""What a reader has to open besides a case to see what is played and required: for two thirds, nothing."""

import ast
from pathlib import Path

from conformance.checkout import ROOT

CASES = ROOT / "conformance" / "cases"
REQUIRES = {"that", "equal", "at_most", "at_least", "each", "none"}


def functions(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return tree, {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def judges(function):
    """Whether a helper judges: it is handed `expect`."""
    return any(argument.arg == "expect" for argument in function.args.args)


def limits(function):
    """Whether a helper says a number that a case may hold the device to."""
    return ast.unparse(function.returns) in {"int", "float"} if function.returns is not None else False


def imported(tree):
    """Helpers that a file of cases has from other files of cases, by name."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("conformance.cases."):
            _, there = functions(ROOT / Path(*node.module.split(".")).with_suffix(".py"))
            found |= {alias.name: there[alias.name] for alias in node.names if alias.name in there}
    return found


def called(function, name):
    """Methods of something by that name which a function calls."""
    calls = (node.func for node in ast.walk(function) if isinstance(node, ast.Call))
    methods = (call for call in calls if isinstance(call, ast.Attribute) and isinstance(call.value, ast.Name))
    return {method.attr for method in methods if method.value.id == name}


def is_on_one_page(case, elsewhere):
    """Whether a case plays and requires in its own body, and no other file judges or sets a limit for it."""
    names = {node.id for node in ast.walk(case) if isinstance(node, ast.Name)}
    hidden = [name for name in names & elsewhere.keys() if judges(elsewhere[name]) or limits(elsewhere[name])]
    return "play" in called(case, "bed") and called(case, "expect") & REQUIRES and not hidden


def test_two_thirds_of_the_cases_stand_on_one_page():
    cases, open_ones = 0, 0
    for path in sorted(CASES.rglob("test_*.py")):
        tree, own = functions(path)
        elsewhere = imported(tree)
        for name, function in own.items():
            if name.startswith("test_"):
                cases += 1
                open_ones += bool(is_on_one_page(function, elsewhere))
    assert cases > 150
    assert open_ones >= cases * 2 / 3, f"{open_ones} of {cases}"
