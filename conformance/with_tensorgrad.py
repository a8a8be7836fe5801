"""tensorgrad: tensors with named edges, differentiated symbolically, with symbolic sizes.

A value has an edge for its rows and one for its columns, where it has them; a product of matrices
joins two edges. Values are what tensorgrad's compiled code returns: the code itself runs on plain
tensors, while what calls it needs the named tensors that PyTorch 2.13 no longer has.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import sympy as sp
import tensorgrad as tg
import tensorgrad.functions as tf
import torch
from tensorgrad.compiler.runtime import compile_to_callable
from tensorgrad.tensor import Rename

from conformance.rows import CannotExpress, Derived, Point, Row
from conformance.walking import evaluated, number_of
from gradwright.notation.tree import Binary, Call, Negate, Number, Symbol, Transpose, Tree, literal

VERSION = version("tensorgrad")

#: Functions of entries; those that tensorgrad has no word for and no spelling by others are absent.
ELEMENTWISE: dict[str, Callable[[Any], Any]] = {
    "exp": tf.exp, "log": tf.log, "sqrt": tf.sqrt, "abs": tf.abs, "sign": tf.sign,
    "tanh": tf.tanh, "sigmoid": tf.sigmoid, "relu": tf.relu, "step": tf.gt0,
    "softplus": lambda z: tf.log(1 + tf.exp(z)),
    "cosh": lambda z: (tf.exp(z) + tf.exp(-z)) / 2,
    "sinh": lambda z: (tf.exp(z) - tf.exp(-z)) / 2,
}  # fmt: skip

_FRESH = itertools.count()


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor, and its edges for rows and columns; a scalar has none, a vector has rows."""

    tensor: Any
    rows: str | None = None
    columns: str | None = None

    @property
    def edges(self) -> list[str]:
        """Those that it has."""
        return [edge for edge in (self.rows, self.columns) if edge is not None]

    @property
    def is_scalar(self) -> bool:
        """Whether it has no edge."""
        return not self.edges

    def named(self, rows: str | None, columns: str | None) -> Value:
        """The same with other edges."""
        new = {a: b for a, b in ((self.rows, rows), (self.columns, columns)) if a and b}
        return Value(self.tensor.rename(**new), self.rows and rows, self.columns and columns)


def fresh() -> str:
    """An edge that nothing else has."""
    return f"e{next(_FRESH)}"


def derive(row: Row) -> Derived:
    """The derivative by tensorgrad, simplified, and its code."""
    symbols = {
        name: tg.Variable(name, **{f"{name}{k}": size(s) for k, s in enumerate(d.sizes)})
        for name, d in row.scope.symbols.items()
    }
    made = evaluated(row.tree, lambda tree, parts: node(tree, parts, symbols))
    wrt, found, order = symbols[row.wrt], made.tensor, made.edges
    for _ in range(2 if row.kind in ("hessian", "vechess") else 1):
        new = {edge: fresh() for edge in wrt.edges}
        found = found.grad(wrt, new).full_simplify()
        order = [*order, *new.values()]
    program = compile_to_callable(found)

    def value(point: Point) -> np.ndarray:
        lengths = {sp.Symbol(name): length for name, length in row.sizes(point).items()}
        run = program.codegen.specialize(
            lengths, verbose=False, dtype=torch.float64, for_inductor=False
        )
        given = [torch.tensor(point[variable.name]) for variable in program.vars]
        (array,) = run(*given)
        edges = list(program.outputs[0][1])
        if program._wrap_plans[0][0] is not None:
            array, edges = array.permute(program._wrap_plans[0][0]), program._wrap_plans[0][1]
        return np.asarray(array.permute([list(edges).index(edge) for edge in order]).numpy())

    return Derived(value, str(found), count(found))


def size(given: int | str) -> Any:
    """A size as a symbol of SymPy."""
    return sp.Symbol(given) if isinstance(given, str) else sp.Integer(given)


def node(tree: Tree, parts: Sequence[Value], symbols: dict[str, Any]) -> Value:
    """One node of the formula."""
    match tree:
        case Number(number):
            return Value(tg.Sum([tg.Product([])], [number]))
        case Symbol(name) if name in symbols:
            edges = list(symbols[name].edges)
            rows, columns = (*edges, None, None)[:2]
            return Value(symbols[name], rows, columns).named(fresh(), fresh())
        case Symbol(name):
            edge = fresh()
            return Value(tg.Product([tg.Ones(**{edge: size(name)}), tg.Ones(**{edge: size(name)})]))
        case Negate():
            return Value(-parts[0].tensor, parts[0].rows, parts[0].columns)
        case Transpose():
            return Value(parts[0].tensor, parts[0].columns, parts[0].rows)
        case Binary("*", _, _):
            return times(*parts)
        case Binary("/" | "./", _, _):
            return entrywise("*", parts[0], powered(parts[1], -1))
        case Binary("^" | ".^", _, right):
            exponent = literal(right)
            if exponent is None:
                return Value(tf.exp(parts[1].tensor * tf.log(parts[0].tensor)))
            if tree.operator == "^" and not parts[0].is_scalar:
                return matrix_power(parts[0], int(exponent))
            return powered(parts[0], exponent)
        case Binary(operator, _, _):
            return entrywise(operator.removeprefix("."), *parts)
        case Call("eye", arguments, _):
            rows, columns = fresh(), fresh()
            return Value(tg.Delta(lengths_of(arguments)[0], rows, columns), rows, columns)
        case Call("ones", arguments, _):
            axes = {fresh(): length for length in lengths_of(arguments)}
            return Value(tg.Ones(**axes), *axes)
        case Call(function, _, _):
            return called(function, parts[0])
    raise CannotExpress(type(tree).__name__)


def lengths_of(arguments: Sequence[Tree]) -> list[Any]:
    """The sizes that `ones` and `eye` are given."""
    return [size(a.name if isinstance(a, Symbol) else number_of(a)) for a in arguments]


def times(one: Value, other: Value) -> Value:
    """The product: the columns of one joined to the rows of the other, where they have both."""
    if one.is_scalar or other.is_scalar:
        rows, columns = (one.rows, one.columns) if other.is_scalar else (other.rows, other.columns)
        return Value(one.tensor @ other.tensor, rows, columns)
    if one.columns and other.rows:
        other = other.named(one.columns, other.columns)
        return Value(one.tensor @ other.tensor, one.rows, other.columns)
    # A column times a row.
    return Value(one.tensor @ other.tensor, one.rows, other.columns)


def entrywise(operator: str, one: Value, other: Value) -> Value:
    """A sum, difference or product entry by entry; a scalar goes with every entry."""
    if one.edges and other.edges:
        other = other.named(one.rows, one.columns)
    if operator == "*":
        made = one.tensor * other.tensor
    else:
        made = one.tensor + other.tensor if operator == "+" else one.tensor - other.tensor
    like = one if len(one.edges) >= len(other.edges) else other
    return Value(made, like.rows, like.columns)


def powered(base: Value, exponent: Any) -> Value:
    """A power of each entry."""
    exponent = int(exponent) if exponent == int(exponent) else exponent
    return Value(tf.pow(base.tensor, exponent), base.rows, base.columns)


def matrix_power(base: Value, exponent: int) -> Value:
    """A product of equal factors."""
    made = base
    for _ in range(exponent - 1):
        made = times(made, base.named(fresh(), fresh()))
    return made


def called(function: str, value: Value) -> Value:
    """A function of the notation."""
    tensor = value.tensor
    if function in ELEMENTWISE:
        return Value(ELEMENTWISE[function](tensor), value.rows, value.columns)
    match function:
        case "sum":
            return Value(tf.sum(tensor))
        case "tr":
            return Value(tf.trace(tensor))
        case "det":
            return Value(tf.det(tensor))
        case "logdet":
            return Value(tf.log(tf.det(tensor)))
        case "inv":
            # The inverse has the edges of the matrix, columns to rows.
            return Value(tf.inverse(tensor), value.columns, value.rows)
        case "norm1":
            return Value(tf.sum(tf.abs(tensor)))
        case "norm2":
            return Value(tf.sqrt(tf.frobenius2(tensor)))
        case "diag":
            rows, columns = fresh(), fresh()
            return Value(tf.diag(tensor, [rows, columns]), rows, columns)
        case "softmax":
            return Value(tf.softmax(tensor, dim=set(value.edges)), value.rows, value.columns)
    raise CannotExpress(f"{function} has no word in tensorgrad")


def count(found: Any) -> int:
    """Leaves plus operators of a result; the names of edges are not counted."""
    match found:
        case tg.Product():
            return sum(map(count, found.factors)) + max(0, len(found.factors) - 1)
        case tg.Sum():
            # A number and its product; the sign of a first term.
            weights = 2 * sum(1 for weight in found.weights if abs(weight) != 1)
            weights += 1 if found.weights and found.weights[0] < 0 else 0
            return sum(map(count, found.terms)) + max(0, len(found.terms) - 1) + weights
        case tg.Function():
            return 1 + sum(map(count, found.inputs))
        case Rename():
            return count(found.tensor)
        case _:
            return 1
