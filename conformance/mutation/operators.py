"""The operators: what a small slip does to one node of a syntax tree, as an author may make it."""

import ast
from collections.abc import Callable, Iterator
from typing import Final

Change = Callable[[ast.AST, ast.AST], Iterator[ast.AST]]
"""`(node, its parent)`: what may stand in the place of the node; a node that is yielded is new."""

BOUNDS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ORDERS: Final = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.BitXor: ast.BitOr,
}


def bound(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    """Shift a bound to its neighbour, and turn any other comparison round."""
    if not isinstance(node, ast.Compare) or takes_the_extreme(node, parent):
        return
    for place, operator in enumerate(node.ops):
        operators = list(node.ops)
        operators[place] = BOUNDS[type(operator)]()
        yield ast.Compare(node.left, operators, node.comparators)


def takes_the_extreme(node: ast.Compare, parent: ast.AST) -> bool:
    """Whether a comparison chooses the larger or smaller of its two sides, so that its bound is the same."""
    sides = [ast.dump(side) for side in (node.left, *node.comparators)]
    if len(sides) > 2 or not isinstance(node.ops[0], ORDERS):
        return False
    match parent:
        case ast.IfExp():
            chosen = [parent.body, parent.orelse]
        case ast.If(body=[ast.Assign(targets=[target], value=value)], orelse=[]):
            chosen = [ast.parse(ast.unparse(target), mode="eval").body, value]
        case _:
            return False
    return sorted(sides) == sorted(ast.dump(side) for side in chosen)


def arithmetic(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:  # noqa: ARG001
    """Calculate with another operator."""
    if isinstance(node, ast.BinOp) and not (is_text(node.left) or is_text(node.right)):
        yield ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right)
    elif isinstance(node, ast.AugAssign) and not is_text(node.value):
        yield ast.AugAssign(node.target, ARITHMETIC[type(node.op)](), node.value)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield node.operand


def constant(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:  # noqa: ARG001
    """Take the next number, or the other truth."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield ast.Constant(not node.value)
        elif isinstance(node.value, int | float):
            yield ast.Constant(node.value + 1)


def condition(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:  # noqa: ARG001
    """Ask for all where any was asked for, and for the opposite of what is no comparison."""
    if isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    elif isinstance(node, ast.If | ast.IfExp | ast.While) and isinstance(
        node.test, ast.Name | ast.Attribute | ast.Call | ast.Subscript
    ):
        test = ast.UnaryOp(ast.Not(), node.test)
        if isinstance(node, ast.IfExp):
            yield ast.IfExp(test, node.body, node.orelse)
        else:
            yield type(node)(test, node.body, node.orelse)


def dropped_statement(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    """Leave a statement out that does something and after which the others still have their names."""
    match node:
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Raise() | ast.Continue() | ast.Break():
            yield ast.Pass()
        case ast.Delete():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]) if not begins(parent):
            yield ast.Pass()


def dropped_return(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    """Go on where the function returned early."""
    if isinstance(node, ast.Return) and not isinstance(parent, ast.FunctionDef):
        yield ast.Pass()


def swapped_arguments(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:  # noqa: ARG001
    """Confuse two neighbouring arguments of a call."""
    if isinstance(node, ast.Call) and not any(isinstance(item, ast.Starred) for item in node.args):
        for place in range(len(node.args) - 1):
            pair = node.args[place : place + 2]
            if ast.dump(pair[0]) != ast.dump(pair[1]):
                swapped = [*node.args[:place], *reversed(pair), *node.args[place + 2 :]]
                if not is_symmetric(node):
                    yield ast.Call(node.func, swapped, node.keywords)
                return


def is_symmetric(call: ast.Call) -> bool:
    """Whether the order of the arguments of a call does not matter."""
    return isinstance(call.func, ast.Name) and call.func.id in {"max", "min"}


def is_text(node: ast.AST) -> bool:
    """Whether an operand is text, with which nothing is calculated."""
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    )


def begins(scope: ast.AST) -> bool:
    """Whether a function gives an object its attributes, without which everything breaks at once."""
    return isinstance(scope, ast.FunctionDef) and scope.name == "__init__"


OPERATORS: Final[dict[str, Change]] = {
    "bound": bound,
    "arithmetic": arithmetic,
    "constant": constant,
    "condition": condition,
    "dropped statement": dropped_statement,
    "dropped return": dropped_return,
    "swapped arguments": swapped_arguments,
}
"""The operators by the name that a table gives them."""
