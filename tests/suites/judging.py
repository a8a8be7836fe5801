"""Whether a derivation of a random formula is right: nodes of every mode, code, printed texts.

Oracles: the complex step of the notation's own evaluator; on a sample dual numbers in mpmath; for
rational formulas dual numbers modulo a prime, without rounding.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import product
from typing import Any

import mpmath
import numpy as np

from gradwright.api.checking import sample_sizes, vec_order
from gradwright.api.derivation import Derivation
from gradwright.core.nodes import Node, Variable, postorder
from gradwright.errors import GradwrightError
from gradwright.explain.left_sides import variables_of
from gradwright.notation.parser import parse
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import Scope, infer
from gradwright.notation.tree import Tree
from gradwright.render.plain import plain_text
from gradwright.render.unicode import unicode_text
from gradwright.simplify import field
from gradwright.simplify.equal import _modular_value
from gradwright.simplify.residues import Undecided
from gradwright.verification import complex_step
from tests.suites.dual_numbers import DIGITS, Arithmetic
from tests.suites.index_reader import index_value
from tests.suites.infinitesimals import PRIME, Undefined, mixed
from tests.suites.rounding import AsLeft, along, amplified, relative

#: A value that agrees this well is right; nothing else is asked.
TOLERANCE = 1e-12

#: Otherwise it may be off by so many times what rounding was measured to move it by: of 402 results
#: 99 % were off by less than 1.35 times that. Beyond it the derivative is worked out in 30 digits.
TIMES = 32

#: Points where rounding alone moves the derivative by more than this cannot judge it.
CONDITIONED = 1e-9

#: One unit in the last place of float32 is this many of float64.
SINGLE_TO_DOUBLE = 2.0**-29

#: Points near by, and the point itself, at which that is measured.
NEARBY = 5

#: Points modulo the prime that are tried until one is defined.
EXACT_TRIES = 4

Point = dict[str, np.ndarray]
Function = Callable[[Point], np.ndarray]


def mode_nodes(derived: Derivation) -> Iterator[tuple[str, Node]]:
    """The derivative as reverse, forward and cross-country mode give it."""
    chain = derived._choice.chain
    assert chain is not None
    lengths = derived._program._planner.lengths
    seen: set[Node] = set()
    for way in chain.ways(lengths):
        for node in way.make():
            if node not in seen:
                seen.add(node)
                yield way.mode, node


class Judge:
    """One derivation, with one result, at one point."""

    def __init__(self, derived: Derivation, point: Point) -> None:
        self.derived = derived
        self.point = point
        (self.key,) = derived.printed
        self.by = variables_of(derived.kind, self.key)
        self.wrt = self.by[-1]
        self.sizes = sample_sizes(derived.scope)
        self.function = self._differentiated()
        self.value_shape = [
            axis if isinstance(axis, int) else self.sizes[axis]
            for axis in derived._lowering.value.node.axes
        ]

    def _differentiated(self) -> Function:
        """The formula, or the printed text of the derivative before this one."""
        before = self.derived.differentiated
        if before is None:
            return evaluator(self.derived.tree, self.derived.scope, self.point)
        (printed,) = before.printed.values()
        axes = printed.node.axes if printed.form == "index" else None
        value = evaluator(printed.tree, before.scope, self.point, axes)
        if printed.form != "kronecker":
            return value
        (key,) = before.printed
        last = variables_of(before.kind, key)[-1]
        order = vec_order(printed.node.order, len(before.scope.symbols[last].sizes))
        shape = [axis if isinstance(axis, int) else self.sizes[axis] for axis in printed.node.axes]
        turned = [shape[axis] for axis in order]
        return lambda at: value(at).reshape(turned).transpose(np.argsort(order))

    def outcome(self) -> str:
        """`right`, `right in index form`, `set aside` or what is wrong."""
        kinks = self.derived.kink_distance()
        if kinks is not None and kinks(self.point) < 1e-6:
            return "set aside"
        before = self.derived.differentiated
        if before is not None:
            first = Judge(before, self.point).of_texts()
            if not first.startswith("right"):
                return f"{first} (of the derivative before)" if "wrong" in first else first
        found = self._against_the_complex_step(True)
        in_index_form = found == "right" and self.derived.form == "index"
        return "right in index form" if in_index_form else found

    def of_texts(self) -> str:
        """The same for what is printed alone, and for what it is the derivative of."""
        before = self.derived.differentiated
        if before is not None:
            first = Judge(before, self.point).of_texts()
            if first != "right":
                return first
        return self._against_the_complex_step(False)

    # Complex step -------------------------------------------------------------------------------

    def oracle(self, at: Point) -> np.ndarray:
        """The derivative by the complex step."""
        return np.asarray(complex_step.jacobian(self.function, at, self.wrt))

    def code(self, at: Point) -> np.ndarray:
        """The emitted code."""
        return np.asarray(self.derived.unverified()(**at))

    def _claims(self, expected: np.ndarray, whole: bool) -> Iterator[tuple[str, Function]]:
        if whole:
            for mode, node in mode_nodes(self.derived):
                yield f"wrong in {mode} mode", AsLeft(node, self.sizes)
            yield "wrong code", self.code
        for text in self._texts(expected.shape):
            yield "wrong text", text

    def _against_the_complex_step(self, whole: bool) -> str:
        expected = self.oracle(self.point)
        if not np.all(np.isfinite(expected)):
            return "set aside"
        # A derivative that cancels to zero is compared on the scale of the function.
        size = float(np.max(np.abs(self.function(self.point)), initial=1.0))
        vanishes = float(np.max(np.abs(expected), initial=0.0)) < 1e-12 * size
        floor = size if vanishes else 0.0
        for wrong, value in self._claims(expected, whole):
            found = value(self.point)
            if found.shape != expected.shape:
                return f"{wrong}: its shape"
            error = relative(found, expected, floor)
            if error <= TOLERANCE:
                continue
            noise = self._noise(value)
            if noise > CONDITIONED:
                return "set aside"
            if error > TOLERANCE + TIMES * noise and self.in_digits is not None:
                # It may be the complex step that lost digits, as log(1 + s²) does where s is small.
                error = relative(found, self.in_digits, floor)
            if not error <= TOLERANCE + TIMES * noise:
                return wrong
        return "right"

    def _noise(self, value: Function) -> float:
        inside = max(self._inside(self.code), self._inside(value))
        left = amplified(value.node, self.point, self.sizes) if isinstance(value, AsLeft) else 0.0
        return max(inside, left, self._rounding(value), self._rounding(self.oracle))

    def _rounding(self, value: Function) -> float:
        """How far a value moves, relatively, when inputs move by one unit in the last place.

        Every evaluation rounds anew, so the value's own rounding shows too.
        """
        draw = np.random.default_rng(0)
        here = value(self.point)
        worst = 0.0
        for _ in range(4):
            moved = dict(self.point)
            for name, declared in self.derived.scope.symbols.items():
                signs = draw.choice([-1.0, 1.0], np.shape(self.point[name]))
                if declared.facts & {"symmetric", "posdef"}:
                    signs = np.tril(signs) + np.tril(signs, -1).T
                moved[name] = self.point[name] * (1 + 2.3e-16 * signs)
            worst = max(worst, relative(value(moved), here))
        return worst

    def _inside(self, value: Function) -> float:
        """The rounding inside a value, measured in float32 and scaled to float64.

        This finds digits that cancel inside a formula, as in s - s^2 for s next to 1, where moving
        the inputs moves nothing. At a single point s may by chance be rounded hardly at all.
        """
        free = self.derived.free_sizes
        draw = np.random.default_rng(0)
        worst = 0.0
        for step in range(NEARBY):
            single, double = dict(self.point), dict(self.point)
            for name in self.point.keys() - set(free):
                scale = np.float32(1 + 1e-3 * step * draw.uniform(-1, 1))
                single[name] = scale * np.float32(self.point[name])
                double[name] = np.float64(single[name])
            change = relative(np.asarray(value(single)), np.asarray(value(double)))
            worst = max(worst, min(1.0, change) if np.isfinite(change) else 1.0)
        return SINGLE_TO_DOUBLE * worst

    def _texts(self, shape: tuple[int, ...]) -> Iterator[Function]:
        """What is printed, each as a function of a point, by evaluators of the notation."""
        scope = self.derived.scope
        printed = self.derived.printed[self.key]
        shown = (plain_text(printed.tree), unicode_text(printed.tree))
        # Texts that read back as one tree have one value.
        read = dict.fromkeys(map(parse, shown))
        if printed.form == "index":
            axes = printed.node.axes

            def matrix(at: Point) -> Callable[[str], np.ndarray]:
                return lambda part: evaluator(parse(part), scope, at)(at)

            try:
                index_value(shown[0], shape, matrix(self.point))
            except (GradwrightError, KeyError):
                # The reader by hand knows no options; the notation's own reads both texts below.
                pass
            else:
                yield lambda at: index_value(shown[0], shape, matrix(at))
            for tree in read:
                yield lambda at, tree=tree: evaluator(tree, scope, at, axes)(at)  # type: ignore[misc]
            return
        order = tuple(range(len(shape)))
        if len(shape) > 2:
            order = vec_order(len(shape), len(scope.symbols[self.wrt].sizes))
        turned = [shape[axis] for axis in order]
        for tree in read:

            def value(at: Point, tree: Tree = tree) -> np.ndarray:
                found = evaluator(tree, scope, at)(at)
                return found.reshape(turned).transpose(np.argsort(order))

            yield value

    # Dual numbers -------------------------------------------------------------------------------

    def by_dual_numbers(self, draw: random.Random) -> str:
        """`right`, `set aside` or what is wrong, along one direction each in 30 digits."""
        ways = self._directions(lambda: draw.uniform(-1, 1))
        found = self._in_digits(ways)
        if found is None:
            return "set aside"
        expected = np.array(found)
        # Not the complex step: of log(1 - 1e-7), as it is written, it has fewer digits than code.
        claimed = along(self.code(self.point), ways).ravel()
        if not np.all(np.isfinite(expected)):
            return "set aside"
        size = float(np.max(np.abs(self.function(self.point)), initial=1.0))
        scale = max(float(np.max(np.abs(self.code(self.point)), initial=0.0)), 1e-12 * size)
        if max(scale, float(np.max(np.abs(expected), initial=0.0))) <= 1e-12 * size:
            # All that is left is the rounding of the value: 1 - tanh(z)² is 0 from z = 19 on.
            return "set aside"
        worst = relative(claimed, expected, scale)
        if worst <= TOLERANCE:
            return "right"
        noise = self._noise(self.code)
        if noise > CONDITIONED:
            return "set aside"
        return "right" if worst <= TOLERANCE + TIMES * noise else "wrong by dual numbers"

    @cached_property
    def in_digits(self) -> np.ndarray | None:
        """The whole derivative in 30 digits, or None where that arithmetic has no value."""
        shapes = [np.shape(self.point[name]) for name in self.by]
        columns = []
        for places in product(*(np.ndindex(shape) for shape in shapes)):
            ways = [np.zeros(shape) for shape in shapes]
            for way, place in zip(ways, places, strict=True):
                way[place] = 1.0
            found = self._in_digits(ways)
            if found is None:
                return None
            columns.append(found)
        axes = [length for shape in shapes for length in shape]
        made = np.stack(columns, axis=-1)
        return made.reshape((*self.value_shape, *axes))

    def exactly(self, draw: random.Random) -> str:
        """`right`, `no point` or what is wrong, modulo a prime along one direction each."""
        nodes = list(mode_nodes(self.derived))
        for _ in range(EXACT_TRIES):
            values = {
                name: _modular_value(Variable(d.sizes, b"", name, d.facts), None, self.sizes, draw)
                for name, d in self.derived.scope.symbols.items()
            }
            ways = self._directions(lambda: draw.randrange(PRIME))
            try:
                expected = [entry.value for entry in self._dual(False, values, ways)]
                for mode, node in nodes:
                    (value,) = field.evaluate_modular((node,), values, self.sizes, 1)
                    found = [int(entry) % PRIME for entry in np.ravel(along(value, ways))]
                    if found != expected:
                        return f"wrong modulo a prime in {mode} mode"
            except (Undefined, Undecided):
                continue
            return "right"
        return "no point"

    def _directions(self, entry: Callable[[], Any]) -> list[np.ndarray]:
        """One for each variable that is differentiated by, in turn."""
        made = [np.empty(np.shape(self.point[name]), dtype=object) for name in self.by]
        for way in made:
            for place in np.ndindex(way.shape):
                way[place] = entry()
        return made

    def _in_digits(self, ways: Sequence[np.ndarray]) -> list[float] | None:
        """The entries of the derivative along directions, where twice as many digits agree.

        Of 1 - sigmoid(55) as it is written 30 digits have 6 left.
        """
        found = []
        for digits in (DIGITS, 2 * DIGITS):
            with mpmath.workdps(digits):
                try:
                    entries = self._dual(True, self.point, ways)
                except (Undefined, ValueError, TypeError, ZeroDivisionError, OverflowError):
                    return None
                found.append([float(mpmath.re(entry)) for entry in entries])
        size = float(np.max(np.abs(self.function(self.point)), initial=1.0))
        fewer, more = map(np.array, found)
        return found[1] if relative(fewer, more, 1e-12 * size) <= TOLERANCE else None

    def _dual(self, real: bool, at: Point, ways: Sequence[np.ndarray]) -> list[Any]:
        """The entries of the derivative along directions."""
        arithmetic = Arithmetic(real, len(ways))
        values = {
            name: arithmetic.given(
                at[name],
                [way if name == one else None for one, way in zip(self.by, ways, strict=True)],
                declared.kind == "row",
            )
            for name, declared in self.derived.scope.symbols.items()
        }
        value = arithmetic.evaluate(self.derived.tree, values, self.sizes)
        return [mixed(entry) for entry in value.ravel()]


def is_rational(derived: Derivation) -> bool:
    """Whether exact arithmetic can say something: no function such as exp, no root."""
    rational = {"det", "inv"}
    for node in postorder(derived._lowering.value.node):
        operation = getattr(node, "operation", None)
        exponent = getattr(node, "exponent", Fraction(1))
        if (operation is not None and operation not in rational) or exponent.denominator != 1:
            return False
    return True


def evaluator(
    tree: Tree, scope: Scope, point: Point, axes: tuple[int | str, ...] | None = None
) -> Function:
    """A text as a function of a point, by the notation's own evaluator."""
    inside = infer(tree, scope.symbols, sizes=scope.sizes, axes=axes)
    lengths = sample_sizes(scope)

    def value(at: Point) -> np.ndarray:
        known = {**lengths, **at}
        used = {name: known[name] for name in {*inside.symbols, *inside.sizes} if name in known}
        return np.asarray(evaluate(tree, used, inside))

    return value
