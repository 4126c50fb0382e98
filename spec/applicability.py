"""The expression grammar of applicability, shared by clauses, ICS conditions and profiles.

expression := conjunction ("OR" conjunction)*
conjunction := negation ("AND" negation)*
negation := "NOT" negation | "(" expression ")" | "ALWAYS" | name [comparison]
comparison := ("=" | "!=" | "<" | "<=" | ">" | ">=") (integer | word)
"""

import operator
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from spec.documents import did_you_mean
from spec.scalars import DIGITS

Value = bool | int | str | tuple[str, ...]
"""A fact: yes or no, a number, a word, or the words a device can be set to."""

DEEPEST = 50
KEYWORDS = frozenset({"AND", "OR", "NOT", "ALWAYS"})
TOKEN = re.compile(
    r"\s*(?:(?P<symbol>[()]|[<>!]=|[<>=])|(?P<integer>-?\d+(?![\w.]))|(?P<word>[A-Za-z_](?:[\w.-]*\w)?))",
    re.ASCII,
)
ORDERS: dict[str, Callable[[int, int], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

EQUALITY = frozenset({"=", "!="})


class ApplicabilityError(ValueError):
    """An expression or its facts are wrong: what is wrong, and how to mend it."""

    def __init__(self, fault: str, mend: str) -> None:
        super().__init__(f"{fault}; {mend}")
        self.fault = fault
        self.mend = mend


@dataclass(frozen=True)
class FactType:
    """What a name may stand for; `values` are the words of an enum."""

    type: Literal["bool", "integer", "enum"]
    values: tuple[str, ...] = ()


class Expression(ABC):
    """A parsed expression; `str()` gives its canonical text, which parses to an equal expression."""

    @abstractmethod
    def evaluate(self, facts: Mapping[str, Value]) -> bool:
        """Decide under the facts; ApplicabilityError when a name that is needed has no fact."""

    @abstractmethod
    def annotated(self, facts: Mapping[str, Value]) -> str:
        """Return the text with the fact behind each name in brackets."""

    @abstractmethod
    def leaves(self) -> Iterator["Fact | Comparison"]:
        """Return the names and comparisons from left to right."""

    def explain(self, facts: Mapping[str, Value]) -> str:
        """Return the text with its facts and the outcome: `GSP (yes) AND NOT UNSOLICITED (no) = yes`."""
        return f"{self.annotated(facts)} = {_say(self.evaluate(facts))}"

    def names(self) -> frozenset[str]:
        """Return the names of the facts that the expression asks for."""
        return frozenset(leaf.name for leaf in self.leaves())


@dataclass(frozen=True)
class Always(Expression):
    """Holds under any facts."""

    def __str__(self) -> str:
        return "ALWAYS"

    def evaluate(self, facts: Mapping[str, Value]) -> bool:  # noqa: ARG002
        """Hold."""
        return True

    def annotated(self, facts: Mapping[str, Value]) -> str:  # noqa: ARG002
        """Return the keyword."""
        return str(self)

    def leaves(self) -> Iterator["Fact | Comparison"]:
        """Return nothing."""
        return iter(())


@dataclass(frozen=True)
class Fact(Expression):
    """A name that is true or false."""

    name: str

    def __str__(self) -> str:
        return self.name

    def evaluate(self, facts: Mapping[str, Value]) -> bool:
        """Return the fact."""
        value = _look_up(self.name, facts)
        if not isinstance(value, bool):
            raise ApplicabilityError(
                f"{self.name} is {_say(value)}, not yes or no", "compare it with a value"
            )
        return value

    def annotated(self, facts: Mapping[str, Value]) -> str:
        """Return the name and its fact."""
        return f"{self.name} ({_say(facts.get(self.name))})"

    def leaves(self) -> Iterator["Fact | Comparison"]:
        """Return itself."""
        yield self


@dataclass(frozen=True)
class Comparison(Expression):
    """A name compared with an integer or a word."""

    name: str
    operator: str
    operand: int | str

    def __str__(self) -> str:
        return f"{self.name} {self.operator} {self.operand}"

    def evaluate(self, facts: Mapping[str, Value]) -> bool:
        """Compare; of several words that a device can be set to, any may be equal."""
        value = _look_up(self.name, facts)
        operand = self.operand
        if isinstance(value, bool):
            raise ApplicabilityError(f"{self.name} is yes or no", f"write {self.name} or NOT {self.name}")
        if isinstance(value, int) and isinstance(operand, int):
            return ORDERS[self.operator](value, operand)
        if isinstance(value, int) or isinstance(operand, int):
            mend = "compare a number with a number and a word with a word"
            raise ApplicabilityError(f"{self.name} is {_say(value)}, compared with {operand}", mend)
        held = operand in value if isinstance(value, tuple) else operand == value
        return held == (self.operator == "=")

    def annotated(self, facts: Mapping[str, Value]) -> str:
        """Return the comparison and the fact it rests on."""
        return f"{self} ({_say(facts.get(self.name))})"

    def leaves(self) -> Iterator["Fact | Comparison"]:
        """Return itself."""
        yield self


@dataclass(frozen=True)
class Not(Expression):
    """Holds where its term does not."""

    term: Expression

    def __str__(self) -> str:
        return f"NOT {_bracket(str(self.term), isinstance(self.term, And | Or))}"

    def evaluate(self, facts: Mapping[str, Value]) -> bool:
        """Negate."""
        return not self.term.evaluate(facts)

    def annotated(self, facts: Mapping[str, Value]) -> str:
        """Return the negation of the annotated term."""
        return f"NOT {_bracket(self.term.annotated(facts), isinstance(self.term, And | Or))}"

    def leaves(self) -> Iterator[Fact | Comparison]:
        """Return those of the term."""
        yield from self.term.leaves()


@dataclass(frozen=True)
class And(Expression):
    """Holds where all terms do; later terms are not asked after one that does not."""

    terms: tuple[Expression, ...]

    def __str__(self) -> str:
        return " AND ".join(_bracket(str(term), isinstance(term, And | Or)) for term in self.terms)

    def evaluate(self, facts: Mapping[str, Value]) -> bool:
        """Ask from left to right."""
        return all(term.evaluate(facts) for term in self.terms)

    def annotated(self, facts: Mapping[str, Value]) -> str:
        """Join the annotated terms."""
        return " AND ".join(
            _bracket(term.annotated(facts), isinstance(term, And | Or)) for term in self.terms
        )

    def leaves(self) -> Iterator[Fact | Comparison]:
        """Return those of the terms."""
        for term in self.terms:
            yield from term.leaves()


@dataclass(frozen=True)
class Or(Expression):
    """Holds where any term does; later terms are not asked after one that does."""

    terms: tuple[Expression, ...]

    def __str__(self) -> str:
        return " OR ".join(_bracket(str(term), isinstance(term, Or)) for term in self.terms)

    def evaluate(self, facts: Mapping[str, Value]) -> bool:
        """Ask from left to right."""
        return any(term.evaluate(facts) for term in self.terms)

    def annotated(self, facts: Mapping[str, Value]) -> str:
        """Join the annotated terms."""
        return " OR ".join(_bracket(term.annotated(facts), isinstance(term, Or)) for term in self.terms)

    def leaves(self) -> Iterator[Fact | Comparison]:
        """Return those of the terms."""
        for term in self.terms:
            yield from term.leaves()


def parse(text: str, names: Mapping[str, FactType] | None = None) -> Expression:
    """Parse an expression; with `names` given, unknown names and words are errors, and so are wrong types."""
    expression = _Parser(_tokens(text)).whole()
    if names is not None:
        for leaf in expression.leaves():
            _check(leaf, names)
    return expression


def _check(leaf: Fact | Comparison, names: Mapping[str, FactType]) -> None:
    if leaf.name not in names:
        raise ApplicabilityError(f"the name {leaf.name} is unknown", did_you_mean(leaf.name, names))
    known = names[leaf.name]
    if isinstance(leaf, Fact):
        if known.type != "bool":
            raise ApplicabilityError(f"{leaf.name} is not yes or no", "compare it with a value")
        return
    if known.type == "bool":
        raise ApplicabilityError(f"{leaf.name} is yes or no", f"write {leaf.name} or NOT {leaf.name}")
    if known.type == "integer" and not isinstance(leaf.operand, int):
        raise ApplicabilityError(
            f"{leaf.name} is an integer, {leaf.operand} is not", "compare it with an integer"
        )
    if known.type == "enum":
        if leaf.operator not in EQUALITY:
            raise ApplicabilityError(f"the words of {leaf.name} have no order", "use = or !=")
        if leaf.operand not in known.values:
            raise ApplicabilityError(
                f"{leaf.name} is never {leaf.operand}", did_you_mean(str(leaf.operand), known.values)
            )


@dataclass(frozen=True)
class _Token:
    kind: Literal["symbol", "integer", "word", "end"]
    text: str
    column: int


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    end = len(text.rstrip())
    while position < end:
        match = TOKEN.match(text, position)
        if match is None:
            column = position + len(text[position:]) - len(text[position:].lstrip())
            raise ApplicabilityError(
                f"{text[column:].split(maxsplit=1)[0]!r} in column {column + 1} is not understood",
                "use AND, OR, NOT, brackets, names and comparisons",
            )
        kind = "symbol" if match["symbol"] else "integer" if match["integer"] else "word"
        tokens.append(_Token(kind, match[kind], match.start(kind) + 1))  # type: ignore[arg-type]
        position = match.end()
    tokens.append(_Token("end", "the end", end + 1))
    return tokens


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0

    def whole(self) -> Expression:
        expression = self.disjunction()
        if self.next.kind != "end":
            raise self.unexpected("AND, OR or the end")
        return expression

    @property
    def next(self) -> _Token:
        return self.tokens[self.position]

    def take(self, *texts: str) -> str | None:
        """Step over the next token if it is one of these keywords or symbols."""
        token = self.next
        if token.kind in {"symbol", "word"} and token.text in texts:
            self.position += 1
            return token.text
        return None

    def unexpected(self, wanted: str) -> ApplicabilityError:
        return ApplicabilityError(
            f"{self.next.text} stands in column {self.next.column}", f"expected is {wanted}"
        )

    def disjunction(self) -> Expression:
        terms = [self.conjunction()]
        while self.take("OR"):
            terms.append(self.conjunction())
        return terms[0] if len(terms) == 1 else Or(tuple(terms))

    def conjunction(self) -> Expression:
        terms = [self.negation()]
        while self.take("AND"):
            terms.append(self.negation())
        return terms[0] if len(terms) == 1 else And(tuple(terms))

    def negation(self) -> Expression:
        self.depth += 1
        if self.depth > DEEPEST:
            raise ApplicabilityError(f"it is nested more than {DEEPEST} deep", "simplify it")
        try:
            if self.take("NOT"):
                return Not(self.negation())
            if self.take("("):
                inner = self.disjunction()
                if not self.take(")"):
                    raise self.unexpected("a closing bracket")
                return inner
            if self.take("ALWAYS"):
                return Always()
            return self.leaf()
        finally:
            self.depth -= 1

    def leaf(self) -> Expression:
        token = self.next
        if token.kind != "word" or token.text in KEYWORDS:
            raise self.unexpected("a name")
        self.position += 1
        comparison = self.take(*ORDERS)
        if comparison is None:
            return Fact(token.text)
        operand = self.next
        if operand.kind == "integer":
            self.position += 1
            if len(operand.text.lstrip("-")) > DIGITS:
                raise ApplicabilityError("a number has more than 64 bits", "write a smaller one")
            return Comparison(token.text, comparison, int(operand.text))
        if operand.kind != "word" or operand.text in KEYWORDS or comparison not in EQUALITY:
            raise self.unexpected("an integer or a word" if comparison in EQUALITY else "an integer")
        self.position += 1
        return Comparison(token.text, comparison, operand.text)


def _bracket(text: str, needed: bool) -> str:
    return f"({text})" if needed else text


def _look_up(name: str, facts: Mapping[str, Value]) -> Value:
    if name not in facts:
        raise ApplicabilityError(f"the facts do not say {name}", did_you_mean(name, facts))
    return facts[name]


def _say(value: Value | None) -> str:
    if value is None:
        return "not declared"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, tuple) else str(value)
