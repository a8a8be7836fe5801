"""Equations about declared symbols, and formulas that equations before them define."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from gradwright.api.checking import sample_sizes
from gradwright.api.drawn import drawn_value
from gradwright.api.equality import small_sizes, small_values
from gradwright.api.equations.derivatives import by_name, opened, with_primes
from gradwright.api.equations.indexed import indexed
from gradwright.api.equations.setting import Condition, Reading, Variant
from gradwright.errors import GradwrightError, SymbolError
from gradwright.notation.declarations import AnyDeclaration, Declaration, function_kind
from gradwright.notation.equation import Written
from gradwright.notation.functions import FUNCTIONS
from gradwright.notation.informal import formal
from gradwright.notation.informal_indices import with_entries
from gradwright.notation.lexer import canonical_name
from gradwright.notation.mapped import MappedText
from gradwright.notation.parser import parse
from gradwright.notation.raising.raiser import without_spans
from gradwright.notation.rebuilt import rebuilt
from gradwright.notation.shapes import Scope, infer
from gradwright.notation.tree import Binary, Call, Entry, Symbol, Transpose, Tree, walk

Array = Any

POINTS = 4
SMALL_POINTS = 400

_NAME = r"[^\W\d_]\w*"
_QUOTIENT = re.compile(
    rf"(?<![^\W_])(?:∂|d)\s*(?P<top>{_NAME})\s*(?:\(\s*(?P<of>{_NAME})\s*\))?"
    rf"(?P<entry>\[[^\[\]]*\])?\s*/\s*(?:∂|d)\s*(?P<bottom>{_NAME}(?:\[[^\[\]]*\])?)"
)
_NABLA = re.compile(
    rf"∇\s*_?\s*(?P<brace>\{{)?\s*(?P<by>{_NAME})\s*(?(brace)\}})\s*(?P<of>{_NAME}|\()"
)
_DEFINED = re.compile(rf"(?P<name>{_NAME})\s*(?:\(\s*(?P<by>{_NAME})\s*\))?")


class Defined(Struct, frozen=True):
    """A formula that an equation defines: `f = …` or `f(x) = …`."""

    tree: Tree
    by: str | None


class Values(Struct, frozen=True, eq=False):
    """A point: a value for each symbol, and the lengths of the named sizes."""

    values: Mapping[str, Array]
    sizes: Mapping[str, int]

    def value(self, name: str) -> Array | None:
        """The value of a symbol or a size."""
        return self.values.get(name, self.sizes.get(name))

    def shown(self, names: set[str]) -> dict[str, Array]:
        """The values of some symbols."""
        return {name: value for name, value in self.values.items() if name in names}


class SymbolSetting:
    """Declared symbols; a name that is not declared has the kind of its first letter."""

    def __init__(self, symbols: Mapping[str, AnyDeclaration]) -> None:
        self.symbols = dict(symbols)
        self.defined: dict[str, Defined] = {}
        self._scopes: dict[Reading, Scope] = {}
        self._opened: dict[tuple[Tree, Reading], Tree] = {}

    # Reading ----------------------------------------------------------------------------------

    def define(self, written: Written) -> bool:
        """Take an equation as the definition of a new name, if it is one.

        It is when its left side is a name, or a name with its variable, that is neither declared
        nor defined nor on the right.
        """
        found = _DEFINED.fullmatch(written.sides[0].text)
        if found is None or written.relations[:1] != ("=",):
            return False
        name = canonical_name(found["name"])
        if name in self.symbols or name in self.defined or found["name"] == found["by"]:
            return False
        if name.startswith(("J_", "D_")) or name in FUNCTIONS or name == "σ":
            return False
        tree = self._tree(written.sides[1])
        if any(part.name == name for part in walk(tree) if isinstance(part, Symbol)):
            return False
        if found["by"] is None and len(name) > 1 and not name[0].islower():
            return False
        self.defined[name] = Defined(without_spans(tree), found["by"])
        return True

    def readings(self, sides: tuple[MappedText, ...]) -> Iterator[Reading]:
        """The one thing that an equation says."""
        texts = [self._formal(side) for side in sides]
        trees = tuple(self._tree(side) for side in sides)
        by = [name for part in walk(trees[0]) if (name := by_name(part)) is not None]
        if len(set(by)) == 1 and self._is_scalar(Symbol(by[0])):
            trees = tuple(rebuilt(tree, lambda node: self._primed(node, by[0])) for tree in trees)
        like = " = ".join(side.text for side in sides)
        yield Reading(trees, tuple(text.text for text in texts), like)

    def _formal(self, text: MappedText) -> MappedText:
        def nabla(found: re.Match[str]) -> str:
            return f"d/d{found['by']} {found['of']}"

        def quotient(found: re.Match[str]) -> str:
            return f"d/d{found['bottom']} ({found['top']}{found['entry'] or ''})"

        text = with_entries(text, lambda name: name in self.symbols or name in self.defined)
        return formal(text.replaced(_NABLA, nabla).replaced(_QUOTIENT, quotient))

    def _tree(self, text: MappedText) -> Tree:
        """A side with defined names written out."""
        plain = self._formal(text)
        with plain.errors_at_the_original():
            tree = parse(plain.text)
        return with_primes(rebuilt(tree, self._written_out))

    def _written_out(self, node: Tree) -> Tree:
        if isinstance(node, Symbol) and node.name in self.defined:
            return self.defined[node.name].tree
        if not isinstance(node, Call) or len(node.arguments) != 1:
            return node
        if node.function.startswith("J_"):
            known = self._known_jacobian(node.function[2:], node.arguments[0])
            if known is not None:
                return known
        name = node.function.rstrip("'").removeprefix("J_")
        held = self.defined.get(name)
        if held is None or by_name(node) is not None:
            return node
        tree, by = held.tree, held.by or self._variable(held.tree)
        if by is None:
            raise SymbolError(
                f"the value of {name} at a point",
                f"{name} depends on more than one symbol",
                f"define it with its variable, {name}(x) = …",
            )
        orders = 1 if node.function.startswith("J_") else len(node.function) - len(name)
        for _ in range(orders):
            tree = Call(f"D_{by}", (tree,))
        (argument,) = node.arguments
        if argument == Symbol(by):
            return tree
        if orders:
            tree = opened(tree, self.symbols)
        return rebuilt(tree, lambda part: argument if part == Symbol(by) else part)

    def _known_jacobian(self, name: str, argument: Tree) -> Tree | None:
        """J_(g∘f), J_φ of an elementwise φ, and J_W of the map x ↦ W x."""
        outer, composed, inner = name.partition("_of_")
        if composed and isinstance(argument, Symbol):
            within = Call(outer, (Call(inner, (argument,)),))
            return Call(f"D_{argument.name}", (within,))
        declared = self.symbols.get(name)
        if isinstance(declared, Declaration) and declared.kind == "matrix":
            return Symbol(name)
        kind = function_kind(name) if declared is None else declared.kind
        if kind == "elementwise" and name not in self.defined:
            return Call("diag", (Call(f"{name}'", (argument,)),))
        return None

    def _is_scalar(self, tree: Tree) -> bool:
        return self._fits(tree, self.symbols) and infer(tree, self.symbols).shape.kind == "scalar"

    def _primed(self, node: Tree, by: str) -> Tree:
        """(…)' of a number that depends on x, next to d/dx, is its derivative."""
        if not isinstance(node, Transpose) or Symbol(by) not in list(walk(node)):
            return node
        return Call(f"D_{by}", (node.operand,)) if self._is_scalar(node.operand) else node

    def _variable(self, tree: Tree) -> str | None:
        """The one symbol of a tree."""
        names = {part.name for part in walk(tree) if isinstance(part, Symbol)}
        return names.pop() if len(names) == 1 else None

    @property
    def has_batches(self) -> bool:
        """No: every symbol stands for itself."""
        return False

    # Names and sizes --------------------------------------------------------------------------

    def declared(
        self, reading: Reading, *, sizes_as_given: bool = False
    ) -> Mapping[str, AnyDeclaration]:
        """The declared symbols, and the others of an equation with the sizes that it gives them."""
        return {**self.symbols, **self._scope(reading).known}

    def _scope(self, reading: Reading) -> Scope:
        """The symbols of an equation; a side that clashes with the ones before it adds nothing."""
        if reading in self._scopes:
            return self._scopes[reading]
        trees = [_without_operators(tree) for tree in reading.sides]
        symbols: dict[str, AnyDeclaration] = dict(self.symbols)
        first = indexed(trees[0])
        scope = infer(first, symbols) if self._fits(first, symbols) else None
        for tree in trees if scope is None else trees[1:]:
            joint = tree if scope is None else Binary("-", trees[0], tree)
            for chosen in (joint, tree):
                chosen = indexed(chosen)
                if self._fits(chosen, symbols):
                    scope = infer(chosen, symbols)
                    symbols |= scope.known
                    break
        made = scope if scope is not None else infer(Symbol("x"), symbols)
        kept = {n: d for n, d in symbols.items() if isinstance(d, Declaration)}
        found = replace(made, symbols={**kept, **made.symbols})
        self._scopes[reading] = found
        return found

    def _fits(self, tree: Tree, symbols: Mapping[str, AnyDeclaration]) -> bool:
        try:
            infer(tree, symbols)
        except GradwrightError:
            return False
        return True

    def count(self, name: str) -> tuple[Mapping[str, int], str] | None:
        """None: no symbol stands for all the others."""
        return None

    def has_row_twin(self, reading: Reading) -> bool:
        """None has: a vector is a column."""
        return False

    def prepared(self, tree: Tree, reading: Reading) -> Tree:
        """A side with its derivatives taken."""
        key = (tree, reading)
        if key not in self._opened:
            self._opened[key] = opened(tree, self.declared(reading))
        return self._opened[key]

    def names(self, reading: Reading) -> tuple[str, ...]:
        """The symbols of the equation."""
        return tuple(self._scope(reading).symbols)

    def factors(self, reading: Reading) -> tuple[Tree, ...]:
        """None."""
        return ()

    def spelled(self, text: str, reading: Reading) -> str:
        """A text with `D_x(…)` as the operator that it stands for."""
        sign = "∂" if "∂" in reading.like else "d"
        return re.sub(rf"D_({_NAME})\(", rf"{sign}/{sign}\1 (", text)

    # Points -----------------------------------------------------------------------------------

    def points(self, reading: Reading) -> Iterator[Values]:
        """Random values that have the declared facts."""
        yield from self._drawn(reading, {})

    def _drawn(
        self, reading: Reading, changes: Mapping[str, Callable[[Array], Array]]
    ) -> Iterator[Values]:
        scope = self._scope(reading)
        for k in range(POINTS):
            sizes = sample_sizes(scope, falling=bool(k % 2))
            generator = np.random.default_rng(k)
            values = {}
            for name, held in sorted(scope.symbols.items()):
                value = drawn_value(held, sizes, generator)
                values[name] = changes[name](value) if name in changes else value
            yield Values(values, sizes)

    def small_points(self, reading: Reading) -> Iterator[Values]:
        """Small sizes and whole numbers."""
        scope = self._scope(reading)
        made = 0
        for sizes in small_sizes(scope):
            for values in small_values(scope, sizes):
                made += 1
                if made > SMALL_POINTS:
                    return
                yield Values(values, sizes)

    def conditions(self, reading: Reading) -> Iterator[Condition]:
        """Square matrices symmetric, numbers below or above 0 and 1, entries positive."""
        used = {
            part.name for tree in reading.sides for part in walk(tree) if isinstance(part, Symbol)
        }

        def under(remark: str, name: str, change: Callable[[Array], Array]) -> Condition:
            return Condition(remark, lambda: self._drawn(reading, {name: change}))

        for name, held in sorted(self._scope(reading).symbols.items()):
            if name not in used or held.facts:
                continue
            if held.kind == "matrix" and held.sizes[0] == held.sizes[1]:
                yield under(f"{name} is symmetric", name, lambda value: value + value.T)
            if held.kind == "scalar":
                yield under(f"{name} < 1", name, lambda value: 1 - abs(value))
                yield under(f"{name} > 1", name, lambda value: 1 + abs(value))
            yield under(f"{name} > 0", name, abs)
            yield under(f"{name} < 0", name, lambda value: -abs(value))

    # Conventions ------------------------------------------------------------------------------

    def variants(self, reading: Reading) -> tuple[Variant, ...]:
        """Gradients of scalars as rows."""

        def rows(tree: Tree) -> Tree:
            return rebuilt(tree, lambda node: self._as_row(node, reading))

        return (Variant("with gradients as rows", before=rows),)

    def _as_row(self, node: Tree, reading: Reading) -> Tree:
        by = by_name(node)
        if by is None:
            return node
        assert isinstance(node, Call)
        inner = node.arguments[0]
        known = self.declared(reading)
        held = known.get(by)
        if not isinstance(held, Declaration) or held.kind != "vector":
            return node
        if not self._fits(inner, known) or infer(inner, known).shape.kind != "scalar":
            return node
        return Transpose(node)

    def derived(self, tree: Tree, reading: Reading) -> Tree | None:
        """A left side with its derivatives taken."""
        try:
            made = self.prepared(tree, reading)
        except GradwrightError:
            return None
        return None if made == tree else made


def _without_operators(tree: Tree) -> Tree:
    """d/dx f as f: for the kinds and sizes of its symbols, a derivative adds none."""

    def whole(node: Tree) -> Tree:
        entry = isinstance(node, Entry) and by_name(node.base) is not None
        return node.base if entry and isinstance(node, Entry) else node

    def inner(node: Tree) -> Tree:
        return node.arguments[0] if by_name(node) and isinstance(node, Call) else node

    return rebuilt(rebuilt(tree, whole), inner)
