"""Plants a wrong rule or a wrong way of writing for the length of a `with` block."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from msgspec.structs import force_setattr, replace

import gradwright as gw
from gradwright.api.checking import sample_point, sample_sizes
from gradwright.api.derivation import Derivation
from gradwright.core.graph import Graph
from gradwright.core.nodes import Node
from gradwright.notation.parser import parse
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import infer
from gradwright.ops.record import Structured
from gradwright.ops.table import OPERATIONS
from gradwright.render.plain import plain_text
from gradwright.simplify.rewrite import Rule
from gradwright.verification import complex_step
from tests.suites.index_reader import index_value
from tests.suites.vec_form import unstacked

#: What a wrong rule makes of the right result.
Wrong = Callable[[Graph, Node], Node]

WRONG: dict[str, Wrong] = {
    "twice": lambda graph, node: graph.scale(2, node),
    "negated": lambda graph, node: graph.scale(-1, node),
    "dropped": lambda graph, node: graph.number(0, node.axes),
    "one more": lambda graph, node: graph.add([(1, node), (1, graph.ones(*node.axes))], node.axes),
}


@contextmanager
def wrong_derivative(name: str, place: int, wrong: Wrong) -> Iterator[None]:
    """The derivative of an operation in its argument number `place`, made wrong."""
    right = OPERATIONS[name]

    def planted(graph: Graph, node: Any) -> tuple[Node, ...]:
        rule = right.jacobian if isinstance(right, Structured) else right.derivative
        slopes = list(rule(graph, node))
        slopes[place] = wrong(graph, slopes[place])
        return tuple(slopes)

    field = "jacobian" if isinstance(right, Structured) else "derivative"
    OPERATIONS[name] = replace(right, **{field: planted})
    try:
        yield
    finally:
        OPERATIONS[name] = right


@contextmanager
def wrong_rule(rule: Rule, wrong: Wrong) -> Iterator[Counter[str]]:
    """A rewriting rule whose replacement is made wrong, wherever the rule is used."""
    right = rule.apply
    used: Counter[str] = Counter()

    def planted(graph: Graph, node: Node) -> Node | None:
        after = right(graph, node)
        if after is None or after is node:
            return None
        used[rule.name] += 1
        return wrong(graph, after)

    force_setattr(rule, "apply", planted)
    try:
        yield used
    finally:
        force_setattr(rule, "apply", right)


@contextmanager
def wrong_function(name: str, wrong: Callable[[Any], Any]) -> Iterator[Counter[str]]:
    """A function or method of the raising package whose result is made wrong, in every module."""
    used: Counter[str] = Counter()

    def planting(right: Callable[..., Any]) -> Callable[..., Any]:
        def planted(*given: Any, **options: Any) -> Any:
            result = right(*given, **options)
            made = wrong(result)
            used[name] += made != result
            return made

        return planted

    prefix = "gradwright.notation.raising."
    holders: list[Any] = [module for key, module in sys.modules.items() if key.startswith(prefix)]
    holders += [
        held
        for module in holders
        for held in vars(module).values()
        if isinstance(held, type) and held.__module__.startswith(prefix)
    ]
    with pytest.MonkeyPatch.context() as patch:
        for holder in set(holders):
            if callable(vars(holder).get(name)):
                patch.setattr(holder, name, planting(vars(holder)[name]))
        yield used


# What the planted fault must not pass -----------------------------------------------------------


def expected_at(text: str, wrt: str, declared: dict[str, str]) -> tuple[Any, np.ndarray]:
    """A point, and the derivative there by the complex step."""
    written = gw.formula(text, **declared)
    point = sample_point(written.scope, np.random.default_rng(7))

    def function(at: dict[str, Any]) -> np.ndarray:
        return np.asarray(evaluate(written.tree, at, written.scope))

    return point, np.asarray(complex_step.jacobian(function, point, wrt))


def text_is_right(derived: Derivation, point: Any, expected: np.ndarray) -> bool:
    """Whether what is printed says the expected numbers, read by the reference evaluator."""

    def matrix(text: str) -> np.ndarray:
        tree = parse(text)
        scope = infer(tree, derived.scope.symbols, sizes=derived.scope.sizes)
        known = {**sample_sizes(derived.scope), **point}
        used = {name: known[name] for name in {*scope.symbols, *scope.sizes} if name in known}
        return np.asarray(evaluate(tree, used, scope))

    (printed,) = derived.printed.values()
    if printed.form == "index":
        value = index_value(plain_text(printed.tree), expected.shape, matrix)
    else:
        value = unstacked(matrix(plain_text(printed.tree)), derived, expected.shape)
    return _agree(value.reshape(expected.shape), expected)


def code_is_right(derived: Derivation, point: Any, expected: np.ndarray) -> bool:
    """Whether the emitted code gives the expected numbers, and the value of the formula."""
    value, found = derived.value_and(**point)
    own = np.asarray(evaluate(derived.tree, point, derived.scope))
    return _agree(np.asarray(found), expected) and _agree(np.asarray(value), own)


def _agree(found: np.ndarray, expected: np.ndarray) -> bool:
    gap = np.max(np.abs(found - expected), initial=0.0)
    return bool(gap <= 1e-9 * np.max(np.abs(expected), initial=0.0))
