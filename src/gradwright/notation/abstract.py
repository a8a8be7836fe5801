"""Abstract functions in a formula: phi(x) entry by entry, f(x) from vectors to a vector.

Their shapes, and the nodes that they are lowered to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from gradwright.core.graph import Graph
from gradwright.core.nodes import Node
from gradwright.errors import ShapeError, SymbolError
from gradwright.notation.declarations import FunctionDeclaration, function_kind
from gradwright.notation.tree import Call, Symbol
from gradwright.notation.unify import Atoms, Equations, Form
from gradwright.ops.abstract import map_parts, unprimed

Kind = Literal["elementwise", "map"]


class AbstractFunctions:
    """The abstract functions that a formula uses, with their sizes as far as they are known."""

    def __init__(self, equations: Equations, declared: Mapping[str, FunctionDeclaration]) -> None:
        self.equations = equations
        self.declared = dict(declared)
        self.used: dict[str, tuple[Kind, Atoms]] = {}

    def base(self, tree: Call) -> str:
        """The function that a call applies, or a derivative of which it applies."""
        return self._parts(tree)[0]

    def _parts(self, tree: Call) -> tuple[str, int, tuple[int, ...]]:
        """The function, the order of its elementwise derivative, and the arguments derived by."""
        base, primes = unprimed(tree.function)
        if primes or base in self.declared:
            return base, primes, ()
        base, by = map_parts(tree.function, len(tree.arguments))
        return base, 0, by

    def form(self, tree: Call, parts: list[Form]) -> Form:
        """The form of the value.

        Raises:
            ShapeError, SymbolError: arguments that the function does not take.
        """
        base, primes, by = self._parts(tree)
        kind = self.declared[base].kind if base in self.declared else function_kind(base)
        if tree.options or not tree.arguments:
            clash = f"{base} is an abstract function: it has arguments and no options"
            raise self.equations.error(SymbolError, tree, clash, f"write {base}(x)")
        if kind == "elementwise":
            if by or len(parts) != 1:
                clash = f"{base} is elementwise and takes one argument, {len(parts)} are given"
                raise self.equations.error(ShapeError, tree, clash, f"write {base}(x)")
            self.used[base] = (kind, ())
            return self.equations.single(tree, tree.arguments[0], parts[0])
        if primes:
            clash = f"{base} maps vectors, and a prime is the derivative of an elementwise function"
            instead = f"write J_{base}(x) for its Jacobian, or declare {base}='elementwise'"
            raise self.equations.error(SymbolError, tree, clash, instead)
        return self._mapped(tree, base, by, parts)

    def _mapped(self, tree: Call, base: str, by: tuple[int, ...], parts: list[Form]) -> Form:
        declared = self.declared.get(base)
        if base not in self.used:
            fresh = self.equations.sizes.fresh
            sizes: Atoms = tuple(fresh() for _ in range(len(parts) + 1))
            self.used[base] = ("map", sizes if declared is None else declared.sizes)
        _, atoms = self.used[base]
        if len(parts) != len(atoms) - 1:
            clash = f"{base} takes {len(atoms) - 1} arguments and {len(parts)} are given"
            raise self.equations.error(ShapeError, tree, clash, "give as many as it has")
        for argument, form, size in zip(tree.arguments, parts, atoms, strict=False):
            if form.kind != "column":
                clash = f"{base} maps columns and {self.equations.said(argument, form)}"
                instead = f"give it a column, or declare {base}='elementwise'"
                raise self.equations.error(ShapeError, argument, clash, instead)
            self.equations.unify(
                tree, (argument, "rows", form.rows), (Symbol(base), "inputs", (size,))
            )
        output = () if atoms[-1] == 1 else atoms[-1:]
        inputs = tuple(atoms[place - 1] for place in by)
        if not output and len(by) == 1:
            return Form((), inputs)
        axes = (*output, *inputs)
        return Form(axes[:1], axes[1:2], axes[2:])


def abstract_node(
    graph: Graph,
    functions: Mapping[str, FunctionDeclaration],
    tree: Call,
    arguments: Sequence[Node],
) -> tuple[Node, int | None]:
    """The node of phi(x), phi'(x), f(x) or J_f(x), and its row axes; None for those of x."""
    base, _ = unprimed(tree.function)
    if base in functions and functions[base].kind == "elementwise":
        return graph.function(tree.function, arguments[0]), None
    base, by = map_parts(tree.function, len(arguments))
    sizes = functions[base].sizes
    outputs = () if functions[base].is_scalar else sizes[-1:]
    axes = (*outputs, *(sizes[place - 1] for place in by))
    # The derivative of a number is a row.
    rows = 0 if len(by) == 1 and not outputs else min(1, len(axes))
    return graph.operation(tree.function, arguments, axes), rows
