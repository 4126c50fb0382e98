"""What cases, mutants and variants must do for the clauses."""

import ast

from spec.catalogue import Catalogue
from spec.coverage import Case, Coverage, Mark, Module, Mutant
from spec.documents import did_you_mean
from spec.lint import Finding, Rule
from spec.lint.wording import clauses
from spec.model import Clause

CASE_LINES = 30
LARGEST = 1000
SIZES = frozenset({"size", "sizes"})
TIMINGS = frozenset(
    [
        "at",
        "start",
        "stop",
        "gap",
        "delay",
        "limit",
        "settle",
        "timeout",
        "within",
        "tolerance",
        "rate",
        "rate_mbps",
        "delay_ns",
        "validity",
        "interval",
        "period",
    ]
)


def testable(clause: Clause) -> bool:
    """Say whether a case can judge the clause; inspection takes its verdict from evidence instead."""
    return clause.untestable is None and set(clause.observability) != {"inspection"}


class ClausesHaveCases(Rule):
    """Every testable clause has a case or an invariant."""

    name = "clauses-have-cases"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:
        """Look each clause up."""
        return [
            self.finding(file, f"clauses[{clause.id}]", "has no case")
            for file, clause in clauses(catalogue)
            if testable(clause) and not coverage.tested(clause.id)
        ]


class InvariantsAgree(Rule):
    """The clauses marked as invariants are those that have one."""

    name = "invariants-agree"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:
        """Compare both ways."""
        findings = [
            self.finding(
                file, f"clauses[{clause.id}].invariant", "is true, but no invariant judges the clause"
            )
            for file, clause in clauses(catalogue)
            if clause.invariant and clause.id not in coverage.invariants
        ]
        for name, file in coverage.invariants.items():
            if name not in catalogue.clauses:
                mend = did_you_mean(name, catalogue.clauses)
                findings.append(self.finding(file, name, f"is no clause; {mend}"))
            elif not catalogue.clauses[name].invariant:
                findings.append(self.finding(file, name, "is not marked as invariant in its chapter"))
        return findings


class PurposesHaveCases(Rule):
    """Every purpose of a clause that has cases is bound by one of them."""

    name = "purposes-have-cases"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:
        """Look each purpose up; a mark without purpose means the only one."""
        findings: list[Finding] = []
        for file, clause in clauses(catalogue):
            marks = {
                mark.purpose
                for case in coverage.by_clause.get(clause.id, ())
                for mark in case.marks
                if mark.clause == clause.id
            }
            if not marks or (len(clause.purposes) == 1 and None in marks):
                continue
            findings += [
                self.finding(file, f"clauses[{clause.id}].purposes[{purpose.id}]", "has no case")
                for purpose in clause.purposes
                if purpose.id not in marks
            ]
        return findings


class MarkRule(Rule):
    """A rule about the names in decorators."""

    def fault(self, catalogue: Catalogue, mark: Mark) -> str | None:
        """Say what is wrong with a mark."""
        if mark.clause is None:
            return "names its clause by something else than a string"
        if mark.clause not in catalogue.clauses:
            return f"names {mark.clause}, no clause; {did_you_mean(mark.clause, catalogue.clauses)}"
        purposes = [purpose.id for purpose in catalogue.clauses[mark.clause].purposes]
        if mark.purpose is not None and mark.purpose not in purposes:
            return (
                f"names {mark.purpose}, no purpose of {mark.clause}; {did_you_mean(mark.purpose, purposes)}"
            )
        return None


class CasesNameClauses(MarkRule):
    """Every case names clauses that exist, and the purpose where a clause has several."""

    name = "cases-name-clauses"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:
        """Look at the marks of every case."""
        findings: list[Finding] = []
        for case in coverage.cases:
            if not case.marks:
                findings.append(self.finding(case.file, _place(case), "names no clause"))
            for mark in case.marks:
                fault = self.fault(catalogue, mark)
                if fault is None and mark.purpose is None and mark.clause is not None:
                    several = len(catalogue.clauses[mark.clause].purposes) > 1
                    fault = f"names no purpose of {mark.clause}, which has several" if several else None
                if fault:
                    findings.append(self.finding(case.file, _place(case), fault))
        return findings


class MutantsNameClauses(MarkRule):
    """Every mutant names clauses that exist."""

    name = "mutants-name-clauses"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:
        """Look at the marks of every mutant."""
        return [
            self.finding(mutant.file, _place(mutant), fault)
            for mutant in coverage.mutants
            for mark in mutant.marks
            if (fault := self.fault(catalogue, mark))
        ]


class MustsHaveMutants(Rule):
    """Every testable MUST has a mutant that breaks it."""

    name = "musts-have-mutants"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:
        """Look each MUST up."""
        return [
            self.finding(file, f"clauses[{clause.id}]", "is a MUST without a mutant")
            for file, clause in clauses(catalogue)
            if clause.level == "MUST" and testable(clause) and clause.id not in coverage.killers
        ]


class MutantsAreExplained(Rule):
    """Every mutant overrides one method and says in its docstring what it breaks."""

    name = "mutants-are-explained"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:  # noqa: ARG002
        """Look at the class body."""
        findings: list[Finding] = []
        for mutant in coverage.mutants:
            methods = [node for node in mutant.node.body if isinstance(node, ast.FunctionDef)]
            if len(methods) != 1:
                message = f"overrides {len(methods)} methods, not one"
                findings.append(self.finding(mutant.file, _place(mutant), message))
            if not ast.get_docstring(mutant.node):
                findings.append(self.finding(mutant.file, _place(mutant), "has no docstring"))
        return findings


class CasesAreShort(Rule):
    """A case has a docstring and fits on one screen."""

    name = "cases-are-short"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:  # noqa: ARG002
        """Count lines from the name of the function to its end."""
        findings: list[Finding] = []
        for case in coverage.cases:
            if not ast.get_docstring(case.node):
                findings.append(self.finding(case.file, _place(case), "has no docstring"))
            lines = (case.node.end_lineno or case.node.lineno) - case.node.lineno + 1
            if lines > CASE_LINES:
                message = f"has {lines} lines, more than {CASE_LINES}"
                findings.append(self.finding(case.file, _place(case), message))
        return findings


class CasesDoNotSleep(Rule):
    """No case sleeps or reads a clock; a scenario has its own time."""

    name = "cases-do-not-sleep"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:  # noqa: ARG002
        """Look for imports of time and calls of sleep."""
        findings: list[Finding] = []
        for module in coverage.modules:
            for node in ast.walk(module.tree):
                imported = isinstance(node, ast.Import) and any(name.name == "time" for name in node.names)
                imported |= isinstance(node, ast.ImportFrom) and node.module == "time"
                slept = isinstance(node, ast.Attribute) and node.attr == "sleep"
                if imported or slept:
                    message = "imports time" if imported else "sleeps"
                    findings.append(self.finding(module.file, f"line {_line(node)}", message))
        return findings


class CasesHaveNoNumbers(Rule):
    """No limit and no time is a number in a case; they are parameters.

    Free are hexadecimal code points, frame sizes given as `size`, settings of the devices given to
    `configure`, and numbers up to 1000 that are no time.
    """

    name = "cases-have-no-numbers"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:  # noqa: ARG002
        """Look at every number of the case modules."""
        return [finding for module in coverage.modules for finding in self.numbers(module)]

    def numbers(self, module: Module) -> list[Finding]:
        """Return the findings of one module."""
        free: set[int] = set()
        timed: dict[int, str] = {}
        for node in ast.walk(module.tree):
            if _sets(node):
                free |= {id(child) for child in ast.walk(node)}
            elif isinstance(node, ast.keyword) and node.arg in TIMINGS:
                timed[id(node.value)] = node.arg
        findings: list[Finding] = []
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Constant) or isinstance(node.value, bool) or id(node) in free:
                continue
            if not isinstance(node.value, int | float):
                continue
            written = ast.get_source_segment(module.source, node) or ""
            place = f"line {node.lineno}"
            if id(node) in timed and node.value != 0:
                message = f"gives {timed[id(node)]} as {written}; take it from a parameter"
                findings.append(self.finding(module.file, place, message))
            elif isinstance(node.value, float) or (node.value > LARGEST and not written.startswith("0x")):
                findings.append(
                    self.finding(module.file, place, f"holds {written}; take it from a parameter")
                )
        return findings


def _sets(node: ast.AST) -> bool:
    """Say whether a node gives a frame size or configures devices."""
    if isinstance(node, ast.keyword):
        return node.arg in SIZES
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "configure"


def _place(thing: Case | Mutant) -> str:
    return thing.node.name


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 0))
