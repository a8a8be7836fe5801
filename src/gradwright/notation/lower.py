"""Lowering: a surface tree becomes a node of the index core.

A lowered value is a node and the number of its leading axes that are rows; the rest are columns. A
vector is one row axis, its transpose one column axis. kron and vec have several row or column
axes, so no reshape is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Options, Power, Size
from gradwright.errors import LimitError, ShapeError, SymbolError
from gradwright.notation.abstract import abstract_node
from gradwright.notation.declarations import ROWS
from gradwright.notation.functions import CONSTANTS, FUNCTIONS
from gradwright.notation.lower_indices import (
    INDEXED,
    aligned,
    each_entry,
    lowered_indices,
)
from gradwright.notation.lowered import Lowered, Lowering, number_value
from gradwright.notation.shapes import Scope, identity_sizes
from gradwright.notation.tree import (
    Binary,
    Call,
    Equation,
    Negate,
    Number,
    Symbol,
    Transpose,
    Tree,
    children,
    signed_terms,
)
from gradwright.ops.record import Elementwise
from gradwright.ops.table import OPERATIONS

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
    stack: list[tuple[Tree, bool]] = [(tree, False)]
    while stack:
        part, expanded = stack.pop()
        if not expanded:
            stack.append((part, True))
            stack.extend((child, False) for child in reversed(_operands(part)))
            continue
        if isinstance(part, Call) and part.function in CONSTANTS:
            value = lowerer.constant(part)
        else:
            value = lowerer.node(part, [done[id(child)] for child in _operands(part)])
        done[id(part)] = value
        if not value.free and not isinstance(part, Equation):
            said.setdefault(value.node, (part, value.rows))
    return Lowering(done[id(tree)], said)


def _operands(tree: Tree) -> Sequence[Tree]:
    """What a tree is lowered from: its children, all terms of a long sum, nothing of a constant."""
    if isinstance(tree, Call) and tree.function in CONSTANTS:
        return ()
    terms = [term for _, term in signed_terms(tree)]
    return terms if len(terms) > LONG_SUM else children(tree)


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
            case Transpose():
                return self.transpose(parts[0])
            case Binary("+" | "-") if len(parts) > 2:
                return self._long_sum(tree, parts)
            case Binary(operator, _, _):
                return self._binary(tree, operator, parts[0], parts[1])
            case Call():
                return self._call(tree, parts)
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

    def transpose(self, value: Lowered) -> Lowered:
        order = value.node.order
        turned = (*range(value.rows, order), *range(value.rows))
        return Lowered(self.graph.permute(value.node, turned), order - value.rows)

    # Operators ----------------------------------------------------------------------------------

    def _binary(self, tree: Binary, operator: str, one: Lowered, other: Lowered) -> Lowered:
        graph = self.graph
        match operator:
            case "+" | "-":
                left, right = self.spread(one, other)
                sign = 1 if operator == "+" else -1
                terms = [(1, left.node), (sign, right.node)]
                return Lowered(graph.add(terms, left.node.axes), left.rows)
            case ".*":
                left, right = self.spread(one, other)
                return Lowered(graph.hadamard(left.node, right.node), left.rows)
            case "./":
                left, right = self.spread(one, other)
                inverse = graph.power(right.node, -1)
                return Lowered(graph.hadamard(left.node, inverse), left.rows)
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
        spread = [self._spread_over(part, rows, columns).node for part in parts]
        axes = (*rows, *columns)
        return Lowered(self.graph.add(zip(signs, spread, strict=True), axes), len(rows))

    def spread(self, one: Lowered, other: Lowered) -> tuple[Lowered, Lowered]:
        """Both values with the axes of their common shape, by kind and never by size."""
        return self._spread_to(one, other), self._spread_to(other, one)

    def _spread_to(self, value: Lowered, like: Lowered) -> Lowered:
        rows = like.row_axes or value.row_axes
        columns = like.column_axes or value.column_axes
        return self._spread_over(value, rows, columns)

    def _spread_over(
        self, value: Lowered, rows: tuple[Size, ...], columns: tuple[Size, ...]
    ) -> Lowered:
        axes = (*rows, *columns)
        if value.node.axes == axes:
            return value
        places = (
            *range(len(value.row_axes)),
            *range(len(rows), len(rows) + len(value.column_axes)),
        )
        return Lowered(self.graph.broadcast(value.node, places, axes), len(rows))

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
        left, right = self.spread(one, other)
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
        base = one.node if exponent >= 0 else self._inverse(one.node)
        if count == 0:
            return Lowered(graph.identity(one.row_axes), one.rows)
        factors = [(base, (k, k + 1)) for k in range(count)]
        return Lowered(graph.product(factors, (0, count)), one.rows)

    def _inverse(self, node: Node) -> Node:
        return self.graph.operation("inv", (node,), node.axes)

    # Functions ----------------------------------------------------------------------------------

    def constant(self, tree: Call) -> Lowered:
        """`ones(n)`, `ones(m, n)`, `eye(n)`, `commutation(m, n)`."""
        sizes: list[Size] = []
        for argument in tree.arguments:
            assert isinstance(argument, Symbol | Number)
            whole = argument.name if isinstance(argument, Symbol) else int(argument.value)
            sizes.append(whole)
        if tree.function == "eye":
            return Lowered(self.graph.identity(sizes), 1)
        if tree.function == "commutation":
            # vec puts the index of the columns first: rows (m, n), columns (n, m).
            known = dict(enumerate(sizes))
            return Lowered(self.graph.product([], (0, 1, 1, 0), sizes=known), 2)
        return Lowered(self.graph.ones(*sizes), 1)

    def _call(self, tree: Call, parts: Sequence[Lowered]) -> Lowered:
        if tree.function not in FUNCTIONS:
            nodes = [part.node for part in parts]
            node, rows = abstract_node(self.graph, self.scope.functions, tree, nodes)
            return Lowered(node, parts[0].rows if rows is None else rows)
        record = OPERATIONS.get(tree.function)
        if isinstance(record, Elementwise):
            return self._elementwise(tree, record, parts)
        graph, value = self.graph, parts[0]
        node = value.node
        axes = tuple(range(node.order))
        match tree.function:
            case "sqrt":
                return Lowered(graph.power(node, Fraction(1, 2)), value.rows)
            case "sum":
                return Lowered(graph.total(node), 0)
            case "norm1":
                return Lowered(graph.total(graph.function("abs", node)), 0)
            case "norm2":
                return Lowered(graph.power(graph.total(graph.power(node, 2)), Fraction(1, 2)), 0)
            case "tr":
                labels = axes[: value.rows] * 2
                return Lowered(graph.product([(node, labels)], ()), 0)
            case "diag":
                return self._diagonal(value)
            case "vec":
                turned = (*range(value.rows, node.order), *range(value.rows))
                return Lowered(graph.permute(node, turned), node.order)
            case "kron":
                return self._kron(value, parts[1])
            case "softmax":
                return Lowered(graph.operation("softmax", (node,), node.axes), value.rows)
            case "logsumexp":
                reduced = node.axes[:-1]
                rows = min(1, len(reduced))
                return Lowered(graph.operation("logsumexp", (node,), reduced), rows)
            case "inv":
                return Lowered(self._inverse(node), value.rows)
            case "det" | "logdet":
                return Lowered(graph.operation(tree.function, (node,), ()), 0)
            case _:
                raise SymbolError(
                    f"the function {tree.function}",
                    f"{tree.function} is used, but no operation has that name",
                    "see the list of functions in the documentation",
                    text=self.text,
                    span=tree.span,
                )

    def _diagonal(self, value: Lowered) -> Lowered:
        axes = tuple(range(value.node.order))
        if value.row_axes and value.column_axes:
            half = axes[: value.rows]
            return Lowered(self.graph.product([(value.node, half * 2)], half), len(half))
        return Lowered(self.graph.product([(value.node, axes)], axes * 2), len(axes))

    def _kron(self, one: Lowered, other: Lowered) -> Lowered:
        left = tuple(range(one.node.order))
        right = tuple(range(len(left), len(left) + other.node.order))
        rows = (*left[: one.rows], *right[: other.rows])
        columns = (*left[one.rows :], *right[other.rows :])
        factors = [(one.node, left), (other.node, right)]
        return Lowered(self.graph.product(factors, (*rows, *columns)), len(rows))

    def _elementwise(self, tree: Call, record: Elementwise, parts: Sequence[Lowered]) -> Lowered:
        options = dict(record.options) | dict(tree.options)
        if record.name == "leaky_relu":
            parts, options = self._leaky(tree, parts)
        if record.arity == 2:
            one, other = self.spread(parts[0], parts[1])
            constant = any(number_value(part.node) is not None for part in parts)
            if "tie" in options and constant:
                options["tie"] = Fraction(0)
            nodes = [one.node, other.node]
            rows = one.rows
        else:
            nodes, rows = [parts[0].node], parts[0].rows
        given: Options = tuple((name, options[name]) for name, _ in record.options)
        return Lowered(self.graph.function(record.name, *nodes, options=given), rows)

    def _leaky(
        self, tree: Call, parts: Sequence[Lowered]
    ) -> tuple[Sequence[Lowered], dict[str, Fraction]]:
        """Slope and kink, positional or by name; the kink defaults to the slope."""
        given = dict(tree.options)
        for name, part in zip(("slope", "kink"), parts[1:], strict=False):
            value = number_value(part.node)
            assert value is not None
            given[name] = value
        slope = given.get("slope", Fraction(1, 10))
        return parts[:1], {"slope": slope, "kink": given.get("kink", slope)}
