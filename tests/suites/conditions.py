"""Every condition of every rewriting rule is left out once, and what then comes out is judged.

`python -m tests.suites.conditions` prints what nobody noticed. The rules and what they call are
read as they are written: each part of a test that lets the rule go on is made to do so always. The
changed rule is applied to the nodes of a table of formulas, near misses among them; a value that
is another one, or an error, is a fault that is caught.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from types import CodeType, FunctionType
from typing import Any

import numpy as np
from msgspec.structs import force_setattr

import gradwright as gw
from gradwright.api.checking import sample_point, sample_sizes
from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Operation, Variable, postorder
from gradwright.errors import GradwrightError
from gradwright.notation.lower import lower
from gradwright.simplify import field
from gradwright.simplify.rewrite import Rule
from tests.suites.focused import RULE_FORMS, rules
from tests.suites.near_forms import EQUIVALENT, NEAR_FORMS
from tests.suites.near_misses import NearMisses
from tests.suites.writer import SYMBOLS, WRT

#: Modules whose functions say when a rule fits.
SAYING = ("gradwright.simplify.", "gradwright.core.facts")
#: Of these, what evaluates, compares, prints and drives.
OTHERS = ("rewrite", "field", "equal", "contracting", "readable")

#: Values that differ by more, relatively, are different.
DIFFERENT = 1e-6

#: Matrices with a larger condition number are not inverted.
SINGULAR = 1e6

#: Values below this are rounding.
SMALL = 1e-6

#: So many nodes that a rule fits are changed.
EXAMPLES = 12

#: A point where det(Q) is -1, so that det(Q)³ is not 1.
SEED = 1

SIMPLEST = {"{s}": "s", "{n}": "x", "{m}": "y", "{M}": "A"}


@dataclass(frozen=True)
class LeftOut:
    """A function of a rule with one condition left out."""

    function: FunctionType
    condition: str
    line: int
    code: CodeType

    @property
    def name(self) -> str:
        return f"{self.function.__name__}: {self.condition}"


# Conditions -------------------------------------------------------------------------------------


def functions_of(rule: Rule) -> list[FunctionType]:
    """What decides whether a rule fits: its function, and those that it calls in turn."""
    found: dict[FunctionType, None] = {}
    waiting: list[Any] = [rule.apply]
    while waiting:
        function = waiting.pop()
        if not isinstance(function, FunctionType) or function in found:
            continue
        module = function.__module__
        if not module.startswith(SAYING) or module.rsplit(".", 1)[1] in OTHERS:
            continue
        found[function] = None
        waiting += [function.__globals__.get(name) for name in _names(function.__code__)]
    return list(found)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)


def left_out(function: FunctionType) -> Iterator[LeftOut]:
    """A function once for each of its conditions, without that one."""
    source = textwrap.dedent(inspect.getsource(function))
    count = len(list(_conditions(ast.parse(source))))
    for place in range(count):
        tree = ast.parse(source)
        node, put, neutral = list(_conditions(tree))[place]
        put(ast.copy_location(ast.Constant(neutral), node))
        space: dict[str, Any] = {}
        made = compile(ast.fix_missing_locations(tree), f"<{function.__name__}>", "exec")
        exec(made, dict(function.__globals__), space)
        line = function.__code__.co_firstlineno + node.lineno - 1
        yield LeftOut(function, ast.unparse(node), line, space[function.__name__].__code__)


Put = Callable[[ast.expr], None]


def _conditions(tree: ast.AST) -> Iterator[tuple[ast.expr, Put, bool]]:
    """(condition, what puts another in its place, the constant that leaves it out)."""
    for node in ast.walk(tree):
        match node:
            case ast.If(test=test, body=body):
                refuses = isinstance(body[-1], ast.Continue) or (
                    isinstance(body[-1], ast.Return) and _is_nothing(body[-1].value)
                )
                yield from _parts(test, _into(node, "test"), not refuses)
            case ast.IfExp(test=test, body=body):
                yield from _parts(test, _into(node, "test"), not _is_nothing(body))
            case ast.comprehension(ifs=ifs):
                for place, test in enumerate(ifs):
                    yield from _parts(test, _at(ifs, place), True)
            case ast.Return(value=ast.BoolOp() as test):
                yield from _parts(test, _into(node, "value"), True)
            case ast.Assign(value=ast.BoolOp() as test):
                yield from _parts(test, _into(node, "value"), True)


def _parts(test: ast.expr, put: Put, passes: bool) -> Iterator[tuple[ast.expr, Put, bool]]:
    """The conditions in a test, which lets a rule go on where it is `passes`."""
    match test:
        case ast.BoolOp(op=op, values=values) if isinstance(op, ast.And) == passes:
            for place, value in enumerate(values):
                yield from _parts(value, _at(values, place), passes)
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            yield from _parts(inner, _into(test, "operand"), not passes)
        case _:
            yield test, put, passes


def _into(node: ast.AST, name: str) -> Put:
    return lambda value: setattr(node, name, value)


def _at(values: list[ast.expr], place: int) -> Put:
    def put(value: ast.expr) -> None:
        values[place] = value

    return put


def _is_nothing(node: ast.expr | None) -> bool:
    """Whether it is what a rule answers where it does not fit."""
    if isinstance(node, ast.List | ast.Tuple):
        return not node.elts
    # 0 is an answer, such as the place of an axis.
    return node is None or (isinstance(node, ast.Constant) and str(node.value) in ("None", "False"))


# Nodes ------------------------------------------------------------------------------------------


@contextmanager
def recorded(into: dict[str, dict[Node, Graph]]) -> Iterator[None]:
    """The nodes that each rule fits, while formulas are differentiated."""

    def recording(rule: Rule) -> Callable[[Graph, Node], Node | None]:
        apply = rule.apply

        def record(graph: Graph, node: Node) -> Node | None:
            after = apply(graph, node)
            if after is not None and after is not node:
                into.setdefault(rule.name, {})[node] = graph
            return after

        return record

    held = [(rule, rule.apply) for rule in rules().values()]
    for rule, _ in held:
        force_setattr(rule, "apply", recording(rule))
    try:
        yield
    finally:
        for rule, apply in held:
            force_setattr(rule, "apply", apply)


class Corpus:
    """The near misses of each rule, with values."""

    def __init__(self, formulas: list[str], seed: int) -> None:
        everything = gw.formula(" + ".join(f"sum({name})" for name in SYMBOLS), **SYMBOLS)
        self.point = sample_point(everything.scope, np.random.default_rng(seed))
        self.sizes = sample_sizes(everything.scope)
        self.declared = everything.scope.symbols
        self.fitting: dict[str, dict[Node, Graph]] = {}
        with recorded(self.fitting):
            for text in formulas:
                written = gw.formula(text, **SYMBOLS)
                for wrt in [name for name in written.variables if name in WRT]:
                    derived = written.derivative(wrt)
                    derived.source()
        self._values: dict[Node, np.ndarray] = {}
        self._near: dict[str, list[tuple[Graph, Node]]] = {}

    @cached_property
    def parts(self) -> list[tuple[Graph, Node]]:
        """All parts of what some rule fits, and of what rules must leave alone."""
        fitting = {node: graph for found in self.fitting.values() for node, graph in found.items()}
        for text in NEAR_FORMS:
            written, graph = gw.formula(text, **SYMBOLS), Graph()
            fitting[lower(written.tree, written.scope, graph).value.node] = graph
        parts = {part: graph for node, graph in fitting.items() for part in postorder(node)}
        return [(graph, part) for part, graph in parts.items()]

    def near(self, rule: Rule) -> list[tuple[Graph, Node]]:
        """Nodes that the rule fits, each changed in one place, and what they are made of."""
        if rule.name not in self._near:
            fitting = self.fitting.get(rule.name, {})
            examples = sorted(fitting, key=lambda node: len(postorder(node)))[:EXAMPLES]
            self._near[rule.name] = [
                (fitting[node], near)
                for node in examples
                for near in NearMisses(fitting[node], self._variables(fitting[node])).of(node)
            ]
        return self._near[rule.name]

    def _variables(self, graph: Graph) -> dict[str, Variable]:
        return {n: graph.variable(n, d.sizes, d.facts) for n, d in self.declared.items()}

    def value(self, node: Node) -> np.ndarray:
        """That of a node as it stands.

        Raises:
            ValueError: a matrix is inverted that has no inverse.
        """
        if node not in self._values:
            for part in postorder(node):
                if isinstance(part, Operation) and part.operation == "inv":
                    matrix = field.evaluate(part.arguments[0], self.point, self.sizes)
                    if not np.linalg.cond(matrix) < SINGULAR:
                        raise ValueError
            self._values[node] = np.asarray(field.evaluate(node, self.point, self.sizes))
        return self._values[node]

    def _factorise(self, node: Node) -> None:
        """What the code of a node factorises by Cholesky.

        Raises:
            LinAlgError: a matrix is not positive definite, where the code ends in an error too.
        """
        for part in postorder(node):
            if isinstance(part, Operation) and part.operation == "cholesky_logdet":
                np.linalg.cholesky(field.evaluate(part.arguments[0], self.point, self.sizes))

    def caught(self, rule: Rule) -> bool:
        """Whether a rule makes an error, or something of another value, of one of the nodes."""
        with np.errstate(all="ignore"):
            if any(self._caught(rule, *pair) for pair in self.near(rule)):
                return True
            return any(self._caught(rule, *pair) for pair in self.parts)

    def _caught(self, rule: Rule, graph: Graph, node: Node) -> bool:
        failed, after = False, None
        try:
            after = rule.apply(graph, node)
        except GradwrightError:
            return False
        except Exception:
            failed = True
        if not failed and (after is None or after is node):
            return False
        try:
            expected = self.value(node)
        except (GradwrightError, ArithmeticError, ValueError, np.linalg.LinAlgError):
            return False
        if after is None:
            return True
        try:
            found = np.asarray(field.evaluate(after, self.point, self.sizes))
            self._factorise(after)
        except GradwrightError:
            return False
        except Exception:
            return True
        if after.axes != node.axes or found.shape != expected.shape:
            return True
        if np.any(np.isinf(expected) & np.isfinite(found)):
            return True
        finite = np.isfinite(expected)
        scale = np.max(np.abs(expected[finite]), initial=SMALL)
        return not bool(np.all(np.abs(found - expected)[finite] <= DIFFERENT * scale))


def texts() -> list[str]:
    """Formulas that use the rules."""
    found = [form.removeprefix("= ") for forms in RULE_FORMS.values() for form in forms]
    for place, symbol in SIMPLEST.items():
        found = [form.replace(place, symbol) for form in found]
    return list(dict.fromkeys(found))


def survivors(corpus: Corpus, of: Iterable[Rule]) -> Iterator[tuple[LeftOut, bool]]:
    """Every condition of some rules left out, with whether that was caught."""
    using: dict[FunctionType, list[Rule]] = {}
    for rule in of:
        for function in functions_of(rule):
            using.setdefault(function, []).append(rule)
    for function, users in using.items():
        right = function.__code__
        for mutant in left_out(function):
            function.__code__ = mutant.code
            try:
                yield mutant, any(map(corpus.caught, users))
            finally:
                function.__code__ = right


def main() -> int:
    """The documented suite."""
    corpus = Corpus(texts(), SEED)
    for rule in rules().values():
        assert not corpus.caught(rule), rule.name
    count = equivalent = missed = 0
    unused = set(EQUIVALENT)
    for mutant, caught in survivors(corpus, rules().values()):
        count += 1
        if caught:
            continue
        if mutant.name in EQUIVALENT:
            equivalent += 1
            unused.discard(mutant.name)
            continue
        missed += 1
        print(f"{mutant.function.__module__}:{mutant.line} {mutant.name}", flush=True)
    print(
        f"{count} conditions: {count - equivalent - missed} caught when left out, {equivalent} "
        f"equivalent, {missed} not judged"
    )
    for name in sorted(unused):
        print(f"declared equivalent, and caught: {name}")
    return 1 if unused else 0


if __name__ == "__main__":
    sys.exit(main())
