"""Lowering: a surface tree becomes a node of the index core.

A lowered value is a node and the number of its leading axes that are rows; the rest are columns. A
vector is one row axis, its transpose one column axis. kron and vec have several row or column
axes, so no reshape is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Power, Size
from gradwright.errors import LimitError, ShapeError, SymbolError
from gradwright.notation.declarations import ROWS
from gradwright.notation.functions import CONSTANTS
from gradwright.notation.lower_calls import call, constant
from gradwright.notation.lower_indices import (
    INDEXED,
    aligned,
    each_entry,
    lowered_indices,
)
from gradwright.notation.lower_parts import part
from gradwright.notation.lowered import (
    Lowered,
    Lowering,
    number_value,
    spread,
    spread_over,
    turned,
)
from gradwright.notation.operands import operands_of
from gradwright.notation.places import joined
from gradwright.notation.shapes import Scope, identity_sizes
from gradwright.notation.tree import (
    Binary,
    Call,
    Equation,
    Negate,
    Number,
    Part,
    Symbol,
    Transpose,
    Tree,
    signed_terms,
)

#: A sum of more terms is lowered at once; its partial sums are no expressions of the user's.
LONG_SUM = 8

#: Largest matrix power that is written out as a product.
MAX_MATRIX_POWER = 64

#: Largest numerator and denominator of an exponent that is a number.
MAX_EXPONENT = 10**12


def lower(tree: Tree, scope: Scope, graph: Graph, *, text: str | None = None) -> Lowering:
    """Lower a tree whose kinds and sizes `infer` has checked.

    `said` maps each node to the sub-tree it came from and its number of row axes, the first
    occurrence first.

    Raises:
        SymbolError: a name that the scope does not know.
        ShapeError: Kronecker sizes that agree as numbers but not factor by factor.
        LimitError: a matrix power too large to write out.
    """
    lowerer = _Lowerer(scope, graph, text, identity_sizes(tree, scope))
    done: dict[int, Lowered] = {}
    said: dict[Node, tuple[Tree, int]] = {}
    parts: dict[Node, Tree] = {}
    stack: list[tuple[Tree, Sequence[Tree] | None]] = [(tree, None)]
    while stack:
        part, below = stack.pop()
        if below is None:
            below = _operands(part)
            stack.append((part, below))
            stack.extend((child, None) for child in reversed(below))
            continue
        if isinstance(part, Call) and part.function in CONSTANTS:
            value = constant(graph, part)
        else:
            value = lowerer.node(part, [done[id(child)] for child in below])
        done[id(part)] = value
        if isinstance(part, Binary) and part.operator in ("/", "./"):
            parts.setdefault(graph.power(done[id(part.right)].node, -1), part)
        parts.setdefault(value.node, part)
        if not value.free and not isinstance(part, Equation):
            said.setdefault(value.node, (part, value.rows))
    return Lowering(done[id(tree)], said, parts)


def _operands(tree: Tree) -> Sequence[Tree]:
    """What a tree is lowered from: its children, all terms of a long sum, nothing of a constant."""
    if isinstance(tree, Binary) and tree.operator in ("+", "-"):
        terms = [term for _, term in signed_terms(tree)]
        if len(terms) > LONG_SUM:
            return terms
    found = joined(tree)
    if found is not None:
        return found[:1]
    return operands_of(tree)


class _Lowerer:
    def __init__(
        self, scope: Scope, graph: Graph, text: str | None, identities: Mapping[int, Size]
    ) -> None:
        self.scope = scope
        self.graph = graph
        self.text = text
        self.identities = identities

    def node(self, tree: Tree, parts: Sequence[Lowered]) -> Lowered:
        """The value of a node of the tree, given the values of its parts."""
        graph = self.graph
        if isinstance(tree, INDEXED):
            return lowered_indices(graph, tree, parts, self.identities.get(id(tree)))
        if any(part.free for part in parts):
            tree, parts = each_entry(graph, tree, parts)
            names, columns = aligned(graph, parts)
            return Lowered(self.node(tree, columns).node, 0, names)
        match tree:
            case Symbol():
                return self._symbol(tree)
            case Number(value):
                return Lowered(graph.number(value), 0)
            case Negate():
                return Lowered(graph.scale(-1, parts[0].node), parts[0].rows)
            case Part():
                return part(graph, tree, parts[0])
            case Transpose():
                return turned(self.graph, parts[0])
            case Binary("+" | "-") if len(parts) > 2:
                return self._long_sum(tree, parts)
            case Binary(operator, _, _):
                return self._binary(tree, operator, parts[0], parts[1])
            case Call():
                return call(self.graph, self.scope, tree, parts)
        raise AssertionError(type(tree))

    def _symbol(self, tree: Symbol) -> Lowered:
        declared = self.scope.symbols.get(tree.name)
        if declared is not None:
            node = self.graph.variable(declared.name, declared.sizes, declared.facts)
            return Lowered(node, ROWS[declared.kind])
        if tree.name in self.scope.sizes:
            return Lowered(self.graph.size_of(tree.name), 0)
        raise SymbolError(
            f"the symbol {tree.name}",
            f"{tree.name} is used, but it is neither a variable nor a size",
            f"declare it, for instance {tree.name}='vector n'",
            text=self.text,
            span=tree.span,
        )

    # Operators ----------------------------------------------------------------------------------

    def _binary(self, tree: Binary, operator: str, one: Lowered, other: Lowered) -> Lowered:
        graph = self.graph
        match operator:
            case "+" | "-":
                left, right = spread(self.graph, one, other)
                sign = 1 if operator == "+" else -1
                terms = [(1, left.node), (sign, right.node)]
                return Lowered(graph.add(terms, left.node.axes), left.rows)
            case ".*":
                left, right = spread(self.graph, one, other)
                return Lowered(graph.hadamard(left.node, right.node), left.rows)
            case "./":
                # What is repeated is divided by before it is repeated.
                inverse = Lowered(graph.power(other.node, -1), other.rows)
                left, right = spread(self.graph, one, inverse)
                return Lowered(graph.hadamard(left.node, right.node), left.rows)
            case ".^":
                return self._elementwise_power(tree, one, other)
            case "*":
                return self._product(tree, one, other)
            case "/":
                return Lowered(graph.times(graph.power(other.node, -1), one.node), one.rows)
            case _:
                return self._power(tree, one, other)

    def _long_sum(self, tree: Tree, parts: Sequence[Lowered]) -> Lowered:
        rows = next((part.row_axes for part in parts if part.row_axes), ())
        columns = next((part.column_axes for part in parts if part.column_axes), ())
        signs = [sign for sign, _ in signed_terms(tree)]
        spread = [spread_over(self.graph, part, rows, columns).node for part in parts]
        axes = (*rows, *columns)
        return Lowered(self.graph.add(zip(signs, spread, strict=True), axes), len(rows))

    def _elementwise_power(self, tree: Binary, one: Lowered, other: Lowered) -> Lowered:
        exponent = number_value(other.node)
        if exponent is not None:
            made = self.graph.power(one.node, exponent)
            # Powers of powers merge: the exponent may be longer than any that is written.
            whole = made.exponent if isinstance(made, Power) else exponent
            largest = max(abs(whole.numerator), whole.denominator)
            if largest > MAX_EXPONENT:
                raise LimitError(
                    "a power",
                    f"the exponent holds a whole number of {len(str(largest))} digits and the "
                    f"largest is {MAX_EXPONENT}",
                    "use a smaller exponent, or a symbol for it",
                    text=self.text,
                    span=tree.span,
                )
            return Lowered(made, one.rows)
        left, right = spread(self.graph, one, other)
        return Lowered(self.graph.function("power", left.node, right.node), left.rows)

    def _product(self, tree: Binary, one: Lowered, other: Lowered) -> Lowered:
        graph = self.graph
        if one.is_scalar:
            return Lowered(graph.times(one.node, other.node), other.rows)
        if other.is_scalar:
            return Lowered(graph.times(other.node, one.node), one.rows)
        inner = one.column_axes
        if inner != other.row_axes:
            raise ShapeError(
                "the product of two Kronecker forms",
                f"the columns {' × '.join(map(str, inner))} of the left side and the rows "
                f"{' × '.join(map(str, other.row_axes))} of the right side split differently",
                "write the product so that the factors of kron and vec line up",
                text=self.text,
                span=tree.span,
            )
        left = tuple(range(one.node.order))
        middle = left[one.rows :]
        right = (*middle, *range(len(left), len(left) + len(other.column_axes)))
        out = (*left[: one.rows], *right[len(middle) :])
        return Lowered(graph.product([(one.node, left), (other.node, right)], out), one.rows)

    def _power(self, tree: Binary, one: Lowered, other: Lowered) -> Lowered:
        graph = self.graph
        exponent = number_value(other.node)
        if one.is_scalar:
            return self._elementwise_power(tree, one, other)
        if exponent is None or exponent.denominator != 1:
            raise ShapeError(
                "a power of a matrix",
                "the base is a matrix and the exponent is not an integer",
                "use an integer exponent, or .^ for the power of each entry",
                text=self.text,
                span=tree.span,
            )
        count = abs(exponent.numerator)
        if count > MAX_MATRIX_POWER:
            raise LimitError(
                "a power of a matrix",
                f"the exponent is {exponent} and powers are written out up to {MAX_MATRIX_POWER}",
                "name an intermediate power and use it",
                text=self.text,
                span=tree.span,
            )
        base = one.node if exponent >= 0 else graph.operation("inv", (one.node,), one.node.axes)
        if count == 0:
            return Lowered(graph.identity(one.row_axes), one.rows)
        factors = [(base, (k, k + 1)) for k in range(count)]
        return Lowered(graph.product(factors, (0, count)), one.rows)
