"""Arithmetic over parameters, as relations and dependent defaults are written: parsed once, never `eval`.

A formula is made of names, decimal numbers, `+ - * /`, brackets, `min(...)` and `max(...)`; a relation is two
formulas with `<=`, `<`, `>=` or `>` between them. Python's own parser reads them; anything else is refused.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from spec.scalars import LARGEST

OPERATORS: Final[Mapping[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
ORDERS: Final[Mapping[type[ast.cmpop], tuple[str, Callable[[float, float], bool]]]] = {
    ast.LtE: ("<=", operator.le),
    ast.Lt: ("<", operator.lt),
    ast.GtE: (">=", operator.ge),
    ast.Gt: (">", operator.gt),
}
CHOICES: Final[Mapping[str, Callable[..., float]]] = {"min": min, "max": max}


class FormulaError(ValueError):
    """A formula is not understood, or asks for a name that has no number."""


@dataclass(frozen=True)
class Formula:
    """Arithmetic that has been read; `str()` gives its text."""

    tree: ast.expr

    def __str__(self) -> str:
        return ast.unparse(self.tree)

    def names(self) -> tuple[str, ...]:
        """Return the names it asks for, in the order in which they stand, none twice."""
        called = {id(node.func) for node in ast.walk(self.tree) if isinstance(node, ast.Call)}
        found = [n for n in ast.walk(self.tree) if isinstance(n, ast.Name) and id(n) not in called]
        return tuple(dict.fromkeys(name.id for name in sorted(found, key=lambda name: name.col_offset)))

    def value(self, numbers: Mapping[str, float]) -> float:
        """Return the result; FormulaError names what has no number."""
        return _value(self.tree, numbers)


@dataclass(frozen=True)
class Inequality:
    """Two formulas and the order that they have to be in."""

    left: Formula
    order: str
    right: Formula

    def __str__(self) -> str:
        return f"{self.left} {self.order} {self.right}"

    def names(self) -> tuple[str, ...]:
        """Return the names of both sides, none twice."""
        return tuple(dict.fromkeys((*self.left.names(), *self.right.names())))

    def holds(self, numbers: Mapping[str, float]) -> bool:
        """Whether the two sides are in order."""
        compare = next(function for text, function in ORDERS.values() if text == self.order)
        return compare(self.left.value(numbers), self.right.value(numbers))


def formula(text: str) -> Formula:
    """Read a formula; FormulaError says what is not understood."""
    return Formula(_checked(_read(text)))


def inequality(text: str) -> Inequality:
    """Read a relation between two formulas; FormulaError says what is not understood."""
    tree = _read(text)
    if not isinstance(tree, ast.Compare) or len(tree.ops) != 1 or type(tree.ops[0]) not in ORDERS:
        raise FormulaError(f"{text!r} is no pair of formulas with one of <=, <, >=, > between them")
    order, _ = ORDERS[type(tree.ops[0])]
    return Inequality(Formula(_checked(tree.left)), order, Formula(_checked(tree.comparators[0])))


def _read(text: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise FormulaError(f"{text!r} is not understood") from error


def _checked(tree: ast.expr) -> ast.expr:
    match tree:
        case ast.Name():
            return tree
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            if abs(number) >= LARGEST:
                raise FormulaError("a number in it has more than 64 bits; write a smaller one")
            return tree
        case ast.BinOp(left, symbol, right) if type(symbol) in OPERATORS:
            _checked(left)
            _checked(right)
            return tree
        case ast.Call(ast.Name(name), arguments, []) if name in CHOICES and arguments:
            for argument in arguments:
                _checked(argument)
            return tree
    raise FormulaError(
        f"{ast.unparse(tree)!r} is no part of a formula; use names, numbers, + - * /, min, max"
    )


def _value(tree: ast.expr, numbers: Mapping[str, float]) -> float:
    match tree:
        case ast.Name(name):
            if name not in numbers:
                raise FormulaError(f"{name} has no number")
            return numbers[name]
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.BinOp(left, symbol, right):
            divisor = _value(right, numbers)
            if isinstance(symbol, ast.Div) and divisor == 0:
                raise FormulaError(f"{ast.unparse(right)} is 0")
            return OPERATORS[type(symbol)](_value(left, numbers), divisor)
        case ast.Call(ast.Name(name), arguments):
            return CHOICES[name](*(_value(argument, numbers) for argument in arguments))
    raise FormulaError(f"{ast.unparse(tree)!r} is no part of a formula")
